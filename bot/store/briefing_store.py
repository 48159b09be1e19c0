"""Briefings in Redis: the standing orders, the timetable that all replicas share, and each run's receipt.

Every method raises ``StoreUnavailableError`` when Redis is away; methods that take a ``RunLease`` raise
``FencedError`` once another process owns the run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

import orjson
from redis.asyncio import Redis

from bot.briefings.briefing import Briefing, Run, RunState
from bot.briefings.content import Reported
from bot.store import briefing_scripts as scripts
from bot.store.errors import FencedError, translated
from bot.store.keys import PREFIX, BriefingKeys

__all__ = ["Armed", "BriefingStore", "RunEnd", "RunLease"]

KEEP_SECONDS = 400 * 86_400
"""How long a briefing outlives its last run or change: longer than the longest pause between two runs
(``bot.briefings.schedule.HORIZON_DAYS``)."""

RUNS_KEPT = 60
"""Receipts kept of each briefing: two months of mornings."""

REPORTED_KEPT = 300
"""Told items remembered of each briefing: two weeks at twenty sources a day, as long as documents
are kept."""

PREPARATIONS_KEPT = 20
"""Measured preparations that decide how early the next ones begin: the last morning of a busy desk."""

CAPACITY = 20
"""Briefings of one minute that are prepared side by side; as many assessments run at once in a workspace
without waiting for each other (``bot.store.admission_store``)."""


@dataclass(frozen=True, slots=True)
class Armed:
    """A briefing with its next run; ``due`` is ``None`` while it is paused."""

    briefing: Briefing
    due: datetime | None


@dataclass(frozen=True, slots=True)
class RunLease:
    """One process's right to work on a run, and what earlier ones left of it."""

    app_id: str
    briefing_id: str
    fence: int
    run: Run
    preparations: tuple[float, ...] = ()
    """How long the last preparations of the app took, in seconds, newest first."""


@dataclass(frozen=True, slots=True)
class RunEnd:
    """How a run ended."""

    state: RunState
    at: datetime
    reason: str = ""
    items_ts: str = ""
    preparation_seconds: float | None = None
    """How long its preparation took, if it was made by this process."""


