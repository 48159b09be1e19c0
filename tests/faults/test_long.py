"""Faults that take their time, and one turn with Slack's and our own times as they are."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from bot.sandbox import WorkspaceConfig
from bot.settings import Settings
from tests.faults.case import Case
from tests.faults.endings import COMPLETE, assert_ended
from tests.faults.running import run_cells
from tests.faults.stages import AFTER, stage
from tests.faults.strikes import PROGRESS_SECONDS, crowding, down, progress, strike
from tests.faults.table import Cell
from tests.faults.world import CHANNELS, World, open_world, shortened

OUTAGE_SECONDS = 30.0
"""Issue 3."""

SLOW_TOKENS = 4.0
"""A second: an answer then takes longer than a stream may live (240 s of Slack's 300)."""


@pytest.mark.fault_table
@pytest.mark.timeout(300)
async def test_an_outage_of_thirty_seconds_loses_nothing() -> None:
    """Nobody writes to Slack meanwhile; then every turn goes on, and what was asked meanwhile is answered."""
    workspace = shortened(WorkspaceConfig())
    limits = replace(workspace.limits, redelivery_delays=(0.0, 10.0, 45.0))
    meanwhile: list[Case] = []

    async def away(world: World, cases: Sequence[Case]) -> None:
        late = Case(world, stage(AFTER), CHANNELS[-1])
        meanwhile.append(late)
        await asyncio.gather(down(world, cases, OUTAGE_SECONDS), late.ask())

    long = replace(strike("Redis down"), act_on_all=away)
    cells = [
        Cell(long, stage(name), COMPLETE) for name in ("plan", "section 2", "section 5", "append", "footer")
    ]
    async with open_world(workspace=replace(workspace, limits=limits), stall_seconds=90) as world:
        for each in await run_cells(world, cells):
            if each.error is not None:
                print(world.told())
                raise each.error
        (late,) = meanwhile
        await world.until_taken(late.turn_id)
        await late.end()
        await assert_ended(late, COMPLETE)


@pytest.mark.fault_table
@pytest.mark.timeout(580)
async def test_a_killed_turn_goes_on_with_all_times_as_they_are() -> None:
    """Lease, stream age, rate window and redelivery as in production; the model takes five minutes."""
    fields = Settings.model_fields
    real = {
        name: fields[name].default
        for name in (
            "lease_seconds",
            "slack_stream_seconds",
            "slack_window_seconds",
            "stall_seconds",
            "model_retry_seconds",
        )
    }
    workspace = WorkspaceConfig()
    channels = (*workspace.channels, replace(workspace.channels[0], id=CHANNELS[0], name="real"))
    async with open_world(
        workspace=replace(workspace, channels=channels), tokens_per_second=SLOW_TOKENS, **real
    ) as world:
        case = Case(world, stage(AFTER), CHANNELS[0])
        await case.ask()
        await world.desk.until(lambda: "## 1. " in world.desk.text(case.root), 120)
        case.strike()
        await world.kill(world.owner(case.turn_id))
        assert await progress(case) < PROGRESS_SECONDS * crowding()
        await world.until_over(case.turn_id, 500)
        await case.end()
        await assert_ended(case, COMPLETE)
        starts = [call for call in world.desk.calls("chat.startStream") if call.ok]
        assert len(starts) >= 2, "the kill, or the stream's age, began another one"
