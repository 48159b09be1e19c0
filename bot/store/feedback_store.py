"""What people thought of answers, by persona and month. A press counts once a person and answer.

Who pressed is kept as a digest: enough to change one's mind, and nothing to look a person up by. Reasons are
people's words: they are sealed, live as long as all words, and go with the thread when that is forgotten.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson
from redis.asyncio import Redis

from bot.store.errors import translated
from bot.store.keys import DAY_SECONDS, FEEDBACK_SECONDS, Keys, app_prefix
from bot.store.thread_store import Plain, Seal

__all__ = ["FeedbackStore", "Opinion", "Reason", "Tally", "reasons", "tallies"]


@dataclass(frozen=True, slots=True)
class Opinion:
    """One person's press under one answer."""

    turn_id: str
    persona: str
    user_id: str
    helped: bool

    @property
    def who(self) -> str:
        """A digest of the person and the answer: the same person is another one under the next answer."""
        return hashlib.sha256(f"{self.turn_id}/{self.user_id}".encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Tally:
    """Presses of one persona in one month."""

    persona: str
    month: str
    """``2026-11``."""
    up: int
    down: int


@dataclass(frozen=True, slots=True)
class Reason:
    """Why somebody pressed."""

    persona: str
    thumb: str
    """``up`` or ``down``."""
    reason: str
    """Their words."""


class FeedbackStore:
    """One app's feedback. Every method raises ``StoreUnavailableError`` when Redis is away."""

    def __init__(self, redis: Redis, *, prefix: str, words_days: int, seal: Seal | None = None) -> None:
        self._redis = redis
        self._keys = Keys(prefix)
        self._words_seconds = words_days * DAY_SECONDS
        self._seal: Seal = seal or Plain()

    async def press(self, opinion: Opinion) -> None:
        """Keep a press; the last one of a person under an answer counts."""
        key = self._keys.feedback(opinion.persona, f"{datetime.now(UTC):%Y-%m}")
        with translated(f"keep feedback on {opinion.turn_id}"):
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.hset(key, f"{opinion.turn_id}:{opinion.who}", "up" if opinion.helped else "down")
                pipe.expire(key, FEEDBACK_SECONDS)
                await pipe.execute()

    async def explain(self, opinion: Opinion, address: str, reason: str) -> None:
        """Keep why, with what is kept of the answer's thread."""
        key = self._keys.thread(address).reasons(opinion.turn_id)
        thumb = "up" if opinion.helped else "down"
        closed = self._seal.close(
            orjson.dumps({"persona": opinion.persona, "thumb": thumb, "reason": reason})
        )
        with translated(f"keep a reason on {opinion.turn_id}"):
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.hset(key, opinion.who, closed.decode())
                pipe.expire(key, self._words_seconds)
                await pipe.execute()


async def tallies(redis: Redis) -> list[Tally]:
    """The presses of all apps on a server, by persona, newest month first."""
    presses: Counter[tuple[str, str, str]] = Counter()
    with translated("count feedback"):
        match = Keys(app_prefix("*")).feedback("*", "*")
        async for key in redis.scan_iter(match=match, count=1000):
            persona, month = str(key).split(":")[-2:]
            thumbs = await redis.hvals(key)
            presses.update((persona, month, str(thumb)) for thumb in thumbs)
    pairs = {(persona, month) for persona, month, _ in presses}
    months = sorted(sorted(pairs, key=lambda each: each[1], reverse=True), key=lambda each: each[0])
    return [
        Tally(persona, month, presses[persona, month, "up"], presses[persona, month, "down"])
        for persona, month in months
    ]


async def reasons(redis: Redis, seal: Seal) -> list[Reason]:
    """The reasons that are still kept, of all apps on a server, by persona."""
    found: list[Reason] = []
    with translated("read reasons"):
        match = Keys(app_prefix("*")).thread("*").reasons("*")
        async for key in redis.scan_iter(match=match, count=1000):
            for stored in await redis.hvals(key):
                data = seal.open(str(stored).encode())
                if data is not None:
                    found.append(Reason(**orjson.loads(data)))
    return sorted(found, key=lambda each: (each.persona, each.thumb))