class BriefingStore:
    """The briefings of all apps. ``prefix`` sets a test's keys apart."""

    def __init__(self, redis: Redis, *, prefix: str = PREFIX) -> None:
        self._redis = redis
        self._prefix = prefix
        self._save = redis.register_script(scripts.SAVE)
        self._remove = redis.register_script(scripts.REMOVE)
        self._take = redis.register_script(scripts.TAKE)
        self._begin = redis.register_script(scripts.BEGIN)
        self._record = redis.register_script(scripts.RECORD)
        self._keep = redis.register_script(scripts.KEEP)
        self._finish = redis.register_script(scripts.FINISH)

    def _keys(self, app_id: str) -> BriefingKeys:
        return BriefingKeys(self._prefix, app_id)

    # Standing orders ------------------------------------------------------------------------------------

    async def save(self, briefing: Briefing, due: datetime | None, *, lead: timedelta = timedelta()) -> bool:
        """Keep a briefing and arm it for ``due`` (``None``: it does not run), its preparation beginning
        ``lead`` earlier. False: somebody else stored a later revision.
        """
        keys, briefing_id = self._keys(briefing.app_id), briefing.briefing_id
        with translated(f"save briefing {briefing_id}"):
            saved = await self._save(
                keys=[keys.briefing(briefing_id), keys.timetable, keys.dues, keys.all],
                args=[
                    briefing_id,
                    orjson.dumps(briefing.to_json()),
                    briefing.revision,
                    "" if due is None else _seconds(due),
                    0 if due is None else _seconds(due - lead),
                    KEEP_SECONDS,
                    CAPACITY,
                    lead.total_seconds(),
                ],
            )
        return bool(saved)

    async def remove(self, app_id: str, briefing_id: str) -> bool:
        """Forget a briefing; False where there was none."""
        keys = self._keys(app_id)
        with translated(f"remove briefing {briefing_id}"):
            return bool(
                await self._remove(
                    keys=[
                        keys.briefing(briefing_id),
                        keys.timetable,
                        keys.dues,
                        keys.runs(briefing_id),
                        keys.all,
                        keys.reported(briefing_id),
                    ],
                    args=[briefing_id],
                )
            )

    async def briefing(self, app_id: str, briefing_id: str) -> Armed | None:
        """A briefing and its next run, or ``None``."""
        with translated(f"read briefing {briefing_id}"):
            data, due = await self._redis.hmget(self._keys(app_id).briefing(briefing_id), ["data", "due"])
        return None if data is None else _armed(data, due)

    async def briefings(self, app_id: str) -> list[Armed]:
        """All briefings of an app, paused ones too, by channel and id."""
        keys = self._keys(app_id)
        with translated("list briefings"):
            ids = sorted(await self._redis.smembers(keys.all))
            async with self._redis.pipeline(transaction=False) as pipe:
                for briefing_id in ids:
                    pipe.hmget(keys.briefing(str(briefing_id)), ["data", "due"])
                records = await pipe.execute() if ids else []
        found = [_armed(data, due) for data, due in records if data is not None]
        return sorted(found, key=lambda armed: (armed.briefing.channel, armed.briefing.briefing_id))

    async def apps(self) -> list[str]:
        """The apps that have or had briefings."""
        pattern = self._keys("*").all
        start, _, end = pattern.partition("*")
        with translated("look for briefings"):
            found = [str(key) async for key in self._redis.scan_iter(match=pattern, count=1_000)]
        return sorted(key[len(start) : -len(end)] for key in found)

    # Running --------------------------------------------------------------------------------------------

    async def take(self, app_id: str, now: datetime, *, lease: timedelta, most: int) -> list[str]:
        """The briefings that are the caller's to attend to: nobody else gets them within ``lease``."""
        with translated("look at the timetable"):
            ids = await self._take(
                keys=[self._keys(app_id).timetable], args=[_seconds(now), _seconds(now + lease), most]
            )
        return [str(briefing_id) for briefing_id in ids]

    async def begin(self, app_id: str, briefing_id: str, due: datetime) -> RunLease | None:
        """Own a run from now on; ``None`` when it is over."""
        keys = self._keys(app_id)
        with translated(f"begin briefing {briefing_id}"):
            answer = await self._begin(
                keys=[
                    keys.run(briefing_id, _seconds(due)),
                    keys.runs(briefing_id),
                    keys.preparations,
                ],
                args=[_seconds(due), KEEP_SECONDS],
            )
        if answer is None:
            return None
        fence, preparations, *fields = answer
        record = dict(zip(fields[::2], fields[1::2], strict=True))
        return RunLease(
            app_id, briefing_id, int(fence), _run(briefing_id, record), tuple(map(float, preparations))
        )

    async def record(self, lease: RunLease, fields: Mapping[str, object]) -> None:
        """Note fields of ``Run`` by name: ``content``, ``headline_begun``, ``headline_ts``, …"""
        values: list[str | bytes] = []
        for name, value in fields.items():
            values += [name, orjson.dumps(value) if name == "content" else _text(value)]
        with translated(f"note briefing {lease.briefing_id}"):
            owned = await self._record(keys=[self._run_key(lease)], args=[lease.fence, KEEP_SECONDS, *values])
        _check(owned, lease)

    async def keep(self, lease: RunLease, until: datetime, *, forgive: bool = False) -> None:
        """Nobody else looks at the briefing before ``until``; in the past: somebody must at once.
        ``forgive``: the attempt does not count. Nothing happens where the run is over.
        """
        with translated(f"keep briefing {lease.briefing_id}"):
            owned = await self._keep(
                keys=[self._run_key(lease), self._keys(lease.app_id).timetable],
                args=[lease.fence, lease.briefing_id, _seconds(until), int(forgive)],
            )
        _check(owned, lease)

    async def finish(
        self,
        lease: RunLease,
        briefing: Briefing,
        end: RunEnd,
        *,
        following: datetime | None,
        lead: timedelta = timedelta(),
    ) -> None:
        """The run is over, and in the same step the briefing is armed for its next run, ``following``."""
        keys = self._keys(lease.app_id)
        with translated(f"finish briefing {lease.briefing_id}"):
            owned = await self._finish(
                keys=[
                    self._run_key(lease),
                    keys.timetable,
                    keys.dues,
                    keys.briefing(lease.briefing_id),
                    keys.runs(lease.briefing_id),
                    keys.all,
                    keys.preparations,
                ],
                args=[
                    lease.fence,
                    lease.briefing_id,
                    briefing.revision,
                    end.state.value,
                    end.reason,
                    _seconds(end.at),
                    "" if following is None else _seconds(following),
                    0 if following is None else _seconds(following - lead),
                    KEEP_SECONDS,
                    RUNS_KEPT,
                    CAPACITY,
                    lead.total_seconds(),
                    "" if end.preparation_seconds is None else f"{end.preparation_seconds:.1f}",
                    PREPARATIONS_KEPT,
                    end.items_ts,
                ],
            )
        _check(owned, lease)

    async def preparations(self, app_id: str) -> list[float]:
        """How long the last preparations took, in seconds, newest first."""
        with translated("read preparations"):
            return [
                float(value) for value in await self._redis.lrange(self._keys(app_id).preparations, 0, -1)
            ]

    async def runs(self, app_id: str, briefing_id: str, *, most: int = 10) -> Sequence[Run]:
        """The last runs, newest first."""
        keys = self._keys(app_id)
        with translated(f"read runs of briefing {briefing_id}"):
            dues = await self._redis.zrange(keys.runs(briefing_id), 0, most - 1, desc=True)
            async with self._redis.pipeline(transaction=False) as pipe:
                for due in dues:
                    pipe.hgetall(keys.run(briefing_id, str(due)))
                records = await pipe.execute() if dues else []
        return [_run(briefing_id, record) for record in records if record]

    # What was told --------------------------------------------------------------------------------------

    async def reported(self, app_id: str, briefing_id: str) -> list[Reported]:
        """What earlier runs of a briefing have told, newest first."""
        with translated(f"read what briefing {briefing_id} has told"):
            rows = await self._redis.lrange(self._keys(app_id).reported(briefing_id), 0, -1)
        return [Reported(**orjson.loads(row)) for row in rows]

    async def report(self, app_id: str, briefing_id: str, told: Sequence[Reported]) -> None:
        """Remember what a run has told."""
        if not told:
            return
        key = self._keys(app_id).reported(briefing_id)
        with translated(f"note what briefing {briefing_id} has told"):
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.lpush(key, *(orjson.dumps(asdict(item)) for item in reversed(told)))
                pipe.ltrim(key, 0, REPORTED_KEPT - 1)
                pipe.expire(key, KEEP_SECONDS)
                await pipe.execute()

    def _run_key(self, lease: RunLease) -> str:
        return self._keys(lease.app_id).run(lease.briefing_id, _seconds(lease.run.due))


