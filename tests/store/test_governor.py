"""The rate governor on a real Valkey: no window is ever exceeded, waiting is fair and even."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from bot.store import governor as module
from bot.store.connection import open_redis
from bot.store.errors import StoreUnavailableError
from bot.store.governor import Budget, Governor, Slot
from tests.support.valkey import RealValkey, keys_without_ttl

METHOD = "chat.appendStream"
BOOKER = Path(__file__).parent / "booking_process.py"


def most_in_a_window(times: Iterable[float], window: float) -> int:
    """The largest number of calls in any half-open window."""
    ordered = sorted(times)
    most = oldest = 0
    for newest, at in enumerate(ordered):
        while at - ordered[oldest] >= window:
            oldest += 1
        most = max(most, newest - oldest + 1)
    return most


async def book(governor: Governor, calls: int, *, channel: str | None = None) -> list[float]:
    """The waits of calls booked one after the other."""
    return [(await governor.reserve(METHOD, channel=channel)).seconds for _ in range(calls)]


async def confirmed(governor: Governor, slot: Slot) -> None:
    """Wait as a caller does."""
    while slot.seconds > 0:
        await asyncio.sleep(slot.seconds)
        slot = await governor.confirm(slot)


async def test_a_thousand_calls_from_four_processes_exceed_no_window(
    valkey: RealValkey, redis: Redis, namespace: str
) -> None:
    """Four replicas book at once; the booked times never hold more than the limit in any window."""
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, str(BOOKER), valkey.url, namespace, "250", stdout=asyncio.subprocess.PIPE
        )
        for _ in range(4)
    ]
    outputs = [(await process.communicate())[0] for process in processes]

    assert [process.returncode for process in processes] == [0] * 4
    booked = [at for output in outputs for at in json.loads(output)]
    assert len(booked) == 1000
    assert most_in_a_window(booked, 60.0) <= 100
    assert max(booked) - min(booked) < 1000 / 100 * 61  # and little of the budget is wasted
    assert await keys_without_ttl(redis, f"{namespace}:*") == []


async def test_a_burst_goes_out_at_once_and_the_rest_evenly(redis: Redis, namespace: str) -> None:
    """After five at once the window's other calls are spread over it; no silence at its end."""
    governor = Governor(redis, "A1", "T1", {METHOD: Budget(20, 60.0, burst=5)}, prefix=namespace)

    waits = await book(governor, 60)
    gaps = [later - earlier for earlier, later in pairwise(waits[5:])]

    assert waits[:5] == [0.0] * 5
    assert most_in_a_window(waits, 60.0) <= 20
    assert min(gaps) > 2.9
    assert max(gaps) < 1.5 * 60 / 20


async def test_slots_are_given_in_the_order_of_booking(redis: Redis, namespace: str) -> None:
    """Nobody who comes later calls earlier."""
    governor = Governor(redis, "A1", "T1", {METHOD: Budget(10, 10.0, burst=3)}, prefix=namespace)

    started = time.monotonic()
    slots = [time.monotonic() - started + wait for _ in range(40) for wait in await book(governor, 1)]

    assert slots == sorted(slots)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    limit=st.integers(1, 12),
    burst=st.integers(1, 12),
    spacing=st.sampled_from([None, 0.5, 3.0]),
    channels=st.lists(st.sampled_from(["C1", "C2", "C3", None]), min_size=1, max_size=60),
)
async def test_no_mix_of_channels_and_limits_breaks_a_promise(
    redis: Redis, namespace: str, limit: int, burst: int, spacing: float | None, channels: list[str | None]
) -> None:
    """Window and spacing hold for any budget and any order of channels."""
    budget = Budget(limit, 5.0, burst=min(burst, limit), spacing_seconds=spacing)
    app = f"A{time.monotonic_ns()}"
    governor = Governor(redis, app, "T1", {METHOD: budget}, prefix=namespace)

    slots: dict[str | None, list[float]] = {}
    for channel in channels:
        (wait,) = await book(governor, 1, channel=channel)
        slots.setdefault(channel, []).append(time.monotonic() + wait)

    assert most_in_a_window([slot for times in slots.values() for slot in times], 5.0) <= limit
    for channel, times in slots.items():
        gaps = [later - earlier for earlier, later in pairwise(times)]
        if spacing and channel:
            assert min(gaps, default=spacing) >= spacing - 0.1


