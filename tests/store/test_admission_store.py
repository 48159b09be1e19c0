"""Admission on a real Valkey: limits are exact, places are leases, and budgets stop the next turn."""
# ruff: noqa: F811 - an imported fixture is an argument of the same name

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from redis.asyncio import Redis
from redis.crc import key_slot

from bot.store.admission_store import (
    AdmissionKeys,
    AdmissionStore,
    AdmissionTimes,
    Admitted,
    Reason,
    Refused,
)
from bot.store.connection import open_redis
from bot.store.errors import StoreUnavailableError
from tests.support.admission import NO_LIMITS, Open, admitted, decisions, opened, question  # noqa: F401
from tests.support.valkey import RealValkey

# Limits -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limit", "reason"),
    [
        ("per_user_at_once", Reason.USER_AT_ONCE),
        ("per_user_hour", Reason.USER_HOUR),
        ("per_workspace_at_once", Reason.WORKSPACE_AT_ONCE),
        ("per_workspace_hour", Reason.WORKSPACE_HOUR),
    ],
)
async def test_of_a_hundred_at_once_exactly_as_many_as_allowed_get_in(
    opened: Open, valkey: RealValkey, namespace: str, limit: str, reason: Reason
) -> None:
    """Two replicas decide at the same time; the limit is neither exceeded nor left unused."""
    client = open_redis(valkey.url)
    replicas = [
        opened(**{limit: 7}),
        AdmissionStore(client, replace(NO_LIMITS, **{limit: 7}), prefix=namespace),
    ]

    halves = await asyncio.gather(
        *(
            decisions(replica, [question(number) for number in range(half, 100, 2)])
            for half, replica in enumerate(replicas)
        )
    )
    await client.aclose()

    verdicts = [verdict for half in halves for verdict in half]
    assert admitted(verdicts) == 7
    assert {verdict.reason for verdict in verdicts if isinstance(verdict, Refused)} == {reason}


async def test_limits_of_one_user_or_workspace_leave_others_alone(opened: Open) -> None:
    """A colleague, and the same person in another workspace, get in."""
    store = opened(per_user_at_once=1)
    assert admitted(await decisions(store, [question(1), question(2)])) == 1

    assert await store.admit(question(3, user="U2")) == Admitted()
    assert await store.admit(question(4, team="T2")) == Admitted()


async def test_the_hour_slides(opened: Open) -> None:
    """Each question makes room exactly one window after it was taken in, not at the turn of an hour."""
    store = opened(AdmissionTimes(window=1.0), per_user_hour=2)
    assert await store.admit(question(1)) == Admitted()
    await asyncio.sleep(0.5)
    assert await store.admit(question(2)) == Admitted()

    refused = await store.admit(question(3))

    assert isinstance(refused, Refused)
    assert refused.retry_at is not None
    pause = (refused.retry_at - datetime.now(UTC)).total_seconds()
    assert pause == pytest.approx(0.5, abs=0.2)
    await asyncio.sleep(pause + 0.02)
    assert admitted(await decisions(store, [question(4), question(5)])) == 1


async def test_a_refusal_does_not_postpone_the_next_chance(opened: Open) -> None:
    """Only what was taken in counts: asking again and again does no harm."""
    store = opened(AdmissionTimes(window=0.6), per_user_hour=1)
    await store.admit(question(0))
    until = time.monotonic() + 0.4
    number = 1
    while time.monotonic() < until:
        assert isinstance(await store.admit(question(number)), Refused)
        number += 1
        await asyncio.sleep(0.05)

    await asyncio.sleep(0.25)

    assert await store.admit(question(number)) == Admitted()


async def test_of_several_limits_the_longest_lasting_is_told(opened: Open) -> None:
    """Nobody comes back only to be refused by another limit."""
    store = opened(per_user_at_once=1, per_user_hour=1, workspace_tokens_day=10)
    running = question(1)
    await store.admit(running)
    first = await store.admit(question(2))
    await store.charge(running, name="turn", tokens=10, micro_money=None)
    second = await store.admit(question(3))

    # The window ends within the hour; the day ends later, but for its last hour.
    assert isinstance(first, Refused)
    assert first.reason is Reason.USER_HOUR
    assert isinstance(second, Refused)
    assert first.retry_at is not None
    assert second.retry_at is not None
    assert second.retry_at >= first.retry_at


# One answer for one message ---------------------------------------------------------------------------


async def test_one_message_delivered_many_times_is_counted_once(opened: Open) -> None:
    """Eight deliveries at once, one place; the user's second question still gets in, the third does not."""
    store = opened(per_user_at_once=2, per_user_hour=2)

    assert await decisions(store, [question(1)] * 8) == [Admitted()] * 8

    assert await store.admit(question(2)) == Admitted()
    assert isinstance(await store.admit(question(3)), Refused)
    assert (await store.usage_today("T1")).turns == 2


