"""Dates as sources write them, to UTC; and those that cannot be believed."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

__all__ = ["believable", "exact_moment", "moment_in"]

AHEAD = timedelta(hours=26)
"""How far ahead of our clock a date may lie that is only meant in another zone: UTC-12 to UTC+14."""

OLDEST = timedelta(days=5 * 365)
"""Older than that, a date in a feed is a placeholder (1970, 2000) more often than a date."""

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january jan января январь",
            "february feb февраля февраль",
            "march mar марта март",
            "april apr апреля апрель",
            "may мая май",
            "june jun июня июнь",
            "july jul июля июль",
            "august aug августа август",
            "september sep sept сентября сентябрь",
            "october oct октября октябрь",
            "november nov ноября ноябрь",
            "december dec декабря декабрь",
        ),
        start=1,
    )
    for name in names.split()
}
_YEAR_FIRST = re.compile(
    r"(?<!\d)(20\d{2})\s?(?:[-/.年년]|(?=\d{4}(?!\d)))\s?(\d{1,2})\s?(?:[-/.月월]|(?=\d{2}(?!\d)))\s?(\d{1,2})(?!\d)"
    r"(?:\s?[日일])?(?:[\sT]{1,3}(\d{1,2})[:：時时](\d{2}))?"
)
_DAY_FIRST = re.compile(r"(?<!\d)(\d{1,2})[./](\d{1,2})[./](20\d{2})(?!\d)(?:,?\s+(\d{1,2}):(\d{2}))?")
_MONTH_NAMED = re.compile(r"(?<!\d)(\d{1,2})(?:st|nd|rd|th)?\s+([^\W\d_]{3,9})\.?,?\s+(20\d{2})(?!\d)")
_MONTH_FIRST = re.compile(r"(?<!\w)([^\W\d_]{3,9})\.?\s+(\d{1,2})(?:st|nd|rd|th)?,?\s+(20\d{2})(?!\d)")


def moment_in(text: str) -> datetime | None:
    """The first date in a text, as UTC; ``None`` where there is none. 03/04/2026 is nobody's date: day and
    month are only taken apart by points, or where one is above twelve.
    """
    for pattern, order in (
        (_YEAR_FIRST, "ymd"),
        (_DAY_FIRST, "dmy"),
        (_MONTH_NAMED, "dny"),
        (_MONTH_FIRST, "ndy"),
    ):
        match = pattern.search(text)
        if match is None:
            continue
        parts = dict(zip(order, match.groups()[:3], strict=True))
        if pattern is _DAY_FIRST and "/" in match[0] and int(parts["d"]) <= 12 and int(parts["m"]) <= 12:
            continue
        month = _MONTHS.get(parts["n"].lower(), 0) if "n" in parts else int(parts["m"])
        time_ = match.groups()[3:5]
        hour, minute = (int(time_[0]), int(time_[1])) if len(time_) == 2 and time_[0] and time_[1] else (0, 0)
        try:
            return datetime(int(parts["y"]), month, int(parts["d"]), hour, minute, tzinfo=UTC)
        except ValueError:
            continue
    return None


def exact_moment(text: str) -> datetime | None:
    """An ISO 8601 date with its time and zone, as UTC, else what ``moment_in`` finds; without a zone it is
    taken for UTC.
    """
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return moment_in(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def believable(moment: datetime | None, now: datetime) -> datetime | None:
    """``moment`` in UTC, at most ``now``; ``None`` where it cannot be the date of a publication."""
    if moment is None:
        return None
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    if moment > now + AHEAD or moment < now - OLDEST:
        return None
    return min(moment, now)
