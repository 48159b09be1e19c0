"""``country-agents turns``: what was given up is listed, asked again and dropped."""

from __future__ import annotations

import pytest

from bot.commands import turns
from bot.parked_turns import NotParkedError
from bot.settings import Settings
from bot.store.connection import open_redis
from bot.store.keys import app_prefix
from bot.store.stored_turns import Outcome
from bot.store.turn_store import TurnStore
from tests.support.valkey import RealValkey, doomed_valkey, keys_without_ttl, turn_in

__all__ = ["doomed_valkey"]


async def test_parked_turns_are_listed_asked_again_and_dropped(
    doomed_valkey: RealValkey, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the reason and without anybody's words; the question goes into its thread's queue once more."""
    settings = Settings.load(redis_url=doomed_valkey.url)
    redis = open_redis(doomed_valkey.url)
    store = TurnStore(redis, prefix=app_prefix("A1"))
    first, second = turn_in("1700000000.000100", text="secret words"), turn_in("1700000000.000200")
    for turn in (first, second):
        await store.claim_and_enqueue(turn)
        await store.finish(await store.begin(turn.turn_id), Outcome.PARKED, reason="ZeroDivisionError")

    await turns(settings, "list", None)
    listed = capsys.readouterr().out
    assert [line.split()[0] for line in listed.splitlines()] == [first.turn_id, second.turn_id]
    assert listed.count("A1 T1 C1/1700000000.000") == listed.count("ZeroDivisionError") == 2
    assert "secret" not in listed

    await turns(settings, "retry", first.turn_id)
    new_id = capsys.readouterr().out.strip().split()[-1].rstrip(".")
    asked_again = await store.load(new_id)
    assert asked_again is not None
    assert (asked_again.state, asked_again.turn.question) == ("waiting", first.question)
    assert [key for key in await redis.keys("country-agents-A1:*") if new_id in key or first.turn_id in key]

    await turns(settings, "drop", second.turn_id)
    capsys.readouterr()
    await turns(settings, "list", None)
    assert capsys.readouterr().out == "No turns are parked.\n"
    with pytest.raises(NotParkedError, match=second.turn_id):
        await turns(settings, "retry", second.turn_id)
    assert await keys_without_ttl(redis, "assess:*") == []
    await redis.aclose()
