"""What readers see of a comparison: units in the dialect, the rows of its table, and its bottom line.

Likelihoods, ranks and spreads are printed by us from the views; the model's own words are the hypotheses,
the judgments and the reasons.
"""

from __future__ import annotations

from collections.abc import Iterable, Set

from bot.assessment.comparison import (
    Comparison,
    Gap,
    Spread,
    View,
    gaps,
    meeting,
    ranked_alike,
    ranked_first,
    ranks,
    spreads,
)
from bot.assessment.dialect import Kind, Unit
from bot.assessment.lexicon import Lexicon, Likelihood
from bot.assessment.printing import day, sentence
from personas.enumeration import enumerated
from personas.persona import Persona

__all__ = ["agreement_units", "bottom_line", "hypothesis_units", "legend", "table_rows", "view_units"]

Rows = tuple[tuple[str, ...], ...]


def hypothesis_units(comparison: Comparison) -> list[Unit]:
    """The common set, and when it is decided."""
    who = enumerated(comparison.personas)
    head = f"One of these turns out true by {day(comparison.until)}. {who} score the same set:"
    return [Unit(Kind.PARAGRAPH, head), *(Unit(Kind.BULLET, line) for line in legend(comparison))]


def legend(comparison: Comparison) -> tuple[str, ...]:
    """What the ids stand for, one line each."""
    return tuple(f"**{each.id}:** {each.name}." for each in comparison.hypotheses)


def view_units(view: View, persona: Persona, lexicon: Lexicon) -> list[Unit]:
    """One persona's scores and reasons."""
    units = [Unit(Kind.PARAGRAPH, sentence(view.judgment))] if view.judgment else []
    scores = " · ".join(
        f"**{name}** {each.point} %, {lexicon.phrase(each)[0]}" for name, each in view.likelihoods.items()
    )
    units.append(Unit(Kind.BULLET, f"{scores}."))
    pillars = {pillar.id: pillar.name for pillar in persona.pillars}
    for reason in view.reasons:
        label = f"**{reason.hypothesis_id}:** " if reason.hypothesis_id else ""
        cited = "".join(f" [{source}]" for source in reason.sources)
        against = "".join(f" [{source}]" for source in reason.contrary)
        text = f"{label}{reason.text.rstrip('.')}{cited}{f'; against it{against}' if against else ''}."
        pillar = pillars.get(reason.pillar, "")
        units.append(Unit(Kind.BULLET, f"{text} _{pillar}._" if pillar else text))
    if view.would_change:
        units.append(Unit(Kind.BULLET, f"_Would change if:_ {sentence(view.would_change)}"))
    # In a line of its own: confidence and likelihood never stand in one sentence (ICD 203).
    units.append(Unit(Kind.BULLET, f"_Confidence: {view.confidence}._"))
    return units


def agreement_units(comparison: Comparison) -> list[Unit]:
    """Where the views agree and differ; with fewer than two there is nothing to say of that."""
    views = comparison.views
    if len(views) < 2:
        alone = f"Only the view of {views[0].persona} is there" if views else "There is no view"
        return [Unit(Kind.PARAGRAPH, f"{alone}, so that nothing can be compared.")]
    lines = [f"**Ranked first:** {_lead(comparison)}.", f"**Ranked alike:** {_alike(comparison)}."]
    lines += [f"**Apart:** {_gap(gap, comparison)}." for gap in gaps(comparison)] or [
        "**Apart:** no two ranges."
    ]
    if shared := _shared(comparison):
        lines.append(f"**In all ranges:** {shared}.")
    found = ", ".join(
        f"{spread.hypothesis_id} {_between(spread.low, spread.high)} ({_points(spread.width)})"
        for spread in spreads(comparison)
    )
    lines.append(f"**Spread, least to greatest point:** {found}.")
    if comparison.missing:
        lines.append(f"Without {enumerated(comparison.missing)}, whose view is missing.")
    return [Unit(Kind.BULLET, line) for line in lines]


