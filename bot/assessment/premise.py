"""Whether the question is still about the present: the event's date, what happened since, who contradicts it.

The plan says so in its first fields, so that it is known while the rest of the plan is still being written.
What readers see of it is printed by us: on the card, and as section 1's first bullet.
"""

from __future__ import annotations

from datetime import date

from bot.assessment.dialect import Kind, Unit
from bot.assessment.printing import day
from bot.assessment.values import Plan
from bot.evidence.table import EvidenceTable

__all__ = ["HYPOTHETICAL", "contradiction_units", "is_breaking", "premise_banner", "premise_units"]

HYPOTHETICAL = "Hypothetical: what is supposed here has not happened; sources that are cited are background."
"""The label of an answer to a question that supposes something: on the card and in every section (OP4)."""
OLD_DAYS = 14
"""Days from which an event is no news and the premise is called old (issue 4)."""
BREAKING_DAYS = 7
"""Days within which an event is breaking news (analysis standard, WA2: a sign within 7 days)."""
DAYS_A_YEAR = 365.25
DAYS_A_MONTH = DAYS_A_YEAR / 12
DAYS_TOLD = 60
"""Days from which an age is told in months."""
MONTHS_TOLD = 36
"""Months from which an age is told in years."""


def premise_units(plan: Plan, evidence: EvidenceTable, today: date) -> list[Unit]:
    """Section 1's first bullet; none where the premise is recent and holds."""
    if plan.premise == "hypothetical":
        return [Unit(Kind.BULLET, _labelled(HYPOTHETICAL))]
    if not _needs_saying(plan, today):
        return []
    cited = "".join(f"[{source_id}]" for source_id in plan.since_sources)
    parts = [f"**Date check:** {_when(plan, today)}"]
    if plan.since:
        parts.append(f"Since then: {plan.since.rstrip('. ')}{f' {cited}' if cited else ' (no source)'}.")
    elif evidence.retrieved:
        parts.append("None of the retrieved sources says what has happened since.")
    else:
        parts.append("No source was retrieved that could say what has happened since.")
    return [Unit(Kind.BULLET, " ".join(parts))]


def contradiction_units(plan: Plan, evidence: EvidenceTable) -> list[Unit]:
    """A bullet for each source that contradicts what the asking person said."""
    bullets = []
    for contradiction in plan.contradictions:
        source = evidence.source(contradiction.source_id)
        if source is not None:
            text = contradiction.says.rstrip(". ")
            bullets.append(f"**Contradicts the question:** {source.publisher} says: {text} [{source.id}].")
    return [Unit(Kind.BULLET, text) for text in bullets]


def premise_banner(plan: Plan, evidence: EvidenceTable, today: date) -> str:
    """The card's sentence, or an empty string."""
    if plan.premise == "hypothetical":
        return HYPOTHETICAL
    if not _needs_saying(plan, today):
        return ""
    since = f" Since then: {plan.since.rstrip('. ')}." if plan.since else ""
    if not since:
        since = " What has happened since is not known from any source."
    named = [source.publisher for key in plan.since_sources if (source := evidence.source(key))]
    by = f" ({', '.join(dict.fromkeys(named))})" if named and plan.since else ""
    return f"{_when(plan, today)}{since.removesuffix('.')}{by}."


def _labelled(text: str) -> str:
    label, rest = text.split(": ", 1)
    return f"**{label}:** {rest}"


def is_breaking(plan: Plan, today: date) -> bool:
    """Whether the event is so recent that sources of last week are too old."""
    happened = _happened(plan)
    return happened is not None and (today - happened).days <= BREAKING_DAYS


def _needs_saying(plan: Plan, today: date) -> bool:
    happened = _happened(plan)
    old = happened is not None and (today - happened).days > OLD_DAYS
    return old or plan.premise == "overtaken"


def _when(plan: Plan, today: date) -> str:
    happened = _happened(plan)
    overtaken = plan.premise == "overtaken"
    if happened is None:
        return "The question’s premise has been overtaken by later events."
    age = f"the event in question is of {day(happened)}, {_ago((today - happened).days)}"
    if overtaken:
        return f"{age[0].upper()}{age[1:]}, and its premise has been overtaken by later events."
    return f"{age[0].upper()}{age[1:]}."


def _happened(plan: Plan) -> date | None:
    return date.fromisoformat(plan.event_date) if plan.event_date else None


def _ago(days: int) -> str:
    if days < DAYS_TOLD:
        return f"{days} day{'s' if days != 1 else ''} ago" if days else "today"
    months = round(days / DAYS_A_MONTH)
    return f"{months} months ago" if months < MONTHS_TOLD else f"{days / DAYS_A_YEAR:.0f} years ago"
