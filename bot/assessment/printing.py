"""The blocks that we print from data: assumptions, hypotheses, judgments, watch items and the rest.

Each printer gives units in the dialect, which the section's renderer then prints like the model's
own, so that references resolve the same way everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

from bot.assessment.dialect import Kind, Unit
from bot.assessment.values import Outlook, Plan, Watch
from personas.persona import Epigraph, Persona

__all__ = ["Data", "closing_lines", "day", "epigraph_lines", "print_block", "sentence", "source_call"]


@dataclass(frozen=True, slots=True)
class Data:
    """What the data calls have given so far."""

    plan: Plan
    outlook: Outlook
    watch: Watch
    changes: tuple[Unit, ...] = ()
    """Of a follow-up that scores the judgments again: what has become of them."""


def day(value: date) -> str:
    """A date as readers write it: 9 November 2027."""
    return f"{value.day} {value:%B %Y}"


def _assumptions(data: Data) -> list[Unit]:
    if not data.outlook.assumptions:
        return []
    bullets = []
    for assumption in data.outlook.assumptions:
        label = f"**{assumption.id}{' (linchpin)' if assumption.linchpin else ''}:**"
        wrong = f" _If wrong:_ {sentence(assumption.if_wrong)}" if assumption.if_wrong else ""
        bullets.append(Unit(Kind.BULLET, f"{label} {sentence(assumption.statement)}{wrong}"))
    return [Unit(Kind.HEADING, "Key assumptions"), *bullets]


def _hypotheses(data: Data) -> list[Unit]:
    if not data.outlook.probabilities:
        return []
    bullets = []
    for hypothesis, probability, change in data.outlook.probabilities:
        would = f" _Would change if:_ {sentence(change)}" if change else ""
        bullets.append(
            Unit(
                Kind.BULLET, f"**{probability} %** — **{hypothesis.id}:** {sentence(hypothesis.name)}{would}"
            )
        )
    return [Unit(Kind.HEADING, "Rival hypotheses, with probabilities that sum to 100 %"), *bullets]


def _judgments(data: Data) -> list[Unit]:
    if not data.plan.judgments:
        return []
    bullets = [
        Unit(
            Kind.BULLET,
            f"**{judgment.id}:** {judgment.statement.rstrip('.')} — {{{judgment.id}}}, "
            f"until {day(judgment.until)}. _Confidence: {judgment.confidence}._",
        )
        for judgment in data.plan.judgments
    ]
    reasons = data.outlook.confidence
    why = [reason for reason in (reasons.information_base, reasons.rigour, reasons.volatility) if reason]
    if why:
        text = " ".join(sentence(reason) for reason in why)
        bullets.append(Unit(Kind.BULLET, f"**Why this much confidence:** {text}"))
    return [Unit(Kind.HEADING, "Judgments and their likelihoods"), *bullets]


def _watch_items(data: Data) -> list[Unit]:
    bullets = []
    for item in data.watch.items:
        parts = [f"**{item.id}:** {sentence(item.observable)}"]
        if item.threshold:
            parts.append(f"_Threshold:_ {sentence(item.threshold)}")
        if item.where:
            parts.append(f"_Where:_ {item.where}.")
        if item.judgment_id:
            parts.append(f"{'Confirms' if item.confirms else 'Speaks against'} {item.judgment_id}.")
        parts.append(f"_By_ {day(item.by)}.")
        bullets.append(Unit(Kind.BULLET, " ".join(parts)))
    return bullets


def _implications(data: Data) -> list[Unit]:
    bullets = []
    for implication in data.watch.implications:
        label = f"**{implication.audience}:** " if implication.audience else ""
        bullets.append(Unit(Kind.BULLET, f"{label}{sentence(implication.text)} _By_ {day(implication.by)}."))
    return [Unit(Kind.HEADING, "Implications for the client"), *bullets] if bullets else []


def _gaps(data: Data) -> list[Unit]:
    bullets = []
    for gap in data.watch.gaps:
        where = f" _Where to look:_ {gap.where}." if gap.where else ""
        bullets.append(Unit(Kind.BULLET, f"{sentence(gap.text)}{where}"))
    return [Unit(Kind.HEADING, "What is not known"), *bullets] if bullets else []


def _bottom_line(data: Data) -> list[Unit]:
    return [Unit(Kind.PARAGRAPH, data.plan.bottom_line)] if data.plan.bottom_line else []


def _changes(data: Data) -> list[Unit]:
    return list(data.changes)


_PRINTERS: Mapping[str, tuple[str, Callable[[Data], list[Unit]]]] = {
    "assumptions": ("outlook", _assumptions),
    "hypotheses": ("outlook", _hypotheses),
    "judgments": ("outlook", _judgments),
    "watch_items": ("watch", _watch_items),
    "implications": ("watch", _implications),
    "gaps": ("watch", _gaps),
    "bottom_line": ("plan", _bottom_line),
    "changes": ("rescore", _changes),
}


def print_block(name: str, data: Data) -> list[Unit]:
    """The units of a block; none where its data is empty."""
    return _PRINTERS[name][1](data)


def source_call(name: str) -> str:
    """The data call whose result a block prints."""
    return _PRINTERS[name][0]


def closing_lines(watch: Watch, persona: Persona) -> list[str]:
    """The closing either/or question, right by construction; the plainest one where a half is missing."""
    either, or_else = watch.either, watch.or_else
    if not (either and or_else):
        either, or_else = "hold to its present course", "change it"
    halves = f"Does {persona.the_country} {either} — or does it {or_else}?"
    return [f"In the coming year, the question will be: {halves}"]


def epigraph_lines(epigraph: Epigraph) -> list[str]:
    """Native line, translation, attribution: byte for byte from the persona's file."""
    lines = [f"“{epigraph.native}”"]
    if epigraph.translation:
        lines.append(f"“{epigraph.translation}”")
    author = f"{epigraph.author} ({epigraph.author_native})" if epigraph.author_native else epigraph.author
    work = f"{epigraph.work} ({epigraph.work_native})" if epigraph.work_native else epigraph.work
    lines.append(f"— {author}, {work}, {epigraph.year}")
    return lines


def sentence(text: str) -> str:
    """The text with a full stop, where it has no end of its own."""
    return text if text.endswith((".", "?", "!", "…", "。")) else f"{text}."
