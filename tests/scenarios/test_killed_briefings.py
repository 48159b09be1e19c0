"""Of two processes that attend to a briefing one is killed: it still comes once. The test turns the clock."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from redis.asyncio import Redis

from bot.briefings.briefing import RunState
from bot.briefings.posting import METADATA_TYPE
from bot.sandbox import Sandbox, WorkspaceConfig
from bot.sandbox.faults import Fault
from bot.sandbox.messages import Message
from bot.store.briefing_store import BriefingStore
from bot.turns import ChannelId, UserId
from tests.briefings.doubles import APP, briefing_of
from tests.support.desk import CHANNEL, ROOT
from tests.support.valkey import RealValkey, namespace, redis, valkey

__all__ = ["namespace", "redis", "valkey"]

DUE = datetime(2026, 11, 25, 7, tzinfo=UTC)
LONG = Fault(delay_seconds=60)
STEP = timedelta(seconds=4)
"""Less than half a lease: nobody who lives is taken for dead."""


class Stage:
    """A workspace, a clock, and processes that look at both."""

    def __init__(
        self, sandbox: Sandbox, valkey: RealValkey, store: BriefingStore, prefix: str, clock: Path
    ) -> None:
        self.sandbox, self.store = sandbox, store
        self._clock = clock
        self._arguments = (valkey.url, prefix, sandbox.api_url, sandbox.workspace.app().bot_token, str(clock))
        self.replicas: list[asyncio.subprocess.Process] = []
        self.turn(DUE - timedelta(seconds=60))

    def turn(self, to: datetime) -> None:
        """Set the clock, at once for all."""
        self.now = to
        new = self._clock.with_suffix(".new")
        new.write_text(str(to.timestamp()))
        new.replace(self._clock)

    async def start(self) -> None:
        """One more process."""
        self.replicas.append(
            await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tests.briefings.replica", *self._arguments, cwd=ROOT
            )
        )

    async def kill(self) -> None:
        """Kill the first process."""
        process = self.replicas.pop(0)
        process.kill()
        await process.wait()

    def posts(self) -> list[Message]:
        """The briefing's messages."""
        messages = self.sandbox.workspace.channel(CHANNEL).messages.values()
        return [each for each in messages if (each.metadata or {}).get("event_type") == METADATA_TYPE]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Let the clock go on, a step a glance, until something is so."""
        async with asyncio.timeout(30):
            while not condition():
                self.turn(self.now + STEP)
                await asyncio.sleep(0.1)

    async def run_state(self) -> tuple[RunState, bool]:
        """State of the run, and whether something was composed."""
        runs = await self.store.runs(APP, "b1")
        return (runs[0].state, runs[0].content is not None) if runs else (RunState.PREPARING, False)


@pytest.fixture
async def stage(valkey: RealValkey, redis: Redis, namespace: str, tmp_path: Path) -> AsyncIterator[Stage]:
    """A workspace with a briefing due at seven."""
    async with (
        Sandbox(WorkspaceConfig(rate_limits=False)) as sandbox,
        _staged(
            Stage(sandbox, valkey, BriefingStore(redis, prefix=namespace), namespace, tmp_path / "clock")
        ) as staged,
    ):
        yield staged


@asynccontextmanager
async def _staged(stage: Stage) -> AsyncIterator[Stage]:
    briefing = replace(briefing_of(), channel=ChannelId(CHANNEL), owner=UserId("U0DANA"))
    await stage.store.save(briefing, DUE, lead=timedelta(seconds=45))
    await stage.start()
    try:
        yield stage
    finally:
        while stage.replicas:
            await stage.kill()


async def _prepared(stage: Stage) -> None:
    stage.turn(DUE - timedelta(seconds=40))
    async with asyncio.timeout(30):
        while (await stage.run_state())[1] is False:  # noqa: ASYNC110 - the store tells nobody
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    "place", ["before posting", "while the headline is posted", "while the items are posted"]
)
async def test_a_killed_process_costs_nobody_a_briefing(
    place: str, stage: Stage, redis: Redis, namespace: str
) -> None:
    """One headline, one list of items, one composition, whenever the first of two processes is killed."""
    if place == "while the headline is posted":
        stage.sandbox.faults.add("chat.postMessage", LONG)
    elif place == "while the items are posted":
        stage.sandbox.faults.add("chat.postMessage", Fault())
        stage.sandbox.faults.add("chat.postMessage", LONG)
    await _prepared(stage)
    sent = {"before posting": 0, "while the headline is posted": 1, "while the items are posted": 2}[place]
    if sent:
        stage.turn(DUE)
        await stage.sandbox.wait_for(lambda: len(stage.posts()) == sent, 20)
    await stage.kill()
    await stage.start()
    await stage.until(lambda: len(stage.posts()) == 2 and stage.now > DUE + timedelta(minutes=1))
    async with asyncio.timeout(30):
        while (await stage.run_state())[0] is not RunState.POSTED:
            stage.turn(stage.now + STEP)
            await asyncio.sleep(0.05)
    headline, items = stage.posts()
    assert items.thread_ts == headline.ts
    assert await redis.get(f"{namespace}:composed") == "1"
    (run,) = await stage.store.runs(APP, "b1")
    assert (run.headline_ts, run.items_ts) == (headline.ts, items.ts)
    armed = await stage.store.briefing(APP, "b1")
    assert armed is not None
    assert armed.due == DUE + timedelta(days=1)