async def test_a_refusal_stays_a_refusal_for_the_same_message(opened: Open) -> None:
    """Slack delivers again after a place became free: the person was told to ask again, and is not
    surprised.
    """
    store = opened(per_user_at_once=1)
    await store.admit(question(1))
    refused = await store.admit(question(2))
    await store.free(question(1))

    assert await store.admit(question(2)) == refused == Refused(Reason.USER_AT_ONCE, None)
    assert await store.admit(question(3)) == Admitted()
    assert (await store.usage_today("T1")).refused == 1


async def test_a_refused_button_may_be_pressed_again(opened: Open) -> None:
    """Every press means the same turn; it is refused while it must be, then taken in, and counted once."""
    store = opened(per_user_at_once=1)
    await store.admit(question(1))
    assert isinstance(await store.admit(question(2), pressed=True), Refused)
    assert isinstance(await store.admit(question(2), pressed=True), Refused)
    await store.free(question(1))

    assert [await store.admit(question(2), pressed=True) for _ in range(3)] == [Admitted()] * 3
    assert (await store.usage_today("T1")).turns == 2


async def test_a_late_delivery_of_a_finished_turn_takes_no_place(opened: Open) -> None:
    """The queue drops it as a duplicate; nothing here may wait for its end."""
    store = opened(per_user_at_once=1)
    await store.admit(question(1))
    await store.free(question(1))

    assert await store.admit(question(1)) == Admitted()
    assert await store.admit(question(2)) == Admitted()


# Places are leases ------------------------------------------------------------------------------------


async def test_a_crashed_turn_frees_its_place(opened: Open) -> None:
    """A worker took the turn, said so once, and was never heard of again."""
    store = opened(AdmissionTimes(held=0.3), per_user_at_once=1, per_workspace_at_once=1, global_at_once=1)
    await store.admit(question(1))
    assert await store.hold(question(1)) is None
    assert isinstance(await store.admit(question(2)), Refused)

    await asyncio.sleep(0.35)

    assert await store.admit(question(3)) == Admitted()
    assert await store.hold(question(3)) is None


async def test_a_turn_that_never_reached_a_worker_frees_its_place(opened: Open) -> None:
    """The process died between admission and queue, and Slack did not deliver again."""
    store = opened(AdmissionTimes(wait=0.3), per_user_at_once=1)
    await store.admit(question(1))
    await asyncio.sleep(0.35)

    assert await store.admit(question(2)) == Admitted()


async def test_a_turn_that_is_kept_alive_keeps_its_place(opened: Open) -> None:
    """However long it runs."""
    store = opened(AdmissionTimes(held=0.3, wait=0.4), per_user_at_once=1, global_at_once=1)
    await store.admit(question(1))
    for number in range(2, 8):
        assert await store.hold(question(1)) is None
        await asyncio.sleep(0.1)
        assert isinstance(await store.admit(question(number)), Refused)


async def test_the_end_of_a_turn_frees_its_place_once(opened: Open) -> None:
    """A late word of its worker, and a second end, change nothing."""
    store = opened(per_user_at_once=1, global_at_once=1)
    await store.admit(question(1))
    await store.hold(question(1))
    await store.free(question(1))

    assert await store.hold(question(1)) is None
    assert await store.admit(question(2)) == Admitted()
    assert await store.hold(question(2)) is None
    await store.free(question(1))
    assert isinstance(await store.admit(question(3)), Refused)


async def test_a_failure_on_our_side_does_not_count_in_the_hour(opened: Open) -> None:
    """The person may try again."""
    store = opened(per_user_hour=1, per_workspace_hour=1)
    await store.admit(question(1))
    await store.free(question(1), forgive=True)

    assert await store.admit(question(2)) == Admitted()


# Budgets ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("budget", "reason"),
    [
        ({"workspace_tokens_day": 1000}, Reason.TOKENS_DAY),
        ({"workspace_money_day": Decimal("0.25")}, Reason.MONEY_DAY),
    ],
)
async def test_a_budget_stops_the_next_turn_and_not_the_running_one(
    opened: Open, budget: dict[str, object], reason: Reason
) -> None:
    """The turn that spends the last of it ends in peace; the next one is told when the day begins."""
    store = opened(**budget, global_at_once=1)
    running = question(1)
    await store.admit(running)
    await store.charge(running, name="plan", tokens=999, micro_money=249_999)
    assert await store.admit(question(2)) == Admitted()

    await store.charge(running, name="section-1", tokens=1, micro_money=1)

    assert await store.hold(running) is None
    refused = await store.admit(question(3))
    assert isinstance(refused, Refused)
    assert refused.reason is reason
    assert refused.retry_at is not None
    assert (refused.retry_at.hour, refused.retry_at.minute, refused.retry_at.microsecond) == (0, 0, 0)
    assert 0 < (refused.retry_at - datetime.now(UTC)).total_seconds() <= 86_400
    assert await store.admit(question(4, team="T2")) == Admitted()


