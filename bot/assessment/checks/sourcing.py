"""SO1 to SO5: every fact has a source, and every address, quotation, number and date stands in one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from bot.assessment.checks.finding import ON_PLAN, ON_SECTIONS, Check, Fault, Severity, at
from bot.assessment.checks.quantities import Amount, Day, Quantities, day_of, read_quantities
from bot.assessment.checks.subject import Passage, Subject, plain
from bot.assessment.quotations import QUOTATION_CHARS
from bot.assessment.references import Reference
from bot.evidence.items import SourceClass
from bot.evidence.table import Source, fold

__all__ = ["CHECKS", "canonical"]

CLOCKS_APART = timedelta(hours=24)
"""A publication date without a time, or with a wrong zone, may lie this far ahead of the question."""
_URL = re.compile(r"(?:https?://|\bwww\.)[^\s<>\"”’]*[^\s<>\"”’.,;:!?\])]", re.IGNORECASE)
_QUOTED = re.compile(r"[“«„「『]([^“”«»„「」『』]*)[”»」』“]")
_NO_DATE = re.compile(
    r"\bundated\b|\b(?:date|day|when)\b[^.;]{0,60}\b(?:not (?:stated|known|given|said)|unknown|open)\b"
    r"|\bnot (?:stated|known|given|said)\b[^.;]{0,60}\b(?:date|day|when)\b",
    re.IGNORECASE,
)
"""A fact that says that its date is not known."""
_LIST_MARK = re.compile(r"^\W*\d{1,2}[.)]\s")


def canonical(url: str) -> str:
    """An address for comparing: scheme, host without "www.", path without its last slash, query."""
    parts = urlsplit(url if "://" in url else f"https://{url}")
    host = (parts.hostname or "").removeprefix("www.")
    port = f":{parts.port}" if parts.port else ""
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme.lower()}://{host}{port}{parts.path.rstrip('/')}{query}"


def _facts_cite(subject: Subject) -> Iterator[Fault]:
    if not subject.facts:
        yield Fault("There is no fact to be sourced.", _factual_key(subject))
    for fact in subject.facts:
        if not subject.cited(fact.text):
            yield at(
                fact,
                f"A fact cites no source: “{plain(fact.text)}”",
                repair="Write this fact again with the id of the source that states it.",
            )


def _factual_key(subject: Subject) -> str:
    return next((spec.key for spec in subject.format_.sections if spec.factual), "")


def _addresses(subject: Subject) -> Iterator[Fault]:
    known = {canonical(source.url) for source in subject.record.sources if source.url}
    for passage in subject.visible:
        for url in _URL.findall(passage.text):
            if canonical(url) not in known:
                yield at(passage, f"The address {url} was not retrieved.")


def _quotations(subject: Subject) -> Iterator[Fault]:
    texts = {source.id: fold(f"{source.title} {source.text}") for source in subject.record.sources}
    texts |= {excerpt.id: fold(excerpt.text) for excerpt in subject.record.excerpts}
    everything = " ".join((fold(subject.record.question.text), *texts.values()))
    own = fold(subject.record.title)
    told: set[str] = set()
    for passage in subject.visible:
        if passage.section == "closing":
            continue  # the epigraph is not a source's (ST4, PE1)
        cited = " ".join(texts[source.id] for source in subject.cited(passage.text))
        for match in _QUOTED.finditer(passage.text):
            words = fold(match[1]).strip(" .,;:!?…")
            if len(words) < QUOTATION_CHARS or words in told or words in own:
                continue
            if words not in (cited or everything):
                told.add(words)
                yield at(passage, f"A quotation stands in no cited source: “{match[1]}”")


def _numbers(subject: Subject) -> Iterator[Fault]:
    if not subject.facts:
        yield Fault("There is no fact whose numbers could be looked up.", _factual_key(subject))
    for fact in subject.facts:
        stated = read_quantities(_LIST_MARK.sub("", Reference.sub(" ", fact.text)))
        cited = subject.cited(fact.text)
        missing = _missing(stated, cited, subject.record.as_of)
        if missing and not _is_worked_out(fact):
            whose = "its cited sources" if cited else "any source, for it cites none"
            yield at(
                fact,
                f"{', '.join(missing)}: not in {whose}.",
                repair=f"Correct or leave out {', '.join(missing)}, which the cited source does not state.",
            )


def _is_worked_out(fact: Passage) -> bool:
    """Whether the fact shows the sum it rests on: "(57 − 47)"."""
    return bool(re.search(r"\(\s*[\d.,]+\s*%?\s*[-−–+×x*/÷]\s*[\d.,]+\s*%?\s*\)", fact.text))


def _missing(stated: Quantities, sources: Iterable[Source], as_of: datetime) -> list[str]:
    """The stated numbers and dates that no source has, as written."""
    amounts: set[Amount] = set()
    days: set[Day] = set()
    for source in sources:
        read = read_quantities(f"{source.title} {source.text}")
        amounts |= read.figures
        days |= read.days
        when = as_of if source.is_claim else source.published
        if when:
            days.add(day_of(when.date()))
    known, dated = frozenset(amounts), frozenset(days)
    missing = [amount.text for amount in stated.amounts if not amount.stated_by(known)]
    missing += [day.text for day in stated.days if not day.stated_by(dated)]
    return sorted(missing)


def _dates(subject: Subject) -> Iterator[Fault]:
    record = subject.record
    if not subject.facts:
        yield Fault("There is no fact to be dated.", _factual_key(subject))
    for fact in subject.facts:
        dated = read_quantities(fact.text).days or _NO_DATE.search(fact.text)
        cited = subject.cited(fact.text)
        if not dated and not any(source.is_claim or source.published for source in cited):
            yield at(
                fact,
                f"A fact has no date, and neither has its source: “{plain(fact.text)}”",
                repair="Say when this was, or that its date is not known.",
            )
    if subject.whole and not record.sources:
        yield Fault("There is no source whose date could be looked at.")
    for source in record.sources:
        if source.published and source.published > record.as_of + CLOCKS_APART:
            yield Fault(f"{source.id} was published after the question was asked.", item=source.id)
        if not source.is_claim and source.retrieved is None:
            yield Fault(f"When {source.id} was retrieved is not recorded.", item=source.id)


def _background(subject: Subject) -> Iterator[Fault]:
    """What rests on no retrieved source rests on the model's training, which ends somewhere."""
    record = subject.record
    if subject.whole and not record.sources:
        yield Fault("Nothing shows what rests on sources and what on the model’s background.")
    for fact in subject.facts:
        cited = subject.cited(fact.text)
        if cited and not all(source.source_class is SourceClass.BASELINE for source in cited):
            continue
        frozen = max((source.published for source in cited if source.published), default=None)
        cutoff = frozen.date() if frozen else record.model_cutoff
        late = [
            day.text
            for day in read_quantities(fact.text).days
            if day.year and (cutoff is None or (day.year, day.month) > (cutoff.year, cutoff.month))
        ]
        if late:
            until = f"ends with {cutoff:%B %Y}" if cutoff else "ends nobody knows when"
            told = ", ".join(sorted(late))
            yield at(
                fact,
                f"{told}: stated from background that {until}.",
                repair=f"Name the retrieved source that states {told}, or leave that out.",
            )
    for judgment in record.plan.judgments:
        rests = [source for name in judgment.sources if (source := record.source(name))]
        news = [source for source in rests if source.source_class is not SourceClass.BASELINE]
        if judgment.confidence == "high" and not [source for source in news if not source.is_claim]:
            yield Fault(
                f"{judgment.id} has high confidence and rests on no retrieved source.",
                item=judgment.id,
                repair=f"Give {judgment.id} the confidence that its sources allow, low or moderate.",
            )


CHECKS = (
    Check(
        "SO1",
        "Every fact cites at least one source that exists.",
        Severity.P0,
        _facts_cite,
        ON_SECTIONS,
        ("1",),
        full_only=True,
    ),
    Check(
        "SO2",
        "Every address shown is that of a source retrieved in this run.",
        Severity.P0,
        _addresses,
        ON_SECTIONS,
        by_construction=True,
    ),
    Check(
        "SO3",
        "Every quotation of 25 characters or more stands in a source that is cited with it.",
        Severity.P0,
        _quotations,
        ON_SECTIONS,
        by_construction=True,
    ),
    Check(
        "SO4",
        "Every number and date in a fact stands in a source it cites, or shows the sum it comes from.",
        Severity.P0,
        _numbers,
        ON_SECTIONS,
        ("1",),
        full_only=True,
    ),
    Check(
        "SO5",
        "Every fact is dated, by itself or its source; no source is later than the question.",
        Severity.P0,
        _dates,
        ON_SECTIONS,
        ("1",),
        full_only=True,
    ),
    Check(
        "SO14",
        "What rests on background alone is not dated after it ends, and carries no high confidence.",
        Severity.P0,
        _background,
        ON_SECTIONS | ON_PLAN,
        ("1",),
    ),
)