def bottom_line(comparison: Comparison) -> str:
    """The comparison in two sentences; empty with fewer than two views."""
    if len(comparison.views) < 2:
        return ""
    lead = _lead(comparison)
    widest = max(spreads(comparison), key=lambda spread: spread.width)
    return f"{lead[0].upper()}{lead[1:]}. {_widest(widest)}"


def table_rows(comparison: Comparison) -> Rows:
    """A header, a row for each persona, then how they agree: the spread of the points, what all ranges have
    in common, the ranks given. Short cells, so that a phone shows them.
    """
    ids = [hypothesis.id for hypothesis in comparison.hypotheses]
    rows = [("Agent", *ids)]
    for code in comparison.personas:
        view = comparison.view(code)
        cells = [_cell(view.likelihoods[name]) if view else "–" for name in ids]
        rows.append((code, *cells))
    if len(comparison.views) > 1:
        rows.append(("Spread", *(_between(spread.low, spread.high) for spread in spreads(comparison))))
        common = (meeting(comparison, name) for name in ids)
        rows.append(("In common", *(_between(*both) if both else "apart" for both in common)))
        given = [ranks(view) for view in comparison.views]
        rows.append(("Rank", *(_ranks({rank[name] for rank in given}) for name in ids)))
    return tuple(rows)


def _ranks(given: Set[int]) -> str:
    """One number where all give the same rank."""
    return str(min(given)) if len(given) == 1 else f"{min(given)}–{max(given)}"


def _cell(likelihood: Likelihood) -> str:
    return f"{likelihood.point} % ({likelihood.low}–{likelihood.high})"


def _lead(comparison: Comparison) -> str:
    """Whether all rank the same first, or who ranks what; who gives two the same points stands with both."""
    first = ranked_first(comparison)
    everybody = len(comparison.views)
    for name, codes in first.items():
        if len(codes) == everybody:
            return f"{'both' if everybody == 2 else f'all {everybody}'} rank {name} first"
    return "; ".join(
        f"{enumerated(codes)} {'rank' if len(codes) > 1 else 'ranks'} {name} first"
        for name, codes in first.items()
    )


def _alike(comparison: Comparison) -> str:
    alike = ranked_alike(comparison)
    if len(alike) == len(comparison.hypotheses):
        return "every hypothesis has the same rank with all"
    return f"{enumerated(alike)} by all" if alike else "no hypothesis by all"


def _gap(gap: Gap, comparison: Comparison) -> str:
    def ranged(codes: Iterable[str]) -> str:
        scored = ((code, comparison.likelihood(code, gap.hypothesis_id)) for code in codes)
        return enumerated(f"{code} ({_between(each.low, each.high)})" for code, each in scored)

    lies = "lie" if len(gap.below) > 1 else "lies"
    near = " or more" if len(gap.below) + len(gap.above) > 2 else ""
    below, above = ranged(gap.below), ranged(gap.above)
    return f"on {gap.hypothesis_id}, {below} {lies} {_points(gap.points)}{near} below {above}"


def _shared(comparison: Comparison) -> str:
    """Hypotheses on which the ranges of all have something in common."""
    found = {each.id: meeting(comparison, each.id) for each in comparison.hypotheses}
    return ", ".join(f"{name} {_between(*both)}" for name, both in found.items() if both is not None)


def _widest(spread: Spread) -> str:
    if not spread.width:
        return "Every point is the same."
    ends = f"{enumerated(spread.lowest)} {spread.low} %, {enumerated(spread.highest)} {spread.high} %"
    return f"The widest spread is on {spread.hypothesis_id}: {ends}."


def _between(low: int, high: int) -> str:
    return f"{low}–{high} %" if low != high else f"{low} %"


def _points(number: int) -> str:
    return f"{number} point{'' if number == 1 else 's'}"
