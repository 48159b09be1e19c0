"""Turns in Redis: taken once, answered in order, owned by one run at a time, and taken up where they stopped.

Every method raises ``StoreUnavailableError`` when Redis is away for longer than the client rides out (about
25 seconds), and every method that takes a lease raises ``FencedError`` once a newer run owns the turn.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import orjson
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from bot.deliveries import SentMessage
from bot.store import keys as ttl
from bot.store import scripts
from bot.store.errors import FencedError, JournalGapError, translated
from bot.store.keys import Keys, ThreadKeys, app_prefix
from bot.store.stored_turns import (
    Abandoned,
    Claim,
    Claimed,
    Lease,
    NextTurn,
    Outcome,
    StopRequest,
    StoredTurn,
    field_of,
    stored_turn,
)
from bot.turns import Turn

__all__ = ["TurnJournal", "TurnStore", "apps_with_parked_turns"]

log = structlog.get_logger()

STOPS_POLL_SECONDS = 5.0
"""How long one wait for a stop lasts; a message ends it at once. Long, because nothing is to be done
between."""

RESUBSCRIBE_SECONDS = 0.2
"""Pause before a lost subscription is made again: well under the second in which a stop must work."""

MICROSECONDS = 1_000_000

RECENT_KEPT = 12
"""Turns remembered of each person for their home tab: a screenful."""

FRESH_SECONDS = 1.0
"""A run that begins sooner than this after its question was taken is the first one for certain. A later one
may come after a crash of the server, which forgets up to its last second, and what a run noted in it."""

FORGIVEN_AT_MOST = 10
"""Lost leases that do not count as attempts of a turn: a minute or two of a store that is hardly there."""

EXCUSED_AT_MOST = 20
"""Deaths of a process that was at other turns, too, which do not count as attempts of a turn that gets no
further: any of them may have been the reason, or none, where a machine dies every few seconds. The one that
is to blame is found a few minutes later.
"""

SWEEP_GRACE_SECONDS = 15.0
"""Age at which a thread without a job counts as left behind: its producer has 2 seconds to add the job."""


@dataclass(frozen=True, slots=True)
class TurnJournal:
    """The journal of one run, for the thread writer, which knows neither leases nor the store."""

    store: TurnStore
    lease: Lease

    async def record(
        self,
        *,
        append: str = "",
        messages: Sequence[SentMessage] = (),
        card_ts: str | None = None,
        footer_ts: str | None = None,
    ) -> None:
        """``TurnStore.record`` under this run's lease."""
        await self.store.record(
            self.lease, append=append, messages=messages, card_ts=card_ts, footer_ts=footer_ts
        )


async def apps_with_parked_turns(redis: Redis) -> list[str]:
    """Keys of the apps (``AppIdentity.key``) that have parked turns."""
    with translated("find parked turns"):
        found = [str(key) async for key in redis.scan_iter(match=Keys(app_prefix("*")).parked, count=1000)]
    return sorted(key.split(":")[1] for key in found)


