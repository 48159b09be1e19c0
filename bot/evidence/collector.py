"""Collects in the background: one process of all replicas keeps every source's time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import partial

import structlog

from bot.evidence.collecting import Collecting, Outcome, now_in_utc
from bot.evidence.registry import ReadSource
from bot.store.errors import StoreUnavailableError
from bot.store.news_store import NewsStore, SourceState

__all__ = ["Collector", "Visits"]

log = structlog.get_logger(__name__)

LEASE_SECONDS = 30.0
"""After this silence another replica collects: news can wait half a minute."""

TICK_SECONDS = 5.0
"""How often the lease is renewed and due sources are looked for."""

AT_ONCE = 8
"""Sources that are read at once: they mostly wait, and more would come in bursts that parsing lags behind."""


class Visits:
    """Readings of sources that are under way in this process: whoever wants the same one waits for it."""

    def __init__(self, collecting: Collecting, store: NewsStore) -> None:
        self._collecting = collecting
        self._store = store
        self._running: dict[str, asyncio.Task[Outcome]] = {}

    def under_way(self, source: ReadSource) -> bool:
        """Whether the source is being read here."""
        return source.id in self._running

    async def visit(self, source: ReadSource, state: SourceState) -> Outcome:
        """Read a source, or wait for the reading under way. Cancelling the wait does not end the reading.
        Raises ``StoreUnavailableError``.
        """
        task = self._running.get(source.id)
        if task is None:
            task = asyncio.create_task(self._collecting.collect(source, state), name=f"source {source.id}")
            self._running[source.id] = task
            task.add_done_callback(lambda _: self._running.pop(source.id, None))
        return await asyncio.shield(task)

    async def states(self, sources: Sequence[ReadSource]) -> dict[str, SourceState]:
        """What is known of these sources, by id."""
        return await self._store.source_states([source.id for source in sources])

    async def aclose(self) -> None:
        """End all readings."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Collector:
    """Reads every source when it is due, as long as this process holds the lease."""

    def __init__(
        self, visits: Visits, store: NewsStore, sources: Iterable[ReadSource], *, owner: str
    ) -> None:
        self._visits = visits
        self._store = store
        self._sources = tuple(sources)
        self._owner = owner
        self._leading = False
        self._places = asyncio.Semaphore(AT_ONCE)
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Until cancelled. Redis may come and go."""
        try:
            while True:
                try:
                    await self._tick()
                except StoreUnavailableError as error:
                    self._leading = False
                    log.warning("collector.store_away", reason=str(error))
                await asyncio.sleep(TICK_SECONDS)
        finally:
            tasks = list(self._tasks.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if self._leading:
                await self._step_down()

    async def _tick(self) -> None:
        leading = await self._store.lead(self._owner, seconds=LEASE_SECONDS)
        if leading != self._leading:
            log.info("collector.leads" if leading else "collector.follows", sources=len(self._sources))
        self._leading = leading
        if not leading:
            return
        states = await self._visits.states(self._sources)
        for source in self._sources:
            if _is_due(states[source.id], now_in_utc()) and source.id not in self._tasks:
                task = asyncio.create_task(self._visit(source))
                self._tasks[source.id] = task
                task.add_done_callback(partial(self._done, source))

    def _done(self, source: ReadSource, task: asyncio.Task[None]) -> None:
        del self._tasks[source.id]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("source.visit_failed", source=source.name, exc_info=error)

    async def _visit(self, source: ReadSource) -> None:
        async with self._places:
            try:
                # It may have been read for a question while it waited here.
                state = (await self._visits.states([source]))[source.id]
                if _is_due(state, now_in_utc()):
                    await self._visits.visit(source, state)
            except StoreUnavailableError as error:
                log.warning("source.not_stored", source=source.name, reason=str(error))

    async def _step_down(self) -> None:
        try:
            await self._store.step_down(self._owner)
        except StoreUnavailableError:
            log.warning("collector.step_down_failed")


def _is_due(state: SourceState, now: datetime) -> bool:
    return state.due_at is None or state.due_at <= now
