"""The memory of threads: read in one round trip, and gone for good once it is forgotten."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from redis.asyncio import Redis

from bot.assessment.assessment_record import AssessmentRecord
from bot.store.connection import open_redis
from bot.store.errors import FencedError
from bot.store.stored_turns import Lease
from bot.store.thread_store import ThreadStore, address_of
from bot.store.turn_store import TurnStore
from bot.threads import Said
from bot.turns import Turn
from tests.support.records import seed_record
from tests.support.valkey import RealValkey, keys_without_ttl, turn_in

HEARD = Said("1700000000.000050", "U0KIM", "The licence was refused.")


@pytest.fixture(scope="module")
def record() -> AssessmentRecord:
    """A whole assessment; made outside of any event loop."""
    return seed_record()


class Relay:
    """Between a client and the server; counts how often the client waited for an answer."""

    def __init__(self) -> None:
        self.round_trips = 0
        self._waits = False

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, up: bool) -> None:
        """One direction of one connection."""
        while data := await reader.read(1 << 16):
            self.round_trips += up and not self._waits
            self._waits = up
            writer.write(data)
            await writer.drain()
        writer.close()


@asynccontextmanager
async def counted(valkey: RealValkey) -> AsyncIterator[tuple[Redis, Relay]]:
    """A client of the server that is counted."""
    relay = Relay()

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_unix_connection(valkey.socket)
        async with asyncio.TaskGroup() as group:
            group.create_task(relay.carry(reader, server_writer, up=True))
            group.create_task(relay.carry(server_reader, writer, up=False))

    with tempfile.TemporaryDirectory(prefix="relay-") as folder:
        path = Path(folder) / "s"
        async with await asyncio.start_unix_server(connect, path):
            client = open_redis(f"unix://{path}")
            try:
                yield client, relay
            finally:
                await client.aclose()


async def begun(store: TurnStore, turn: Turn) -> Lease:
    """The turn, taken and owned by a run."""
    await store.claim_and_enqueue(turn)
    return await store.begin(turn.turn_id)


async def kept(redis: Redis, namespace: str, address: str) -> list[str]:
    """Which keys with words in them a thread has."""
    found = [key async for key in redis.scan_iter(f"{namespace}:*{address}*")]
    return sorted(
        what for key in found if (what := key.rpartition(":")[2]) in {"words", "exchanges", "assessments"}
    )


async def test_a_thread_is_read_in_one_round_trip(
    valkey: RealValkey, store: TurnStore, redis: Redis, namespace: str, record: AssessmentRecord
) -> None:
    """Messages, exchanges and assessments together, and the question is noted on the way."""
    first, second = turn_in(), turn_in(message="1700000001.000100")
    address = address_of(first.team_id, first.channel, first.thread_ts)
    plain = ThreadStore(redis, prefix=namespace)
    lease = await begun(store, first)
    await plain.hear(address, [HEARD])
    await plain.begin(first, lease)
    await plain.keep(first, lease, record)
    lease = await begun(store, second)
    async with counted(valkey) as (client, relay):
        await client.ping()
        before = relay.round_trips
        memory = await ThreadStore(client, prefix=namespace).begin(second, lease)
        assert relay.round_trips == before + 1
    assert memory.said == (HEARD,)
    assert [given.record.turn_id for given in memory.assessments] == [record.turn_id]
    assert [each.turn_id for each in memory.exchanges] == [first.turn_id, second.turn_id]


async def test_what_was_forgotten_meanwhile_does_not_come_back(
    store: TurnStore, redis: Redis, namespace: str, record: AssessmentRecord
) -> None:
    """The run that answers may keep nothing any more, neither an assessment nor a follow-up, nor note its
    question again.
    """
    turn, threads = turn_in(), ThreadStore(redis, prefix=namespace)
    address = address_of(turn.team_id, turn.channel, turn.thread_ts)
    lease = await begun(store, turn)
    await threads.begin(turn, lease)
    await threads.keep(turn, lease, record)
    assert await kept(redis, namespace, address) == ["assessments", "exchanges"]
    assert await threads.forget(address)
    with pytest.raises(FencedError):
        await threads.keep(turn, lease, record)
    with pytest.raises(FencedError):
        await threads.begin(turn, lease)
    await threads.keep(turn, lease, record, goes_on=True, answer="It stays likely.")
    assert await kept(redis, namespace, address) == []


async def test_an_older_run_keeps_nothing(
    store: TurnStore, redis: Redis, namespace: str, record: AssessmentRecord
) -> None:
    """A run that was thought dead does not write over what its successor gave."""
    turn, threads = turn_in(), ThreadStore(redis, prefix=namespace)
    old = await begun(store, turn)
    new = await store.begin(turn.turn_id)
    with pytest.raises(FencedError):
        await threads.keep(turn, old, record)
    await threads.keep(turn, new, record)
    assert await keys_without_ttl(redis, f"{namespace}:*") == []
