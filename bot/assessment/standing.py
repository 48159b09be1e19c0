"""What an assessment rests on, as readers are told it: one line for the card, and the banners above it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from bot.assessment.premise import is_breaking, premise_banner
from bot.assessment.values import Plan
from bot.evidence.items import Retrieved, SourceClass
from bot.evidence.table import EvidenceTable, Source
from personas.persona import Persona

__all__ = [
    "ENOUGH_SOURCES",
    "Standing",
    "banners",
    "corroborated",
    "evidence_line",
    "is_up_to_date",
    "nothing_retrieved",
    "searching_line",
]

ENOUGH_SOURCES = 5
"""Retrieved sources below which the evidence is called thin (analysis standard, SO15)."""
ENOUGH_GROUPS = 2
"""Owner groups below which nothing is corroborated (SO7)."""
STALE_BREAKING = timedelta(hours=72)
STALE_STANDING = timedelta(days=14)
"""Age of the newest source from which evidence is stale: on a breaking event, on another question (SO6)."""
DAYS_FROM_HOURS = 72
"""Hours from which an age is told in days."""
MOSTLY_PERCENT = 50
"""Share of official sources and state media from which the answer rests mostly on them (SO8)."""
FAILURES_NAMED = 4
"""Failed sources named on the card; more are counted."""

ONLY_BACKGROUND = (
    "No news source was retrieved, only background data that is frozen at its date: this is not up to date."
)
_INTERESTED = frozenset({SourceClass.OFFICIAL, SourceClass.STATE_MEDIA})


@dataclass(frozen=True, slots=True)
class Standing:
    """What there is to be judged."""

    evidence: EvidenceTable
    as_of: datetime
    searched: Retrieved | None = None
    """How retrieval went; ``None``: nothing was searched."""
    citations: Mapping[str, int] | None = None
    """How often each source is cited, by id; ``None`` before the text is written."""
    supported: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """The retrieved sources that say what a claim says, by the claim's id."""
    model_cutoff: date | None = None
    """Last day of the model's training data, where that is known."""

    @property
    def used(self) -> tuple[Source, ...]:
        """The retrieved sources that are cited; before the text is written, all of them."""
        retrieved = self.evidence.retrieved
        if self.citations is None:
            return retrieved
        return tuple(source for source in retrieved if self.citations.get(source.id))

    def groups(self) -> int:
        """Independent owners among the sources used."""
        return len({source.owner_group for source in self.used})

    def share(self, classes: Iterable[SourceClass]) -> int:
        """Percent of the citations (before the text is written: of the sources) that are of these classes."""
        wanted = frozenset(classes)
        weights = [
            (source.source_class in wanted, self.citations[source.id] if self.citations else 1)
            for source in self.used
        ]
        total = sum(weight for _, weight in weights)
        return round(100 * sum(weight for of_them, weight in weights if of_them) / total) if total else 0

    def newest(self) -> timedelta | None:
        """Age of the newest dated source used; a country baseline is no news."""
        dated = [
            source.published
            for source in self.used
            if source.published and source.source_class is not SourceClass.BASELINE
        ]
        return max(self.as_of - max(dated), timedelta(0)) if dated else None

    def quarantined(self, *, claims: bool) -> int:
        """Passages that were taken out: of what people wrote, or of all retrieved sources."""
        return sum(source.quarantined for source in self.evidence.sources if source.is_claim == claims)


def nothing_retrieved(model_cutoff: date | None) -> str:
    """What an answer rests on that has no source."""
    ends = f"which ends with {model_cutoff:%B %Y}, " if model_cutoff else ""
    return (
        "No source was retrieved: this rests on the question’s own claims and the model’s background "
        f"knowledge, {ends}and is not up to date."
    )


def evidence_line(standing: Standing) -> str:
    """What it rests on: "7 sources · 5 independent · 29 % official · 14 % state media · newest 3 h"."""
    used = standing.used
    if not used:
        return "No source retrieved" if not standing.evidence.retrieved else "No retrieved source cited"
    newest = standing.newest()
    undated = sum(source.published is None for source in used)
    parts = [
        _counted(len(used), "source"),
        f"{standing.groups()} independent",
        f"{standing.share({SourceClass.OFFICIAL})} % official",
        f"{standing.share({SourceClass.STATE_MEDIA})} % state media",
        f"newest {_age(newest)}" if newest is not None else "none dated",
    ]
    if undated and newest is not None:
        parts.append(f"{undated} undated")
    return " · ".join(parts)