async def test_a_busy_channel_does_not_hold_up_the_others(redis: Redis, namespace: str) -> None:
    """Thirty posts wait in one channel; the first post of another goes out at once."""
    budget = Budget(100, 60.0, burst=100, spacing_seconds=1.0)
    governor = Governor(redis, "A1", "T1", {METHOD: budget}, prefix=namespace)

    started = time.monotonic()
    waits = await book(governor, 30, channel="C1")

    assert 29.0 - (time.monotonic() - started) <= waits[-1] <= 29.0
    assert await book(governor, 1, channel="C2") == [0.0]


async def test_calls_for_questions_are_made_in_the_order_of_the_questions(
    redis: Redis, namespace: str
) -> None:
    """Eight at once, the youngest books first; other channels and calls for no question go their own way."""
    budget = Budget(100, 60.0, burst=100, spacing_seconds=0.05)
    governor = Governor(redis, "A1", "T1", {METHOD: budget}, prefix=namespace)
    called: list[object] = []

    async def call(what: object, slot: Slot) -> None:
        await confirmed(governor, slot)
        called.append(what)

    now = time.time() + 60  # so that every one of them waits for older ones, however slowly they are booked
    booked = [
        (number, await governor.reserve(METHOD, channel="C1", asked_at=now + number / 1000))
        for number in reversed(range(8))
    ]
    others = [await governor.reserve(METHOD, channel="C2", asked_at=now), await governor.reserve(METHOD)]
    await asyncio.gather(*(call(what, slot) for what, slot in booked))

    assert called == list(range(8))
    assert booked[0][1].seconds > 0.0
    assert others[0].seconds <= 0.1
    assert others[1].seconds == 0.0


async def test_an_older_question_that_is_announced_goes_first_though_it_books_last(
    redis: Redis, namespace: str
) -> None:
    """Its job was slow to begin: the younger ones let it pass, for half a second at most."""
    budget = Budget(100, 60.0, burst=100, spacing_seconds=0.05)
    governor = Governor(redis, "A1", "T1", {METHOD: budget}, prefix=namespace)
    called: list[str] = []

    async def call(what: str, slot: Slot) -> None:
        await confirmed(governor, slot)
        called.append(what)

    then = time.time() - 10
    for place in (0, 1):
        await governor.announce(METHOD, "C1", then + place)
    younger = await governor.reserve(METHOD, channel="C1", asked_at=then + 1)
    older = await governor.reserve(METHOD, channel="C1", asked_at=then)
    await asyncio.gather(call("younger", younger), call("older", older))
    await governor.announce(METHOD, "C2", then)
    lone = await governor.reserve(METHOD, channel="C2", asked_at=then)
    await governor.announce(METHOD, "C2", then + 1)
    last = await governor.reserve(METHOD, channel="C2", asked_at=then + 2)

    assert called == ["older", "younger"]
    assert 0.2 < younger.seconds <= 0.5
    assert lone.seconds == 0.0
    assert 0.2 < last.seconds <= 0.5


async def test_an_old_question_does_not_wait_for_older_ones(redis: Redis, namespace: str) -> None:
    """What could overtake it has arrived by now, and a clock that goes wrong delays nobody."""
    budget = Budget(100, 60.0, burst=100, spacing_seconds=1.0)
    governor = Governor(redis, "A1", "T1", {METHOD: budget}, prefix=namespace)

    old = await governor.reserve(METHOD, channel="C1", asked_at=time.time() - 0.2)
    from_the_future = await governor.reserve(METHOD, channel="C2", asked_at=time.time() + 3600)

    assert old.seconds == 0.0
    assert from_the_future.seconds <= 0.1


