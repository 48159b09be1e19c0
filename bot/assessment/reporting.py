"""The accounts of an assessment: banners for the card, and the footer's lines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime

from bot.assessment.events import Report
from bot.assessment.printing import Data, day
from bot.assessment.values import Plan
from bot.evidence.table import EvidenceTable
from bot.llm.port import Usage

__all__ = ["banners", "report"]

NOTHING_RETRIEVED = (
    "No source was retrieved: this rests on the question’s own claims and the model’s background knowledge, "
    "and is not up to date."
)
SIMULATION = "Analytic simulation by an AI, not an official position. Check it before you act on it."


def banners(evidence: EvidenceTable, plan: Plan, demo_label: str) -> tuple[str, ...]:
    """What a reader must know before reading on."""
    lines = [demo_label] if demo_label else []
    if not evidence.retrieved:
        lines.append(NOTHING_RETRIEVED)
    if plan.premise == "overtaken":
        dated = f" (event of {day(date.fromisoformat(plan.event_date))})" if plan.event_date else ""
        lines.append(f"The question’s premise may have been overtaken by later events{dated}.")
    return tuple(lines)


def report(
    evidence: EvidenceTable,
    data: Data,
    counts: Mapping[str, int],
    usage: Usage,
    *,
    problems: Iterable[str],
    demo_label: str,
    model_name: str,
    as_of: datetime,
) -> Report:
    """The footer of a finished assessment."""
    sources = tuple(
        f"[{source.id.removeprefix('S')}] {source.title}, {source.publisher} ({source.source_class})"
        for source in evidence.sources
    )
    accounts = (
        f"{len(evidence.retrieved)} sources retrieved",
        f"{_counted(len(data.plan.judgments), 'judgment')} with likelihood",
        f"{_counted(sum(counts.values()), 'correction')} before display",
        f"as of {as_of:%d %b %Y %H:%M} UTC",
    )
    notices = [*([demo_label] if demo_label else []), f"{SIMULATION} Model: {model_name}."]
    if not evidence.retrieved:
        notices.append(NOTHING_RETRIEVED)
    return Report(
        sources=sources,
        check_line=" · ".join(accounts),
        notices=tuple(notices),
        problems=tuple(problems),
        usage=usage,
        counts=dict(counts),
    )


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
