"""Each run once, at its minute, whatever dies: on the real store, with a clock that the test turns."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
import structlog
from redis.asyncio import Redis

from bot.briefings.briefing import RunState
from bot.briefings.runner import MAX_ATTEMPTS, BriefingTimes
from bot.briefings.schedule import EVERY_DAY, WORKDAYS, Schedule
from bot.store.briefing_store import BriefingStore
from tests.briefings.doubles import APP, KilledError, TurnedClock, Workshop, briefing_of
from tests.support.valkey import keys_without_ttl, namespace, redis, valkey

__all__ = ["namespace", "redis", "valkey"]

DUE = datetime(2026, 1, 1, 7, tzinfo=UTC)
DAY = timedelta(days=1)
PLACES = ("compose", "before headline", "after headline", "before items", "after items")


@pytest.fixture
async def store(redis: Redis, namespace: str) -> AsyncIterator[BriefingStore]:
    """A briefing store in the test's key space; no key may be left without an end."""
    yield BriefingStore(redis, prefix=namespace)
    assert await keys_without_ttl(redis, f"{namespace}:*") == []


@pytest.fixture
async def shop(store: BriefingStore) -> AsyncIterator[Workshop]:
    """One process, at midnight of 1 January 2026; it gives back what it has begun before the store closes."""
    shop = Workshop(store, TurnedClock())
    yield shop
    await shop.runner.give_back()


