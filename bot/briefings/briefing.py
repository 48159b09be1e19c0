"""What a briefing is, and what is kept of one run of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time
from enum import StrEnum
from typing import Any

from bot.briefings.schedule import Schedule
from bot.turns import ChannelId, TeamId, UserId

__all__ = ["Briefing", "Length", "Run", "RunState"]


class Length(StrEnum):
    """How much a briefing says of each agent."""

    SHORT = "short"
    STANDARD = "standard"


class RunState(StrEnum):
    """How far a run is, or how it ended."""

    PREPARING = "preparing"
    POSTED = "posted"
    FAILED = "failed"
    """Tried until its time was over; channel and owner were told."""
    SKIPPED = "skipped"
    """Not posted on purpose: too late, paused, changed, or the channel is gone."""

    @property
    def is_over(self) -> bool:
        """Nothing more will come of it."""
        return self is not RunState.PREPARING


@dataclass(frozen=True, slots=True)
class Briefing:
    """A standing order: who briefs which channel about what, when."""

    briefing_id: str
    app_id: str
    team_id: TeamId
    channel: ChannelId
    owner: UserId
    """Who made it, or changed it last; hears of failures."""
    personas: tuple[str, ...]
    """Codes, in order."""
    schedule: Schedule
    topics: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    """Countries of interest besides the agents' own, as people wrote them."""
    length: Length = Length.STANDARD
    holidays_of: str = ""
    """ISO 3166-1 alpha-2 of the country whose public holidays have no briefing; empty: every day counts."""
    paused: str = ""
    """Why it does not run, in words for people; empty: it runs."""
    revision: int = 1
    """Counts changes: a run that began before a change is given up."""

    def to_json(self) -> dict[str, Any]:
        """JSON-able form."""
        return {
            "briefing_id": self.briefing_id,
            "app_id": self.app_id,
            "team_id": self.team_id,
            "channel": self.channel,
            "owner": self.owner,
            "personas": list(self.personas),
            "at": self.schedule.at.isoformat("minutes"),
            "zone": self.schedule.zone,
            "weekdays": sorted(self.schedule.weekdays),
            "topics": list(self.topics),
            "countries": list(self.countries),
            "length": self.length.value,
            "holidays_of": self.holidays_of,
            "paused": self.paused,
            "revision": self.revision,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Briefing:
        """The inverse of ``to_json``."""
        return cls(
            briefing_id=data["briefing_id"],
            app_id=data["app_id"],
            team_id=TeamId(data["team_id"]),
            channel=ChannelId(data["channel"]),
            owner=UserId(data["owner"]),
            personas=tuple(data["personas"]),
            schedule=Schedule(time.fromisoformat(data["at"]), data["zone"], frozenset(data["weekdays"])),
            topics=tuple(data["topics"]),
            countries=tuple(data["countries"]),
            length=Length(data["length"]),
            holidays_of=data["holidays_of"],
            paused=data["paused"],
            revision=data["revision"],
        )


@dataclass(frozen=True, slots=True)
class Run:
    """One run, as it is stored: the receipt of what was posted, or the reason why nothing was."""

    briefing_id: str
    due: datetime
    """UTC; names the run."""
    state: RunState
    attempts: int = 0
    content: Mapping[str, Any] | None = None
    """What was composed, JSON-able: a crash after it does not compose again."""
    headline_begun: bool = False
    """A call that posts the headline has left: where ``headline_ts`` is missing, look before posting."""
    headline_ts: str = ""
    items_begun: bool = False
    items_ts: str = ""
    reason: str = ""
    """Of a failure: an error's class name; of a skip: a word of ours."""
    finished_at: datetime | None = None

    @property
    def lateness_seconds(self) -> float | None:
        """How long after its minute it ended, or ``None`` while it runs."""
        return None if self.finished_at is None else (self.finished_at - self.due).total_seconds()

    @classmethod
    def now_due(cls, briefing_id: str, due: datetime) -> Run:
        """A run that has not begun."""
        return cls(briefing_id, due.astimezone(UTC), RunState.PREPARING)
