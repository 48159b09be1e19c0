"""The worlds of the table: two for each test process, made anew after a case that left one in disorder."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio

pytest.register_assert_rewrite("tests.faults.endings", "tests.faults.strikes")

from tests.faults.running import Outcome, run_cells  # noqa: E402 - after the line above
from tests.faults.table import Cell  # noqa: E402
from tests.faults.world import World, open_reading_world, open_world  # noqa: E402


class Worlds:
    """Gives out the worlds of this process: one for the cells of stages that read, one for all others, where
    nothing is searched and replicas are cheaper.
    """

    def __init__(self) -> None:
        self._stacks: dict[bool, AsyncExitStack] = {}
        self._worlds: dict[bool, World] = {}

    async def world(self, *, reads: bool) -> World:
        """The world, opened at first use."""
        if reads not in self._worlds:
            self._stacks[reads] = AsyncExitStack()
            opened = open_reading_world() if reads else open_world()
            self._worlds[reads] = await self._stacks[reads].enter_async_context(opened)
        return self._worlds[reads]

    async def run(self, cells: Sequence[Cell], subtests: pytest.Subtests) -> None:
        """Run cells side by side, each in its world, and each is told by itself."""
        async with asyncio.TaskGroup() as group:
            parts = [
                group.create_task(self._run(alike, reads=reads))
                for reads in (False, True)
                if (alike := [cell for cell in cells if cell.stage.reads == reads])
            ]
        for part in parts:
            for each in part.result():
                with subtests.test(each.cell.name):
                    if each.error is not None:
                        raise each.error

    async def _run(self, cells: Sequence[Cell], *, reads: bool) -> list[Outcome]:
        """Run cells of one world. One in which a cell failed is not used again."""
        world = await self.world(reads=reads)
        try:
            run = await run_cells(world, cells)
        except BaseException:
            print(world.told())
            await self._discard(reads=reads)
            raise
        if any(each.error is not None for each in run):
            print(world.told())
            await self._discard(reads=reads)
        return run

    async def aclose(self) -> None:
        """Close them."""
        for reads in list(self._worlds):
            await self._discard(reads=reads)

    async def _discard(self, *, reads: bool) -> None:
        """Close one; the next case gets another one."""
        self._worlds.pop(reads, None)
        await self._stacks.pop(reads).aclose()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def worlds() -> AsyncIterator[Worlds]:
    """The worlds of this test process."""
    worlds = Worlds()
    yield worlds
    await worlds.aclose()


@pytest.fixture(autouse=True)
def quiet_asyncio(caplog: pytest.LogCaptureFixture) -> None:
    """It warns at every write to a process that was killed."""
    caplog.set_level(logging.ERROR, logger="asyncio")


@pytest.fixture(autouse=True)
def no_outside_settings() -> None:
    """The processes get their whole environment from us, and nothing is read in this one."""
