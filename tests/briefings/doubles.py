"""A clock that tests turn, and a composer and poster that keep what they did; the store is the real one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from redis.asyncio import Redis

from bot.briefings.briefing import Briefing, Run
from bot.briefings.ports import ChannelGoneError
from bot.briefings.runner import BriefingRunner, BriefingTimes
from bot.briefings.schedule import EVERY_DAY, Schedule
from bot.store.briefing_store import BriefingStore
from bot.turns import ChannelId, TeamId, UserId

__all__ = ["APP", "PATIENT", "TurnedClock", "Workshop", "briefing_of", "never_off"]

APP = "A0APP"
START = datetime(2026, 1, 1, tzinfo=UTC)
PATIENT = BriefingTimes(lease=timedelta(days=3))
"""A lease that no test outlives by accident."""


def never_off(_: str) -> Callable[[date], bool]:
    """No holidays."""
    return lambda _: False


def briefing_of(
    briefing_id: str = "b1",
    *,
    at: time = time(7),
    zone: str = "UTC",
    weekdays: frozenset[int] = EVERY_DAY,
    **fields: Any,
) -> Briefing:
    """A briefing of CN-01 in a channel of its own."""
    return Briefing(
        briefing_id=briefing_id,
        app_id=APP,
        team_id=TeamId("T1"),
        channel=ChannelId(f"C-{briefing_id}"),
        owner=UserId("U1"),
        personas=("CN-01",),
        schedule=Schedule(at, zone, weekdays),
        **fields,
    )


class TurnedClock:
    """Stands still until it is turned."""

    def __init__(self, now: datetime = START) -> None:
        self._now = now
        self.sleepers: dict[asyncio.Task[Any], datetime] = {}
        self._turned = asyncio.Condition()
        self.slept = asyncio.Event()
        """Set when somebody begins to wait."""

    def now(self) -> datetime:
        """As it was turned last."""
        return self._now

    async def sleep_until(self, moment: datetime) -> None:
        """Until it was turned that far."""
        task = asyncio.current_task()
        assert task is not None
        self.sleepers[task] = moment
        self.slept.set()
        try:
            async with self._turned:
                await self._turned.wait_for(lambda: self._now >= moment)
        finally:
            del self.sleepers[task]

    async def turn(self, to: datetime) -> None:
        """Set it forward."""
        async with self._turned:
            self._now = max(to, self._now)
            self._turned.notify_all()


@dataclass
class Posts:
    """Everything that was posted by anybody: the channel that survives crashes."""

    headlines: list[tuple[str, datetime, bool]] = field(default_factory=list)
    """Briefing, due, late."""
    items: list[tuple[str, datetime]] = field(default_factory=list)
    at: list[tuple[datetime, datetime]] = field(default_factory=list)
    """Due, and when the headline came."""
    told: list[tuple[str, str]] = field(default_factory=list)
    """To whom, what."""
    parts: list[str] = field(default_factory=list)
    """What was posted, headline or items, in order."""


class Workshop:
    """One process's part of the work. ``crash_at``: the place at which it dies, once."""

    def __init__(
        self,
        store: BriefingStore,
        clock: TurnedClock,
        posts: Posts | None = None,
        *,
        times: BriefingTimes = PATIENT,
        days_off: Callable[[str], Callable[[date], bool]] = never_off,
    ) -> None:
        self.store = store
        self.clock = clock
        self.posts = posts or Posts()
        self.composed: list[str] = []
        self.crash_at = ""
        self.fail_times = 0
        self.gone = ""
        self.orphaned = False
        self.takes = timedelta(0)
        self.runner = BriefingRunner(store, self, self, clock, app_id=APP, days_off=days_off, times=times)

    async def compose(self, briefing: Briefing, due: datetime) -> Mapping[str, Any]:
        """Write something."""
        self._pass("compose")
        if self.fail_times > 0:
            self.fail_times -= 1
            raise ConnectionError("somebody's words")
        if self.takes:
            await self.clock.sleep_until(self.clock.now() + self.takes)
        self.composed.append(briefing.briefing_id)
        return {"words": f"{briefing.briefing_id} {due.isoformat()}", "topics": list(briefing.topics)}

    async def posted(self, briefing: Briefing, content: Mapping[str, Any]) -> None:
        """Nothing is remembered."""

    async def post_headline(
        self, briefing: Briefing, run: Run, content: Mapping[str, Any], *, late: bool, look_first: bool
    ) -> str:
        """Post it, or find it."""
        if self.gone:
            error = ChannelGoneError("gone")
            error.user_message = self.gone
            raise error
        self._pass("before headline")
        key = (briefing.briefing_id, run.due, late)
        if not (look_first and any(each[:2] == key[:2] for each in self.posts.headlines)):
            self.posts.headlines.append(key)
            self.posts.parts.append("headline")
            self.posts.at.append((run.due, self.clock.now()))
        self._pass("after headline")
        return f"ts-{run.due.timestamp()}"

    async def post_items(
        self, briefing: Briefing, run: Run, content: Mapping[str, Any], *, look_first: bool
    ) -> str:
        """Post them, or find them."""
        self._pass("before items")
        assert run.headline_ts
        key = (briefing.briefing_id, run.due)
        if not (look_first and key in self.posts.items):
            self.posts.items.append(key)
            self.posts.parts.append("items")
        self._pass("after items")
        return f"items-{run.due.timestamp()}"

    async def owner_is_there(self, briefing: Briefing) -> bool:
        """As scripted."""
        return not self.orphaned

    async def tell_channel(self, briefing: Briefing, sentence: str) -> None:
        """Note it."""
        self.posts.told.append(("channel", sentence))

    async def tell_owner(self, briefing: Briefing, sentence: str) -> None:
        """Note it."""
        self.posts.told.append(("owner", sentence))

    def _pass(self, place: str) -> None:
        if self.crash_at == place:
            self.crash_at = ""
            raise KilledError

    # Turning the clock ----------------------------------------------------------------------------------

    async def settle(self) -> None:
        """Until all work waits for the clock, or is done, or died."""
        while busy := [task for task in self.runner._running if self._is_busy(task)]:
            self.clock.slept.clear()
            asleep = asyncio.create_task(self.clock.slept.wait())
            await asyncio.wait({*busy, asleep}, return_when=asyncio.FIRST_COMPLETED)
            asleep.cancel()

    def _is_busy(self, task: asyncio.Task[None]) -> bool:
        return not task.done() and task not in self.clock.sleepers

    async def pass_time(self, redis: Redis, prefix: str, until: datetime) -> None:
        """Let everything happen that happens before ``until``."""
        timetable = f"{prefix}:{{briefings:{APP}}}:timetable"
        while True:
            await self.settle()
            entry = await redis.zrange(timetable, 0, 0, withscores=True)
            moments = [datetime.fromtimestamp(score, UTC) for _, score in entry]
            moments += [self.clock.sleepers[task] for task in self.runner._running]
            moment = min((each for each in moments if each <= until), default=None)
            if moment is None:
                await self.clock.turn(until)
                return
            await self.clock.turn(moment)
            await self.runner.tick()


class KilledError(BaseException):
    """The process dies here: nothing after this line runs, and nobody handles it."""
