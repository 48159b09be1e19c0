"""The queue on a real Valkey: once, in order, across crashes of workers and of the server."""
# ruff: noqa: F811, SIM117 - an imported fixture is an argument of the same name; nesting shows who outlives whom

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from redis.asyncio import Redis

from bot import jobs
from bot.jobs import HandOverError, Queue, QueueUnavailableError, TurnRun
from bot.store.connection import open_redis
from bot.store.keys import Keys
from bot.store.stored_turns import Claimed, Outcome
from bot.store.turn_store import TurnStore
from tests.support.valkey import (  # noqa: F401
    RealValkey,
    doomed_valkey,
    eventually,
    keys_without_ttl,
    namespace,
    redis,
    store,
    turn_in,
    valkey,
)

LEASE_SECONDS = 2.0
WORKER = Path(__file__).parent / "store" / "worker_process.py"


@asynccontextmanager
async def queue_at(
    url: str, prefix: str, *, lease_seconds: float = LEASE_SECONDS
) -> AsyncIterator[tuple[Queue, TurnStore]]:
    client = open_redis(url)
    turn_store = TurnStore(client, prefix=prefix)
    queue = await Queue.open(
        url, store=turn_store, name=f"{prefix}-queue", lease_seconds=lease_seconds, concurrency=50
    )
    try:
        yield queue, turn_store
    finally:
        await queue.aclose()
        await client.aclose()


@asynccontextmanager
async def working(
    queue: Queue,
    answer: Callable[[TurnRun], Awaitable[Outcome | None]],
    give_up: Callable[[TurnRun, str], Awaitable[None]] | None = None,
) -> AsyncIterator[None]:
    worker = asyncio.create_task(queue.run_worker(answer, give_up=give_up))
    try:
        yield
    finally:
        queue.drain()
        await worker


@pytest.fixture
async def queue(valkey: RealValkey, namespace: str) -> AsyncIterator[Queue]:
    async with queue_at(valkey.url, namespace) as (queue, _):
        yield queue


class WorkerProcess:
    """A worker to be killed; ``events`` is what it said."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.events: list[list[object]] = []
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, url: str, prefix: str, *, lease_seconds: float = LEASE_SECONDS) -> WorkerProcess:
        """Start it and wait until it takes turns."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(WORKER), url, prefix, str(lease_seconds), stdout=asyncio.subprocess.PIPE
        )
        worker = cls(process)
        await eventually(lambda: bool(worker.said("ready")), what="worker ready")
        return worker

    async def _read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            if line.startswith(b"["):
                self.events.append(json.loads(line))

    def said(self, what: str) -> list[list[object]]:
        """All it said of one kind."""
        return [event for event in self.events if event[0] == what]

    async def kill(self) -> None:
        """Kill -9."""
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()
        await self._reading

    async def terminate(self) -> int:
        """SIGTERM; the exit code."""
        self.process.terminate()
        await self._reading
        return await self.process.wait()


async def test_a_question_is_answered_once_however_often_slack_delivers_it(queue: Queue) -> None:
    """Eight deliveries at once, one answer."""
    answered: list[str] = []

    async def answer(run: TurnRun) -> None:
        answered.append(run.turn.turn_id)

    async with working(queue, answer):
        claims = await asyncio.gather(*(queue.enqueue(turn_in()) for _ in range(8)))
        await eventually(lambda: bool(answered))
        assert await queue.enqueue(turn_in()) is Claimed.DUPLICATE
        await asyncio.sleep(0.3)

    assert sorted(claims) == [Claimed.DUPLICATE] * 7 + [Claimed.NEW]
    assert answered == [turn_in().turn_id]


async def test_a_thread_is_answered_one_at_a_time_in_order_and_threads_side_by_side(
    queue: Queue, store: TurnStore, redis: Redis, namespace: str
) -> None:
    """Ten turns in each of four threads, asked out of step, over one worker; no key stays for ever."""
    running: dict[str, int] = {}
    order: dict[str, list[str]] = {}
    most_threads = 0

    async def answer(run: TurnRun) -> None:
        nonlocal most_threads
        thread = run.turn.thread_ts
        assert running.get(thread, 0) == 0
        running[thread] = 1
        most_threads = max(most_threads, sum(running.values()))
        order.setdefault(thread, []).append(run.turn.message_ts)
        await asyncio.sleep(0.01)
        running[thread] = 0

    async with working(queue, answer):
        for message in range(10):
            for thread in range(4):
                await queue.enqueue(turn_in(f"{thread}.0", f"{message}.{thread}"))
        await eventually(lambda: sum(map(len, order.values())) == 40)

    assert order == {f"{thread}.0": [f"{message}.{thread}" for message in range(10)] for thread in range(4)}
    assert most_threads > 1
    assert await keys_without_ttl(redis, f"{namespace}*", exempt=f"{namespace}-queue") == []


