"""Crashes of workers and of the server: every turn is taken up where it stopped, and nothing is doubled."""

from __future__ import annotations

import asyncio
import signal
import time

import pytest

from bot import jobs
from bot.jobs import HandOverError, TurnRun
from bot.store.connection import open_redis
from bot.store.keys import Keys
from bot.store.stored_turns import Outcome
from tests.store.queues import LEASE_SECONDS, WorkerProcess, queue_at, working
from tests.support.valkey import RealValkey, eventually, turn_in


async def test_a_killed_worker_is_replaced_where_it_stopped(valkey: RealValkey, namespace: str) -> None:
    """Kill -9 with a lease of two seconds: another worker goes on, no number is missing or doubled."""
    async with queue_at(valkey.url, namespace) as (queue, store):
        first = await WorkerProcess.start(valkey.url, namespace)
        turns = [turn_in(f"{thread}.0", text="120") for thread in range(3)]
        for turn in turns:
            await queue.enqueue(turn)
        await queue.enqueue(turn_in("0.0", "9.0", text="1"))  # waits behind the first thread's turn
        await eventually(lambda: len(first.said("started")) == 3)
        second = await WorkerProcess.start(valkey.url, namespace)
        await first.kill()
        killed = time.monotonic()
        await eventually(lambda: len(second.said("started")) >= 3, what="taken over")
        taken_over = time.monotonic() - killed
        await eventually(lambda: len(second.said("finished")) == 4, seconds=20)
        await second.kill()

        assert taken_over < 1.5 * LEASE_SECONDS + 0.5
        # Their process died with all three: none is to blame, unless it had begun before there were others.
        assert all(event[2] > 0 and event[3] in (1, 2) for event in second.said("started")[:3])
        finished = [event[1] for event in second.said("finished")]
        assert finished.index(turn_in("0.0").turn_id) < finished.index(turn_in("0.0", "9.0").turn_id)
        for turn in turns:
            stored = await store.load(turn.turn_id)
            assert stored is not None
            assert stored.delivery.document.split() == [str(number) for number in range(120)]


async def test_sigterm_ends_a_worker_within_seconds_and_loses_nothing(
    valkey: RealValkey, namespace: str
) -> None:
    """The process exits cleanly; its turn goes on elsewhere at once and counts one attempt."""
    async with queue_at(valkey.url, namespace) as (queue, store):
        first = await WorkerProcess.start(valkey.url, namespace, lease_seconds=10)
        await queue.enqueue(turn_in(text="100"))
        await eventually(lambda: bool(first.said("started")))
        second = await WorkerProcess.start(valkey.url, namespace, lease_seconds=10)
        asked = time.monotonic()
        assert await first.terminate() == 0
        ended = time.monotonic() - asked
        await eventually(lambda: bool(second.said("started")), what="taken over")
        taken_over = time.monotonic() - asked
        await eventually(lambda: bool(second.said("finished")))
        assert await second.terminate() == 0

        assert first.said("ended")
        assert ended < 4.0
        assert taken_over < 4.0
        assert second.said("started")[0][3] == 1
        stored = await store.load(turn_in().turn_id)
        assert stored is not None
        assert stored.delivery.document.split() == [str(number) for number in range(100)]


async def test_a_killed_server_stops_nothing_for_longer_than_it_is_away(
    doomed_valkey: RealValkey, namespace: str
) -> None:
    """Kill -9 of the server in the middle of an answer: the run goes on; stops and new turns work again."""
    numbers: list[int] = []
    half = asyncio.Event()
    runs: list[TurnRun] = []

    async with queue_at(doomed_valkey.url, namespace) as (queue, store):

        async def answer(run: TurnRun) -> Outcome:
            runs.append(run)
            if run.turn.message_ts == "2.0":
                await run.stop.wait()
                return Outcome.STOPPED
            for number in range(20):
                await store.record(run.lease, append=f"{number} ")
                numbers.append(number)
                if number == 10:
                    half.set()
                    await asyncio.sleep(1.2)  # the append-only file reaches the disk once a second
            return Outcome.ANSWERED

        async with working(queue, answer):
            await queue.enqueue(turn_in("1.0"))
            await half.wait()
            await asyncio.sleep(1.1)
            doomed_valkey.kill()
            await asyncio.sleep(0.5)
            doomed_valkey.start()
            await eventually(lambda: len(numbers) == 20)
            await queue.enqueue(turn_in("2.0"))
            await eventually(lambda: len(runs) == 2)
            await store.stop(turn_in("2.0").turn_id, "U7")
            await eventually(runs[1].stop.is_set, seconds=2)

        stored = await store.load(turn_in("1.0").turn_id)
        assert stored is not None
        assert stored.state == Outcome.ANSWERED
        assert stored.delivery.document.split() == [str(number) for number in range(20)]
        assert [run.lease.attempt for run in runs] == [1, 1]


