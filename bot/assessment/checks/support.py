"""SO6, SO7, SO11 to SO13: how fresh, how independent and how visible the support of an answer is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta

from bot.assessment.checks.finding import (
    EVERYWHERE,
    ON_PLAN,
    ON_RECORD,
    ON_SECTIONS,
    Check,
    Fault,
    Severity,
    at,
)
from bot.assessment.checks.quantities import read_quantities
from bot.assessment.checks.subject import Passage, Stage, Subject, sentences
from bot.assessment.checks.wordlists import wordlist
from bot.assessment.references import Reference
from bot.assessment.values import Judgment
from bot.evidence.items import SourceClass
from bot.evidence.table import Source

__all__ = ["CHECKS", "is_breaking", "sources_of", "tells"]

FRESH_BREAKING = timedelta(hours=72)
FRESH_STANDING = timedelta(days=14)
"""Age up to which the newest cited source is fresh, for breaking news and for a standing question (SO6)."""
BREAKING = timedelta(days=7)
"""Age up to which an event is breaking news (WA2 asks for a sign within 7 days for these)."""
REFERRED = 0.9
"""Share of bullets that carry a reference (SO11)."""
REFERRED_SECTIONS = ("1", "2", "3")
"""SO11; section 7 is printed from watch items, each tied to a judgment."""
ROUNDING = 1e-9
GROUPS = 2
"""Owner groups that high confidence needs (SO7)."""

_BANNERS = {
    "nothing": r"\bno (?:news )?source was retrieved\b|\bnone of them is cited\b",
    "failed": r"\bcould not be read\b|\bno (?:news )?source was retrieved\b",
    "stale": r"\bstale\b|\bcarries a date\b|\bno (?:news )?source was retrieved\b|\bnone of them is cited\b",
    "quarantined": r"\bread(?:s)? like instructions\b",
    "hypothetical": r"\bhypothetical\b",
}
"""How a banner that says so is recognised."""


def tells(subject: Subject, what: str) -> bool:
    """Whether a banner says so: ``nothing``, ``failed``, ``stale``, ``quarantined``, ``hypothetical``."""
    pattern = re.compile(_BANNERS[what], re.IGNORECASE)
    return any(pattern.search(banner) for banner in subject.record.banners)


def is_breaking(subject: Subject) -> bool:
    """Whether the event is of the last days."""
    happened = subject.record.plan.event_date
    if not happened:
        return False
    return subject.record.as_of.date() - date.fromisoformat(happened) <= BREAKING


def sources_of(subject: Subject, judgment: Judgment) -> tuple[Source, ...]:
    """The sources a judgment rests on."""
    return tuple(source for name in judgment.sources if (source := subject.record.source(name)))


def _fresh(subject: Subject) -> Iterator[Fault]:
    record = subject.record
    cited = {source.id: source for unit in subject.units for source in subject.cited(unit.text)}
    dates = [
        source.published
        for source in cited.values()
        if source.published and not source.is_claim and source.source_class is not SourceClass.BASELINE
    ]
    limit = FRESH_BREAKING if is_breaking(subject) else FRESH_STANDING
    if dates and record.as_of - max(dates) <= limit:
        return
    if not tells(subject, "stale"):
        newest = (
            f"The newest cited source is of {max(dates):%d %B %Y}" if dates else "No dated source is cited"
        )
        yield Fault(f"{newest}, and no banner says so.", "card")


def _independent(subject: Subject) -> Iterator[Fault]:
    if not subject.judgments:
        yield Fault("There is no judgment whose support could be weighed.")
    for judgment in subject.judgments.values():
        if judgment.confidence != "high":
            continue
        retrieved = [source for source in sources_of(subject, judgment) if not source.is_claim]
        groups = {source.owner_group or source.id for source in retrieved}
        foreign = [source for source in retrieved if source.country != subject.persona.iso]
        if len(groups) < GROUPS or not foreign:
            why = "no source from outside the state" if len(groups) >= GROUPS else "no second owner"
            yield Fault(
                f"{judgment.id} has high confidence and {why} behind it.",
                item=judgment.id,
                repair=f"Lower the confidence of {judgment.id}, or name the sources of two owners that bear "
                "it out, one of them from outside the state.",
            )


def _referred(subject: Subject) -> Iterator[Fault]:
    if subject.stage is not Stage.PLAN and subject.is_full:
        for key in REFERRED_SECTIONS:
            if subject.whole or subject.key == key:
                yield from _bullets_refer(subject, key)
    if subject.stage is not Stage.SECTION:
        yield from _judgments_rest(subject)


def _bullets_refer(subject: Subject, key: str) -> Iterator[Fault]:
    bullets = [bullet for bullet in subject.bullets if bullet.section == key]
    bare = [bullet for bullet in bullets if not _bears_reference(bullet)]
    if not bullets:
        yield Fault(f"Section {key} has no bullet that could carry a reference.", key)
    elif len(bare) > len(bullets) * (1 - REFERRED) + ROUNDING:
        for bullet in bare:
            yield at(
                bullet,
                f"{len(bare)} of {len(bullets)} bullets of section {key} carry no reference.",
                "Write this with the id of the source or judgment it rests on.",
            )


def _judgments_rest(subject: Subject) -> Iterator[Fault]:
    if not subject.judgments:
        yield Fault("There is no judgment that could rest on a source.")
    for judgment in subject.judgments.values():
        if not sources_of(subject, judgment):
            yield Fault(
                f"{judgment.id} rests on no source.",
                item=judgment.id,
                repair=f"Name the ids of the sources that {judgment.id} rests on.",
            )
    for item in subject.record.watch.items if subject.whole else ():
        if item.judgment_id not in subject.judgments:
            yield Fault(f"{item.id} bears on no judgment.", subject.place("watch_items"), item=item.id)


def _bears_reference(bullet: Passage) -> bool:
    return any(name[1] in "SJQ" for name in Reference.findall(bullet.text))


def _vague_time(subject: Subject) -> Iterator[Fault]:
    for passage in subject.prose:
        for sentence in sentences(passage.text):
            found = wordlist("vague_time").find(sentence)
            if found and not _has_date(sentence):
                yield at(
                    passage,
                    f"“{found[0]}” without a date.",
                    f"Put a date in place of “{found[0]}”.",
                )
                break


def _has_date(sentence: str) -> bool:
    return bool(read_quantities(sentence).days) or bool(re.search(r"\b(?:19|20)\d\d\b", sentence))


def _attributed(subject: Subject) -> Iterator[Fault]:
    for passage in subject.prose:
        for sentence in sentences(passage.text):
            found = wordlist("bare_attribution").find(sentence)
            if found and not re.search(r"\[S\d+\]|\{Q\d+\}", sentence):
                yield at(
                    passage,
                    f"“{found[0]}” without saying whose.",
                    f"Name the source of “{found[0]}” by its id, or leave the statement out.",
                )
                break


CHECKS = (
    Check(
        "SO6",
        "The newest cited source is at most 72 hours old for breaking news, 14 days otherwise, or a banner "
        "says that it is not.",
        Severity.P1,
        _fresh,
        ON_RECORD,
        ("card",),
        by_construction=True,
    ),
    Check(
        "SO7",
        "High confidence rests on two owner groups, one source at least not of the persona’s state.",
        Severity.P1,
        _independent,
        ON_PLAN,
    ),
    Check(
        "SO11",
        "Nine in ten bullets of sections 1, 2, 3 and 7 carry references, and every judgment a source.",
        Severity.P1,
        _referred,
        ON_PLAN | ON_SECTIONS,
        ("1", "2", "3", "7"),
    ),
    Check(
        "SO12",
        "Vague words of time stand beside a date.",
        Severity.P2,
        _vague_time,
        EVERYWHERE,
    ),
    Check(
        "SO13",
        "No “reports say” without a reference in the sentence.",
        Severity.P1,
        _attributed,
        EVERYWHERE,
    ),
)