def _check(owned: object, lease: RunLease) -> None:
    if not owned:
        raise FencedError(f"briefing {lease.briefing_id} is attended to by another process")


def _seconds(moment: datetime) -> str:
    """Unix seconds with milliseconds, the same text for the same moment."""
    return f"{moment.timestamp():.3f}"


def _armed(data: str | bytes, due: str | bytes | None) -> Armed:
    return Armed(Briefing.from_json(orjson.loads(data)), _moment(due))


def _moment(seconds: str | bytes | None) -> datetime | None:
    return datetime.fromtimestamp(float(seconds), UTC) if seconds else None


def _text(value: object) -> str:
    return ("1" if value else "") if isinstance(value, bool) else str(value)


def _run(briefing_id: str, record: Mapping[str, str]) -> Run:
    due = _moment(record["due"])
    assert due is not None  # noqa: S101 - every run is stored with its time
    return Run(
        briefing_id=briefing_id,
        due=due,
        state=RunState(record["state"]),
        attempts=int(record.get("attempts", 0)),
        content=orjson.loads(record["content"]) if record.get("content") else None,
        headline_begun=bool(record.get("headline_begun")),
        headline_ts=record.get("headline_ts", ""),
        items_begun=bool(record.get("items_begun")),
        items_ts=record.get("items_ts", ""),
        reason=record.get("reason", ""),
        finished_at=_moment(record.get("finished_at")),
    )