async def test_two_workers_share_the_threads_and_keep_their_order(valkey: RealValkey, namespace: str) -> None:
    """Two workers with connections of their own: each turn once, each thread in order."""
    order: dict[str, list[str]] = {}
    workers: set[int] = set()

    def answering(number: int) -> Callable[[TurnRun], Awaitable[None]]:
        async def answer(run: TurnRun) -> None:
            workers.add(number)
            order.setdefault(run.turn.thread_ts, []).append(run.turn.message_ts)
            await asyncio.sleep(0.02)

        return answer

    async with queue_at(valkey.url, namespace) as (one, _), queue_at(valkey.url, namespace) as (two, _):
        async with working(one, answering(1)), working(two, answering(2)):
            for message in range(5):
                for thread in range(12):
                    await (one if thread % 2 else two).enqueue(turn_in(f"{thread}.0", f"{message}.{thread}"))
            await eventually(lambda: sum(map(len, order.values())) == 60)

    assert order == {f"{thread}.0": [f"{message}.{thread}" for message in range(5)] for thread in range(12)}
    assert workers == {1, 2}


async def test_a_stop_reaches_the_running_answer_within_100_ms(queue: Queue, store: TurnStore) -> None:
    """The answer learns who pressed; a turn stopped while it waits starts stopped."""
    started = asyncio.Event()
    stops: list[tuple[str, str, float]] = []

    async def answer(run: TurnRun) -> Outcome:
        started.set()
        user = await run.stop.wait()
        stops.append((run.turn.message_ts, user, time.monotonic()))
        return Outcome.STOPPED

    async with working(queue, answer):
        await queue.enqueue(turn_in("1.0", "1.0"))
        await queue.enqueue(turn_in("1.0", "2.0"))
        await started.wait()
        await store.stop(turn_in("1.0", "2.0").turn_id, "U8")
        pressed = time.monotonic()
        await store.stop(turn_in("1.0", "1.0").turn_id, "U7")
        await eventually(lambda: len(stops) == 2)

    assert [stop[:2] for stop in stops] == [("1.0", "U7"), ("2.0", "U8")]
    assert stops[0][2] - pressed < 0.1


