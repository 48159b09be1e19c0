"""The desk's memory of threads, in Redis: people's words for a short time, our own assessments for longer.

Three hashes a thread. ``words`` holds what people wrote, ``exchanges`` their questions with our answers, and
``assessments`` the assessments as data, without anybody's words. All three go at once when a thread is
forgotten, with everything that is kept of its turns.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import orjson
import structlog
from redis.asyncio import Redis

from bot.assessment.assessment_record import AssessmentRecord, UnreadableRecordError
from bot.store import scripts
from bot.store.errors import FencedError, translated
from bot.store.keys import DAY_SECONDS, Keys, ThreadKeys
from bot.store.stored_turns import Lease
from bot.threads import Exchange, GivenAssessment, Said, ThreadMemory, with_words, without_words
from bot.turns import Question, Quoted, Turn

__all__ = ["Plain", "Seal", "ThreadStore", "address_of"]

log = structlog.get_logger()

MOST_FILED = 12
"""Assessments of one persona in one channel that are found by the channel: briefings read half of them."""

MOST_WORDS = 400
"""Messages of one thread that are read back: twice a page of Slack's."""


class Seal(Protocol):
    """How values are written down."""

    def close(self, data: bytes) -> bytes:
        """The value as it is stored."""
        ...

    def open(self, stored: bytes) -> bytes | None:
        """The inverse; ``None`` where it cannot be read with the keys there are."""
        ...


@dataclass(frozen=True, slots=True)
class Plain:
    """Values are stored as they are."""

    def close(self, data: bytes) -> bytes:
        """The data itself."""
        return data

    def open(self, stored: bytes) -> bytes | None:
        """The data itself, where it is that: JSON objects, and no token of a key that is gone."""
        return stored if stored.startswith(b"{") else None


def address_of(team_id: str, channel: str, thread_ts: str) -> str:
    """A thread's address."""
    return f"{team_id}:{channel}:{thread_ts}"


