"""The long random run (``make soak``): faults and stages as the dice fall, in one world that lives on."""

from __future__ import annotations

import random
import time

import pytest

from tests.faults.conftest import Worlds
from tests.faults.stages import ACK
from tests.faults.strikes import STRIKES
from tests.faults.table import CELLS

pytestmark = [pytest.mark.soak, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(900)]

SECONDS = 450.0
"""With two minutes of chaos (``test_chaos``) ten minutes in all."""

AT_A_TIME = 6
"""Turns that are struck in one go."""


async def test_whatever_happens_in_whatever_order_every_turn_ends_as_promised(
    worlds: Worlds, subtests: pytest.Subtests
) -> None:
    """One fault after the other, each at some stages, as long as the time lasts; the seed is printed."""
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    dice, until, rounds = random.Random(seed), time.monotonic() + SECONDS, 0
    while time.monotonic() < until:
        strike = dice.choice(STRIKES)
        cells = [cell for cell in CELLS if cell.strike is strike and cell.stage.name != ACK]
        await worlds.run(dice.sample(cells, min(AT_A_TIME, len(cells))), subtests)
        rounds += 1
    assert rounds > 0