class TurnStore:
    """One app's turns, their delivery journals and their order in a thread. ``prefix`` sets them apart from
    those of another app (``app_prefix``) or test.
    """

    def __init__(self, redis: Redis, *, prefix: str) -> None:
        self.redis = redis
        self.prefix = prefix
        self._keys = Keys(prefix)
        self._claim = redis.register_script(scripts.CLAIM)
        self._lane = redis.register_script(scripts.LANE)
        self._next = redis.register_script(scripts.NEXT)
        self._begin = redis.register_script(scripts.BEGIN)
        self._checkpoint = redis.register_script(scripts.CHECKPOINT)
        self._record = redis.register_script(scripts.RECORD)
        self._finish = redis.register_script(scripts.FINISH)
        self._hand_over = redis.register_script(scripts.HAND_OVER)
        self._forgive = redis.register_script(scripts.FORGIVE)
        self._stop = redis.register_script(scripts.STOP)
        self._unlist = redis.register_script(scripts.UNLIST)

    # Taking turns ---------------------------------------------------------------------------------------

    async def claim_and_enqueue(self, turn: Turn) -> Claim:
        """Take the turn if its message was not taken before, and put it behind those of its thread that were
        asked before it or are begun.

        For a duplicate, too, the answer names the job that must exist: the first delivery may have died
        between this step and the next.
        """
        address = f"{turn.team_id}:{turn.channel}:{turn.thread_ts}"
        thread = self._keys.thread(address)
        nonce = secrets.token_hex(8)
        with translated(f"take turn {turn.turn_id}"):
            # Both come before the turn itself, so that no taken turn is without them. They stand on other
            # nodes of a cluster than the thread, so they cannot be in its script.
            async with self.redis.pipeline(transaction=False) as pipe:
                pipe.set(self._keys.address_of(turn.turn_id), address, ex=ttl.RECORD_SECONDS)
                pipe.zadd(self._keys.open_threads, {address: time.time()})
                pipe.expire(self._keys.open_threads, ttl.INBOX_SECONDS)
                asked_by = self._keys.asked_by(turn.team_id, turn.user_id)
                pipe.zadd(asked_by, {turn.turn_id: turn.asked_at})
                pipe.zremrangebyrank(asked_by, 0, -1 - RECENT_KEPT)
                pipe.expire(asked_by, ttl.RECORD_SECONDS)
                await pipe.execute()
            new, lane = await self._claim(
                keys=[
                    thread.seen(turn.turn_id),
                    thread.record(turn.turn_id),
                    thread.inbox,
                    thread.lane,
                    thread.settling,
                ],
                args=[
                    turn.turn_id,
                    nonce,
                    orjson.dumps(turn.to_json()),
                    f"{turn.turn_id}-{nonce}",
                    ttl.SEEN_SECONDS,
                    ttl.RECORD_SECONDS,
                    ttl.INBOX_SECONDS,
                    round(turn.asked_at * MICROSECONDS),
                    round(ttl.SETTLE_SECONDS * 1000) if turn.message_ts != turn.thread_ts else 0,
                ],
            )
        return Claim(Claimed.NEW if new else Claimed.DUPLICATE, address, lane or None)

    async def next_asking(self, team_id: str, channel: str, message_ts: str) -> int:
        """The number, from 1, of this repetition of a message's question (``turn_id_for(asking=…)``)."""
        key = self._keys.askings(team_id, channel, message_ts)
        with translated(f"count askings of {message_ts}"):
            async with self.redis.pipeline(transaction=True) as pipe:
                pipe.incr(key)
                pipe.expire(key, ttl.ASKINGS_SECONDS)
                count, _ = await pipe.execute()
        return int(count)

    async def offer(self, turn: Turn) -> None:
        """Keep a turn that nobody asked for yet; a button may ask for it by its id."""
        with translated(f"offer turn {turn.turn_id}"):
            data = orjson.dumps(turn.to_json())
            await self.redis.set(self._keys.offer(turn.turn_id), data, ex=ttl.OFFER_SECONDS)

    async def offered(self, turn_id: str) -> Turn | None:
        """A turn that was offered, or None when the offer is forgotten."""
        with translated(f"read offer {turn_id}"):
            data = await self._text(self._keys.offer(turn_id))
        return None if data is None else Turn.from_json(orjson.loads(data))

    async def claim_notice(self, team_id: str, channel: str, about: str) -> bool:
        """True once for each message (``about``: its ts), so that a redelivery does not tell a person
        twice.
        """
        with translated(f"claim notice about {about}"):
            key = self._keys.notice(team_id, channel, about)
            return bool(await self.redis.set(key, 1, nx=True, ex=ttl.NOTICE_SECONDS))

    # Working on a thread --------------------------------------------------------------------------------

    async def next_turn(self, address: str, lane: str) -> NextTurn | None:
        """The oldest waiting turn of a thread for the job ``lane``, or None when that job is to end."""
        thread = self._keys.thread(address)
        with translated(f"next turn of {address}"):
            answer = await self._next(
                keys=[thread.inbox, thread.lane, thread.settling],
                args=[lane, ttl.INBOX_SECONDS, round(ttl.SETTLE_SECONDS * 1000)],
            )
        return None if answer is None else NextTurn(str(answer[0]), answer[1] / 1000)

    async def first_asked(self, address: str) -> float | None:
        """Unix microseconds at which the turn that is next in a thread was asked; 0.0 where it is begun, None
        where none waits.
        """
        with translated(f"first turn of {address}"):
            found: Any = await self.redis.zrange(self._keys.thread(address).inbox, 0, 0, withscores=True)
        return float(found[0][1]) if found else None

    async def drop(self, address: str, turn_id: str) -> None:
        """Take a turn off its thread's inbox whatever its state: its record is over or forgotten."""
        with translated(f"drop turn {turn_id}"):
            await self.redis.zrem(self._keys.thread(address).inbox, turn_id)

    async def begin(self, turn_id: str, *, company: int = 0) -> Lease:
        """Own the turn from now on; every older run of it is shut out. ``company``: how many other threads
        this process is at. Should it die, its end is as likely theirs.

        Raises ``FencedError`` when the turn is over or forgotten.
        """
        thread = await self._thread_of(turn_id)
        with translated(f"begin turn {turn_id}"):
            answer = None
            if thread is not None:
                record, document = thread.record(turn_id), thread.document(turn_id)
                answer = await self._begin(
                    keys=[record, thread.running, document, thread.checkpoints(turn_id), thread.inbox],
                    args=[turn_id, ttl.RECORD_SECONDS, company, EXCUSED_AT_MOST],
                )
        if thread is None or answer is None:
            raise FencedError(f"turn {turn_id} is over or forgotten")
        fence, attempt, document_bytes, age, first = answer
        fresh = bool(first) and float(age) < FRESH_SECONDS * MICROSECONDS
        return Lease(turn_id, int(fence), attempt, thread, document_bytes, fresh)

    async def load(self, turn_id: str) -> StoredTurn | None:
        """All that is known of a turn, or None when it is forgotten."""
        thread = await self._thread_of(turn_id)
        if thread is None:
            return None
        with translated(f"load turn {turn_id}"):
            async with self.redis.pipeline(transaction=True) as pipe:
                pipe.hgetall(thread.record(turn_id))
                pipe.hgetall(thread.checkpoints(turn_id))
                pipe.get(thread.document(turn_id))
                record, checkpoints, document = await pipe.execute()
        return stored_turn(record, checkpoints, document) if record else None

    async def asked_by(self, team_id: str, user_id: str) -> list[StoredTurn]:
        """The turns a person asked for last, newest first, as far as they are remembered."""
        with translated(f"list turns of {user_id}"):
            ids = await self.redis.zrange(self._keys.asked_by(team_id, user_id), 0, -1, desc=True)
        found = await asyncio.gather(*(self.load(str(turn_id)) for turn_id in ids))
        return [turn for turn in found if turn is not None]

    async def turn(self, turn_id: str) -> Turn | None:
        """The question alone, to ask it again; None when it is forgotten."""
        thread = await self._thread_of(turn_id)
        if thread is None:
            return None
        with translated(f"read turn {turn_id}"):
            data = await self.redis.hget(thread.record(turn_id), "turn")
        return None if data is None else Turn.from_json(orjson.loads(data))

    async def save_checkpoint(self, lease: Lease, key: str, data: Mapping[str, Any]) -> None:
        """Keep JSON-able work that must not be paid for twice; the same key again replaces it. With a new key
        the turn has come further than before, and its attempts count from this one; so it has with more of a
        section, which only ever grows.
        """
        turn_id = lease.turn_id
        with translated(f"checkpoint {key} of turn {turn_id}"):
            owned = await self._checkpoint(
                keys=[lease.keys.record(turn_id), lease.keys.checkpoints(turn_id)],
                args=[lease.fence, ttl.RECORD_SECONDS, key, orjson.dumps(data)],
            )
        _check(owned, lease)

    async def record(
        self,
        lease: Lease,
        *,
        append: str = "",
        messages: Sequence[SentMessage] = (),
        card_ts: str | None = None,
        footer_ts: str | None = None,
    ) -> None:
        """Note in one round trip what is about to be, or was, sent to Slack.

        ``append`` goes to the end of the document; ``messages`` are those that changed; a ``ts`` that is None
        is left as it is. May be repeated after ``StoreUnavailableError``: the same text is not added twice.
        Raises ``JournalGapError`` when Redis lost text this run had stored.
        """
        fields: list[str | bytes] = []
        for message in messages:
            fields.extend(field_of(message))
        for field, ts in (("card_ts", card_ts), ("footer_ts", footer_ts)):
            if ts is not None:
                fields += (field, ts)
        text = append.encode()
        turn_id = lease.turn_id
        with translated(f"journal of turn {turn_id}"):
            owned = await self._record(
                keys=[lease.keys.record(turn_id), lease.keys.document(turn_id)],
                args=[lease.fence, ttl.RECORD_SECONDS, lease.document_bytes, text, *fields],
            )
            _check(owned, lease)
            lease.document_bytes += len(text)
            await self._lead_to_turn(lease, {card_ts, footer_ts, *(message.ts for message in messages)})

    def journal(self, lease: Lease) -> TurnJournal:
        """The journal of one run."""
        return TurnJournal(self, lease)

    async def _lead_to_turn(self, lease: Lease, timestamps: set[str | None]) -> None:
        """Let each message that is new to this run lead to the turn; most records have none."""
        new = {ts for ts in timestamps if ts is not None} - lease.known_messages
        if not new:
            return
        team_id, channel, _ = lease.keys.address.split(":")
        async with self.redis.pipeline(transaction=False) as pipe:
            for ts in new:
                pipe.set(self._keys.message(team_id, channel, ts), lease.turn_id, ex=ttl.MESSAGE_SECONDS)
            await pipe.execute()
        lease.known_messages |= new

    async def finish(self, lease: Lease, outcome: Outcome, *, reason: str = "") -> None:
        """The turn is over: the next one of its thread may start. ``reason`` is an error's class name."""
        thread, turn_id = lease.keys, lease.turn_id
        with translated(f"finish turn {turn_id}"):
            if outcome is Outcome.PARKED:  # first, so that none is without it; the list reads the state
                async with self.redis.pipeline(transaction=False) as pipe:
                    pipe.zadd(self._keys.parked, {turn_id: time.time()})
                    pipe.expire(self._keys.parked, ttl.RECORD_SECONDS)
                    await pipe.execute()
            owned = await self._finish(
                keys=[
                    thread.record(turn_id),
                    thread.inbox,
                    thread.running,
                    thread.document(turn_id),
                    thread.checkpoints(turn_id),
                ],
                args=[lease.fence, turn_id, outcome, reason, ttl.RECORD_SECONDS, ttl.FINISHED_WORK_SECONDS],
            )
        _check(owned, lease)

    async def parked(self) -> list[tuple[StoredTurn, float]]:
        """Parked turns that are still remembered, with the unix seconds they were parked at, oldest first."""
        with translated("list parked turns"):
            found: Any = await self.redis.zrange(self._keys.parked, 0, -1, withscores=True)
        turns = [(await self.load(turn_id), at) for turn_id, at in found]
        return [(stored, at) for stored, at in turns if stored is not None and stored.state == Outcome.PARKED]

    async def forget_parked(self, turn_id: str) -> None:
        """Take a turn off the list of the parked ones."""
        with translated(f"forget parked turn {turn_id}"):
            await self.redis.zrem(self._keys.parked, turn_id)

    async def hand_over(self, lease: Lease, *, counts: bool, reason: str = "") -> None:
        """Give the turn up for the next run to take. ``counts``: False when the attempt was not at fault."""
        with translated(f"hand over turn {lease.turn_id}"):
            owned = await self._hand_over(
                keys=[lease.keys.record(lease.turn_id)],
                args=[lease.fence, ttl.RECORD_SECONDS, 0 if counts else 1, reason],
            )
        _check(owned, lease)

    async def forgive(self, lease: Lease) -> None:
        """A run lost the turn while its process lives: a slow store or machine was at fault, and the attempt
        does not count. Not for ever, since a turn may be what makes its process that slow.
        """
        with translated(f"forgive run of turn {lease.turn_id}"):
            await self._forgive(keys=[lease.keys.record(lease.turn_id)], args=[lease.fence, FORGIVEN_AT_MOST])

    # Stopping -------------------------------------------------------------------------------------------

    async def stop(self, turn_id: str, user: str) -> bool:
        """Stop a turn in the name of ``user``; False when it is over or forgotten already."""
        thread = await self._thread_of(turn_id)
        if thread is None:
            return False
        with translated(f"stop turn {turn_id}"):
            if not await self._stop(keys=[thread.record(turn_id)], args=[user]):
                return False
            await self.redis.publish(self._keys.stops, orjson.dumps([turn_id, user]))
        return True

    async def stopped_by(self, turn_id: str) -> str | None:
        """The user who stopped the turn, or None."""
        thread = await self._thread_of(turn_id)
        if thread is None:
            return None
        with translated(f"read stop of turn {turn_id}"):
            user = await self.redis.hget(thread.record(turn_id), "stopped_by")
        return None if user is None else str(user)

    async def stops(self) -> AsyncGenerator[StopRequest | None, None]:
        """Every stop from now on, without end; None whenever the subscription was made or made again.

        Stops made while Redis was away are not repeated: at each None look at ``stopped_by`` of your turns.
        """
        while True:
            try:
                async with aclosing(self._subscribed()) as messages:
                    async for request in messages:
                        yield request
            except (RedisError, OSError) as error:
                log.warning("stops.subscription_lost", error=type(error).__name__)
                await asyncio.sleep(RESUBSCRIBE_SECONDS)

    async def _subscribed(self) -> AsyncGenerator[StopRequest | None, None]:
        await self.redis.initialize()  # a cluster's subscription does not look for the nodes itself
        async with self.redis.pubsub() as pubsub:
            await pubsub.subscribe(self._keys.stops)
            while True:
                message = await pubsub.get_message(timeout=STOPS_POLL_SECONDS)
                if message is None:
                    continue
                if message["type"] == "message":
                    turn_id, user = orjson.loads(message["data"])
                    yield StopRequest(turn_id, user)
                else:
                    yield None

    async def running(self, team_id: str, channel: str, thread_ts: str) -> str | None:
        """Id of the turn that is being answered in a thread, or None."""
        thread = self._keys.thread(f"{team_id}:{channel}:{thread_ts}")
        with translated(f"running turn of {thread.address}"):
            return await self._text(thread.running)

    async def turn_of_message(self, team_id: str, channel: str, message_ts: str) -> str | None:
        """Id of the turn that a message of ours (card, text, footer) belongs to, or None."""
        with translated(f"turn of message {message_ts}"):
            return await self._text(self._keys.message(team_id, channel, message_ts))

    # Finding what was left behind -----------------------------------------------------------------------

    async def take_sweep(self) -> bool:
        """True for one replica a minute: it is the one to sweep."""
        with translated("take the sweep"):
            return bool(await self.redis.set(self._keys.sweeper, 1, nx=True, ex=ttl.SWEEP_SECONDS - 1))

    async def abandoned(self) -> AsyncGenerator[Abandoned, None]:
        """Threads in which turns wait since 15 seconds or longer, with the job that must exist for each. What
        a clock ahead of ours wrote lies in the future, and is among them: it would wait for as long.
        """
        now = time.time()
        found: list[Any] = []
        with translated("sweep"):
            for first, last in (("-inf", now - SWEEP_GRACE_SECONDS), (now + SWEEP_GRACE_SECONDS, "+inf")):
                found += await self.redis.zrangebyscore(
                    self._keys.open_threads, first, last, withscores=True
                )  # pairs of address and score
        for address, score in found:
            thread = self._keys.thread(address)
            with translated(f"sweep {address}"):
                lane = await self._lane(
                    keys=[thread.inbox, thread.lane],
                    args=[f"swept-{secrets.token_hex(8)}", ttl.INBOX_SECONDS],
                )
                if not lane:
                    await self._unlist(keys=[self._keys.open_threads], args=[address, repr(score)])
                    continue
            yield Abandoned(address, lane)

    # ----------------------------------------------------------------------------------------------------

    async def _thread_of(self, turn_id: str) -> ThreadKeys | None:
        with translated(f"find turn {turn_id}"):
            address = await self._text(self._keys.address_of(turn_id))
        return None if address is None else self._keys.thread(address)

    async def _text(self, key: str) -> str | None:
        value = await self.redis.get(key)
        return None if value is None else str(value)


def _check(owned: int, lease: Lease) -> None:
    if owned == -1:
        raise JournalGapError(
            f"turn {lease.turn_id}: the stored document is shorter than {lease.document_bytes} bytes"
        )
    if not owned:
        raise FencedError(f"turn {lease.turn_id}: run {lease.fence} does not own it any more")
