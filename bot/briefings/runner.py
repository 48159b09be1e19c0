"""Running briefings: each run once, at its minute, whatever dies on the way.

All replicas look at one timetable. Whoever takes a briefing's next run owns it by a fence and keeps it by
moving its place in the timetable on; when that process dies, the run comes back by itself and goes on from
its receipt. What was composed is not composed again, and what may have been posted is looked for first.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from bot.briefings.briefing import Briefing, RunState
from bot.briefings.headlines import Headlines
from bot.briefings.ports import ChannelGoneError, Clock, Composer, Poster
from bot.briefings.schedule import DayOff, NoRunError, runs
from bot.store.briefing_store import BriefingStore, RunEnd, RunLease
from bot.store.errors import FencedError, StoreError

__all__ = ["BriefingRunner", "BriefingTimes"]

log = structlog.get_logger()

MAX_ATTEMPTS = 6
"""Attempts at one run: with the pauses below the last one comes an hour after the first."""


@dataclass(frozen=True, slots=True)
class BriefingTimes:
    """Lengths of time; tests shorten them."""

    grace: timedelta = timedelta(hours=2)
    """How late a run may still be made up: at nine, seven o'clock's briefing is still this morning's."""
    late: timedelta = timedelta(seconds=90)
    """From here a briefing says that it is late: nobody minds a minute."""
    lease: timedelta = timedelta(seconds=10)
    """After this silence another process takes a run over."""
    tick: timedelta = timedelta(seconds=1)
    """Time between two looks at the timetable: a run that is due now begins a second later at most."""
    first_pause: timedelta = timedelta(minutes=1)
    """Pause after a first failure, doubled after each further one."""
    longest_pause: timedelta = timedelta(minutes=30)
    least_lead: timedelta = timedelta(seconds=45)
    """How early a preparation begins at least: a plan, a draft and its checks take 20 to 30 seconds."""
    most_lead: timedelta = timedelta(minutes=15)
    """How early it begins at most: older news is not this morning's."""
    margin: float = 1.5
    """Lead against the slowest of the last preparations."""


