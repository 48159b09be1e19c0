"""Who asks: one look at a person for all who want to know."""

from __future__ import annotations

import asyncio

import pytest

from bot import doorkeeper
from tests.support.reception import open_reception
from tests.support.valkey import RealValkey, namespace, valkey

__all__ = ["namespace", "valkey"]


async def test_one_look_serves_all_who_wait_and_who_come_back(
    valkey: RealValkey, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While Slack is slow nobody's event gets its ack, but the answer is there for its next delivery."""
    monkeypatch.setattr(doorkeeper, "LOOK_SECONDS", 0.05)
    async with open_reception(valkey, prefix=namespace) as (reception, sandbox):
        gate = sandbox.faults.hold("users.info", "after")
        waiting = [asyncio.create_task(reception.door.person("U0DANA")) for _ in range(20)]
        await gate.reached.wait()
        given_up = await asyncio.gather(*waiting, return_exceptions=True)
        assert {type(error) for error in given_up} == {TimeoutError}
        monkeypatch.setattr(doorkeeper, "LOOK_SECONDS", 20.0)
        again = asyncio.create_task(reception.door.person("U0DANA"))
        await asyncio.sleep(0)
        gate.open()
        person = await again
        assert person is not None
        assert person.name == "Dana Reyes"
        assert await reception.door.person("U0DANA") is person
        assert len([call for call in sandbox.calls if call.method == "users.info"]) == 1