async def test_what_cannot_be_called_at_once_is_not_booked(redis: Redis, namespace: str) -> None:
    """The asking costs nobody a slot."""
    governor = Governor(redis, "A1", "T1", {METHOD: Budget(2, 60.0, burst=2)}, prefix=namespace)

    answers = [await governor.free_now(METHOD) for _ in range(20)]

    assert answers == [True, True] + [False] * 18
    assert await book(governor, 1) == [pytest.approx(60.5, abs=0.5)]


async def test_a_429_pauses_the_bucket_for_everyone_and_only_that_bucket(
    redis: Redis, namespace: str
) -> None:
    """Another replica's call waits for Retry-After, then the calls go out evenly."""
    budgets = {METHOD: Budget(100, 60.0, burst=10), "chat.update": Budget(50, 60.0, burst=10)}
    one = Governor(redis, "A1", "T1", budgets, prefix=namespace)
    two = Governor(redis, "A1", "T1", budgets, prefix=namespace)

    await one.penalise(METHOD, 7.0)
    waits = await book(two, 5)

    assert waits[0] >= 6.9
    assert all(later - earlier > 0.5 for earlier, later in pairwise(waits))
    assert (await two.reserve("chat.update")).seconds == 0.0
    assert await book(Governor(redis, "A1", "T2", budgets, prefix=namespace), 1) == [0.0]


async def test_a_caller_that_sleeps_through_a_pause_waits_for_its_end(redis: Redis, namespace: str) -> None:
    """Its slot was booked before the 429; it does not call into the pause."""
    governor = Governor(redis, "A1", "T1", {METHOD: Budget(10, 1.0, burst=1)}, prefix=namespace)
    await governor.reserve(METHOD)

    waiting = asyncio.create_task(governor.admit(METHOD))
    await asyncio.sleep(0.02)
    await governor.penalise(METHOD, 0.6)

    assert await waiting > 0.5