class BriefingRunner:
    """Attends to the briefings of one app. ``days_off`` gives the public holidays of a country code."""

    def __init__(
        self,
        store: BriefingStore,
        composer: Composer,
        poster: Poster,
        clock: Clock,
        *,
        app_id: str,
        days_off: Callable[[str], DayOff],
        times: BriefingTimes | None = None,
        at_once: int = 500,
    ) -> None:
        self._store = store
        self._composer = composer
        self._poster = poster
        self._clock = clock
        self._app_id = app_id
        self._days_off = days_off
        self._times = times or BriefingTimes()
        self._at_once = at_once
        self._running: dict[asyncio.Task[None], str] = {}
        self._headlines = Headlines()

    # The timetable --------------------------------------------------------------------------------------

    async def arm(self, briefing: Briefing) -> datetime | None:
        """Keep a new or changed briefing; returns its next run, or ``None`` while it is paused."""
        due = None if briefing.paused else self._following(briefing, self._clock.now())
        await self._store.save(briefing, due, lead=self._lead(await self._store.preparations(self._app_id)))
        return due

    async def run_forever(self) -> None:
        """Look at the timetable until cancelled; then the runs in work are given back at once."""
        try:
            while True:
                try:
                    await self.tick()
                except StoreError as error:
                    log.warning("briefings.timetable_unread", error=type(error).__name__)
                await asyncio.sleep(self._times.tick.total_seconds())
        finally:
            await self.give_back()

    async def tick(self) -> None:
        """Begin what somebody must look at now."""
        free = self._at_once - len(self._running)
        if free <= 0:
            return
        taken = await self._store.take(self._app_id, self._clock.now(), lease=self._times.lease, most=free)
        for briefing_id in taken:
            if briefing_id in self._running.values():
                continue  # its keeper was late by a lease; it is still at work here
            task = asyncio.create_task(self.attend(briefing_id), name=f"briefing {briefing_id}")
            self._running[task] = briefing_id
            task.add_done_callback(self._running.pop)

    async def give_back(self) -> None:
        """Stop all work; another process goes on."""
        tasks = list(self._running)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # One run --------------------------------------------------------------------------------------------

    async def attend(self, briefing_id: str) -> None:
        """Take the briefing's next run as far as it goes now. Does not raise but for cancellation."""
        with structlog.contextvars.bound_contextvars(briefing=briefing_id):
            try:
                await self._attend(briefing_id)
            except FencedError:
                log.info("briefing.taken_over")
            except StoreError as error:
                # Its place in the timetable brings it back after a lease.
                log.warning("briefing.left", error=type(error).__name__)

    async def _attend(self, briefing_id: str) -> None:
        armed = await self._store.briefing(self._app_id, briefing_id)
        if armed is None or armed.due is None:
            return
        lease = await self._store.begin(self._app_id, briefing_id, armed.due)
        if lease is None:
            # That run is over, and its end could not arm the next one because the briefing was changed.
            lead = self._lead(await self._store.preparations(self._app_id))
            await self._store.save(armed.briefing, self._following(armed.briefing, armed.due), lead=lead)
            return
        async with self._kept(lease):
            await self._try(armed.briefing, lease)

    async def _try(self, briefing: Briefing, lease: RunLease) -> None:
        now, due = self._clock.now(), lease.run.due
        if now > due + self._times.grace:
            await self._poster.tell_owner(
                briefing,
                f"Your briefing of {_minute(due)} was missed: nothing ran at its time, and it is too late "
                "to make it up. The next one comes as planned.",
            )
            await self._finish(briefing, lease, self._end(RunState.SKIPPED, "TooLate"))
            return
        if lease.run.attempts > MAX_ATTEMPTS:
            await self._fail(briefing, lease, "WorkerDied")
            return
        try:
            await self._go_on(briefing, lease)
        except (FencedError, StoreError):
            raise
        except ChannelGoneError as error:
            await self._pause(briefing, lease, error)
        except Exception as error:  # noqa: BLE001 - whatever it is, the run is tried again and then reported
            await self._fail(briefing, lease, type(error).__name__)

    async def _go_on(self, briefing: Briefing, lease: RunLease) -> None:
        run, took = lease.run, None
        # Late is what nobody was there to begin in time, not what took long to write.
        late = self._clock.now() > run.due + self._times.late
        content = run.content
        if content is None:
            started = self._clock.now()
            content = await self._composer.compose(briefing, run.due)
            took = (self._clock.now() - started).total_seconds()
            await self._store.record(lease, {"content": content})
            log.info("briefing.prepared", seconds=round(took, 1))
        with self._headlines.coming(run.due):
            await self._clock.sleep_until(run.due)
            if not run.headline_begun and not await self._still_wanted(briefing, lease):
                return
            if not run.headline_ts:
                await self._store.record(lease, {"headline_begun": True})
                ts = await self._poster.post_headline(
                    briefing, run, content, late=late, look_first=run.headline_begun
                )
                run = replace(run, headline_ts=ts)
                await self._store.record(lease, {"headline_ts": ts, "items_begun": True})
        await self._headlines.out(run.due)
        items_ts = await self._poster.post_items(briefing, run, content, look_first=run.items_begun)
        await self._composer.posted(briefing, content)
        if not await self._poster.owner_is_there(briefing):
            await self._orphan(briefing)
        end = self._end(RunState.POSTED, "Late" if late else "")
        await self._finish(briefing, lease, replace(end, items_ts=items_ts, preparation_seconds=took))

    async def _still_wanted(self, briefing: Briefing, lease: RunLease) -> bool:
        """Whether the briefing is as it was when the run began; if not, the run is given up here."""
        armed = await self._store.briefing(self._app_id, briefing.briefing_id)
        if armed is not None and armed.briefing.revision == briefing.revision:
            return True
        if armed is not None and armed.due == lease.run.due:
            # The same minute, but something else is wanted: compose it anew, at once.
            await self._store.record(lease, {"content": None})
            await self._store.keep(lease, self._clock.now(), forgive=True)
        else:
            await self._finish(briefing, lease, self._end(RunState.SKIPPED, "Changed"))
        return False

    # How runs end ---------------------------------------------------------------------------------------

    async def _finish(self, briefing: Briefing, lease: RunLease, end: RunEnd) -> None:
        new = () if end.preparation_seconds is None else (end.preparation_seconds,)
        await self._store.finish(
            lease,
            briefing,
            end,
            following=self._following(briefing, max(lease.run.due, end.at)),
            lead=self._lead((*new, *lease.preparations)),
        )
        log.info("briefing.finished", state=end.state.value, reason=end.reason, channel=briefing.channel)

    def _end(self, state: RunState, reason: str = "") -> RunEnd:
        return RunEnd(state, self._clock.now(), reason)

    async def _orphan(self, briefing: Briefing) -> None:
        """Nobody would hear of its failures any more: it waits for a new owner."""
        log.warning("briefing.owner_gone", channel=briefing.channel)
        await self._poster.tell_channel(
            briefing,
            "This channel’s briefing is paused: the person who made it has left. Whoever types "
            "`/briefing resume` here keeps it going.",
        )
        paused = replace(briefing, paused="Its owner has left.", revision=briefing.revision + 1)
        await self._store.save(paused, None)

    async def _pause(self, briefing: Briefing, lease: RunLease, error: ChannelGoneError) -> None:
        log.warning("briefing.channel_gone", channel=briefing.channel)
        await self._poster.tell_owner(
            briefing, f"Your briefing is paused. {error.user_message} Resume it when that is settled."
        )
        paused = replace(briefing, paused=error.user_message, revision=briefing.revision + 1)
        await self._store.save(paused, None)
        await self._finish(briefing, lease, self._end(RunState.SKIPPED, "ChannelGone"))

    async def _fail(self, briefing: Briefing, lease: RunLease, reason: str) -> None:
        now, run, times = self._clock.now(), lease.run, self._times
        pause = min(times.first_pause * 2 ** (run.attempts - 1), times.longest_pause)
        log.warning("briefing.failed", error=reason, attempt=run.attempts)
        if run.attempts < MAX_ATTEMPTS and now + pause <= run.due + times.grace:
            await self._store.keep(lease, now + pause)
            return
        await self._poster.tell_channel(
            briefing, "This channel’s briefing could not be made today. The next one comes as planned."
        )
        await self._poster.tell_owner(
            briefing,
            f"Your briefing of {_minute(run.due)} failed {run.attempts} times and was given up. "
            "The next one comes as planned; whoever runs this app finds the reason in its log.",
        )
        await self._finish(briefing, lease, self._end(RunState.FAILED, reason))

    # Times ----------------------------------------------------------------------------------------------

    def _following(self, briefing: Briefing, after: datetime) -> datetime | None:
        day_off = self._days_off(briefing.holidays_of) if briefing.holidays_of else None
        try:
            return next(runs(briefing.schedule, after, day_off=day_off))
        except NoRunError:
            return None

    def _lead(self, preparations: Sequence[float]) -> timedelta:
        """How early to begin, by the slowest of the last preparations."""
        times = self._times
        slowest = max(preparations, default=0.0)
        return min(max(timedelta(seconds=slowest * times.margin), times.least_lead), times.most_lead)

    @asynccontextmanager
    async def _kept(self, lease: RunLease) -> AsyncIterator[None]:
        """Keep the run while the body works on it; give it back at once when the body is cancelled."""
        keeper = asyncio.create_task(self._keep(lease, asyncio.current_task()))
        try:
            yield
        except asyncio.CancelledError:
            await self._store.keep(lease, self._clock.now(), forgive=True)
            raise
        finally:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)

    async def _keep(self, lease: RunLease, owner: asyncio.Task[None] | None) -> None:
        while True:
            await self._clock.sleep_until(self._clock.now() + self._times.lease / 3)
            try:
                await self._store.keep(lease, self._clock.now() + self._times.lease)
            except FencedError:
                if owner is not None:
                    owner.cancel()  # somebody else goes on: nothing may be posted from here
                return
            except StoreError as error:
                log.warning("briefing.not_kept", error=type(error).__name__)


def _minute(moment: datetime) -> str:
    return f"{moment:%d %b %Y, %H:%M} UTC"
