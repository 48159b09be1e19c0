"""The whole table: every fault at every stage (``make faults``)."""

from __future__ import annotations

import pytest

from tests.faults.conftest import Worlds
from tests.faults.stages import ACK
from tests.faults.strikes import STRIKES, Strike
from tests.faults.table import CELLS

pytestmark = [
    pytest.mark.fault_table,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(300),
]


@pytest.mark.parametrize("strike", STRIKES, ids=lambda strike: strike.name)
async def test_a_fault_at_every_stage(worlds: Worlds, subtests: pytest.Subtests, strike: Strike) -> None:
    """Each turn ends as promised, whatever it was doing."""
    await worlds.run([cell for cell in CELLS if cell.strike is strike and cell.stage.name != ACK], subtests)


@pytest.mark.parametrize(
    "strike", [cell.strike for cell in CELLS if cell.stage.name == ACK], ids=lambda strike: strike.name
)
async def test_a_fault_before_the_ack(worlds: Worlds, subtests: pytest.Subtests, strike: Strike) -> None:
    """The question is answered once all the same: Slack delivers it again where it got no ack."""
    await worlds.run([cell for cell in CELLS if cell.strike is strike and cell.stage.name == ACK], subtests)
