"""What a briefing says, as data that is stored with its run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from pydantic import TypeAdapter

from bot.evidence.items import SourceClass

__all__ = ["AgentNews", "BriefingContent", "CitedSource", "NewsItem", "OpenPoint", "Reported", "ToWatch"]

ENOUGH_ANSWERED = 0.8
"""Share of the sources that must have answered before "nothing new" may be said (issue 6)."""


@dataclass(frozen=True, slots=True)
class CitedSource:
    """Where an item comes from; ``url`` is an address that may be a link."""

    title: str
    publisher: str
    url: str | None
    source_class: SourceClass


@dataclass(frozen=True, slots=True)
class OpenPoint:
    """Something the desk has said in this channel and that is not settled: a judgment or a watch item."""

    point_id: str
    """``J2`` or ``W1``, with the assessment's number where there are several: ``J2/1``."""
    statement: str
    assessed_at: datetime
    persona: str
    percent: int | None = None
    """Of a judgment: its likelihood, in percent."""
    until: date | None = None
    """Until when it is open."""
    url: str | None = None
    """Of the assessment's thread."""


@dataclass(frozen=True, slots=True)
class NewsItem:
    """One thing that happened."""

    what: str
    published: datetime | None
    """Of the newest source, UTC; ``None`` where it gives no date."""
    sources: tuple[CitedSource, ...]
    so_what: str = ""
    pillar: str = ""
    """Name of the pillar that ``so_what`` belongs to."""
    moves: OpenPoint | None = None
    percent: int | None = None
    """The likelihood of the judgment that is moved, as it is seen now."""
    changed: bool = False
    """An earlier briefing had it, and it has changed since."""


@dataclass(frozen=True, slots=True)
class ToWatch:
    """Something to look out for today."""

    what: str
    source: CitedSource | None = None
    url: str | None = None
    """Of the assessment that asks to watch for it, where there is one."""


@dataclass(frozen=True, slots=True)
class Reported:
    """What is kept of an item so that no later briefing repeats it."""

    url: str
    title: str
    gist: str = ""
    """What the briefing said of it."""


@dataclass(frozen=True, slots=True)
class AgentNews:
    """One agent's part."""

    persona: str
    """Code."""
    items: tuple[NewsItem, ...] = ()
    to_watch: tuple[ToWatch, ...] = ()
    quiet: tuple[str, ...] = ()
    """Topics and countries of interest that nothing new was found on."""
    written: bool = False
    """By a model; otherwise the items are ranked headlines, and are labelled so."""
    why_not: str = ""
    """Why no model wrote it, for readers; empty where none is configured."""
    sources_total: int = 0
    sources_answered: int = 0
    failures: tuple[tuple[str, str], ...] = ()
    """Name of a source that could not be read, and why."""
    reported: tuple[Reported, ...] = ()

    @property
    def is_silent(self) -> bool:
        """Whether there is nothing new: only where enough sources answered to know."""
        return not self.items and self.enough_answered

    @property
    def enough_answered(self) -> bool:
        """Whether so many sources answered that their silence means something."""
        return self.sources_total > 0 and self.sources_answered >= ENOUGH_ANSWERED * self.sources_total


@dataclass(frozen=True, slots=True)
class BriefingContent:
    """All of a briefing."""

    since: datetime
    """News after this moment, UTC."""
    until: datetime
    """When it was put together, UTC."""
    agents: tuple[AgentNews, ...]

    def to_json(self) -> dict[str, Any]:
        """JSON-able form."""
        data: dict[str, Any] = _ADAPTER.dump_python(self, mode="json")
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> BriefingContent:
        """The inverse of ``to_json``."""
        return _ADAPTER.validate_python(data)


_ADAPTER: TypeAdapter[BriefingContent] = TypeAdapter(BriefingContent)
