"""Encryption at rest of what is remembered of threads."""

from __future__ import annotations

import base64
import os
import time

from bot.store.connection import open_redis
from bot.store.sealing import seal_for
from bot.store.thread_store import Plain, ThreadStore
from bot.store.turn_store import TurnStore
from bot.threads import Said
from tests.support.valkey import RealValkey, turn_in

SECRET = "Kim says the licence was refused."


def key() -> str:
    """A key as the setting wants it."""
    return base64.urlsafe_b64encode(os.urandom(32)).decode()


async def test_words_are_unreadable_in_redis_and_keys_rotate(valkey: RealValkey) -> None:
    """The server never holds the words; a new key in front reads what the old one wrote, and without the old
    one that is as if forgotten, not an error.
    """
    old, new = key(), key()
    redis = open_redis(valkey.url)
    turn = turn_in()
    address = f"{turn.team_id}:{turn.channel}:{turn.thread_ts}"
    try:
        turns = TurnStore(redis, prefix="seal")
        await turns.claim_and_enqueue(turn)
        lease = await turns.begin(turn.turn_id)
        stores = {keys: ThreadStore(redis, prefix="seal", seal=seal_for(keys)) for keys in ("", old)}
        said = Said(f"{time.time():.6f}", "U1", SECRET)
        await stores[old].hear(address, [said])
        raw = [await redis.hgetall(name) async for name in redis.scan_iter("seal:*:words")]
        assert raw
        assert "licence" not in str(raw)
        for keys, seen in ((old, True), (f"{new},{old}", True), (new, False), ("", False)):
            memory = await ThreadStore(redis, prefix="seal", seal=seal_for(keys)).begin(turn, lease)
            assert (memory.said == (said,)) is seen, keys
        await stores[""].hear(address, [said])
        memory = await ThreadStore(redis, prefix="seal", seal=seal_for(new)).begin(turn, lease)
        assert memory.said == (said,), "what was stored before there was a key is still read"
    finally:
        await redis.aclose()


def test_without_keys_values_are_plain() -> None:
    """Encryption is a choice."""
    assert isinstance(seal_for(" , "), Plain)
    assert seal_for("").close(b"{}") == b"{}"
