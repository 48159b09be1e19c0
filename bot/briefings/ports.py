"""What running a briefing needs of the world: a clock, somebody who writes it, somebody who posts it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

from bot.briefings.briefing import Briefing, Run
from bot.errors import CountryAgentsError

__all__ = ["ChannelGoneError", "Clock", "Composer", "Poster", "WallClock"]


class ChannelGoneError(CountryAgentsError):
    """The channel cannot be written to any more; ``user_message`` says why, to the briefing's owner."""


class Clock(Protocol):
    """The time, and waiting for it."""

    def now(self) -> datetime:
        """UTC."""
        ...

    async def sleep_until(self, moment: datetime) -> None:
        """Return at ``moment``, at once where it is past."""
        ...


class WallClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """UTC."""
        return datetime.now(UTC)

    async def sleep_until(self, moment: datetime) -> None:
        """Looks at the clock again on the way: it may be set, and a machine may sleep."""
        while (left := (moment - self.now()).total_seconds()) > 0:  # noqa: ASYNC110 - a time has no event
            await asyncio.sleep(min(left, LONGEST_SLEEP_SECONDS))


LONGEST_SLEEP_SECONDS = 30.0
"""How long a changed clock may go unnoticed."""


class Composer(Protocol):
    """Writes briefings."""

    async def compose(self, briefing: Briefing, due: datetime) -> Mapping[str, Any]:
        """The content, JSON-able, as ``Poster`` takes it. May raise; the run is tried again then."""
        ...

    async def posted(self, briefing: Briefing, content: Mapping[str, Any]) -> None:
        """It is out: no later briefing repeats it. Once more does no harm."""
        ...


class Poster(Protocol):
    """Posts briefings; both calls raise ``ChannelGoneError`` where the channel cannot be written to."""

    async def post_headline(
        self, briefing: Briefing, run: Run, content: Mapping[str, Any], *, late: bool, look_first: bool
    ) -> str:
        """Post the headline card and return its ts. ``late``: the card says that it is made up.
        ``look_first``: an earlier call may have posted it; look for it in the channel before posting.
        """
        ...

    async def post_items(
        self, briefing: Briefing, run: Run, content: Mapping[str, Any], *, look_first: bool
    ) -> str:
        """Post all items below ``run.headline_ts`` and return the message's ts."""
        ...

    async def owner_is_there(self, briefing: Briefing) -> bool:
        """Whether the owner's account is still active; true where nobody can tell."""
        ...

    async def tell_channel(self, briefing: Briefing, sentence: str) -> None:
        """One sentence in the channel; best effort."""
        ...

    async def tell_owner(self, briefing: Briefing, sentence: str) -> None:
        """One sentence to the owner in a direct message; best effort."""
        ...
