"""The worlds of the table: one for each test process, made anew after a case that left it in disorder."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio

pytest.register_assert_rewrite("tests.faults.endings", "tests.faults.strikes")

from tests.faults.running import run_cells  # noqa: E402 - after the line above
from tests.faults.table import Cell  # noqa: E402
from tests.faults.world import World, open_world  # noqa: E402


class Worlds:
    """Gives out the world of this process."""

    def __init__(self) -> None:
        self._stack = AsyncExitStack()
        self._world: World | None = None

    async def world(self) -> World:
        """The world, opened at first use."""
        if self._world is None:
            self._world = await self._stack.enter_async_context(open_world())
        return self._world

    async def run(self, cells: Sequence[Cell], subtests: pytest.Subtests) -> None:
        """Run cells side by side; each is told by itself. A world in which one failed is not used again."""
        world = await self.world()
        try:
            run = await run_cells(world, cells)
        except BaseException:
            print(world.told())
            await self.discard()
            raise
        failed = [each for each in run if each.error is not None]
        if failed:
            print(world.told())
            await self.discard()
        for each in run:
            with subtests.test(each.cell.name):
                if each.error is not None:
                    raise each.error

    async def discard(self) -> None:
        """Close it; the next case gets another one."""
        self._world = None
        await self._stack.aclose()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def worlds() -> AsyncIterator[Worlds]:
    """The worlds of this test process."""
    worlds = Worlds()
    yield worlds
    await worlds.discard()


@pytest.fixture(autouse=True)
def quiet_asyncio(caplog: pytest.LogCaptureFixture) -> None:
    """It warns at every write to a process that was killed."""
    caplog.set_level(logging.ERROR, logger="asyncio")


@pytest.fixture(autouse=True)
def no_outside_settings() -> None:
    """The processes get their whole environment from us, and nothing is read in this one."""
