"""Many turns at work at the same time, for faults that hit whichever of them they meet."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from bot.store.stored_turns import Outcome
from tests.faults.case import Case
from tests.faults.endings import COMPLETE, assert_ended
from tests.faults.stages import AFTER, stage
from tests.faults.world import CHANNELS, World

__all__ = ["ask_all", "assert_complete", "longest_wait", "until_all_over"]

POLL_SECONDS = 0.5
"""Between looks at the store, so that looking takes nothing from the turns."""


async def ask_all(world: World, number: int) -> list[Case]:
    """Ask so many questions, each in a thread of its own."""
    cases = []
    for count in range(number):
        case = Case(world, stage(AFTER), CHANNELS[count % len(CHANNELS)])
        await case.ask()
        cases.append(case)
    return cases


async def until_all_over(cases: Sequence[Case], seconds: float) -> None:
    """Wait until every turn has ended, however it did."""
    left = list(cases)
    async with asyncio.timeout(seconds):
        while left:
            stored = [await case.world.stored(case.turn_id) for case in left]
            over = {
                case.turn_id
                for case, each in zip(left, stored, strict=True)
                if each is not None and each.state in set(Outcome)
            }
            left = [case for case in left if case.turn_id not in over]
            await asyncio.sleep(POLL_SECONDS)


async def assert_complete(world: World, cases: Sequence[Case]) -> None:
    """Every thread has its whole answer, once."""
    for case in cases:
        await case.end()
    for case in cases:
        await assert_ended(case, COMPLETE)


def longest_wait(case: Case, since: float) -> float:
    """The longest time a reader saw nothing new after a moment (unix seconds), until the answer's end."""
    times = [
        call.at
        for call in case.world.desk.sandbox.calls
        if call.ok
        and call.at > since
        and case.channel in (call.args.get("channel"), call.args.get("channel_id"))
    ]
    return max((later - earlier for earlier, later in zip([since, *times], times, strict=False)), default=0.0)
