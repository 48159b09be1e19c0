"""What a check looks at: a record, whole or in the making, cut to the part that is to be judged."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from bot.assessment.assessment_record import AssessmentRecord, SectionRecord
from bot.assessment.dialect import Kind, split_sentences
from bot.assessment.formats import FORMATS, IN_DEPTH, Format, SectionSpec
from bot.assessment.printing import Data
from bot.assessment.references import Reference
from bot.assessment.values import Judgment
from bot.evidence.table import Source, fold
from personas.persona import Persona

__all__ = ["Passage", "Stage", "Subject", "plain", "sentences"]


class Stage(StrEnum):
    """How much of an assessment is there to be judged."""

    PLAN = "plan"
    """The plan call has been read: plan, sources, retrieval report."""
    OUTLOOK = "outlook"
    WATCH = "watch"
    SECTION = "section"
    """One section is drafted and not shown yet; sections drafted before it may be there too."""
    RECORD = "record"
    """Everything."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A text with its place."""

    text: str
    """In the dialect where the model wrote it, as printed where we did."""
    section: str = ""
    unit: int | None = None
    item: str = ""
    kind: Kind | None = None
    """``None``: no unit of a section."""


_AFTER_A_DIGIT = re.compile(r"(?<=\d\.)\s+(?=[_*“(]*[A-Z])")
"""Unlike the parser, which must not tear "No. 70" apart, the checks take "… 2027. The" for two sentences."""


def plain(text: str) -> str:
    """The text without its references."""
    return " ".join(re.sub(r"\s+([.,;:!?])", r"\1", Reference.sub("", text)).split())


def sentences(text: str) -> list[str]:
    """The sentences of a text."""
    return [part for sentence in split_sentences(text) for part in _AFTER_A_DIGIT.split(sentence) if part]