class ThreadStore:
    """The threads of one app. ``prefix``: see ``TurnStore``. Every method raises ``StoreUnavailableError``
    when Redis is away.
    """

    def __init__(
        self,
        redis: Redis,
        *,
        prefix: str,
        words_days: int = 7,
        assessments_days: int = 180,
        seal: Seal | None = None,
    ) -> None:
        self._redis = redis
        self._keys = Keys(prefix)
        self._words_seconds = words_days * DAY_SECONDS
        self._assessments_seconds = assessments_days * DAY_SECONDS
        self._seal: Seal = seal or Plain()
        self._recall = redis.register_script(scripts.RECALL)
        self._remember = redis.register_script(scripts.REMEMBER)

    async def hear(self, address: str, said: Iterable[Said]) -> None:
        """Keep messages; one that was edited takes the place of what it was."""
        fields: dict[Any, Any] = {each.ts: self._closed(asdict(each)) for each in said}
        if not fields:
            return
        key = self._keys.thread(address).words
        with translated(f"keep words of {address}"):
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.hset(key, mapping=fields)
                pipe.expire(key, self._words_seconds)
                await pipe.execute()

    async def unhear(self, address: str, ts: str) -> None:
        """Forget one message."""
        with translated(f"forget a message of {address}"):
            await self._redis.hdel(self._keys.thread(address).words, ts)

    async def begin(self, turn: Turn, lease: Lease) -> ThreadMemory:
        """Note that a turn of the thread is being answered, and read all there is before it, in one round
        trip. Raises ``FencedError`` where another run does that, or the thread was forgotten.
        """
        address = address_of(turn.team_id, turn.channel, turn.thread_ts)
        keys = self._keys.thread(address)
        asked = asdict(Exchange(turn.turn_id, turn.message_ts, turn.persona, turn.question))
        with translated(f"read thread {address}"):
            found = await self._recall(
                keys=[keys.record(turn.turn_id), keys.words, keys.exchanges, keys.assessments],
                args=[lease.fence, turn.turn_id, self._closed(asked), self._words_seconds],
            )
        if found is None:
            raise FencedError(f"turn {turn.turn_id} is another run’s, or its thread was forgotten")
        return self._memory(*map(_pairs, found))

    async def recall(self, address: str) -> ThreadMemory:
        """What there is of a thread, which another app is asked in now."""
        keys = self._keys.thread(address)
        with translated(f"read thread {address}"):
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.hgetall(keys.words)
                pipe.hgetall(keys.exchanges)
                pipe.hgetall(keys.assessments)
                words, exchanges, assessments = await pipe.execute()
        return self._memory(words, exchanges, assessments)

    async def last_asked(self, address: str) -> str | None:
        """Code of the persona that was asked last in a thread; ``None``: none that is remembered."""
        keys = self._keys.thread(address)
        with translated(f"read whom {address} asks"):
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.hvals(keys.exchanges)
                pipe.hvals(keys.assessments)
                exchanges, assessments = await pipe.execute()
        asked = [
            (float(value["message_ts"]), str(value["persona"]))
            for value in map(self._opened, exchanges)
            if value is not None
        ] or [
            (float(value["message_ts"]), str(orjson.loads(value["record"])["persona"]))
            for value in map(self._opened, assessments)
            if value is not None
        ]
        return max(asked)[1] if asked else None

    async def keep(
        self,
        turn: Turn,
        lease: Lease,
        record: AssessmentRecord,
        *,
        goes_on: bool = False,
        answer: str = "",
        given_ts: str = "",
    ) -> None:
        """Keep what a turn gave: an assessment as data; or, where it ``goes_on`` from one, that one with what
        the turn has added to it or changed, and the words of its ``answer``. One that another app gave
        (``given_ts``: to the question with this ts) is kept here from now on, too.

        Raises ``FencedError`` as ``begin``: what was forgotten meanwhile does not come back.
        """
        address = address_of(turn.team_id, turn.channel, turn.thread_ts)
        keys = self._keys.thread(address)
        given: dict[str, Any] = {"message_ts": turn.message_ts}
        exchange = asdict(Exchange(turn.turn_id, turn.message_ts, turn.persona, turn.question, answer))
        with translated(f"keep what turn {turn.turn_id} gave"):
            if goes_on:
                stored = await self._redis.hget(keys.assessments, record.turn_id)
                before = self._opened(stored) if stored else None
                if before is None and not given_ts:
                    return
                given = before or {"message_ts": given_ts}
            given["record"] = without_words(record).to_json()
            owned = await self._remember(
                keys=[keys.record(turn.turn_id), keys.exchanges, keys.assessments],
                args=[
                    *(lease.fence, turn.turn_id, self._closed(exchange), self._words_seconds),
                    *(record.turn_id, self._closed(given), self._assessments_seconds),
                ],
            )
            if not owned:
                raise FencedError(f"turn {turn.turn_id} is another run’s, or its thread was forgotten")
            if not goes_on and not record.compared:
                await self._file(turn, address)

    async def _file(self, turn: Turn, address: str) -> None:
        filed = self._keys.filed(turn.team_id, turn.channel, turn.persona)
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.zadd(filed, {f"{address} {turn.turn_id}": turn.asked_at})
            pipe.zremrangebyrank(filed, 0, -1 - MOST_FILED)
            pipe.expire(filed, self._assessments_seconds)
            await pipe.execute()

    async def filed(
        self, team_id: str, channel: str, persona: str, *, most: int
    ) -> list[tuple[str, AssessmentRecord]]:
        """A persona's last assessments in a channel, newest first, without anybody's words, each with the
        thread (ts) it was given in.
        """
        with translated(f"look for assessments in {channel}"):
            names = await self._redis.zrange(self._keys.filed(team_id, channel, persona), 0, -1, desc=True)
            found: list[tuple[str, AssessmentRecord]] = []
            for name in names:
                address, _, turn_id = str(name).partition(" ")
                # One after the other: threads lie on different nodes of a cluster, and there are few.
                stored = await self._redis.hget(self._keys.thread(address).assessments, turn_id)
                given = self._opened(stored) if stored else None
                if given is None or len(found) >= most:
                    continue
                try:
                    found.append((address.split(":")[2], AssessmentRecord.from_json(given["record"])))
                except UnreadableRecordError:
                    log.warning("thread.record_unreadable")
        return found

    async def assessment(self, address: str, turn_id: str) -> AssessmentRecord | None:
        """One assessment that was given in a thread, with people's words as far as they are kept; ``None``:
        no longer kept.
        """
        keys = self._keys.thread(address)
        with translated(f"read the assessment of {turn_id}"):
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.hget(keys.assessments, turn_id)
                pipe.hget(keys.exchanges, turn_id)
                given, asked = await pipe.execute()
        if given is None:
            return None
        memory = self._memory({}, {turn_id: asked} if asked else {}, {turn_id: given})
        return memory.assessments[0].record if memory.assessments else None

    async def forget(self, address: str) -> bool:
        """Remove all that is kept of a thread and its turns, at once; False where there was nothing. A turn
        that is being answered ends: its record is gone.
        """
        keys = self._keys.thread(address)
        with translated(f"forget thread {address}"):
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.hkeys(keys.exchanges)
                pipe.hkeys(keys.assessments)
                pipe.zrange(keys.inbox, 0, -1)
                turns = {turn for found in await pipe.execute() for turn in found}
            doomed = [keys.words, keys.exchanges, keys.assessments, *_keys_of_turns(keys, turns)]
            # One command: nobody sees a thread that is half forgotten. Its keys share a hash tag.
            return bool(await self._redis.delete(*doomed))

    async def thread_of(self, team_id: str, channel: str, message_ts: str) -> str | None:
        """The address of the thread that a message of ours stands in; ``None``: not ours, or too old."""
        with translated(f"find the thread of {message_ts}"):
            turn_id = await self._redis.get(self._keys.message(team_id, channel, message_ts))
            if turn_id is None:
                return None
            address = await self._redis.get(self._keys.address_of(str(turn_id)))
        return None if address is None else str(address)

    # Values ---------------------------------------------------------------------------------------------

    def _closed(self, value: Mapping[str, Any]) -> bytes:
        return self._seal.close(orjson.dumps(value))

    def _opened(self, stored: str | bytes) -> dict[str, Any] | None:
        data = self._seal.open(stored.encode() if isinstance(stored, str) else stored)
        if data is None:
            log.warning("thread.unreadable", reason="sealed with a key that is not configured")
            return None
        value: dict[str, Any] = orjson.loads(data)
        return value

    def _all(self, stored: Mapping[str, str]) -> list[dict[str, Any]]:
        return [value for value in map(self._opened, stored.values()) if value is not None]

    def _memory(
        self, words: Mapping[str, str], exchanges: Mapping[str, str], assessments: Mapping[str, str]
    ) -> ThreadMemory:
        talk = sorted(
            (_exchange(value) for value in self._all(exchanges)), key=lambda each: float(each.message_ts)
        )
        questions = {each.turn_id: each.question for each in talk}
        given = []
        for value in self._all(assessments):
            try:
                record = AssessmentRecord.from_json(value["record"])
            except UnreadableRecordError:
                # Of an older program: the thread goes on without it.
                log.warning("thread.record_unreadable")
                continue
            given.append(
                GivenAssessment(value["message_ts"], with_words(record, questions.get(record.turn_id)))
            )
        said = sorted((Said(**value) for value in self._all(words)), key=lambda each: float(each.ts))
        return ThreadMemory(
            tuple(said[-MOST_WORDS:]),
            # Several may answer one message: a comparison, and the assessments its buttons start.
            tuple(sorted(given, key=lambda each: (float(each.message_ts), each.record.as_of))),
            tuple(talk),
        )


def _exchange(value: Mapping[str, Any]) -> Exchange:
    question = value["question"]
    quoted = tuple(Quoted(**each) for each in question["quoted"])
    return Exchange(**{**value, "question": Question(**{**question, "quoted": quoted})})


def _pairs(flat: Sequence[str]) -> dict[str, str]:
    """A hash as a script returns it."""
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _keys_of_turns(keys: ThreadKeys, turns: Iterable[str]) -> list[str]:
    kept = (keys.record, keys.checkpoints, keys.document, keys.reasons)
    return [key(turn) for turn in turns for key in kept]
