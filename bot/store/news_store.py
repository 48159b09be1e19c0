"""The desk's memory of the news in Redis: collected documents, what is known of each source, who collects.

Shared by all replicas: one collects, each keeps a copy for searching and asks only for what is new.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import orjson
from redis.asyncio import Redis

from bot.evidence.items import SourceClass
from bot.evidence.stored import StoredItem
from bot.evidence.titles import title_fingerprint
from bot.store.errors import translated
from bot.store.keys import NEWS_SECONDS, PREFIX, Keys

__all__ = ["MOST_ITEMS", "Added", "NewsStore", "SourceState"]

MOST_ITEMS = 10_000
"""Documents kept at most: twice what the sources of five personas publish in an ordinary fortnight; beyond it
the oldest go, so that a flood fills no memory."""

_STANDING = {SourceClass.OFFICIAL: 0, SourceClass.DATA: 0, SourceClass.WIRE: 1}
"""Who is kept of two with one headline: whoever others copy from; of equals, the first."""

_FULLER_BYTES = 200
"""By so much a document's JSON must have grown to be stored again: a sentence, not a corrected comma."""

_BATCH = 100
"""Documents written or read at a time: half a megabyte, a few milliseconds of Redis."""


@dataclass(frozen=True, slots=True)
class SourceState:
    """What is known of a source. Times are UTC."""

    etag: str = ""
    last_modified: str = ""
    checked_at: datetime | None = None
    succeeded_at: datetime | None = None
    failures: int = 0
    """In a row."""
    reason: str = ""
    """Why the last attempt failed, for analysts; empty after a success."""
    due_at: datetime | None = None
    """Not to be asked before."""
    in_progress: bool = False
    """A process is at it, or ended while it was: then the failure stands."""
    entries: int = 0
    """What it listed when it was last read."""
    note: str = ""
    """What is odd about it although it can be read."""

    def to_json(self) -> bytes:
        """As it is stored."""
        return orjson.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> SourceState:
        """The inverse; fields that only an older or newer version knows are left out."""
        data: dict[str, Any] = {
            name: value for name, value in orjson.loads(text).items() if name in cls.__slots__
        }
        for name in ("checked_at", "succeeded_at", "due_at"):
            if data.get(name):
                data[name] = datetime.fromisoformat(data[name])
        return cls(**data)


@dataclass(frozen=True, slots=True)
class Added:
    """What became of documents that were to be stored."""

    new: int = 0
    fuller: int = 0
    """Known before, and stored again with more text."""
    twins: int = 0
    """Left out: another document has the same headline."""
    known: int = 0