def searching_line(searched: Retrieved) -> str:
    """What is being searched, for the card."""
    what = searched.searching.rstrip(" ….")
    return f"Searching: {what} …" if what else "Searching for sources …"


def is_up_to_date(standing: Standing) -> bool:
    """Whether an answer may call itself so: enough sources, and one of the last two weeks."""
    newest = standing.newest()
    return not _is_thin(standing) and newest is not None and newest <= STALE_STANDING


def corroborated(standing: Standing, persona: Persona) -> bool:
    """Whether there are two independent owners, one of them not of the persona's own state (SO7)."""
    own = [
        source
        for source in standing.used
        if source.country == persona.iso and source.source_class in _INTERESTED
    ]
    return standing.groups() >= ENOUGH_GROUPS and len(own) < len(standing.used)


def banners(standing: Standing, plan: Plan, demo_label: str) -> tuple[str, ...]:
    """What a reader must know before reading on, the gravest first."""
    today = standing.as_of.date()
    lines = [
        demo_label,
        premise_banner(plan, standing.evidence, today),
        *_what_there_is(standing),
        _stale(standing, plan),
        _interested(standing),
        _failures(standing.searched),
        _quarantined(standing.quarantined(claims=False), "in the sources"),
        _quarantined(standing.quarantined(claims=True), "in the question"),
    ]
    return tuple(line for line in lines if line)


def _what_there_is(standing: Standing) -> list[str]:
    retrieved = standing.evidence.retrieved
    if not retrieved:
        return [_nothing(standing)]
    if all(source.source_class is SourceClass.BASELINE for source in retrieved):
        return [ONLY_BACKGROUND]
    if not standing.used:
        return [f"{_counted(len(retrieved), 'source')} retrieved, and none of them is cited."]
    if _is_thin(standing):
        groups = _counted(standing.groups(), "independent group")
        return [f"Thin evidence: {_counted(len(standing.used), 'source')} of {groups}."]
    return []


def _is_thin(standing: Standing) -> bool:
    return len(standing.used) < ENOUGH_SOURCES or standing.groups() < ENOUGH_GROUPS


def _nothing(standing: Standing) -> str:
    searched, told = standing.searched, nothing_retrieved(standing.model_cutoff)
    if searched is None or not (searched.sources_total or searched.stored_items):
        return told
    if searched.sources_total and searched.sources_answered <= 0:
        why = f"none of the {_counted(searched.sources_total, 'source')} asked could be read"
    else:
        where = [f"{searched.stored_items:,} stored items"] if searched.stored_items else []
        where += [_counted(searched.sources_total, "source")] if searched.sources_total else []
        why = f"nothing in {' and '.join(where)} matched the question"
    return f"{told.removesuffix('.')} ({why})."


def _stale(standing: Standing, plan: Plan) -> str:
    if not standing.used:
        return ""
    newest = standing.newest()
    if all(source.source_class is SourceClass.BASELINE for source in standing.used):
        return ""  # said already: only background
    if newest is None:
        return "None of the sources carries a date, so how recent they are is not known."
    breaking = is_breaking(plan, standing.as_of.date())
    if newest <= (STALE_BREAKING if breaking else STALE_STANDING):
        return ""
    event = "for a breaking event" if breaking else "for a question about the present"
    return f"Stale sources: the newest is {_age(newest)} old, which is too old {event}."


def _interested(standing: Standing) -> str:
    share = standing.share(_INTERESTED)
    if share <= MOSTLY_PERCENT:
        return ""
    return f"Mostly official sources and state media: {share} % of what is cited."


def _failures(searched: Retrieved | None) -> str:
    if searched is None or not searched.failures:
        return ""
    failures = searched.failures
    named = [f"{failure.name} ({failure.reason.rstrip('.')})" for failure in failures[:FAILURES_NAMED]]
    more = f" and {len(failures) - FAILURES_NAMED} more" if len(failures) > FAILURES_NAMED else ""
    total = max(searched.sources_total, len(failures))
    return f"{len(failures)} of {_counted(total, 'source')} could not be read: {', '.join(named)}{more}."


def _quarantined(number: int, where: str) -> str:
    if not number:
        return ""
    one = number == 1
    passages = f"1 passage {where} that reads" if one else f"{number} passages {where} that read"
    return f"{passages} like instructions to a model {'was' if one else 'were'} taken out."


def _age(age: timedelta) -> str:
    hours = age.total_seconds() / 3600
    if hours < 1:
        return "under 1 h"
    return f"{hours:.0f} h" if hours < DAYS_FROM_HOURS else f"{age.days} days"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