async def killed(working: list[asyncio.Task[None]]) -> None:
    """Wait for the process to die in its work."""
    outcomes = await asyncio.gather(*working, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [KilledError]


async def test_a_briefing_goes_out_at_its_minute_and_leaves_a_receipt(
    shop: Workshop, redis: Redis, namespace: str
) -> None:
    """Prepared before, posted at seven, armed for tomorrow."""
    assert await shop.runner.arm(briefing_of()) == DUE
    await shop.pass_time(redis, namespace, DUE - timedelta(seconds=1))
    assert shop.composed == ["b1"]
    assert shop.posts.headlines == []
    await shop.pass_time(redis, namespace, DUE + timedelta(minutes=1))
    assert shop.posts.headlines == [("b1", DUE, False)]
    assert shop.posts.items == [("b1", DUE)]
    (run,) = await shop.store.runs(APP, "b1")
    assert (run.state, run.headline_ts, run.items_ts) == (
        RunState.POSTED,
        f"ts-{DUE.timestamp()}",
        f"items-{DUE.timestamp()}",
    )
    armed = await shop.store.briefing(APP, "b1")
    assert armed is not None
    assert armed.due == DUE + DAY


@pytest.mark.parametrize("place", PLACES)
async def test_a_crash_at_any_place_repeats_nothing(
    place: str, store: BriefingStore, redis: Redis, namespace: str
) -> None:
    """Another process goes on after the lease: one headline, one list of items, one composition where the
    first was stored.
    """
    times = BriefingTimes(lease=timedelta(seconds=10))
    shop = Workshop(store, TurnedClock(DUE - timedelta(seconds=45)), times=times)
    shop.crash_at = place
    await shop.runner.arm(briefing_of())
    await shop.runner.tick()
    working = list(shop.runner._running)
    await shop.settle()
    if place != "compose":
        await shop.clock.turn(DUE)
    await killed(working)
    heir = Workshop(store, shop.clock, shop.posts, times=times)
    await heir.pass_time(redis, namespace, DUE + timedelta(minutes=5))
    assert [each[:2] for each in heir.posts.headlines] == [("b1", DUE)]
    assert heir.posts.items == [("b1", DUE)]
    assert len(shop.composed) + len(heir.composed) == 1
    (run,) = await store.runs(APP, "b1")
    assert (run.state, run.attempts) == (RunState.POSTED, 2)


async def test_two_processes_share_the_timetable(store: BriefingStore, redis: Redis, namespace: str) -> None:
    """Looking at the same time, each briefing is taken by one of them."""
    clock = TurnedClock()
    one = Workshop(store, clock)
    other = Workshop(store, clock, one.posts)
    for number in range(20):
        await one.runner.arm(briefing_of(f"b{number}"))
    await clock.turn(DUE)
    await asyncio.gather(one.runner.tick(), other.runner.tick())
    await asyncio.gather(one.settle(), other.settle())
    assert Counter(each[0] for each in one.posts.headlines) == Counter(f"b{n}" for n in range(20))


async def test_a_run_taken_away_posts_nothing(store: BriefingStore) -> None:
    """A process that slept through its lease is fenced off before it posts."""
    clock = TurnedClock()
    sleeper = Workshop(store, clock)
    await sleeper.runner.arm(briefing_of())
    await clock.turn(DUE - timedelta(seconds=40))
    await sleeper.runner.tick()
    await sleeper.settle()
    assert await store.begin(APP, "b1", DUE) is not None  # somebody else owns it now
    await clock.turn(DUE)
    await sleeper.settle()
    assert sleeper.posts.headlines == []


async def test_a_missed_run_is_made_up_within_the_grace_and_says_so(
    shop: Workshop, redis: Redis, namespace: str
) -> None:
    """Everything was down from six to half past eight."""
    await shop.runner.arm(briefing_of())
    await shop.clock.turn(DUE + timedelta(minutes=90))
    await shop.pass_time(redis, namespace, DUE + timedelta(minutes=91))
    assert shop.posts.headlines == [("b1", DUE, True)]
    (run,) = await shop.store.runs(APP, "b1")
    assert (run.state, run.reason) == (RunState.POSTED, "Late")


async def test_later_it_is_skipped_and_its_owner_told(shop: Workshop, redis: Redis, namespace: str) -> None:
    """After the grace time nothing is posted, and the next one comes as planned."""
    await shop.runner.arm(briefing_of())
    await shop.clock.turn(DUE + timedelta(hours=3))
    await shop.pass_time(redis, namespace, DUE + timedelta(hours=4))
    assert shop.posts.headlines == []
    assert [who for who, _ in shop.posts.told] == ["owner"]
    (run,) = await shop.store.runs(APP, "b1")
    assert (run.state, run.reason) == (RunState.SKIPPED, "TooLate")
    await shop.pass_time(redis, namespace, DUE + DAY)
    assert [each[1] for each in shop.posts.headlines] == [DUE + DAY]


async def test_a_failing_briefing_is_tried_again(shop: Workshop, redis: Redis, namespace: str) -> None:
    """Twice nothing, the third time it goes out; late by the pauses."""
    shop.fail_times = 2
    await shop.runner.arm(briefing_of())
    await shop.pass_time(redis, namespace, DUE + timedelta(minutes=10))
    assert [each[:2] for each in shop.posts.headlines] == [("b1", DUE)]
    assert shop.posts.told == []


async def test_a_briefing_that_fails_for_good_is_reported_once(
    shop: Workshop, redis: Redis, namespace: str
) -> None:
    """One sentence to the channel, one to the owner, without the error's words; tomorrow's comes."""
    shop.fail_times = 99
    await shop.runner.arm(briefing_of())
    await shop.pass_time(redis, namespace, DUE + timedelta(hours=3))
    assert [who for who, _ in shop.posts.told] == ["channel", "owner"]
    assert "somebody" not in str(shop.posts.told)
    (run,) = await shop.store.runs(APP, "b1")
    assert (run.state, run.reason, run.attempts) == (RunState.FAILED, "ConnectionError", MAX_ATTEMPTS)
    shop.fail_times = 0
    await shop.pass_time(redis, namespace, DUE + DAY)
    assert [each[1] for each in shop.posts.headlines] == [DUE + DAY]


async def test_a_lost_channel_pauses_the_briefing(shop: Workshop, redis: Redis, namespace: str) -> None:
    """Its owner is told why; it does not run until it is resumed."""
    shop.gone = "The channel was archived."
    await shop.runner.arm(briefing_of())
    await shop.pass_time(redis, namespace, DUE + 3 * DAY)
    ((who, sentence),) = shop.posts.told
    assert (who, "The channel was archived." in sentence) == ("owner", True)
    armed = await shop.store.briefing(APP, "b1")
    assert armed is not None
    assert (armed.due, armed.briefing.paused) == (None, "The channel was archived.")
    shop.gone = ""
    resumed = replace(armed.briefing, paused="", revision=armed.briefing.revision + 1)
    await shop.runner.arm(resumed)
    await shop.pass_time(redis, namespace, DUE + 4 * DAY)
    assert [each[1] for each in shop.posts.headlines] == [DUE + 4 * DAY]


async def test_a_briefing_without_its_owner_waits_for_another(
    shop: Workshop, redis: Redis, namespace: str
) -> None:
    """Today's still comes; then it is paused, and the channel is told how to keep it."""
    shop.orphaned = True
    await shop.runner.arm(briefing_of())
    await shop.pass_time(redis, namespace, DUE + 2 * DAY)
    assert len(shop.posts.headlines) == 1
    ((who, sentence),) = shop.posts.told
    assert (who, "/briefing resume" in sentence) == ("channel", True)
    armed = await shop.store.briefing(APP, "b1")
    assert armed is not None
    assert (armed.due, armed.briefing.paused) == (None, "Its owner has left.")
    assert [run.state for run in await shop.store.runs(APP, "b1")] == [RunState.POSTED]


async def test_a_change_while_it_is_prepared_counts(shop: Workshop, redis: Redis, namespace: str) -> None:
    """Other topics at the same minute are composed anew; another time moves the run; nothing goes out
    twice.
    """
    briefing = briefing_of()
    await shop.runner.arm(briefing)
    await shop.pass_time(redis, namespace, DUE - timedelta(seconds=20))
    await shop.runner.arm(replace(briefing, topics=("chips",), revision=2))
    await shop.pass_time(redis, namespace, DUE)
    assert shop.composed == ["b1", "b1"]
    assert len(shop.posts.headlines) == 1
    await shop.pass_time(redis, namespace, DUE + DAY - timedelta(seconds=20))
    later = replace(briefing, schedule=Schedule(time(9), "UTC", EVERY_DAY), revision=3)
    assert await shop.runner.arm(later) == DUE + DAY + timedelta(hours=2)
    await shop.pass_time(redis, namespace, DUE + DAY + timedelta(hours=3))
    assert [each[1] for each in shop.posts.headlines] == [DUE, DUE + DAY + timedelta(hours=2)]
    skipped = [run for run in await shop.store.runs(APP, "b1") if run.state is RunState.SKIPPED]
    assert [(run.due, run.reason) for run in skipped] == [(DUE + DAY, "Changed")]


async def test_a_deleted_briefing_does_not_come_back(shop: Workshop, redis: Redis, namespace: str) -> None:
    """Not even when it is deleted while it is prepared."""
    await shop.runner.arm(briefing_of())
    await shop.pass_time(redis, namespace, DUE - timedelta(seconds=20))
    assert await shop.store.remove(APP, "b1")
    await shop.pass_time(redis, namespace, DUE + 2 * DAY)
    assert shop.posts.headlines == []
    assert await shop.store.briefings(APP) == []


async def test_work_given_back_is_taken_up_at_once(
    store: BriefingStore, redis: Redis, namespace: str
) -> None:
    """SIGTERM between preparation and posting: the other process goes on without waiting for a lease, from
    the stored content, and the attempt does not count.
    """
    clock = TurnedClock()
    leaving = Workshop(store, clock)
    await leaving.runner.arm(briefing_of())
    await leaving.pass_time(redis, namespace, DUE - timedelta(seconds=10))
    await leaving.runner.give_back()
    heir = Workshop(store, clock, leaving.posts)
    await heir.pass_time(redis, namespace, DUE)
    assert heir.posts.headlines == [("b1", DUE, False)]
    assert heir.composed == []
    (run,) = await store.runs(APP, "b1")
    assert run.attempts == 1


async def test_many_at_one_minute_begin_earlier(shop: Workshop, redis: Redis, namespace: str) -> None:
    """Sixty briefings of a minute: their preparations begin in three groups, all are out at seven, and
    no thread is filled before the last headline.
    """
    shop.takes = timedelta(seconds=40)
    for number in range(60):
        await shop.runner.arm(briefing_of(f"b{number}"))
    scores = await redis.zrange(f"{namespace}:{{briefings:{APP}}}:timetable", 0, -1, withscores=True)
    early = Counter(round(DUE.timestamp() - score) for _, score in scores)
    assert early == {45: 20, 90: 20, 135: 20}
    await shop.pass_time(redis, namespace, DUE)
    assert len(shop.posts.headlines) == 60
    await shop.settle()
    assert shop.posts.parts == ["headline"] * 60 + ["items"] * 60


async def test_the_lead_follows_the_measured_time(shop: Workshop, redis: Redis, namespace: str) -> None:
    """Preparations of three minutes make tomorrow's begin four and a half minutes before."""
    shop.takes = timedelta(minutes=3)
    await shop.runner.arm(briefing_of())
    await shop.pass_time(redis, namespace, DUE + timedelta(minutes=10))
    assert shop.posts.at[0][1] - DUE > timedelta(minutes=2)
    await shop.pass_time(redis, namespace, DUE + DAY)
    assert shop.posts.at[1] == (DUE + DAY, DUE + DAY)


@pytest.mark.timeout(300)
async def test_a_year_of_fifty_schedules(shop: Workshop, redis: Redis, namespace: str) -> None:
    """Every run of every schedule exactly once and at its instant, through next run, claim, post and
    receipt, over the clock changes of two hemispheres.
    """
    zones = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe")
    days = (EVERY_DAY, WORKDAYS, frozenset({1}), frozenset({6, 7}), frozenset({2, 4}))
    hours = (time(7), time(2, 30), time(0), time(8, 15), time(23, 59))
    briefings = [
        briefing_of(
            f"b{number}", at=hours[number % 5], zone=zones[number // 10], weekdays=days[number // 2 % 5]
        )
        for number in range(50)
    ]
    for briefing in briefings:
        await shop.runner.arm(briefing)
    start, end = shop.clock.now(), datetime(2027, 1, 1, tzinfo=UTC)
    with structlog.testing.capture_logs():  # twenty thousand lines that nobody reads
        await shop.pass_time(redis, namespace, end - timedelta(seconds=1))
    counted = Counter(each[:2] for each in shop.posts.headlines)
    assert set(counted.values()) == {1}
    assert Counter(shop.posts.items) == counted
    assert all(posted == due for due, posted in shop.posts.at)
    for briefing in briefings:
        zone = ZoneInfo(briefing.schedule.zone)
        dates = [due.astimezone(zone).date() for name, due in counted if name == briefing.briefing_id]
        first, last = start.astimezone(zone).date(), (end - timedelta(seconds=1)).astimezone(zone).date()
        wanted = [
            day
            for day in (first + timedelta(days=number) for number in range(1, (last - first).days))
            if day.isoweekday() in briefing.schedule.weekdays
        ]
        assert len(dates) == len(set(dates))
        assert set(wanted) <= set(dates)
        assert all(day.isoweekday() in briefing.schedule.weekdays for day in dates)