class NewsStore:
    """Every method raises ``StoreUnavailableError`` when Redis is away."""

    def __init__(self, redis: Redis, *, prefix: str = PREFIX, item_seconds: int = NEWS_SECONDS) -> None:
        self._redis = redis
        self._keys = Keys(prefix)
        self._item_seconds = item_seconds
        self._hold = redis.register_script(_HOLD)
        self._release = redis.register_script(_RELEASE)

    async def add(self, items: Sequence[StoredItem]) -> Added:
        """Store documents. One with a known id is stored again only if it has more text, its life not
        prolonged; one with the headline of another is left out, or takes its place (``_STANDING``).
        """
        counts = {"new": 0, "fuller": 0, "twin": 0, "known": 0}
        for start in range(0, len(items), _BATCH):
            batch = items[start : start + _BATCH]
            with translated("store news"):
                async with self._redis.pipeline(transaction=False) as pipe:
                    for item in batch:
                        keys = self._keys_of(item)
                        # Not by its digest: a cluster's pipeline takes whole scripts only.
                        pipe.eval(_ADD, len(keys), *keys, *self._arguments(item))
                    pipe.expire(self._keys.news_items, self._item_seconds)
                    verdicts = await pipe.execute()
            for verdict in verdicts[:-1]:
                counts[verdict] += 1
        return Added(counts["new"], counts["fuller"], counts["twin"], counts["known"])

    def _keys_of(self, item: StoredItem) -> list[str]:
        fingerprint = title_fingerprint(item.title)
        title = self._keys.news_title(fingerprint or f"of-{item.id}")
        return [self._keys.news_item(item.id), title, self._keys.news_items]

    def _arguments(self, item: StoredItem) -> list[str | int | bytes]:
        return [
            item.id,
            orjson.dumps(item.to_json()),
            _FULLER_BYTES,
            self._item_seconds,
            MOST_ITEMS,
            self._keys.news_item(""),
            _STANDING.get(item.source_class, len(_STANDING)),
        ]

    async def known(self, ids: Iterable[str]) -> set[str]:
        """Which of these documents were stored, or left out as twins."""
        wanted = list(ids)
        if not wanted:
            return set()
        with translated("look for news"):
            scores = await self._redis.zmscore(self._keys.news_items, wanted)
        return {item_id for item_id, score in zip(wanted, scores, strict=True) if score is not None}

    async def since(self, mark: float) -> tuple[list[StoredItem], float]:
        """Documents written after ``mark`` (0: all), and the mark for the next time. A second's worth may
        come again: clocks of writers and readers are the server's, but its milliseconds are not unique.
        """
        with translated("read news"):
            rows: list[tuple[str, float]] = await self._redis.zrange(  # type: ignore[assignment]
                self._keys.news_items,
                f"({mark}",
                "+inf",
                byscore=True,
                withscores=True,
            )
        items: list[StoredItem] = []
        for start in range(0, len(rows), _BATCH):
            names = [self._keys.news_item(item_id) for item_id, _ in rows[start : start + _BATCH]]
            with translated("read news"):
                texts = await self._redis.mget(names)
            items += [StoredItem.from_json(orjson.loads(text)) for text in texts if text is not None]
        newest = max((score for _, score in rows), default=mark)
        return items, max(mark, newest - 1000 if rows else mark)

    async def ids(self) -> set[str]:
        """Ids of all documents that are not forgotten yet."""
        with translated("list news"):
            return {str(item_id) for item_id in await self._redis.zrange(self._keys.news_items, 0, -1)}

    async def source_states(self, source_ids: Sequence[str]) -> dict[str, SourceState]:
        """What is known of sources, by id; an unknown one has the empty state."""
        if not source_ids:
            return {}
        with translated("read source states"):
            texts = await self._redis.mget([self._keys.news_source(each) for each in source_ids])
        return {
            source_id: SourceState() if text is None else SourceState.from_json(str(text))
            for source_id, text in zip(source_ids, texts, strict=True)
        }

    async def save_source_states(self, states: Mapping[str, SourceState]) -> None:
        """Remember what is known of sources."""
        with translated("save source states"):
            async with self._redis.pipeline(transaction=False) as pipe:
                for source_id, state in states.items():
                    pipe.set(self._keys.news_source(source_id), state.to_json(), ex=NEWS_SECONDS)
                await pipe.execute()

    async def claim(self, source_id: str, owner: str, *, seconds: float) -> bool:
        """Take a source for fetching; False while somebody else has it. The claim ends by itself."""
        with translated("claim a source"):
            key = self._keys.news_claim(source_id)
            return bool(await self._hold(keys=[key], args=[owner, round(seconds * 1000)]))

    async def release(self, source_id: str, owner: str) -> None:
        """Give a source back that ``owner`` claimed."""
        with translated("release a source"):
            await self._release(keys=[self._keys.news_claim(source_id)], args=[owner])

    async def lead(self, owner: str, *, seconds: float) -> bool:
        """Become, or stay, the one that collects; False while another is."""
        with translated("hold the collector's lease"):
            held = await self._hold(keys=[self._keys.news_collector], args=[owner, round(seconds * 1000)])
        return bool(held)

    async def step_down(self, owner: str) -> None:
        """Let another one collect at once."""
        with translated("release the collector's lease"):
            await self._release(keys=[self._keys.news_collector], args=[owner])


_ADD = """
-- KEYS item, title, items; ARGV id, json, bytes that make it fuller, seconds, most items, item prefix,
-- standing.
local now = redis.call('TIME')
local score = now[1] * 1000 + math.floor(now[2] / 1000)
local length = redis.call('STRLEN', KEYS[1])
if length > 0 then
  if #ARGV[2] < length + ARGV[3] then return 'known' end
  redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
  redis.call('ZADD', KEYS[3], score, ARGV[1])
  return 'fuller'
end
local standing, twin = string.match(redis.call('GET', KEYS[2]) or '', '^(%d) (.+)$')
if twin and twin ~= ARGV[1] and redis.call('EXISTS', ARGV[6] .. twin) == 1 then
  if tonumber(standing) <= tonumber(ARGV[7]) then
    redis.call('ZADD', KEYS[3], 'NX', score, ARGV[1])  -- known from now on: nobody need fetch its article
    return 'twin'
  end
  redis.call('DEL', ARGV[6] .. twin)
end
redis.call('SET', KEYS[2], ARGV[7] .. ' ' .. ARGV[1], 'EX', ARGV[4])
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[4])
redis.call('ZADD', KEYS[3], score, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', score - ARGV[4] * 1000)
for _, id in ipairs(redis.call('ZRANGE', KEYS[3], 0, -1 - ARGV[5])) do
  redis.call('DEL', ARGV[6] .. id)
  redis.call('ZREM', KEYS[3], id)
end
return 'new'
"""

_HOLD = """
-- KEYS claim or lease; ARGV owner, milliseconds.
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""

_RELEASE = """
-- KEYS claim or lease; ARGV owner.
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1
"""