async def test_a_stop_made_while_the_listener_was_away_is_caught_up(
    doomed_valkey: RealValkey, namespace: str
) -> None:
    """The mark on the turn is enough: a worker that lost its subscription looks at it when it is back."""
    started = asyncio.Event()
    stopped: list[str] = []

    async with queue_at(doomed_valkey.url, namespace) as (queue, _):

        async def answer(run: TurnRun) -> Outcome:
            started.set()
            stopped.append(await run.stop.wait())
            return Outcome.STOPPED

        async with working(queue, answer):
            await queue.enqueue(turn_in())
            await started.wait()
            record = Keys(namespace).thread("T1:C1:1700000000.000100").record(turn_in().turn_id)
            client = open_redis(doomed_valkey.url)
            await client.hset(record, "stopped_by", "U7")  # as if its message had been published to nobody
            await client.client_kill_filter(_type="pubsub")
            await client.aclose()
            await eventually(lambda: bool(stopped), seconds=3)

    assert stopped == ["U7"]


async def test_a_worker_that_slept_through_its_lease_writes_nothing_more(
    valkey: RealValkey, namespace: str
) -> None:
    """Paused longer than the lease, it wakes up fenced: no number is doubled, and the thread goes on."""
    async with queue_at(valkey.url, namespace) as (queue, store):
        first = await WorkerProcess.start(valkey.url, namespace, lease_seconds=1)
        await queue.enqueue(turn_in("1.0", text="120"))
        await eventually(lambda: bool(first.said("started")))
        first.process.send_signal(signal.SIGSTOP)
        second = await WorkerProcess.start(valkey.url, namespace, lease_seconds=1)
        await eventually(lambda: bool(second.said("started")), what="taken over")
        first.process.send_signal(signal.SIGCONT)
        await asyncio.sleep(0.3)
        await queue.enqueue(turn_in("1.0", "2.0", text="3"))  # must not start a second job for the thread
        both = [first, second]
        await eventually(
            lambda: sum(len(worker.said("finished")) for worker in both) == 2,
            seconds=20,
            what="both finished",
        )
        started = [event for worker in both for event in worker.said("started")]
        assert await first.terminate() == 0
        assert await second.terminate() == 0

        assert [event[3] for event in started if event[1] == turn_in("1.0").turn_id] == [1, 2]
        for message, count in (("1.0", 120), ("2.0", 3)):
            stored = await store.load(turn_in("1.0", message).turn_id)
            assert stored is not None
            assert stored.delivery.document.split() == [str(number) for number in range(count)]


async def test_an_outage_longer_than_the_retries_delays_a_turn_and_no_more(
    doomed_valkey: RealValkey, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run fails for want of Redis; when it is back the turn is taken up from what is stored."""
    monkeypatch.setattr("bot.store.connection.RECONNECT_RETRIES", 2)
    attempts: list[int] = []
    begun = asyncio.Event()

    async with queue_at(doomed_valkey.url, namespace, lease_seconds=1) as (queue, store):

        async def answer(run: TurnRun) -> None:
            attempts.append(run.lease.attempt)
            for number in range(len(run.stored.delivery.document.split()), 30):
                await store.record(run.lease, append=f"{number} ")
                await asyncio.sleep(0.1)
                if number == 15:
                    begun.set()

        async with working(queue, answer):
            await queue.enqueue(turn_in())
            await begun.wait()
            doomed_valkey.kill()
            await asyncio.sleep(2)
            doomed_valkey.start()

            async def answered() -> bool:
                stored = await store.load(turn_in().turn_id)
                return stored is not None and stored.state == Outcome.ANSWERED

            deadline = time.monotonic() + 20
            while not await answered():
                assert time.monotonic() < deadline
                await asyncio.sleep(0.1)

        stored = await store.load(turn_in().turn_id)
        assert stored is not None
        assert stored.delivery.document.split() == [str(number) for number in range(30)]
        assert attempts == [1, 2]


async def test_a_worker_ends_on_time_even_when_redis_does_not_answer(
    doomed_valkey: RealValkey, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing can be handed over, so the lease is left to run out; the next worker goes on."""
    monkeypatch.setattr(jobs, "HAND_OVER_SECONDS", 0.2)
    monkeypatch.setattr(jobs, "END_SECONDS", 0.3)
    taken = asyncio.Event()
    fences: list[int] = []

    async def answer(run: TurnRun) -> None:
        taken.set()
        fences.append(run.lease.fence)
        if len(fences) == 1:
            await run.draining.wait()
            raise HandOverError

    async with queue_at(doomed_valkey.url, namespace, lease_seconds=1) as (one, _):
        working_one = asyncio.create_task(one.run_worker(answer))
        await one.enqueue(turn_in())
        await taken.wait()
        doomed_valkey.pause()
        one.drain()
        began = time.monotonic()
        await asyncio.wait({working_one}, timeout=10)
        took = time.monotonic() - began
        doomed_valkey.resume()
        await working_one
    async with queue_at(doomed_valkey.url, namespace, lease_seconds=1) as (two, _), working(two, answer):
        await eventually(lambda: len(fences) == 2)

    assert took < 7
    assert fences == sorted(set(fences))
