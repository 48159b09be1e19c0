"""The whole table (``make faults``): every fault at every stage, but kill -9 (``test_each_stage_killed``)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from tests.faults.conftest import Worlds
from tests.faults.stages import ACK
from tests.faults.strikes import STRIKES, Strike
from tests.faults.table import CELLS, Cell

pytestmark = [
    pytest.mark.fault_table,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(300),
]


KILLED = "SIGKILL"

TOGETHER = 10
"""Turns that meet a fault of all turns together (``test_each_stage_killed``)."""


def groups() -> Iterator[tuple[str, Sequence[Cell]]]:
    """The cells of each fault: of one turn, all of them; of all turns, as many as may be held at a time."""
    for strike in STRIKES:
        if strike.name == KILLED:
            continue
        cells = [cell for cell in CELLS if cell.strike is strike and cell.stage.name != ACK]
        size = TOGETHER if strike.act_on_all else len(cells)
        for first in range(0, len(cells), size):
            yield f"{strike.name} from {cells[first].stage.name}", cells[first : first + size]


@pytest.mark.parametrize("cells", [pytest.param(cells, id=name) for name, cells in groups()])
async def test_a_fault_at_every_stage(
    worlds: Worlds, subtests: pytest.Subtests, cells: Sequence[Cell]
) -> None:
    """Each turn ends as promised, whatever it was doing."""
    await worlds.run(cells, subtests)


@pytest.mark.parametrize(
    "strike",
    [cell.strike for cell in CELLS if cell.stage.name == ACK and cell.strike.name != KILLED],
    ids=lambda strike: strike.name,
)
async def test_a_fault_before_the_ack(worlds: Worlds, subtests: pytest.Subtests, strike: Strike) -> None:
    """The question is answered once all the same: Slack delivers it again where it got no ack."""
    await worlds.run([cell for cell in CELLS if cell.strike is strike and cell.stage.name == ACK], subtests)
