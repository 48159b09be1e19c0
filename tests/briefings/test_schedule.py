"""When briefings are due, against a second way of counting: looking at the clock, minute by minute."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.briefings.schedule import EVERY_DAY, HORIZON_DAYS, NoRunError, Schedule, due_on, runs

ZONES = sorted(available_timezones() - {"localtime", "Factory"})
MINUTE = timedelta(minutes=1)
MOMENTS = st.integers(0, 6 * 365 * 24 * 3600).map(
    lambda seconds: datetime(2024, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)
TIMES = (time(0, 0), time(0, 30), time(2, 30), time(3, 0), time(7, 0), time(23, 45))


def first(schedule: Schedule, after: datetime, count: int) -> list[datetime]:
    """The next runs."""
    return list(islice(runs(schedule, after), count))


def seen_on_the_clock(day: date, at: time, zone: ZoneInfo) -> datetime | None:
    """The first minute at which a clock on the wall shows ``day`` and ``at`` or later on that day."""
    instant = datetime.combine(day, time(), UTC) - timedelta(hours=15)
    for _ in range(42 * 60):
        local = instant.astimezone(zone)
        if local.date() == day and local.time().replace(second=0) >= at:
            return instant
        instant += MINUTE
    return None


def jumps(zone: ZoneInfo, year: int) -> list[date]:
    """Local dates on which the zone's offset changes."""
    noon = datetime(year, 1, 1, 12, tzinfo=UTC)
    days = [noon + timedelta(days=number) for number in range(367)]
    return [
        later.astimezone(zone).date()
        for earlier, later in pairwise(days)
        if earlier.astimezone(zone).utcoffset() != later.astimezone(zone).utcoffset()
    ]


@pytest.mark.parametrize("initial", sorted({zone[0] for zone in ZONES}))
def test_every_zone_rings_when_its_clock_says_so(initial: str) -> None:
    """On each day of 2026 and 2027 on which a zone changes its clock, and on the days around it."""
    for name in (zone for zone in ZONES if zone[0] == initial):
        zone = ZoneInfo(name)
        days = {
            jump + timedelta(days=offset)
            for year in (2026, 2027)
            for jump in jumps(zone, year)
            for offset in (-1, 0, 1)
        } or {date(2026, 11, 25)}
        for day in sorted(days)[:6]:
            for at in (time(2, 30), time(7, 0)):
                assert due_on(day, at, zone) == seen_on_the_clock(day, at, zone), (name, day, at)


@given(
    zone=st.sampled_from(ZONES),
    at=st.sampled_from(TIMES),
    after=MOMENTS,
    weekdays=st.frozensets(st.integers(1, 7), min_size=1),
)
def test_each_chosen_date_has_one_run(zone: str, at: time, after: datetime, weekdays: frozenset[int]) -> None:
    """Strictly after the moment asked from, in order, no date twice, none left out."""
    found = first(Schedule(at, zone, weekdays), after, 20)
    local = [when.astimezone(ZoneInfo(zone)) for when in found]
    assert found == sorted(set(found))
    assert found[0] > after
    days = [when.date() for when in local]
    assert days == sorted(set(days))
    assert {day.isoweekday() for day in days} <= weekdays
    span = [days[0] + timedelta(days=number) for number in range((days[-1] - days[0]).days + 1)]
    assert [day for day in span if day.isoweekday() in weekdays] == days
    assert all(when.time() >= at for when in local)


@given(
    zone=st.sampled_from(ZONES),
    after=MOMENTS,
)
def test_the_next_run_leads_to_the_one_after(zone: str, after: datetime) -> None:
    """Asking again from each run gives the same runs as asking once: a re-armed schedule loses nothing."""
    schedule = Schedule(time(2, 30), zone, EVERY_DAY)
    at_once = first(schedule, after, 5)
    one_by_one, moment = [], after
    for _ in range(5):
        moment = next(runs(schedule, moment))
        one_by_one.append(moment)
    assert one_by_one == at_once


def test_a_skipped_time_rings_when_the_clock_jumps() -> None:
    """Berlin has no 02:30 on 29 March 2026: it rings at 03:00 summer time."""
    assert due_on(date(2026, 3, 29), time(2, 30), ZoneInfo("Europe/Berlin")) == datetime(
        2026, 3, 29, 1, 0, tzinfo=UTC
    )


def test_a_time_that_comes_twice_rings_once() -> None:
    """Berlin has 02:30 twice on 25 October 2026: the first one counts, the next run is a day later."""
    schedule = Schedule(time(2, 30), "Europe/Berlin", EVERY_DAY)
    due, following = first(schedule, datetime(2026, 10, 24, 12, tzinfo=UTC), 2)
    assert due == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert following == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)


def test_half_hours_count() -> None:
    """Kathmandu is 5:45 ahead, Lord Howe changes its clock by half an hour."""
    assert due_on(date(2026, 1, 5), time(7, 0), ZoneInfo("Asia/Kathmandu")) == datetime(
        2026, 1, 5, 1, 15, tzinfo=UTC
    )
    assert due_on(date(2026, 10, 4), time(2, 15), ZoneInfo("Australia/Lord_Howe")) == datetime(
        2026, 10, 3, 15, 30, tzinfo=UTC
    )


def test_a_date_that_does_not_exist_has_no_run() -> None:
    """Samoa went from 29 to 31 December 2011."""
    zone = ZoneInfo("Pacific/Apia")
    assert due_on(date(2011, 12, 30), time(7, 0), zone) is None
    found = first(Schedule(time(7), "Pacific/Apia", EVERY_DAY), datetime(2011, 12, 28, tzinfo=UTC), 3)
    assert [when.astimezone(zone).day for when in found] == [28, 29, 31]


def test_another_zone_moves_the_next_run() -> None:
    """A channel that moves from Tokyo to New York gets its next briefing at seven over there."""
    now = datetime(2026, 11, 25, 1, 0, tzinfo=UTC)  # ten in the morning in Tokyo: today's is out
    assert next(runs(Schedule(time(7), "Asia/Tokyo"), now)) == datetime(2026, 11, 25, 22, tzinfo=UTC)
    assert next(runs(Schedule(time(7), "America/New_York"), now)) == datetime(2026, 11, 25, 12, tzinfo=UTC)


def test_days_off_are_left_out() -> None:
    """Whatever says that a date is free is believed; where every date is free, there is an end."""
    schedule = Schedule(time(7), "Europe/Paris")
    noel = date(2026, 12, 25)
    found = list(
        islice(runs(schedule, datetime(2026, 12, 24, 12, tzinfo=UTC), day_off=lambda day: day == noel), 2)
    )
    assert [when.date() for when in found] == [date(2026, 12, 28), date(2026, 12, 29)]
    with pytest.raises(NoRunError, match=str(HORIZON_DAYS)):
        next(runs(schedule, datetime(2026, 1, 1, tzinfo=UTC), day_off=lambda _: True))


@pytest.mark.parametrize(
    ("at", "zone", "weekdays"),
    [
        (time(7, 0, 1), "UTC", EVERY_DAY),
        (time(7, tzinfo=UTC), "UTC", EVERY_DAY),
        (time(7), "Mars/Olympus", EVERY_DAY),
        (time(7), "UTC", frozenset()),
        (time(7), "UTC", frozenset({0})),
    ],
)
def test_a_schedule_that_means_nothing_is_refused(at: time, zone: str, weekdays: frozenset[int]) -> None:
    """Seconds, zones of its own, no weekdays."""
    with pytest.raises((ValueError, LookupError)):
        Schedule(at, zone, weekdays)
