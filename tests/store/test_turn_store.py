"""Turns in a real Valkey: taken once, in order, owned by one run, journaled without loss or repetition."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from bot.deliveries import Delivery, SentMessage
from bot.store.errors import FencedError, JournalGapError, StoreUnavailableError
from bot.store.keys import SETTLE_SECONDS, Keys, app_prefix
from bot.store.stored_turns import Claimed, Outcome
from bot.store.turn_store import TurnStore
from bot.turns import turn_id_for
from tests.support.valkey import set_clock, turn_in


async def test_a_message_starts_one_turn_however_often_it_is_delivered(store: TurnStore) -> None:
    """Of many simultaneous deliveries one is new, and all name the same job."""
    claims = await asyncio.gather(*(store.claim_and_enqueue(turn_in()) for _ in range(8)))

    assert sorted(claim.claimed for claim in claims) == [Claimed.DUPLICATE] * 7 + [Claimed.NEW]
    assert len({claim.lane for claim in claims}) == 1


async def test_a_delivery_after_the_end_starts_nothing(store: TurnStore) -> None:
    """The marker outlives the turn, and no job is asked for."""
    claim = await store.claim_and_enqueue(turn_in())
    assert claim.lane
    await store.finish(await store.begin(turn_in().turn_id), Outcome.ANSWERED)
    assert await store.next_turn(claim.address, claim.lane) is None

    again = await store.claim_and_enqueue(turn_in())

    assert (again.claimed, again.lane) == (Claimed.DUPLICATE, None)


async def test_a_threads_turns_come_in_the_order_they_were_asked(store: TurnStore) -> None:
    """The head of the inbox is the oldest, until it is finished."""
    turns = [turn_in("1.0", f"{second}.0") for second in range(1, 5)]
    for turn in turns:
        claim = await store.claim_and_enqueue(turn)
    assert claim.lane

    answered = []
    while (head := await store.next_turn(claim.address, claim.lane)) is not None:
        answered.append(head.turn_id)
        await store.finish(await store.begin(head.turn_id), Outcome.ANSWERED)

    assert answered == [turn.turn_id for turn in turns]


async def test_mentions_that_arrive_out_of_order_wait_in_the_order_they_were_written(
    store: TurnStore,
) -> None:
    """Slack's timestamps decide, not the connection that was faster; what is begun stays the first."""
    for ts in ("3.0", "2.000002", "2.000001", "4.0"):
        claim = await store.claim_and_enqueue(turn_in("1.0", ts))
    assert claim.lane
    head = await store.next_turn(claim.address, claim.lane)
    assert head is not None
    assert head.turn_id == turn_in("1.0", "2.000001").turn_id
    lease = await store.begin(head.turn_id)
    await store.claim_and_enqueue(turn_in("1.0", "1.5"))
    await store.hand_over(lease, counts=False)

    answered = []
    while (head := await store.next_turn(claim.address, claim.lane)) is not None:
        answered.append(head.turn_id)
        await store.finish(await store.begin(head.turn_id), Outcome.ANSWERED)

    order = ("2.000001", "1.5", "2.000002", "3.0", "4.0")
    assert answered == [turn_in("1.0", ts).turn_id for ts in order]


async def test_a_reply_settles_before_it_is_begun_and_a_threads_first_mention_does_not(
    store: TurnStore,
) -> None:
    """An older reply may be a few milliseconds behind; nothing is older than a thread's first message."""
    first = await store.claim_and_enqueue(turn_in("1.0"))
    reply = await store.claim_and_enqueue(turn_in("2.0", "2.5"))

    heads = [await store.next_turn(claim.address, claim.lane or "") for claim in (first, reply)]

    waits = [head.settles_in for head in heads if head is not None]
    assert waits[0] == 0.0
    assert 0.0 <= waits[1] <= SETTLE_SECONDS
    assert len(waits) == 2


async def test_a_reply_does_not_settle_for_an_hour_when_the_servers_clock_is_set_back(
    store: TurnStore, redis: Redis
) -> None:
    """Its moment would end by the clock, as many hours later as the clock was set back."""
    reply = await store.claim_and_enqueue(turn_in("2.0", "2.5"))
    await set_clock(redis, -3600)

    head = await store.next_turn(reply.address, reply.lane or "")

    assert head is not None
    assert head.settles_in <= SETTLE_SECONDS


