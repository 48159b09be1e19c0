"""What earlier assessments of a channel left open: their judgments and watch items, as briefings see them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from bot.assessment.assessment_record import AssessmentRecord
from bot.briefings.briefing import Briefing
from bot.briefings.content import OpenPoint
from bot.slack.permalinks import permalink
from bot.store.thread_store import ThreadStore

__all__ = ["Filed", "RecordedPoints", "points_of"]

MOST_POINTS = 24
"""Open points a briefing knows at most, of the newest assessments: three assessments' worth."""
MOST_RECORDS = 6


@dataclass(frozen=True, slots=True)
class Filed:
    """A stored assessment, and where it can be read."""

    record: AssessmentRecord
    url: str | None


@dataclass(frozen=True, slots=True)
class RecordedPoints:
    """Open points out of stored assessments (``bot.briefings.composing.OpenPoints``)."""

    threads: ThreadStore
    workspace_url: str
    """``https://example.slack.com/``; empty where Slack does not tell: then there are no links."""

    async def open_points(self, briefing: Briefing, persona: str, now: datetime) -> Sequence[OpenPoint]:
        """See ``bot.briefings.composing.OpenPoints``."""
        found = await self.threads.filed(briefing.team_id, briefing.channel, persona, most=MOST_RECORDS)
        filed = [
            Filed(record, permalink(self.workspace_url, briefing.channel, thread_ts) or None)
            for thread_ts, record in found
        ]
        return points_of(filed, now.date())


def points_of(filed: Iterable[Filed], today: date) -> list[OpenPoint]:
    """Judgments and watch items that are not over, newest assessment first. Where two assessments use the
    same id, the older one's carries the day of its assessment: ``J1`` and ``J1/20 Nov``.
    """
    found: list[OpenPoint] = []
    taken: set[str] = set()
    for each in filed:
        for point in _points(each):
            if point.until is not None and point.until < today:
                continue
            name = point.point_id
            if name in taken:
                day = f"{point.assessed_at.day} {point.assessed_at:%b}"
                name = next(
                    candidate
                    for number in range(1, MOST_POINTS * MOST_RECORDS)
                    if (candidate := f"{name}/{day}" + (f" #{number}" if number > 1 else "")) not in taken
                )
            taken.add(name)
            found.append(replace(point, point_id=name))
    return found[:MOST_POINTS]


def _points(filed: Filed) -> Iterable[OpenPoint]:
    record = filed.record
    for judgment in record.plan.judgments:
        yield OpenPoint(
            judgment.id,
            judgment.statement,
            record.as_of,
            record.persona,
            percent=judgment.likelihood.point,
            until=judgment.until,
            url=filed.url,
        )
    for item in record.watch.items:
        yield OpenPoint(item.id, item.observable, record.as_of, record.persona, until=item.by, url=filed.url)