async def test_quiet_time_earns_the_burst_again(
    redis: Redis, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When nobody called for a while, the next calls go out at once again."""
    monkeypatch.setattr(module, "SLOT_LATENESS_SECONDS", 0.0)
    governor = Governor(redis, "A1", "T1", {METHOD: Budget(20, 0.5, burst=4)}, prefix=namespace)
    assert await book(governor, 4) == [0.0] * 4
    assert await book(governor, 1) > [0.0]

    await asyncio.sleep(0.6)

    assert await book(governor, 4) == [0.0] * 4


async def test_a_method_without_a_budget_is_free(redis: Redis, namespace: str) -> None:
    """Only what has a limit is governed."""
    assert await book(Governor(redis, "A1", "T1", {}, prefix=namespace), 1) == [0.0]


async def test_without_redis_nobody_may_call(
    doomed_valkey: RealValkey, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No slot is given when the count cannot be shared."""
    monkeypatch.setattr("bot.store.connection.RECONNECT_RETRIES", 1)
    client = open_redis(doomed_valkey.url)
    governor = Governor(client, "A1", "T1", {METHOD: Budget(10, 60.0)}, prefix=namespace)
    doomed_valkey.kill()

    with pytest.raises(StoreUnavailableError):
        await governor.reserve(METHOD)
    await client.aclose()


async def test_those_who_wait_keep_their_order_through_a_429(redis: Redis, namespace: str) -> None:
    """Everybody moves behind the pause by the same time, in this channel and in the others."""
    budget = Budget(10, 1.0, burst=1, spacing_seconds=0.15)
    governor = Governor(redis, "A1", "T1", {METHOD: budget}, prefix=namespace)
    called: list[tuple[int, float]] = []

    async def call(number: int, slot: Slot) -> None:
        await confirmed(governor, slot)
        called.append((number, time.monotonic()))

    booked = [await governor.reserve(METHOD, channel=f"C{number % 2}") for number in range(8)]
    paused_at = time.monotonic()
    await governor.penalise(METHOD, 0.5)
    await asyncio.gather(*(call(number, slot) for number, slot in enumerate(booked) if slot.seconds))

    assert [number for number, _ in called] == sorted(number for number, _ in called)
    assert len(called) >= 6
    assert called[0][1] - paused_at >= 0.5
    assert called[-1][1] - called[0][1] > 0.1 * (len(called) - 2)


async def test_a_caller_that_is_late_does_not_make_two_windows_meet(
    redis: Redis, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three wake up long after their slots, on a busy machine: the next window is kept all the same."""
    monkeypatch.setattr(module, "SLOT_LATENESS_SECONDS", 0.0)
    governor = Governor(redis, "A1", "T1", {METHOD: Budget(3, 1.0, burst=3)}, prefix=namespace)
    await book(governor, 3)
    late = [await governor.reserve(METHOD) for _ in range(3)]
    punctual = [await governor.reserve(METHOD) for _ in range(3)]
    await asyncio.sleep(punctual[0].seconds - 0.1)
    called = []
    for slot in late:
        assert (await governor.confirm(slot)).seconds == 0.0
        called.append(time.monotonic())

    async def wake(slot: Slot) -> None:
        await confirmed(governor, slot)
        called.append(time.monotonic())

    await asyncio.gather(*(wake(replace(slot, seconds=0.1)) for slot in punctual))

    assert len(called) == 6
    assert most_in_a_window(called, 0.95) <= 3


async def test_a_clock_that_is_set_back_does_not_hold_up_the_calls(redis: Redis, namespace: str) -> None:
    """Times booked in what is now the future are forgotten; the calls go on, evenly paced."""
    governor = Governor(redis, "A1", "T1", {METHOD: Budget(60, 60.0, burst=5)}, prefix=namespace)
    await book(governor, 3)
    ahead = round((time.time() + 3600) * 1_000_000)
    await redis.hset(f"{namespace}:rate:{{A1:T1:{METHOD}}}:state", mapping={"clock": ahead, "last": ahead})

    waits = await book(governor, 3)

    assert waits[0] < 0.1
    assert waits[1:] == pytest.approx([1.0, 2.0], abs=0.2)


async def test_late_callers_of_a_channel_keep_its_distance(redis: Redis, namespace: str) -> None:
    """Three were held up until all their slots had passed: still one after the other, in their order."""
    budget = Budget(100, 60.0, burst=100, spacing_seconds=0.2)
    governor = Governor(redis, "A1", "T1", {METHOD: budget}, prefix=namespace)
    slots = [await governor.reserve(METHOD, channel="C1") for _ in range(4)]
    await asyncio.sleep(slots[-1].seconds)

    called: list[float] = []
    for slot in slots[1:]:
        await confirmed(governor, slot)
        called.append(time.monotonic())

    assert min(later - earlier for earlier, later in pairwise(called)) >= 0.19


async def test_an_announcement_says_how_long_the_channel_is_busy(redis: Redis, namespace: str) -> None:
    """From what is booked there and what is announced; another channel is free."""
    budget = Budget(100, 60.0, burst=100, spacing_seconds=1.0)
    governor = Governor(redis, "A1", "T1", {METHOD: budget}, prefix=namespace)
    now = time.time() - 10

    await book(governor, 2, channel="C1")
    waits = [await governor.announce(METHOD, "C1", now + place) for place in range(2)]

    assert waits == [pytest.approx(2.0, abs=0.4), pytest.approx(3.0, abs=0.4)]
    assert await governor.announce(METHOD, "C2", now) == 0.0


async def test_a_slot_that_is_given_back_is_not_counted(redis: Redis, namespace: str) -> None:
    """Whoever booked ahead and has nothing to say takes nothing from the window."""
    governor = Governor(redis, "A1", "T1", {METHOD: Budget(3, 60.0, burst=1)}, prefix=namespace)

    slots = [await governor.reserve(METHOD) for _ in range(3)]
    for slot in slots[:2]:
        await governor.release(slot)

    (booked,) = await redis.keys(f"{namespace}:*:slots")
    assert await redis.zrange(booked, 0, -1) == [str(slots[2].number)]
