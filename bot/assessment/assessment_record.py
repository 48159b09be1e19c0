"""An assessment as data: everything a run gave, in a form that can be stored, read back and checked.

The engine makes one at the end of a run, and partial ones before it shows a part; an importer makes one
from plain text. ``bot.assessment.checks`` reads nothing else. JSON is written whole and read strictly: a
record that lacks a field, or has one too many, is refused with the field's name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from enum import StrEnum
from functools import cache
from typing import Any, ClassVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

from bot.assessment.comparison import Comparison
from bot.assessment.dialect import Unit
from bot.assessment.values import Outlook, Plan, Watch
from bot.errors import CountryAgentsError
from bot.evidence.table import Excerpt, Source
from bot.turns import Question

__all__ = [
    "SCHEMA_VERSION",
    "AssessmentRecord",
    "Origin",
    "RetrievalReport",
    "SectionRecord",
    "UnreadableRecordError",
    "stable_id",
]

SCHEMA_VERSION = 1
"""Raised when a record of an older program can no longer be read as it is."""
LATER_FIELDS = frozenset({"comparison"})
"""Fields that records of this version may lack: they are older than the field."""
TOLD_PROBLEMS = 3
"""Mistakes of a file that are told at once; more would hide the first."""


class UnreadableRecordError(CountryAgentsError):
    """The JSON is no assessment record; the message names the fields."""

    user_message = "This file is not an assessment record."


class Origin(StrEnum):
    """Who made a record."""

    ENGINE = "engine"
    IMPORT = "import"
    """From plain text: it has prose, and none of the data behind it."""


@dataclass(frozen=True, slots=True)
class RetrievalReport:
    """How the search for sources went."""

    queries: tuple[str, ...] = ()
    contrary_queries: tuple[str, ...] = ()
    """Those of the queries that looked for evidence against the leading hypothesis."""
    contrary_sources: tuple[str, ...] = ()
    """Ids of the sources that these found."""
    sources_total: int = 0
    """Sources asked."""
    failures: tuple[tuple[str, str], ...] = ()
    """Name of a source that could not be read, and why."""
    stored_items: int = 0
    """Items that were searched."""

    @property
    def sources_answered(self) -> int:
        """Sources asked that gave something readable."""
        return self.sources_total - len(self.failures)


@dataclass(frozen=True, slots=True)
class SectionRecord:
    """One section: what the model wrote, and what the reader saw."""

    key: str
    """Of the format: ``1`` … ``8``."""
    title: str
    """As printed, with its number: ``1. What the truce says (surface level)``."""
    units: tuple[Unit, ...] = ()
    """The model's units after cleaning, in the dialect: references are ids."""
    text: str = ""
    """The whole section as shown, from its title on, printed blocks included; empty before it is shown."""