async def test_a_new_day_has_a_new_budget(opened: Open) -> None:
    """At its beginning the numbers are zero again."""
    store = opened(AdmissionTimes(day=1.0), workspace_tokens_day=10)
    await asyncio.sleep(1.0 - time.time() % 1.0 + 0.05)
    await store.charge(question(1), name="turn", tokens=10, micro_money=0)
    refused = await store.admit(question(2))
    assert isinstance(refused, Refused)
    assert refused.retry_at is not None

    await asyncio.sleep((refused.retry_at - datetime.now(UTC)).total_seconds() + 0.05)

    assert (await store.usage_today("T1")).tokens == 0
    assert await store.admit(question(3)) == Admitted()


async def test_each_piece_of_work_is_charged_once(opened: Open) -> None:
    """A call sent twice, and a turn settled by two runs, cost once; a price nobody knows costs no money."""
    store = opened()
    for _ in range(3):
        await store.charge(question(1), name="plan", tokens=100, micro_money=2_500_000)
    await store.charge(question(1), name="turn", tokens=50, micro_money=None, over=True)
    await store.charge(question(2), name="turn", tokens=7, micro_money=1, over=True)

    usage = await store.usage_today("T1")

    assert (usage.tokens, usage.money, usage.unpriced_tokens) == (157, Decimal("2.500001"), 50)


async def test_usage_tells_what_runs_and_what_was_refused(opened: Open) -> None:
    """An operator sees the day at a glance."""
    store = opened(per_user_at_once=2)
    await decisions(store, [question(number) for number in range(5)])

    usage = await store.usage_today("T1")

    assert (usage.turns, usage.refused, usage.at_once, usage.last_hour) == (2, 3, 2, 2)
    assert usage.day_ends_at > datetime.now(UTC)
    assert (await store.usage_today("T9")).turns == 0


# Trouble ------------------------------------------------------------------------------------------------


async def test_a_clock_that_is_set_back_does_not_close_the_hour_for_longer_than_an_hour(
    opened: Open, redis: Redis, namespace: str
) -> None:
    """Times that now lie in the future are taken for now."""
    store = opened(AdmissionTimes(window=0.4), per_user_hour=1)
    await store.admit(question(1))
    await redis.zadd(AdmissionKeys(namespace).user_hour("T1", "U1"), {question(1).turn_id: in_two_hours()})
    refused = await store.admit(question(2))
    assert isinstance(refused, Refused)
    assert refused.retry_at is not None
    assert (refused.retry_at - datetime.now(UTC)).total_seconds() < 0.5

    await asyncio.sleep(0.45)

    assert await store.admit(question(3)) == Admitted()


async def test_a_clock_that_is_set_back_does_not_keep_the_places_of_the_dead(
    opened: Open, redis: Redis, namespace: str
) -> None:
    """While others go on, a crashed turn's place expires as if the clock had always been right."""
    store = opened(AdmissionTimes(wait=0.4, held=0.4), per_workspace_at_once=2)
    await store.admit(question(1))
    await store.admit(question(2, user="U2"))
    await redis.zadd(AdmissionKeys(namespace).team_places("T1"), {question(1).turn_id: in_two_hours()})
    assert isinstance(await store.admit(question(3)), Refused)
    for _ in range(5):
        await store.hold(question(2, user="U2"))
        await asyncio.sleep(0.1)

    assert await store.admit(question(4)) == Admitted()


def in_two_hours() -> float:
    """Microseconds, as the scripts count."""
    return (time.time() + 7200) * 1_000_000


async def test_all_keys_of_admission_live_on_one_node_of_a_cluster(
    opened: Open, redis: Redis, namespace: str
) -> None:
    """One script touches them together."""
    store = opened(global_at_once=1)
    for number in range(3):
        await store.admit(question(number))
        await store.hold(question(number))
    await store.charge(question(0), name="turn", tokens=1, micro_money=1, over=True)

    keys = [key async for key in redis.scan_iter(f"{namespace}:*")]

    assert len(keys) > 8
    assert len({key_slot(key.encode()) for key in keys}) == 1


async def test_without_redis_nobody_is_admitted_or_refused(
    doomed_valkey: RealValkey, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says that nothing was decided: Slack gets no ack and delivers again."""
    monkeypatch.setattr("bot.store.connection.RECONNECT_RETRIES", 1)
    client = open_redis(doomed_valkey.url)
    store = AdmissionStore(client, NO_LIMITS, prefix=namespace)
    doomed_valkey.kill()

    with pytest.raises(StoreUnavailableError):
        await store.admit(question(1))
    await client.aclose()


@pytest.mark.parametrize(
    "limits",
    [
        {"per_user_at_once": 0},
        {"per_workspace_hour": -1},
        {"workspace_tokens_day": 0},
        {"workspace_money_day": Decimal(0)},
        {"global_at_once": 0},
    ],
)
def test_a_limit_that_lets_nobody_in_is_a_mistake(limits: dict[str, object]) -> None:
    """No limit is None, not zero."""
    with pytest.raises(ValueError, match="must be at least"):
        replace(NO_LIMITS, **limits)
