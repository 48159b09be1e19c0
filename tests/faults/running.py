"""Running cells of the table, side by side in one world: each turn in a channel of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from tests.faults.case import Case
from tests.faults.endings import assert_ended
from tests.faults.stages import ACK
from tests.faults.strikes import ActOnAll
from tests.faults.table import Cell
from tests.faults.world import CHANNELS, World

__all__ = ["Outcome", "run_cells"]

AT_ONCE = 8
"""Turns at work side by side in one world: more keep two cores so busy that the machine, not the fault, sets
the times.
"""


BEGINNINGS = 4
"""Turns that are asked until one comes to its stage in its first run."""

NEED_A_STREAM = {"slack stream", "stop"}
"""Faults of the message that is streaming."""


@dataclass
class Outcome:
    """A cell that was run, and what was wrong."""

    cell: Cell
    case: Case
    error: BaseException | None = None

    async def attempt(self, deed: Callable[[Outcome], Awaitable[None]]) -> None:
        """Take the next step of the case unless an earlier one failed."""
        if self.error is None:
            try:
                await deed(self)
            except Exception as error:  # noqa: BLE001 - told by the test, cell by cell
                self.error = error


async def run_cells(world: World, cells: Sequence[Cell]) -> list[Outcome]:
    """Bring a turn to each cell's stage, let it happen to it, and look at every end.

    A fault of one turn happens as soon as this turn is at its stage: what is held for long fails by itself.
    Cells that strike the whole world must have the same fault; it strikes when all turns are at their stages.
    """
    run = [Outcome(cell, _case(world, cell, channel)) for cell, channel in zip(cells, CHANNELS, strict=False)]
    assert len(run) == len(cells)
    common = {each.cell.strike.act_on_all for each in run}
    assert len(common) == 1 or None not in common
    (act_on_all,) = common
    if act_on_all is None:
        places = asyncio.Semaphore(AT_ONCE)
        await asyncio.gather(*(_alone(each, places) for each in run))
    else:
        await _together(world, run, act_on_all)
    world.valkey.resume()
    world.reset()
    await world.trim()
    await world.complete()
    await _all(run, lambda each: assert_ended(each.case, each.cell.ending, exact=each.cell.exact))
    return run


async def _alone(each: Outcome, places: asyncio.Semaphore) -> None:
    """One cell from its beginning to its end."""
    async with places:
        await each.attempt(_begin)
        await each.attempt(_act)
        await each.attempt(lambda each: each.case.end())


async def _begin(each: Outcome) -> None:
    """Bring the turn to its stage. Where a starved machine let its lease run out on the way, it is not there
    as it should be (the next run has no stream until there is more to show): another one is asked.
    """
    for _ in range(BEGINNINGS):
        await each.case.begin()
        if each.cell.strike.family not in NEED_A_STREAM or each.case.runs() <= 1:
            return
        each.case.held.open()
        await each.case.end()
        each.case = _case(each.case.world, each.cell, each.case.channel)
    raise AssertionError("the machine is too busy to keep a lease")


async def _together(world: World, run: Sequence[Outcome], act_on_all: ActOnAll) -> None:
    """All turns at their stages, then the fault, then all ends."""
    begun = [_all(run, lambda each: each.case.begin())]
    if run[0].cell.strike.family == "process":
        if run[0].cell.stage.name == ACK or run[0].cell.stage.reads:
            # Who is to go on: not while Redis does not answer, or a search runs out of time.
            await world.start()
        else:
            begun.append(world.start())  # it is there when the turns are taken already
    await asyncio.gather(*begun)
    ready = [each for each in run if each.error is None]
    try:
        await act_on_all(world, [each.case for each in ready])
    except Exception as error:  # noqa: BLE001 - as above
        for each in ready:
            each.error = error
    await _all(run, lambda each: each.case.end())


async def _act(each: Outcome) -> None:
    assert each.cell.strike.act is not None
    await each.cell.strike.act(each.case)


async def _all(run: Sequence[Outcome], deed: Callable[[Outcome], Awaitable[None]]) -> None:
    await asyncio.gather(*(each.attempt(deed) for each in run))


def _case(world: World, cell: Cell, channel: str) -> Case:
    strike, stage = cell.strike, cell.stage
    return Case(
        world,
        stage,
        channel,
        held_before=strike.held_before,
        struck_first=stage.name == ACK and strike.family == "redis",
        replies=strike.replies(stage),
    )
