"""Every fault once, at one stage each, in every run of the tests; all of them everywhere: ``test_table``."""

from __future__ import annotations

import pytest

from tests.faults.conftest import Worlds
from tests.faults.strikes import STRIKES
from tests.faults.table import IMPOSSIBLE, cell

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]

ONCE = {
    "model stall": "section 6",
    "Slack time-out": "footer",
    "Slack time-out, done": "card",
    "Slack 429": "append",
    "Slack 500": "card",
    "Slack 500, done": "footer",
    "Slack 503": "stop",
    "Slack reset": "stream start",
    "Slack reset, done": "append",
    "stream expired": "section 3",
    "stream too long": "section 5",
    "stopped in Slack": "section 4",
    "stopped on the card": "section 6",
    "channel archived": "append",
    "bot removed": "section 2",
    "model 429": "plan",
    "model 500": "outlook",
    "model disconnect": "section 4",
    "model truncation": "section 8",
    "model malformed chunk": "section 5",
    "model refusal": "section 3",
    "model length": "section 2",
    "duplicate events": "section 2",
    "re-ordered events": "section 3",
}
"""Faults that meet one turn: these run side by side, each in a channel of its own; first the ones that take
half a minute."""

ONCE_FOR_ALL = {
    "SIGTERM": "section 5",
    "token revoked": "section 4",
    "Redis down": "section 5",
    "Redis slow": "section 2",
    "Redis restarted": "append",
    "Redis read-only": "section 6",
    "Redis out of memory": "section 3",
    "clock forward": "section 5",
    "clock back": "append",
}
"""Faults that meet every turn there is."""


async def test_each_fault_of_one_turn_ends_as_promised(worlds: Worlds, subtests: pytest.Subtests) -> None:
    """Slack, the model or a person fails a turn at one of its stages."""
    await worlds.run([cell(fault, stage) for fault, stage in ONCE.items()], subtests)


@pytest.mark.parametrize("fault", ONCE_FOR_ALL)
async def test_each_fault_of_all_turns_ends_as_promised(
    worlds: Worlds, subtests: pytest.Subtests, fault: str
) -> None:
    """A process, the token, Redis or the clock fails all turns."""
    await worlds.run([cell(fault, ONCE_FOR_ALL[fault])], subtests)


async def test_no_fault_is_forgotten() -> None:
    """Every fault of the table has its place here, and every cell that cannot be has its reason."""
    assert {*ONCE, *ONCE_FOR_ALL, "SIGKILL"} == {strike.name for strike in STRIKES}
    assert all(reason for reason in IMPOSSIBLE.values())
