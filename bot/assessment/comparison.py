"""A comparison as values: one set of hypotheses, what each persona makes of it, and what follows from that.

Agreement and disagreement are arithmetic on the likelihoods that readers see; no model is asked for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date

from bot.assessment.lexicon import Lexicon, Likelihood
from bot.assessment.shares import to_hundred
from bot.assessment.values import Hypothesis

__all__ = [
    "Comparison",
    "Gap",
    "Reason",
    "Spread",
    "View",
    "exhaustive",
    "gaps",
    "meeting",
    "ranked_alike",
    "ranked_first",
    "ranks",
    "spreads",
]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a persona scores a hypothesis as it does."""

    text: str
    hypothesis_id: str
    """What it is about; may be empty."""
    pillar: str
    """Id of the pillar of the persona's rubric that it rests on; may be empty."""
    sources: tuple[str, ...] = ()
    contrary: tuple[str, ...] = ()
    """Ids of the sources that speak against it."""


@dataclass(frozen=True, slots=True)
class View:
    """One persona's scores of the common set, and its reasons."""

    persona: str
    """Code."""
    likelihoods: Mapping[str, Likelihood]
    """By hypothesis id, one for each; the points sum to 100. Ranges are as printed: inside the band of
    their point's term.
    """
    judgment: str
    """The key judgment, in one sentence; may be empty."""
    reasons: tuple[Reason, ...]
    confidence: str
    """``low``, ``moderate`` or ``high``."""
    would_change: str = ""
    """What would change its mind; may be empty."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Who was asked, what all of them scored, and the views there are."""

    personas: tuple[str, ...]
    """Codes, in the order asked."""
    hypotheses: tuple[Hypothesis, ...]
    """Two to five; exactly one of them comes true."""
    until: date
    """Day by which it has."""
    views: tuple[View, ...] = ()
    """In the order of ``personas``; those that failed are missing."""

    @property
    def missing(self) -> tuple[str, ...]:
        """Codes of those asked whose view is not there."""
        there = {view.persona for view in self.views}
        return tuple(code for code in self.personas if code not in there)

    def view(self, code: str) -> View | None:
        """The view of that persona."""
        return next((view for view in self.views if view.persona == code), None)

    def likelihood(self, code: str, hypothesis_id: str) -> Likelihood:
        """What a persona gives a hypothesis. Raises ``LookupError`` where its view is missing."""
        view = self.view(code)
        if view is None:
            raise LookupError(f"no view of {code}")
        return view.likelihoods[hypothesis_id]


@dataclass(frozen=True, slots=True)
class Spread:
    """The least and the greatest point that a hypothesis is given, in percent."""

    hypothesis_id: str
    low: int
    high: int
    lowest: tuple[str, ...]
    """Codes of those who give the least."""
    highest: tuple[str, ...]

    @property
    def width(self) -> int:
        """Percentage points between them."""
        return self.high - self.low


@dataclass(frozen=True, slots=True)
class Gap:
    """Ranges that do not overlap: all of ``below`` end under where each of ``above`` begins."""

    hypothesis_id: str
    below: tuple[str, ...]
    above: tuple[str, ...]
    points: int
    """Percentage points between the nearest two of them."""


def exhaustive(
    given: Mapping[str, Likelihood], hypotheses: Iterable[Hypothesis], lexicon: Lexicon
) -> dict[str, Likelihood]:
    """A likelihood for every hypothesis, with points that sum to 100; a range moves along with its point, and
    ends where the term's band does. Hypotheses that are not given share what the others leave.
    """
    ids = [hypothesis.id for hypothesis in hypotheses]
    absent = [name for name in ids if name not in given]
    left = 100 - sum(given[name].point for name in ids if name in given)
    rest = max(left, 0) // len(absent) if absent else 0
    raw = {name: given.get(name) or Likelihood(rest, rest, rest) for name in ids}
    points = to_hundred([raw[name].point for name in ids])
    return {name: lexicon.clipped(_moved(raw[name], point)) for name, point in zip(ids, points, strict=True)}


def _moved(likelihood: Likelihood, point: int) -> Likelihood:
    by = point - likelihood.point
    low, high = min(max(likelihood.low + by, 1), point), max(min(likelihood.high + by, 99), point)
    return replace(likelihood, low=low, point=point, high=high)


def ranks(view: View) -> dict[str, int]:
    """By hypothesis id: 1 for the likeliest; equal points share a rank."""
    points = {name: likelihood.point for name, likelihood in view.likelihoods.items()}
    return {name: 1 + sum(other > point for other in points.values()) for name, point in points.items()}


def ranked_alike(comparison: Comparison) -> tuple[str, ...]:
    """Ids of the hypotheses that every view gives the same rank; of one view alone, none."""
    ranked = [ranks(view) for view in comparison.views]
    if len(ranked) < 2:
        return ()
    ids = (hypothesis.id for hypothesis in comparison.hypotheses)
    return tuple(name for name in ids if len({rank[name] for rank in ranked}) == 1)


def ranked_first(comparison: Comparison) -> dict[str, tuple[str, ...]]:
    """By hypothesis id: the codes of those who hold none for likelier; only those that somebody does."""
    ranked = {view.persona: ranks(view) for view in comparison.views}
    first = {
        hypothesis.id: tuple(code for code, rank in ranked.items() if rank[hypothesis.id] == 1)
        for hypothesis in comparison.hypotheses
    }
    return {name: codes for name, codes in first.items() if codes}


def spreads(comparison: Comparison) -> tuple[Spread, ...]:
    """One for each hypothesis, in their order; none without views."""
    if not comparison.views:
        return ()
    found = []
    for hypothesis in comparison.hypotheses:
        points = {view.persona: view.likelihoods[hypothesis.id].point for view in comparison.views}
        low, high = min(points.values()), max(points.values())
        found.append(
            Spread(
                hypothesis.id,
                low,
                high,
                tuple(code for code, point in points.items() if point == low),
                tuple(code for code, point in points.items() if point == high),
            )
        )
    return tuple(found)


def meeting(comparison: Comparison, hypothesis_id: str) -> tuple[int, int] | None:
    """The percentages that lie in everybody's range, both ends included; ``None`` where there are none."""
    ranges = [view.likelihoods[hypothesis_id] for view in comparison.views]
    if not ranges:
        return None
    low, high = max(each.low for each in ranges), min(each.high for each in ranges)
    return (low, high) if low <= high else None


def gaps(comparison: Comparison) -> tuple[Gap, ...]:
    """Every pair of ranges that do not overlap, once; those who lie below the same others stand together.
    Ranges that touch overlap.
    """
    found = []
    for hypothesis in comparison.hypotheses:
        given = {view.persona: view.likelihoods[hypothesis.id] for view in comparison.views}
        grouped: dict[tuple[str, ...], list[str]] = {}
        for code, own in given.items():
            above = tuple(other for other, theirs in given.items() if theirs.low > own.high)
            if above:
                grouped.setdefault(above, []).append(code)
        for above, below in grouped.items():
            points = min(given[other].low for other in above) - max(given[code].high for code in below)
            found.append(Gap(hypothesis.id, tuple(below), above, points))
    return tuple(found)