@dataclass(frozen=True, slots=True)
class AssessmentRecord:
    """One assessment. A partial one leaves empty what is not there yet."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", strict=True)

    turn_id: str
    persona: str
    """Code, ``CN-01``."""
    format: str
    """Key of the format."""
    question: Question
    as_of: datetime
    """Time of the question, UTC."""
    organisation: str
    """The client's name as configured."""
    schema_version: int = SCHEMA_VERSION
    origin: Origin = Origin.ENGINE
    lexicon: str = "icd203"
    model: str = ""
    """Names of the models that wrote."""
    model_cutoff: date | None = None
    """Last day of the model's training data, where the operator has told it."""
    hypothetical: bool = False
    """The question asks about something that has not happened."""
    demo: bool = False
    """A small local model wrote it: no assessment, and labelled so."""
    title: str = ""
    """The headline, from the person's own words."""
    plan: Plan = field(default_factory=Plan)
    outlook: Outlook = field(default_factory=Outlook)
    watch: Watch = field(default_factory=Watch)
    opening: tuple[str, ...] = ()
    """Lines before the first section, as shown."""
    sections: tuple[SectionRecord, ...] = ()
    closing: tuple[str, ...] = ()
    """Lines behind the last section, as shown: question, epigraph, signature, firm."""
    banners: tuple[str, ...] = ()
    """On the card."""
    footer: tuple[str, ...] = ()
    """Check line and notices, as shown; not the list of sources."""
    sources: tuple[Source, ...] = ()
    excerpts: tuple[Excerpt, ...] = ()
    retrieval: RetrievalReport = field(default_factory=RetrievalReport)
    counts: Mapping[str, int] = field(default_factory=dict)
    """Corrections before display, by name."""
    comparison: Comparison | None = None
    """Of a comparison: ``persona`` is then the first of those compared, and there is no plan of its own."""

    @property
    def compared(self) -> tuple[str, ...]:
        """Codes of those whose views it compares; empty for an assessment."""
        return self.comparison.personas if self.comparison else ()

    @property
    def retrieved(self) -> tuple[Source, ...]:
        """The sources that are more than somebody's claim."""
        return tuple(source for source in self.sources if not source.is_claim)

    @property
    def information_cutoff(self) -> datetime | None:
        """When the newest retrieved source was published; ``None`` without a dated one."""
        dates = [source.published for source in self.retrieved if source.published]
        return max(dates, default=None)

    def source(self, source_id: str) -> Source | None:
        """The source with that id."""
        return next((source for source in self.sources if source.id == source_id), None)

    def excerpt(self, excerpt_id: str) -> Excerpt | None:
        """The excerpt with that id."""
        return next((excerpt for excerpt in self.excerpts if excerpt.id == excerpt_id), None)

    def section(self, key: str) -> SectionRecord | None:
        """The section with that key."""
        return next((section for section in self.sections if section.key == key), None)

    @property
    def stable_ids(self) -> Mapping[str, str]:
        """By local id (``J1``, ``W2``, ``P3``): the id that stays unique outside this assessment."""
        judgments, items, forecasts = self.plan.judgments, self.watch.items, self.outlook.forecasts
        ids = [*(j.id for j in judgments), *(item.id for item in items), *(p.id for p in forecasts)]
        return {local: stable_id(self.turn_id, local) for local in ids}

    def to_json(self) -> str:
        """The record as JSON, every field written."""
        return _adapter().dump_json(self, indent=1).decode()

    @classmethod
    def from_json(cls, text: str | bytes) -> AssessmentRecord:
        """The inverse of ``to_json``. Raises ``UnreadableRecordError`` that names what is wrong."""
        try:
            data = json.loads(text)
        except ValueError as error:
            raise UnreadableRecordError(f"It is not JSON: {error}.") from error
        if not isinstance(data, dict):
            raise UnreadableRecordError("It is JSON, but no object.")
        version = data.get("schema_version")
        if version != SCHEMA_VERSION:
            raise UnreadableRecordError(
                f"It has schema_version {version!r}; this program reads version {SCHEMA_VERSION}."
            )
        # Defaults are for partial records in the making. A stored one is whole.
        missing = [each.name for each in fields(cls) if each.name not in {*data, *LATER_FIELDS}]
        if missing:
            raise UnreadableRecordError(f"These fields are missing: {', '.join(missing)}.")
        try:
            return _adapter().validate_json(text)
        except ValidationError as error:
            raise UnreadableRecordError(_told(error)) from error


def stable_id(turn_id: str, local_id: str) -> str:
    """The id of a judgment, watch item or forecast outside its assessment: ``t1f…-J1``."""
    return f"{turn_id}-{local_id}"


@cache
def _adapter() -> TypeAdapter[AssessmentRecord]:
    return TypeAdapter(AssessmentRecord)


def _told(error: ValidationError) -> str:
    """The first mistakes, each with its place: "plan.judgments[0].until: …"."""
    found: list[Any] = error.errors(include_url=False, include_input=False)
    told = [f"{_place(each['loc'])}: {each['msg']}" for each in found[:TOLD_PROBLEMS]]
    more = len(found) - len(told)
    return "; ".join(told) + (f"; and {more} more." if more else ".")


def _place(parts: tuple[int | str, ...]) -> str:
    place = ""
    for part in parts:
        place += f"[{part}]" if isinstance(part, int) else f".{part}" if place else part
    return place
