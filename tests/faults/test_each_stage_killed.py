"""Every stage of a turn under kill -9, in every run of the tests: half a minute, mostly of waiting."""

from __future__ import annotations

import pytest

from tests.faults.conftest import Worlds
from tests.faults.stages import ACK
from tests.faults.table import CELLS, cell

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]

KILLED = [each for each in CELLS if each.strike.name == "SIGKILL" and each.stage.name != ACK]
TOGETHER = 10
"""Turns killed together, one of them (evidence) in a world of its own: more keep two cores so busy that the
machine, not the kill, sets the times.
"""


@pytest.mark.parametrize("first", range(0, len(KILLED), TOGETHER))
async def test_each_stage_survives_kill_9(worlds: Worlds, subtests: pytest.Subtests, first: int) -> None:
    """A turn whose process is killed at any stage is taken over and ends complete, with nothing twice."""
    await worlds.run(KILLED[first : first + TOGETHER], subtests)


async def test_a_turn_that_was_not_yet_acknowledged_survives_kill_9(
    worlds: Worlds, subtests: pytest.Subtests
) -> None:
    """A process killed before its ack: Slack delivers the event to another, which answers once."""
    await worlds.run([cell("SIGKILL", ACK)], subtests)
