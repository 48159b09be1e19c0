"""What is remembered of a thread: its messages, the assessments given in it, and the exchanges since."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from bot.assessment.assessment_record import AssessmentRecord
from bot.evidence.table import EvidenceTable, Source, table_of_claims
from bot.turns import Question

__all__ = ["Exchange", "GivenAssessment", "Said", "ThreadMemory", "table_of", "with_words", "without_words"]


@dataclass(frozen=True, slots=True)
class Said:
    """One message that a person wrote in the thread."""

    ts: str
    author: str
    """Slack's id of the person."""
    text: str


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question in the thread, and what was answered; empty while it is not."""

    turn_id: str
    message_ts: str
    persona: str
    question: Question
    answer: str = ""


@dataclass(frozen=True, slots=True)
class GivenAssessment:
    """An assessment that was given in the thread."""

    message_ts: str
    """Of the question's message."""
    record: AssessmentRecord


@dataclass(frozen=True, slots=True)
class ThreadMemory:
    """Everything there is, oldest first. Words live shorter than assessments."""

    said: tuple[Said, ...] = ()
    assessments: tuple[GivenAssessment, ...] = ()
    exchanges: tuple[Exchange, ...] = ()

    def before(self, message_ts: str) -> ThreadMemory:
        """What was there before a message, whose own earlier answers do not count."""
        return ThreadMemory(
            tuple(said for said in self.said if float(said.ts) < float(message_ts)),
            tuple(given for given in self.assessments if float(given.message_ts) < float(message_ts)),
            tuple(each for each in self.exchanges if float(each.message_ts) < float(message_ts)),
        )

    def with_others(self, others: Iterable[ThreadMemory]) -> ThreadMemory:
        """With what other apps of ours answered in the thread; what this one knows of it is newer."""
        every = (*others, self)
        exchanges = {each.turn_id: each for memory in every for each in memory.exchanges}
        given = {each.record.turn_id: each for memory in every for each in memory.assessments}
        for turn_id, each in given.items():
            asked = exchanges.get(turn_id)
            record = with_words(each.record, asked.question if asked else None)
            given[turn_id] = replace(each, record=record)
        return ThreadMemory(
            self.said,
            tuple(sorted(given.values(), key=lambda each: float(each.message_ts))),
            tuple(sorted(exchanges.values(), key=lambda each: float(each.message_ts))),
        )

    def assessment_for(self, persona: str) -> AssessmentRecord | None:
        """The one a follow-up to this persona goes on from: its own newest, else the newest comparison it is
        in, else the newest of all.
        """
        every = [given.record for given in self.assessments]
        own = [record for record in every if record.persona == persona and not record.compared]
        compared = [record for record in every if persona in record.compared]
        found = own or compared or every
        return found[-1] if found else None

    @property
    def comparisons(self) -> tuple[AssessmentRecord, ...]:
        """What was compared in the thread."""
        return tuple(given.record for given in self.assessments if given.record.compared)

    def usable(self, turn_id: str) -> AssessmentRecord | None:
        """What that turn gave, where the words that it was asked with are still there."""
        record = self.assessment_of(turn_id)
        return record if record is not None and record.question.length else None

    def assessment_of(self, turn_id: str) -> AssessmentRecord | None:
        """The one that a turn gave."""
        return next((given.record for given in self.assessments if given.record.turn_id == turn_id), None)

    def knows(self, ts: str) -> bool:
        """Whether a message of the thread is among what was said."""
        return any(said.ts == ts for said in self.said)


def without_words(record: AssessmentRecord) -> AssessmentRecord:
    """The record without what people wrote: it may be kept for longer than that."""
    claims = {source.id for source in record.sources if source.is_claim}
    return replace(
        record,
        question=Question(""),
        title="",
        opening=(),
        sources=tuple(_emptied(source) if source.id in claims else source for source in record.sources),
        excerpts=tuple(
            replace(excerpt, text="") if excerpt.source_id in claims else excerpt
            for excerpt in record.excerpts
        ),
    )


def with_words(record: AssessmentRecord, question: Question | None) -> AssessmentRecord:
    """The inverse, as far as the words are still there (``None``: they are forgotten): the claims, and what
    can be quoted of them, as they stood in the assessment's own table.
    """
    if question is None:
        return replace(record, excerpts=tuple(excerpt for excerpt in record.excerpts if excerpt.text))
    claims = table_of_claims(question)
    texts = {source.id: source.text for source in claims.sources}
    quotes = {excerpt.id: excerpt.text for excerpt in claims.excerpts}
    sources = tuple(
        replace(source, text=texts.get(source.id, "")) if source.is_claim else source
        for source in record.sources
    )
    excerpts = (
        excerpt if excerpt.text else replace(excerpt, text=quotes.get(excerpt.id, ""))
        for excerpt in record.excerpts
    )
    usable = tuple(excerpt for excerpt in excerpts if excerpt.text)
    return replace(record, question=question, sources=sources, excerpts=usable)


def _emptied(source: Source) -> Source:
    return replace(source, text="")


def table_of(record: AssessmentRecord) -> EvidenceTable:
    """The assessment's evidence: ids keep their meaning in everything that follows it."""
    return EvidenceTable(record.sources, record.excerpts)
