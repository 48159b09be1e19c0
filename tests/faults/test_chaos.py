"""Replicas killed and replaced while many turns are at work."""

from __future__ import annotations

import asyncio
import random
import time

import pytest

from tests.faults.crowd import ask_all, assert_complete, longest_wait, until_all_over
from tests.faults.strikes import EXIT_SECONDS, PROGRESS_SECONDS, crowding
from tests.faults.world import World, open_world

TURNS = 50
"""Issue 3."""

KILL_EVERY_SECONDS = 4.0
"""A process needs about two seconds to start."""

END_SECONDS = 240.0
"""Longest wait for the turns after the last kill; they need about a minute on two cores."""


async def kill_at_random(world: World, seconds: float, dice: random.Random) -> int:
    """Kill one of the replicas every few seconds, each time with another one in its place; how many."""
    until, killed = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        await asyncio.sleep(dice.uniform(0.5, 1.5) * KILL_EVERY_SECONDS)
        await world.kill(dice.choice(world.replicas))
        await world.start(wait=False)
        killed += 1
    return killed


@pytest.mark.parametrize(
    "seconds",
    [
        pytest.param(25.0, marks=[pytest.mark.fault_table, pytest.mark.timeout(400)]),
        pytest.param(120.0, marks=[pytest.mark.soak, pytest.mark.timeout(600)]),
    ],
)
async def test_four_replicas_killed_at_random_finish_every_thread(seconds: float) -> None:
    """Fifty turns at once on four replicas, one of which dies every few seconds: each is answered once."""
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    async with open_world(replicas=4, tokens_per_second=4000 / seconds, lease_seconds=5) as world:
        cases = await ask_all(world, TURNS)
        killed = await kill_at_random(world, seconds, random.Random(seed))
        await until_all_over(cases, END_SECONDS)
        assert killed >= seconds / (2 * KILL_EVERY_SECONDS)
        await assert_complete(world, cases)
        at_work = [each for each in (*world.gone, *world.replicas) if each.events("turn.started")]
        assert len(at_work) > 1, "the work was shared"


@pytest.mark.fault_table
@pytest.mark.timeout(300)
async def test_a_rolling_restart_under_load_loses_nothing_and_keeps_nobody_waiting() -> None:
    """Two replicas are replaced one after the other: they go in time, and every reader sees text go on."""
    async with open_world(tokens_per_second=60) as world:
        cases = await ask_all(world, 10)
        await asyncio.gather(*(world.until_taken(case.turn_id) for case in cases))
        began = time.time()
        for replica in list(world.replicas):
            await world.start()
            assert await world.terminate(replica) < EXIT_SECONDS * crowding()
        await until_all_over(cases, END_SECONDS)
        await assert_complete(world, cases)
        assert max(longest_wait(case, began) for case in cases) < PROGRESS_SECONDS * crowding()
