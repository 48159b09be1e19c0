"""When a briefing is due: a local time on chosen weekdays, turned into instants.

Each local date has at most one run. Where the clock makes trouble the rule is the one people expect of an
alarm clock: a time that the clock skips is rung at the moment it jumps, a time that comes twice is rung the
first time, and a date that a zone leaves out altogether (Samoa had no 30 December 2011) has no run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

__all__ = ["EVERY_DAY", "HORIZON_DAYS", "WORKDAYS", "DayOff", "NoRunError", "Schedule", "due_on", "runs"]

EVERY_DAY = frozenset(range(1, 8))
WORKDAYS = frozenset(range(1, 6))
"""ISO weekdays, Monday is 1."""

HORIZON_DAYS = 400
"""Days looked ahead for the next run: more than a year of one weekday that is a holiday each time."""

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)

DayOff = Callable[[date], bool]
"""Whether a local date is free; ``bot.briefings.days_off`` has the public holidays of countries."""


class NoRunError(LookupError):
    """No date within the horizon has a run."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """A time of day in a time zone, on some weekdays."""

    at: time
    """Naive, whole minutes."""
    zone: str
    """IANA name, ``Asia/Kathmandu``."""
    weekdays: frozenset[int] = WORKDAYS
    """ISO weekdays, Monday is 1; not empty."""

    def __post_init__(self) -> None:
        if self.at.tzinfo is not None or self.at.second or self.at.microsecond:
            raise ValueError("a schedule's time is a local time in whole minutes")
        if not self.weekdays or not self.weekdays <= EVERY_DAY:
            raise ValueError("a schedule has weekdays between 1 (Monday) and 7 (Sunday)")
        ZoneInfo(self.zone)  # raises where there is no such zone


def runs(schedule: Schedule, after: datetime, *, day_off: DayOff | None = None) -> Iterator[datetime]:
    """The instants (UTC) of the runs strictly after ``after``, in order, without end.

    Raises ``NoRunError`` where ``HORIZON_DAYS`` in a row have none.
    """
    zone = ZoneInfo(schedule.zone)
    # A skipped time may be rung on a later clock, never on another date; one day back is enough for all.
    day = after.astimezone(zone).date() - DAY
    quiet = 0
    while True:
        due = None
        if day.isoweekday() in schedule.weekdays and not (day_off is not None and day_off(day)):
            due = due_on(day, schedule.at, zone)
        if due is not None and due > after:
            quiet = 0
            yield due
        elif (quiet := quiet + 1) > HORIZON_DAYS:
            raise NoRunError(f"no run within {HORIZON_DAYS} days")
        day += DAY


def due_on(day: date, at: time, zone: ZoneInfo) -> datetime | None:
    """The instant (UTC) at which ``at`` is reached on ``day``, or ``None`` where the zone has no such day."""
    local = datetime.combine(day, at)
    instant = local.replace(tzinfo=zone).astimezone(UTC)  # fold 0: the first of two
    if instant.astimezone(zone).replace(tzinfo=None) == local:
        return instant
    jump = _jump(local, zone)
    return jump if jump.astimezone(zone).date() == day else None


def _jump(skipped: datetime, zone: ZoneInfo) -> datetime:
    """The first instant after the gap that ``skipped`` falls into."""
    # PEP 495: in a gap fold 1 counts with the offset after the jump and so lies before it, fold 0 after it.
    before = skipped.replace(tzinfo=zone, fold=1).astimezone(UTC)
    behind = skipped.replace(tzinfo=zone, fold=0).astimezone(UTC)
    offset = before.astimezone(zone).utcoffset()
    while behind - before > SECOND:
        middle = before + (behind - before) // 2
        middle = middle.replace(microsecond=0)
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            behind = middle
    return behind