async def test_two_apps_keep_their_turns_apart(
    redis: Redis, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One message mentions both: each takes it, and neither sees, stops or sweeps up the other's turn."""
    monkeypatch.setattr("bot.store.turn_store.SWEEP_GRACE_SECONDS", 0.0)
    one, two = (TurnStore(redis, prefix=app_prefix(app, namespace)) for app in ("A1", "A2"))
    mine = turn_in()
    theirs = replace(mine, app_id="A2", turn_id=turn_id_for("A2", "T1", "C1", mine.message_ts))

    assert (await one.claim_and_enqueue(mine)).claimed is Claimed.NEW
    await one.begin(mine.turn_id)
    assert [found async for found in two.abandoned()] == []
    assert await two.turn(mine.turn_id) is None
    assert not await two.stop(mine.turn_id, "U1")
    assert await two.running("T1", "C1", mine.thread_ts) is None
    assert (await two.claim_and_enqueue(theirs)).claimed is Claimed.NEW
    for store in (one, two):
        assert await store.claim_notice("T1", "C1", mine.message_ts)


async def test_a_turn_that_comes_while_the_job_is_leaving_gets_a_job_of_its_own(store: TurnStore) -> None:
    """The lane closes with the empty inbox, so the next turn is never left to a job that is going."""
    first = await store.claim_and_enqueue(turn_in("1.0"))
    await store.finish(await store.begin(turn_in("1.0").turn_id), Outcome.ANSWERED)
    assert await store.next_turn(first.address, first.lane or "") is None

    second = await store.claim_and_enqueue(turn_in("1.0", "2.0"))

    assert second.lane not in {None, first.lane}
    assert await store.next_turn(second.address, first.lane or "") is None
    head = await store.next_turn(second.address, second.lane or "")
    assert head is not None
    assert head.turn_id == turn_in("1.0", "2.0").turn_id


async def test_everything_written_is_read_back(store: TurnStore) -> None:
    """Question, checkpoints, document, messages and timestamps survive the process."""
    turn = turn_in(text="台湾 – was nun? 🇹🇼")
    await store.claim_and_enqueue(turn)
    lease = await store.begin(turn.turn_id)
    await store.save_checkpoint(lease, "plan", {"judgments": ["J1"]})
    await store.save_checkpoint(lease, "section-1", {"text": "事実"})
    streaming = SentMessage(1, "stream", "5.1", 0, 7, "open")
    await store.record(lease, append="两岸 – a ", messages=[streaming], card_ts="4.0")
    await store.record(lease, append="🇹🇼 b", messages=[SentMessage(1, "stream", "5.1", 0, 9, "closed")])
    await store.record(
        lease, append="!", messages=[SentMessage(2, "post", None, 9, 12, "unknown")], footer_ts="9.0"
    )

    stored = await store.load(turn.turn_id)

    assert stored is not None
    assert stored.turn == turn
    assert stored.checkpoints == {"plan": {"judgments": ["J1"]}, "section-1": {"text": "事実"}}
    assert stored.delivery == Delivery(
        card_ts="4.0",
        footer_ts="9.0",
        document="两岸 – a 🇹🇼 b!",
        messages=(
            SentMessage(1, "stream", "5.1", 0, 9, "closed"),
            SentMessage(2, "post", None, 9, 12, "unknown"),
        ),
    )
    assert (stored.state, stored.attempts, stored.stopped_by) == ("running", 1, None)


async def test_a_newer_run_shuts_the_older_one_out(store: TurnStore) -> None:
    """Every write of the older run is refused, and nothing of it is stored."""
    turn = turn_in()
    await store.claim_and_enqueue(turn)
    older = await store.begin(turn.turn_id)
    await store.record(older, append="kept ")
    newer = await store.begin(turn.turn_id)

    for write in (
        store.record(older, append="lost"),
        store.save_checkpoint(older, "plan", {}),
        store.finish(older, Outcome.ANSWERED),
        store.hand_over(older, counts=True),
    ):
        with pytest.raises(FencedError):
            await write
    await store.record(newer, append="going on")

    stored = await store.load(turn.turn_id)
    assert stored is not None
    assert stored.delivery.document == "kept going on"
    assert stored.checkpoints == {}
    assert (newer.fence > older.fence, newer.attempt) == (True, 2)


async def test_a_run_that_loses_its_turn_and_lives_costs_no_attempt(store: TurnStore) -> None:
    """A slow store is not the turn's fault; but one that makes its process so slow is parked in the end."""
    turn = turn_in()
    await store.claim_and_enqueue(turn)
    older, attempts = await store.begin(turn.turn_id), []
    for _ in range(13):
        newer = await store.begin(turn.turn_id)
        attempts.append(newer.attempt)
        await store.forgive(older)
        await store.forgive(older)  # sent again: its answer was lost
        older = newer
    assert attempts == [2] * 11 + [3, 4]


async def test_a_run_that_gets_further_in_a_section_counts_as_the_first(store: TurnStore) -> None:
    """Machines die, too: what is parked is a turn that gets nowhere."""
    turn = turn_in()
    await store.claim_and_enqueue(turn)
    attempts = []
    for units in ([], ["a"], ["a", "b"], ["a", "b"], ["a", "b"]):
        lease = await store.begin(turn.turn_id)
        attempts.append(lease.attempt)
        await store.save_checkpoint(lease, "section-2", {"units": units})
        await store.save_checkpoint(lease, "open-answers", {"so far": units})
    assert attempts == [1, 2, 2, 2, 3]


async def test_a_forgotten_turn_refuses_its_run(store: TurnStore, redis: Redis, namespace: str) -> None:
    """When the record is gone the run is told so, and nothing half of it comes to life."""
    turn = turn_in()
    claim = await store.claim_and_enqueue(turn)
    lease = await store.begin(turn.turn_id)
    await redis.delete(Keys(namespace).thread(claim.address).record(turn.turn_id))

    with pytest.raises(FencedError):
        await store.record(lease, append="x")
    with pytest.raises(FencedError):
        await store.begin(turn.turn_id)
    assert await store.load(turn.turn_id) is None


async def test_text_sent_twice_to_the_store_is_kept_once(store: TurnStore) -> None:
    """After an unknown outcome the same record may be repeated; a different one replaces it."""
    turn = turn_in()
    await store.claim_and_enqueue(turn)
    lease = await store.begin(turn.turn_id)
    await store.record(lease, append="One. ")
    before = lease.document_bytes
    await store.record(lease, append="Zwei – drei. ")

    lease.document_bytes = before  # as if the answer had been lost
    await store.record(lease, append="Zwei – drei. ")
    lease.document_bytes = before
    await store.record(lease, append="Two. ")

    stored = await store.load(turn.turn_id)
    assert stored is not None
    assert stored.delivery.document == "One. Two. "


async def test_a_gap_in_the_journal_ends_the_run(store: TurnStore, redis: Redis, namespace: str) -> None:
    """When Redis lost the last second, no text is stored behind a hole."""
    turn = turn_in()
    claim = await store.claim_and_enqueue(turn)
    lease = await store.begin(turn.turn_id)
    await store.record(lease, append="a sentence that is lost")
    await redis.delete(Keys(namespace).thread(claim.address).document(turn.turn_id))

    with pytest.raises(JournalGapError):
        await store.record(lease, append="next")


async def test_a_run_that_comes_further_counts_as_the_first(store: TurnStore) -> None:
    """Machines die, too: only attempts that end where the one before did are held against a turn."""
    turn = turn_in("1.1")
    await store.claim_and_enqueue(turn)
    for _ in range(3):
        lease = await store.begin(turn.turn_id)
    assert lease.attempt == 3
    await store.save_checkpoint(lease, "plan", {"judgments": []})
    again = await store.begin(turn.turn_id)
    assert again.attempt == 2
    await store.save_checkpoint(again, "plan", {"judgments": ["the same step once more"]})
    assert (await store.begin(turn.turn_id)).attempt == 3


async def test_a_hand_over_for_the_workers_sake_costs_no_attempt(store: TurnStore) -> None:
    """Rolling restarts must not park a healthy turn; failures count."""
    turn = turn_in()
    await store.claim_and_enqueue(turn)
    lease = await store.begin(turn.turn_id)
    await store.hand_over(lease, counts=False)
    await store.hand_over(lease, counts=False)  # sent again after a lost answer
    lease = await store.begin(turn.turn_id)
    assert lease.attempt == 1
    await store.hand_over(lease, counts=True, reason="ValueError")

    stored = await store.load(turn.turn_id)

    assert stored is not None
    assert (stored.attempts, stored.reason, stored.state) == (1, "ValueError", "waiting")
    assert (await store.begin(turn.turn_id)).attempt == 2


async def test_a_finished_turn_can_be_asked_again_but_not_begun(store: TurnStore) -> None:
    """The question stays readable for the button; the turn itself is over."""
    turn = turn_in()
    await store.claim_and_enqueue(turn)
    await store.finish(await store.begin(turn.turn_id), Outcome.FAILED, reason="ModelBrokenError")

    assert await store.turn(turn.turn_id) == turn
    with pytest.raises(FencedError):
        await store.begin(turn.turn_id)
    assert [await store.next_asking("T1", "C1", "7.0") for _ in range(3)] == [1, 2, 3]
    assert await store.next_asking("T1", "C1", "8.0") == 1


async def test_the_running_turn_is_found_by_thread_and_by_message(store: TurnStore) -> None:
    """The stop button and Slack's own stop know a thread or a message, not the turn."""
    turn = turn_in("1.0", "2.0")
    await store.claim_and_enqueue(turn)
    assert await store.running("T1", "C1", "1.0") is None
    lease = await store.begin(turn.turn_id)
    await store.record(lease, card_ts="3.0", messages=[SentMessage(1, "stream", "4.0", 0, 0, "open")])

    assert await store.running("T1", "C1", "1.0") == turn.turn_id
    assert await store.turn_of_message("T1", "C1", "3.0") == turn.turn_id
    assert await store.turn_of_message("T1", "C1", "4.0") == turn.turn_id
    assert await store.turn_of_message("T1", "C2", "4.0") is None

    await store.finish(lease, Outcome.ANSWERED)
    assert await store.running("T1", "C1", "1.0") is None


async def test_a_stop_reaches_the_listener_at_once(store: TurnStore) -> None:
    """Within 100 ms, once marked on the turn; a second stop and a stop after the end do nothing."""
    turn = turn_in()
    await store.claim_and_enqueue(turn)
    lease = await store.begin(turn.turn_id)
    stops = store.stops()
    assert await anext(stops) is None
    listening = asyncio.ensure_future(anext(stops))

    pressed = time.monotonic()
    assert await store.stop(turn.turn_id, "U7")
    request = await listening

    assert time.monotonic() - pressed < 0.1
    assert request is not None
    assert (request.turn_id, request.user) == (turn.turn_id, "U7")
    assert await store.stop(turn.turn_id, "U8")
    assert await store.stopped_by(turn.turn_id) == "U7"
    await store.finish(lease, Outcome.STOPPED)
    assert not await store.stop(turn.turn_id, "U9")
    assert not await store.stop("t-unknown", "U9")
    await stops.aclose()


async def test_the_sweep_finds_waiting_threads_and_forgets_empty_ones(
    store: TurnStore, redis: Redis, namespace: str
) -> None:
    """A thread whose job was never added is found with its lane; one that is done leaves the list."""
    left = await store.claim_and_enqueue(turn_in("1.0"))
    await store.claim_and_enqueue(turn_in("2.0"))
    await store.finish(await store.begin(turn_in("2.0").turn_id), Outcome.ANSWERED)
    assert [found async for found in store.abandoned()] == []  # their producers may still be at it
    open_threads = Keys(namespace).open_threads
    for address in await redis.zrange(open_threads, 0, -1):
        await redis.zincrby(open_threads, -60, address)

    found = [(thread.address, thread.lane) async for thread in store.abandoned()]

    assert found == [(left.address, left.lane)]
    assert await redis.zrange(open_threads, 0, -1) == [left.address]
    assert await store.take_sweep()
    assert not await store.take_sweep()


async def test_the_sweep_finds_what_a_clock_ahead_of_ours_wrote(
    store: TurnStore, redis: Redis, namespace: str
) -> None:
    """A replica whose clock is an hour ahead loses no thread for an hour."""
    left = await store.claim_and_enqueue(turn_in("1.0"))
    await redis.zincrby(Keys(namespace).open_threads, 3600, left.address)

    assert [thread.address async for thread in store.abandoned()] == [left.address]


async def test_without_redis_the_error_is_ours(namespace: str, valkey: object) -> None:
    """No client library's exception leaves the store, and its words name no address."""
    client = Redis.from_url(
        "unix:///nonexistent/valkey.sock", decode_responses=True, retry=Retry(NoBackoff(), 0)
    )
    with pytest.raises(StoreUnavailableError) as caught:
        await TurnStore(client, prefix=namespace).claim_and_enqueue(turn_in())
    assert "nonexistent" not in str(caught.value)
    await client.aclose()


async def test_an_offered_question_waits_for_its_button(store: TurnStore) -> None:
    """It starts nothing by itself and is read back by its id."""
    await store.offer(turn_in(text="the new text"))

    assert await store.offered(turn_in().turn_id) == turn_in(text="the new text")
    assert await store.turn(turn_in().turn_id) is None
    assert await store.offered("t-unknown") is None


async def test_a_notice_is_given_once_for_a_message(store: TurnStore) -> None:
    """Slack delivers the message again; the person is not told again."""
    given = [await store.claim_notice("T1", "C1", about) for about in ("1.0", "1.0", "2.0")]

    assert given == [True, False, True]


async def test_a_runs_journal_needs_no_lease_from_its_writer(store: TurnStore) -> None:
    """The thread writer records through a port of its own."""
    await store.claim_and_enqueue(turn_in())
    journal = store.journal(await store.begin(turn_in().turn_id))

    await journal.record(append="text", card_ts="2.0", messages=[SentMessage(1, "post", None, 0, 4, "open")])

    stored = await store.load(turn_in().turn_id)
    assert stored is not None
    assert stored.delivery == Delivery("2.0", None, "text", (SentMessage(1, "post", None, 0, 4, "open"),))
