"""Admission as the app uses it: deciding in time, waiting in line, and settling with prices."""
# ruff: noqa: F811 - an imported fixture is an argument of the same name

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal

import pytest
from redis.asyncio import Redis

from bot.admission import (
    Admission,
    AdmissionPolicy,
    AdmissionTimes,
    Admitted,
    OperatorView,
    Refused,
)
from bot.llm.port import Usage
from bot.prices import ModelPrice, Prices
from bot.slack.admission_notices import refusal_notice
from bot.store.admission_store import AdmissionStore
from bot.store.connection import open_redis
from bot.store.errors import StoreUnavailableError
from bot.turns import Turn
from tests.support.valkey import (  # noqa: F401
    RealValkey,
    doomed_valkey,
    eventually,
    keys_without_ttl,
    namespace,
    redis,
    turn_in,
    valkey,
)

QUICK = AdmissionTimes(held=0.4, keep=0.1, poll=0.02)
PRICES = Prices({"sol": ModelPrice(Decimal(2), Decimal("0.1"), Decimal(10))})

Open = Callable[..., Admission]


@pytest.fixture
async def opened(redis: Redis, namespace: str) -> AsyncIterator[Open]:
    """Makes admissions that share the test's keys, as replicas do; no key may be left without an end."""

    def admission(times: AdmissionTimes = QUICK, **limits: object) -> Admission:
        policy = replace(AdmissionPolicy(), **limits)
        return Admission(AdmissionStore(redis, policy, times=times, prefix=namespace), PRICES)

    yield admission
    assert await keys_without_ttl(redis, f"{namespace}:*") == []


def question(number: int) -> Turn:
    return turn_in(f"{1_700_000_000 + number}.000100")


@asynccontextmanager
async def working(admission: Admission, turn: Turn, heard: list[int] | None = None) -> AsyncIterator[None]:
    """A worker's share of a turn: seat, answer, end."""
    async with admission.seated(turn, [].append if heard is None else heard.append):
        yield
    await admission.release(turn)


# The line ---------------------------------------------------------------------------------------------


async def test_a_waiting_turn_is_told_its_place_as_it_moves_up_and_then_starts(opened: Open) -> None:
    """Third in line, second, first, and its answer begins; each place is told once."""
    admission = opened(global_at_once=1, per_user_at_once=None)
    turns = [question(number) for number in range(4)]
    for turn in turns:
        assert await admission.admit(turn) == Admitted()
    heard: list[list[int]] = [[] for _ in turns]
    going = [asyncio.Event() for _ in turns]
    started: list[int] = []

    async def answer(number: int) -> None:
        async with working(admission, turns[number], heard[number]):
            started.append(number)
            await going[number].wait()

    workers = [asyncio.create_task(answer(number)) for number in range(4)]
    for number in range(4):
        ahead = 4 - number - 1
        await eventually(lambda: len(started) > number, what=f"start of {number}")  # noqa: B023
        if ahead:
            await eventually(lambda: heard[3][-1:] == [ahead], what="the last one's place")  # noqa: B023
        going[number].set()
    await asyncio.gather(*workers)

    assert started == [0, 1, 2, 3]
    assert heard == [[], [1], [2, 1], [3, 2, 1]]
    assert [await admission.position(turn) for turn in turns] == [None] * 4


async def test_a_long_answer_keeps_its_seat_and_a_cancelled_one_gives_it_up_in_time(opened: Open) -> None:
    """Words of life are said while the answer runs, and not after its worker is gone."""
    admission = opened(global_at_once=1)
    for number in (1, 2):
        await admission.admit(question(number))
    seated = asyncio.Event()

    async def answer_for_ever() -> None:
        async with working(admission, question(1)):
            seated.set()
            await asyncio.Event().wait()

    answer = asyncio.create_task(answer_for_ever())
    await seated.wait()
    await asyncio.sleep(2 * QUICK.held)
    assert await admission.store.hold(question(2)) == 1

    answer.cancel()
    await asyncio.gather(answer, return_exceptions=True)
    cancelled = time.monotonic()
    async with working(admission, question(2)):
        waited = time.monotonic() - cancelled

    assert 0.1 < waited < QUICK.held + 0.3


