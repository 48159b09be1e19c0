"""OP1 to OP4: readers know when this was written, from what, and what it is not."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bot.assessment.assessment_record import RetrievalReport
from bot.assessment.checks.finding import EVERYWHERE, ON_RECORD, Check, Fault, Severity, at
from bot.assessment.checks.subject import Subject
from bot.assessment.checks.support import tells
from bot.assessment.checks.wordlists import wordlist
from bot.evidence.items import SourceClass

__all__ = ["CHECKS"]

ANSWERED = 0.8
"""Share of the sources asked that must have answered before "nothing to report" (OP2)."""
_AS_OF = re.compile(r"\bas of (\d{1,2} [A-Z][a-z]{2,8} \d{4})", re.IGNORECASE)
_COUNT = re.compile(r"\b\d+ sources?\b|\bno (?:retrieved )?source\b", re.IGNORECASE)
_CUTOFF = re.compile(
    r"\bnewest\b|\bnone dated\b|\bcut-?off\b|\bno (?:retrieved )?source\b|\b0 sources\b", re.IGNORECASE
)
_LABEL = re.compile(r"^[\W_]*hypothetical\b", re.IGNORECASE | re.MULTILINE)
_NO_EVIDENCE = frozenset({SourceClass.USER_CLAIM, SourceClass.FORWARDED, SourceClass.BASELINE})


def _dated(subject: Subject) -> Iterator[Fault]:
    record = subject.record
    text = " ".join((*record.banners, *record.footer))
    shown = _AS_OF.search(text)
    days = {
        f"{record.as_of:%d %b %Y}",
        f"{record.as_of.day} {record.as_of:%b %Y}",
        f"{record.as_of:%d %B %Y}",
    }
    if not shown or shown[1] not in days | {f"{record.as_of.day} {record.as_of:%B %Y}"}:
        yield Fault("The footer does not say as of when this is.", "footer")
    if not _COUNT.search(text):
        yield Fault("The footer does not say how many sources this rests on.", "footer")
    if not _CUTOFF.search(text):
        yield Fault("The footer does not say how new the newest source is.", "footer")


def _searched(subject: Subject) -> Iterator[Fault]:
    record, report = subject.record, subject.record.retrieval
    if not record.retrieved and not tells(subject, "nothing"):
        yield Fault("No source was retrieved, and no banner says so.", "card")
    if record.retrieved and report == RetrievalReport():
        yield Fault("How the search for sources went is not recorded.")
    if report.failures and not tells(subject, "failed"):
        yield Fault(
            f"{len(report.failures)} of {report.sources_total} sources could not be read, and no banner "
            "says so.",
            "card",
        )
    answered = report.sources_answered / report.sources_total if report.sources_total else 0.0
    if answered >= ANSWERED:
        return
    for passage in subject.prose:
        found = wordlist("all_clear").find(passage.text)
        if found:
            yield at(passage, f"“{found[0]}”, although {answered:.0%} of the sources answered.")


def _harmless(subject: Subject) -> Iterator[Fault]:
    for passage in subject.visible:
        found = wordlist("broadcasts").find(passage.text)
        if found:
            yield at(passage, f"“{found[0]}” would call somebody.")
    taken_out = sum(source.quarantined for source in subject.record.sources)
    if subject.whole and taken_out and not tells(subject, "quarantined"):
        yield Fault(f"{taken_out} passages were quarantined, and no banner says so.", "card")


def _hypothetical(subject: Subject) -> Iterator[Fault]:
    record = subject.record
    if not record.sections:
        yield Fault("There is no section that could carry a label.")
    if not record.hypothetical:
        return
    if not tells(subject, "hypothetical"):
        yield Fault("No banner says that this is hypothetical.", "card")
    for section in record.sections:
        if not _LABEL.search(section.text):
            yield Fault(f"Section {section.key} does not carry the label “Hypothetical”.", section.key)
            for number, unit in enumerate(section.units):
                if any(source.source_class not in _NO_EVIDENCE for source in subject.cited(unit.text)):
                    yield Fault(
                        "Something supposed cites a source as if it had happened.", section.key, number
                    )


CHECKS = (
    Check(
        "OP1",
        "As-of time, number of sources and age of the newest one are shown.",
        Severity.P0,
        _dated,
        ON_RECORD,
        ("footer",),
        by_construction=True,
    ),
    Check(
        "OP2",
        "Failed or partial retrieval is on the card; an all-clear needs four in five sources answered.",
        Severity.P0,
        _searched,
        ON_RECORD,
        ("card",),
        by_construction=True,
    ),
    Check(
        "OP3",
        "Nobody is called, and what was quarantined is on the card.",
        Severity.P0,
        _harmless,
        EVERYWHERE,
        by_construction=True,
    ),
    Check(
        "OP4",
        "A hypothetical answer says so on the card and in every section, and cites nothing but background.",
        Severity.P0,
        _hypothetical,
        ON_RECORD,
        by_construction=True,
    ),
)