@dataclass(frozen=True)
class Subject:
    """A record, the persona it is by, and how much of it there is to be judged."""

    record: AssessmentRecord
    persona: Persona
    stage: Stage = Stage.RECORD
    key: str = ""
    """Of the section that is judged, at stage ``SECTION``."""

    @cached_property
    def format_(self) -> Format:
        """The format; the in-depth one where the record names none that we know."""
        return FORMATS.get(self.record.format, IN_DEPTH)

    @property
    def is_full(self) -> bool:
        """Whether this is a full product and not a brief."""
        return self.format_.frame

    @property
    def whole(self) -> bool:
        """Whether everything is there."""
        return self.stage is Stage.RECORD

    def spec(self, key: str) -> SectionSpec | None:
        """The format's section with that key."""
        return next((spec for spec in self.format_.sections if spec.key == key), None)

    @cached_property
    def sections(self) -> tuple[SectionRecord, ...]:
        """The sections that are judged."""
        if self.whole:
            return self.record.sections
        one = self.record.section(self.key) if self.stage is Stage.SECTION else None
        return (one,) if one else ()

    def judged(self, key: str) -> SectionRecord | None:
        """The section, where it is one that is judged."""
        return next((section for section in self.sections if section.key == key), None)

    @property
    def data(self) -> Data:
        """What the data calls gave, for the printers."""
        return Data(self.record.plan, self.record.outlook, self.record.watch)

    @cached_property
    def judgments(self) -> dict[str, Judgment]:
        """By id."""
        return {judgment.id: judgment for judgment in self.record.plan.judgments}

    @cached_property
    def material(self) -> str:
        """The folded text of all sources."""
        return fold(" ".join(f"{source.title} {source.text}" for source in self.record.sources))

    @cached_property
    def bullets(self) -> tuple[Passage, ...]:
        """Bullets of the sections that are judged."""
        return tuple(passage for passage in self.units if passage.kind is Kind.BULLET)

    @cached_property
    def facts(self) -> tuple[Passage, ...]:
        """Bullets of the sections that state facts."""
        factual = {spec.key for spec in self.format_.sections if spec.factual}
        return tuple(bullet for bullet in self.bullets if bullet.section in factual)

    @cached_property
    def units(self) -> tuple[Passage, ...]:
        """The units of the sections that are judged."""
        return tuple(
            Passage(unit.text, section.key, number, kind=unit.kind)
            for section in self.sections
            for number, unit in enumerate(section.units)
        )

    @cached_property
    def prose(self) -> tuple[Passage, ...]:
        """Every text of the model's that is judged at this stage: units, and the data calls' sentences."""
        return (*self.units, *self._data_texts())

    @cached_property
    def shown(self) -> tuple[Passage, ...]:
        """Every line the reader has, as printed; at stage ``RECORD`` only."""
        if not self.whole:
            return ()
        lines: list[Passage] = []
        for place, texts in (
            ("card", self.record.banners),
            ("opening", self.record.opening),
            *((section.key, (section.text,)) for section in self.record.sections),
            ("closing", self.record.closing),
            ("footer", self.record.footer),
        ):
            lines += [Passage(line, place) for text in texts for line in text.splitlines() if line.strip()]
        return tuple(lines)

    @property
    def visible(self) -> tuple[Passage, ...]:
        """What is judged for signs that may stand nowhere: the model's texts and, at the end, ours too."""
        return (*self.prose, *self.shown)

    def cited(self, text: str) -> tuple[Source, ...]:
        """The sources a text refers to, by ``[S1]`` or through a quotation ``{Q1}``."""
        rows: dict[str, Source] = {}
        for reference in Reference.findall(text):
            name = reference.strip("[]{}")
            if name[0] == "Q":
                excerpt = self.record.excerpt(name)
                name = excerpt.source_id if excerpt else ""
            source = self.record.source(name)
            if source is not None:
                rows[source.id] = source
        return tuple(rows.values())

    def _data_texts(self) -> Iterator[Passage]:
        if self.stage in (Stage.PLAN, Stage.RECORD):
            yield from self._plan_texts()
        if self.stage in (Stage.OUTLOOK, Stage.RECORD):
            yield from self._outlook_texts()
        if self.stage in (Stage.WATCH, Stage.RECORD):
            yield from self._watch_texts()

    def _plan_texts(self) -> Iterator[Passage]:
        plan = self.record.plan
        yield Passage(plan.bottom_line, "card", item="bottom line")
        for judgment in plan.judgments:
            yield Passage(judgment.statement, self.place("judgments"), item=judgment.id)
        for hypothesis in plan.hypotheses:
            yield Passage(hypothesis.name, self.place("hypotheses"), item=hypothesis.id)
        yield Passage(plan.linchpin, self.place("assumptions"), item="linchpin")

    def _outlook_texts(self) -> Iterator[Passage]:
        outlook = self.record.outlook
        for assumption in outlook.assumptions:
            text = f"{assumption.statement} {assumption.if_wrong}"
            yield Passage(text, self.place("assumptions"), item=assumption.id)
        for hypothesis, _, change in outlook.probabilities:
            yield Passage(change, self.place("hypotheses"), item=hypothesis.id)
        for commitment in outlook.commitments:
            yield Passage(f"{commitment.obligor}: {commitment.what}", item=commitment.id)
        for forecast in outlook.forecasts:
            yield Passage(forecast.question, item=forecast.id)
        yield Passage(outlook.lead_reason, self.place("hypotheses"), item="lead")

    def _watch_texts(self) -> Iterator[Passage]:
        watch = self.record.watch
        for item in watch.items:
            text = f"{item.observable} {item.threshold} {item.where}"
            yield Passage(text, self.place("watch_items"), item=item.id)
        for number, implication in enumerate(watch.implications, 1):
            text = f"{implication.audience} {implication.exposure} {implication.text}"
            yield Passage(text, self.place("implications"), item=f"implication {number}")
        for number, gap in enumerate(watch.gaps, 1):
            yield Passage(f"{gap.text} {gap.where}", self.place("gaps"), item=f"gap {number}")
        yield Passage(f"{watch.either} {watch.or_else}", "closing", item="closing question")

    def place(self, block: str) -> str:
        """Key of the section that prints a block of data."""
        return next((spec.key for spec in self.format_.sections if block in spec.prints), "")