async def test_a_failing_turn_is_tried_again_and_then_parked_with_the_reason(
    queue: Queue, store: TurnStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five attempts, one word to the thread, and the thread's next turn is answered."""
    monkeypatch.setattr(jobs, "RETRY_BASE_SECONDS", 0.01)
    attempts: list[int] = []
    told: list[str] = []
    answered: list[str] = []

    async def answer(run: TurnRun) -> None:
        if run.turn.message_ts == "1.0":
            attempts.append(run.lease.attempt)
            raise ValueError("secret words of a person")
        answered.append(run.turn.message_ts)

    async def give_up(run: TurnRun, reason: str) -> None:
        told.append(reason)

    async with working(queue, answer, give_up):
        await queue.enqueue(turn_in("1.0", "1.0"))
        await queue.enqueue(turn_in("1.0", "2.0"))
        await eventually(lambda: bool(answered))

    assert attempts == [1, 2, 3, 4, 5]
    assert told == ["ValueError"]
    stored = await store.load(turn_in("1.0", "1.0").turn_id)
    assert stored is not None
    assert (stored.state, stored.reason) == (Outcome.PARKED, "ValueError")


async def test_a_job_lost_between_its_two_steps_is_found(
    queue: Queue, store: TurnStore, redis: Redis, namespace: str
) -> None:
    """A producer that died after taking the turn left no job; the sweep at a worker's start adds it."""
    claim = await store.claim_and_enqueue(turn_in())
    await redis.zincrby(Keys(namespace).open_threads, -60, claim.address)
    answered: list[str] = []

    async def answer(run: TurnRun) -> None:
        answered.append(run.turn.turn_id)

    async with working(queue, answer):
        await eventually(lambda: bool(answered))


async def test_slacks_redelivery_repairs_a_lost_job(queue: Queue, store: TurnStore) -> None:
    """The second delivery is a duplicate and still adds the job that the first one did not."""
    await store.claim_and_enqueue(turn_in())
    answered: list[str] = []

    async def answer(run: TurnRun) -> None:
        answered.append(run.turn.turn_id)

    async with working(queue, answer):
        assert await queue.enqueue(turn_in()) is Claimed.DUPLICATE
        await eventually(lambda: bool(answered))


async def test_a_draining_worker_hands_its_turns_to_another_at_once(
    valkey: RealValkey, namespace: str
) -> None:
    """Without waiting for the lease, without an attempt counted, at the place where the first one stopped."""
    taken = asyncio.Event()
    seen: list[tuple[int, str]] = []

    async def first(run: TurnRun) -> None:
        taken.set()
        await run.draining.wait()
        raise HandOverError

    async def second(run: TurnRun) -> None:
        seen.append((run.lease.attempt, run.turn.turn_id))

    async with queue_at(valkey.url, namespace) as (one, _), queue_at(valkey.url, namespace) as (two, _):
        async with working(one, first):
            await one.enqueue(turn_in())
            await taken.wait()
            async with working(two, second):
                one.drain()
                assert await eventually(lambda: bool(seen)) < 1.0

    assert seen == [(1, turn_in().turn_id)]


async def test_an_answer_that_ignores_the_drain_is_cancelled_and_handed_over(
    valkey: RealValkey, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stuck answer cannot keep the process from ending."""
    monkeypatch.setattr(jobs, "HAND_OVER_SECONDS", 0.2)
    taken = asyncio.Event()
    seen: list[str] = []

    async def stuck(run: TurnRun) -> None:
        taken.set()
        await asyncio.sleep(60)

    async def second(run: TurnRun) -> None:
        seen.append(run.turn.turn_id)

    async with queue_at(valkey.url, namespace) as (one, _), queue_at(valkey.url, namespace) as (two, _):
        async with working(one, stuck):
            await one.enqueue(turn_in())
            await taken.wait()
        async with working(two, second):
            await eventually(lambda: bool(seen))


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
        assert all(event[3] == 2 and event[2] > 0 for event in second.said("started")[:3])
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


async def test_a_silent_server_costs_two_seconds_and_no_ack(
    doomed_valkey: RealValkey, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The producer gives up in time for Slack, and the connection is right again afterwards."""
    monkeypatch.setattr(jobs, "ENQUEUE_SECONDS", 0.5)
    async with queue_at(doomed_valkey.url, namespace) as (queue, store):
        assert await queue.enqueue(turn_in("1.0")) is Claimed.NEW
        doomed_valkey.pause()
        began = time.monotonic()
        with pytest.raises(QueueUnavailableError):
            await queue.enqueue(turn_in("2.0"))
        assert time.monotonic() - began < 1.0
        doomed_valkey.resume()

        assert await store.turn(turn_in("1.0").turn_id) == turn_in("1.0")
        await queue.enqueue(turn_in("2.0"))
        assert await store.turn(turn_in("2.0").turn_id) == turn_in("2.0")


async def test_a_dead_server_is_an_error_of_ours(
    doomed_valkey: RealValkey, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is taken, and the person is told to send the question again."""
    monkeypatch.setattr(jobs, "ENQUEUE_SECONDS", 0.5)
    async with queue_at(doomed_valkey.url, namespace) as (queue, _):
        doomed_valkey.kill()
        with pytest.raises(QueueUnavailableError) as caught:
            await queue.enqueue(turn_in())
        assert "send it again" in caught.value.user_message
        doomed_valkey.start()


async def test_a_turn_that_kills_its_workers_is_parked(queue: Queue, store: TurnStore) -> None:
    """Five runs that never came back are the end of it; the thread is told and its next turn is answered."""
    told: list[tuple[str, str]] = []
    answered: list[str] = []

    async def answer(run: TurnRun) -> None:
        answered.append(run.turn.message_ts)

    async def give_up(run: TurnRun, reason: str) -> None:
        told.append((run.turn.message_ts, reason))

    await queue.enqueue(turn_in("1.0", "1.0"))
    await queue.enqueue(turn_in("1.0", "2.0"))
    for _ in range(jobs.MAX_ATTEMPTS):
        await store.begin(turn_in("1.0", "1.0").turn_id)
    async with working(queue, answer, give_up):
        await eventually(lambda: bool(answered))

    assert told == [("1.0", "WorkerDied")]
    assert answered == ["2.0"]
    stored = await store.load(turn_in("1.0", "1.0").turn_id)
    assert stored is not None
    assert stored.state == Outcome.PARKED


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
