"""The queue on a real Valkey: once, in order, handed over, stopped, tried again."""
# ruff: noqa: F811, SIM117 - an imported fixture is an argument of the same name; nesting shows who outlives whom

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import pytest
from redis.asyncio import Redis

from bot import jobs
from bot.jobs import HandOverError, Queue, QueueUnavailableError, TurnRun
from bot.store.keys import Keys, app_prefix
from bot.store.stored_turns import Claimed, Outcome
from bot.store.turn_store import EXCUSED_AT_MOST, TurnStore
from tests.store.queues import queue_at, working
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


@pytest.fixture
async def queue(valkey: RealValkey, namespace: str) -> AsyncIterator[Queue]:
    async with queue_at(valkey.url, namespace) as (queue, _):
        yield queue


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


async def test_mentions_that_come_out_of_order_are_answered_in_the_order_they_were_written(
    queue: Queue,
) -> None:
    """Three replies of one moment, the youngest first, and a worker that is free at once."""
    order: list[str] = []

    async def answer(run: TurnRun) -> None:
        order.append(run.turn.message_ts)

    async with working(queue, answer):
        for ts in ("1700000001.000300", "1700000001.000100", "1700000001.000200"):
            await queue.enqueue(turn_in("1700000000.000100", ts))
        await eventually(lambda: len(order) == 3)

    assert order == sorted(order)


async def test_a_worker_takes_the_turns_of_its_own_app_only(valkey: RealValkey, namespace: str) -> None:
    """Two apps share a Redis: what one was asked waits for a worker of that one."""
    taken: list[str] = []

    async def answer(run: TurnRun) -> None:
        taken.append(run.turn.app_id)

    one, two = (app_prefix(app, namespace) for app in ("A1", "A2"))
    async with queue_at(valkey.url, one) as (ours, _), queue_at(valkey.url, two) as (theirs, _):
        async with working(theirs, answer):
            await ours.enqueue(turn_in("1.0"))
            await theirs.enqueue(replace(turn_in("2.0"), app_id="A2"))
            await eventually(lambda: bool(taken))
        assert taken == ["A2"]
        async with working(ours, answer):
            await eventually(lambda: taken == ["A2", "A1"])


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


async def test_a_turn_that_dies_with_others_is_not_to_blame_at_once(store: TurnStore) -> None:
    """Each of them would be parked for the death of a machine; the one that causes it is, later."""
    turn_id = turn_in().turn_id
    await store.claim_and_enqueue(turn_in())
    for _ in range(EXCUSED_AT_MOST + 1):
        assert (await store.begin(turn_id, company=11)).attempt == 1
    assert [(await store.begin(turn_id, company=11)).attempt for _ in range(2)] == [2, 3]

    lease = await store.begin(turn_id, company=11)
    await store.save_checkpoint(lease, "plan", {})
    assert (await store.begin(turn_id)).attempt == 1, "it got further: excused from the beginning again"
    assert (await store.begin(turn_id, company=11)).attempt == 2, "it died alone"
    lease = await store.begin(turn_id, company=11)
    await store.hand_over(lease, counts=True, reason="ZeroDivisionError")
    assert (await store.begin(turn_id)).attempt == 3, "it failed: nobody died"


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