async def test_a_seat_once_given_survives_an_outage(doomed_valkey: RealValkey, namespace: str) -> None:
    """The keeper goes on asking, and the answer does not notice."""
    client = open_redis(doomed_valkey.url)
    store = AdmissionStore(client, AdmissionPolicy(), times=QUICK, prefix=namespace)
    admission = Admission(store, PRICES)
    await admission.admit(question(1))
    async with working(admission, question(1)):
        doomed_valkey.kill()
        await asyncio.sleep(QUICK.held + 0.1)
        doomed_valkey.start()
        async with asyncio.timeout(10):
            while (await store.usage_today("T1")).at_once == 0:  # noqa: ASYNC110 - nobody tells us
                await asyncio.sleep(0.01)
    await client.aclose()


async def test_a_silent_redis_decides_nothing_and_leaves_slack_time_to_deliver_again(
    doomed_valkey: RealValkey, namespace: str
) -> None:
    """Within a second, so that no ack is sent for a question that may be lost."""
    client = open_redis(doomed_valkey.url)
    admission = Admission(AdmissionStore(client, AdmissionPolicy(), prefix=namespace), PRICES)
    await admission.admit(question(1))
    doomed_valkey.pause()
    started = time.monotonic()

    with pytest.raises(StoreUnavailableError):
        await admission.admit(question(2))

    assert time.monotonic() - started < 1.2
    doomed_valkey.resume()
    await client.aclose()


async def test_an_answer_that_was_given_does_not_fail_because_of_its_bill(
    doomed_valkey: RealValkey, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis is away at the end of a turn: its place expires by itself."""
    monkeypatch.setattr("bot.store.connection.RECONNECT_RETRIES", 1)
    client = open_redis(doomed_valkey.url)
    admission = Admission(AdmissionStore(client, AdmissionPolicy(), prefix=namespace), PRICES)
    await admission.admit(question(1))
    doomed_valkey.kill()

    await admission.charge(question(1), Usage(output_tokens=1), "sol", call="1")
    await admission.settle(question(1), Usage(output_tokens=1), "sol")
    await admission.release(question(1))
    await client.aclose()


# Settling ---------------------------------------------------------------------------------------------


async def test_a_settled_turn_is_paid_for_and_makes_room(opened: Open) -> None:
    """Its tokens and their price are in the workspace's day; the next question gets in."""
    admission = opened(per_user_at_once=1)
    await admission.admit(question(1))
    usage = Usage(input_tokens=60_000, cached_tokens=48_000, output_tokens=20_000)

    for _ in range(2):  # a second run after a crash settles again
        await admission.settle(question(1), usage, "sol")

    today = await OperatorView(admission.store).usage_today("T1")
    assert (today.tokens, today.money, today.unpriced_tokens) == (80_000, Decimal("0.2288"), 0)
    assert await admission.admit(question(2)) == Admitted()


async def test_calls_of_several_models_are_charged_one_by_one(opened: Open) -> None:
    """Each at its own price, while the turn runs; one without a price counts as tokens only."""
    admission = opened()
    await admission.admit(question(1))
    await admission.charge(question(1), Usage(output_tokens=1000), "sol", call="plan")
    await admission.charge(question(1), Usage(output_tokens=1000), "sol", call="plan")
    await admission.charge(question(1), Usage(output_tokens=500), "somebody-elses", call="section-1")
    await admission.release(question(1))

    today = await admission.store.usage_today("T1")

    assert (today.tokens, today.money, today.unpriced_tokens) == (1500, Decimal("0.01"), 500)


async def test_a_money_budget_that_is_used_up_closes_the_workspace_for_today(opened: Open) -> None:
    """The person is told when it opens again."""
    admission = opened(workspace_money_day=Decimal("0.1"))
    await admission.admit(question(1))
    await admission.settle(question(1), Usage(output_tokens=10_000), "sol")

    refused = await admission.admit(question(2))

    assert isinstance(refused, Refused)
    notice = refusal_notice(refused, admission.store.policy)
    assert notice.text == "This workspace has used its budget for today; it opens again at 00:00 UTC."
