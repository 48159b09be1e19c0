"""The job queue: turns wait in Redis and are answered by whichever worker is free, one at a time in a thread.

docket carries the jobs (delivery, leases, redelivery after a crash). A job stands for a thread, not for a
turn: it works the thread's inbox off, oldest first, and ends together with the inbox (``bot.store.scripts``).
So a thread is never worked on by two jobs, its order is that of its inbox, and a crash costs one lease.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

import structlog
from docket import CurrentExecution, Docket, Execution, Retry, Worker
from docket.dependencies import AdmissionBlocked
from redis.exceptions import RedisError

from bot.errors import CountryAgentsError
from bot.store.connection import reconnecting
from bot.store.errors import FencedError, StoreError, StoreUnavailableError
from bot.store.keys import SWEEP_SECONDS
from bot.store.stored_turns import Claimed, Lease, Outcome, StoredTurn
from bot.store.turn_store import TurnStore
from bot.turns import Turn

__all__ = [
    "Answer",
    "GiveUp",
    "HandOverError",
    "Queue",
    "QueueUnavailableError",
    "StopSignal",
    "TurnRun",
    "queue_name",
]

log = structlog.get_logger()

ENQUEUE_SECONDS = 2.0
"""Longest wait to take a question: Slack wants its ack within 3 seconds, and gets none when this runs out."""

LEASE_SECONDS = 10.0
"""How long a silent worker keeps its turns: taken over 10 to 13 seconds after a crash (queue-facts, 2)."""

CONCURRENCY = 500
"""Threads answered at once by one process; the model's streams are the limit long before (about 200)."""

CONNECTIONS_PER_JOB = 2
"""The queue's pool against the number of jobs: at the client's default of 100 connections in all, 500 jobs
that start together fail (queue-facts, 5)."""

RECONNECT_SECONDS = 1.0
"""Pause of the worker after its own connection failed for good, before it begins again."""

EXECUTION_SECONDS = 15 * 60
"""How long docket remembers a job that ended: for inspection only, our own markers prevent repetition."""

MAX_ATTEMPTS = 5
"""Attempts at one and the same step before a turn is parked: what killed its worker five times would kill the
sixth. A run that finishes a step (a checkpoint no run had) or gets further in a section counts as the first:
machines die, too. So a run that died together with others is not counted for long (``EXCUSED_AT_MOST``).
"""

RETRY_BASE_SECONDS = 1.0
"""Pause after a first failed attempt; doubled after each further one."""

RETRY_CAP_SECONDS = 30.0
"""Longest pause between attempts: a reader is waiting."""

HAND_OVER_SECONDS = 2.0
"""How long a draining worker waits for answers to stop by themselves. Leases are not renewed while it
drains, so this is well under ``LEASE_SECONDS``."""

END_SECONDS = 4.0
"""How long a draining worker waits for Redis to take the hand-overs, after the answers have stopped; with the
above it ends within 10 seconds of SIGTERM."""

GIVE_UP_SECONDS = 10.0
"""Longest time to tell a thread that its turn is given up."""

CANCEL_SECONDS = 2.0
"""How long a cancelled answer may take to close its connections."""

COLLEAGUE_LOOK_SECONDS = 0.2
"""Between looks whether another app has answered what was asked before in the same thread."""

COLLEAGUE_SECONDS = 10 * 60
"""Longest wait for that: an answer takes a few minutes, and one that never ends must not hold up another."""

BUG_PAUSE = timedelta(seconds=1)
"""Pause before docket runs a job again that failed outside of a turn."""

NOW = timedelta(0)

TASK = "answer_thread"
"""Name of the job in docket: the same in every version that shares a Redis."""


class QueueUnavailableError(CountryAgentsError):
    """The question was not taken: Redis is away or too slow. Slack must get no ack."""

    user_message = (
        "I could not take your question just now. Please send it again in a minute; "
        "your text is still in your message."
    )


class HandOverError(CountryAgentsError):
    """Raised by an answer that stops because its worker is draining: another worker goes on at once."""

    user_message = "The answer is being taken up by another worker."


class StopSignal:
    """Set once somebody stopped the turn; ``user`` is who."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self._user: str | None = None

    @property
    def user(self) -> str | None:
        """The user who stopped the turn, or None."""
        return self._user

    def set(self, user: str) -> None:
        """Stop in the name of ``user``; the first one counts."""
        if self._user is None:
            self._user = user
            self._event.set()

    def is_set(self) -> bool:
        """True once the turn was stopped."""
        return self._event.is_set()

    async def wait(self) -> str:
        """Wait for the stop and return the user."""
        await self._event.wait()
        return self._user or ""


@dataclass(frozen=True, slots=True, eq=False)
class TurnRun:
    """One attempt at one turn."""

    turn: Turn
    lease: Lease
    stored: StoredTurn
    """What earlier attempts left."""
    draining: asyncio.Event
    """Set when this process is ending: stop at the next good place and raise ``HandOverError``."""
    stop: StopSignal = field(default_factory=StopSignal)


Answer = Callable[[TurnRun], Awaitable[Outcome | None]]
"""Answers a turn and returns how it ended (None: answered)."""

GiveUp = Callable[[TurnRun, str], Awaitable[None]]
"""Tells the thread that the turn failed for good; the string is an error's class name."""


def queue_name(app_id: str) -> str:
    """The queue of one Slack app's turns: only this app's processes can answer in its name."""
    return f"country-agents-{app_id}"


class Queue:
    """Takes turns, and as a worker answers them."""

    def __init__(
        self,
        docket: Docket,
        store: TurnStore,
        *,
        lease_seconds: float,
        concurrency: int,
        others: Sequence[TurnStore] = (),
    ) -> None:
        self._docket = docket
        self._store = store
        self._others = tuple(others)
        self._lease = timedelta(seconds=lease_seconds)
        self._concurrency = concurrency
        self._draining = asyncio.Event()
        self._runs: dict[str, TurnRun] = {}
        self._answers: set[asyncio.Task[Outcome | None]] = set()
        self._jobs: set[asyncio.Task[Any]] = set()
        self._answer: Answer | None = None
        self._give_up: GiveUp | None = None

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        store: TurnStore,
        name: str,
        lease_seconds: float = LEASE_SECONDS,
        concurrency: int = CONCURRENCY,
        others: Sequence[TurnStore] = (),
    ) -> Self:
        """Connect to the queue ``name`` on the server of ``store``; close it with ``aclose``. ``others``: the
        turns of other apps, in whose threads ours wait as in our own.

        Raises ``StoreUnavailableError`` when the server is away.
        """
        separator = "&" if "?" in url else "?"
        docket = Docket(
            name=name,
            url=f"{url}{separator}max_connections={CONNECTIONS_PER_JOB * concurrency}",
            execution_ttl=timedelta(seconds=EXECUTION_SECONDS),
        )
        try:
            await docket.__aenter__()
        except (RedisError, OSError) as error:
            raise StoreUnavailableError(
                f"open the queue: Redis answered with {type(error).__name__}"
            ) from error
        queue = cls(docket, store, lease_seconds=lease_seconds, concurrency=concurrency, others=others)
        async with docket.redis() as redis:
            # docket's pool has no retries of its own: without them an outage runs finished jobs again.
            redis.set_retry(reconnecting())  # type: ignore[attr-defined]
        docket.register(queue._answer_thread, names=[TASK])
        return queue

    async def aclose(self) -> None:
        """Close the queue's connections; the worker must have ended."""
        await self._docket.__aexit__(None, None, None)

    # Taking ---------------------------------------------------------------------------------------------

    async def enqueue(self, turn: Turn) -> Claimed:
        """Take the turn, durably, within 2 seconds. Raises ``QueueUnavailableError``: then do not ack."""
        try:
            async with asyncio.timeout(ENQUEUE_SECONDS):
                claim = await self._store.claim_and_enqueue(turn)
                if claim.lane is not None:
                    await self._add_job(claim.address, claim.lane)
        except (StoreError, RedisError, OSError) as error:  # a TimeoutError is an OSError
            log.warning("turn.not_taken", turn_id=turn.turn_id, error=type(error).__name__)
            raise QueueUnavailableError(f"turn {turn.turn_id} was not taken") from error
        log.info("turn.taken", turn_id=turn.turn_id, claimed=claim.claimed.value)
        return claim.claimed

    async def _add_job(self, address: str, lane: str) -> None:
        """Make sure that the job of a lane exists; a job that waits or runs already is left alone."""
        await self._docket.add(TASK, key=lane)(address, lane)

    # Working --------------------------------------------------------------------------------------------

    def drain(self) -> None:
        """Take no more turns and hand over the running ones; ``run_worker`` then returns. For SIGTERM."""
        self._draining.set()

    async def run_worker(self, answer: Answer, *, give_up: GiveUp | None = None) -> None:
        """Answer turns until ``drain`` is called.

        ``answer`` runs under a lease; when it raises ``HandOverError`` while draining, another worker goes on
        at once; when it raises anything else the turn is tried again, five times in all, and then parked
        after ``give_up``. Being cancelled drains, too.
        """
        self._answer, self._give_up = answer, give_up
        async with Worker(
            self._docket,
            name=uuid.uuid4().hex,  # the default, host and pid, is the same in two containers
            concurrency=self._concurrency,
            redelivery_timeout=self._lease,
            reconnection_delay=timedelta(seconds=RECONNECT_SECONDS),
        ) as worker:
            jobs = asyncio.create_task(worker.run_forever(), name="jobs")
            drained = asyncio.create_task(self._draining.wait(), name="drained")
            watchers = [
                asyncio.create_task(self._follow_stops(), name="stops"),
                asyncio.create_task(self._sweep_forever(), name="sweep"),
            ]
            try:
                await asyncio.wait({jobs, drained, *watchers}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                await self._end(jobs, [drained, *watchers])
            for task in (jobs, *watchers):
                if not task.cancelled() and (error := task.exception()) is not None:
                    raise error

    async def _end(
        self, jobs: asyncio.Task[None], watchers: list[asyncio.Task[None] | asyncio.Task[bool]]
    ) -> None:
        """Take nothing more, let running answers stop by themselves, then stop them."""
        self._draining.set()
        jobs.cancel()  # docket stops reading and waits for its running jobs
        await asyncio.wait({jobs}, timeout=HAND_OVER_SECONDS)
        for task in list(self._answers):
            task.cancel()
        for watcher in watchers:
            watcher.cancel()
        await asyncio.wait({jobs}, timeout=END_SECONDS)
        if not jobs.done():
            # Redis is away, so nothing can be handed over: the leases will run out instead.
            log.warning("worker.drained_without_redis", turns=len(self._runs))
            jobs.cancel()
            for job in self._jobs:  # docket is not past taking itself off the list of workers
                job.cancel()
        await asyncio.gather(jobs, *watchers, *self._jobs, return_exceptions=True)
        log.info("worker.drained")

    async def _answer_thread(
        self,
        address: str,
        lane: str,
        retry: Retry = Retry(attempts=None, delay=BUG_PAUSE),  # noqa: B008 - docket reads signatures
        execution: Execution = CurrentExecution(),  # noqa: B008
    ) -> None:
        """The job: answer a thread's turns, oldest first, until none is left."""
        if (job := asyncio.current_task()) is not None:
            self._jobs.add(job)  # it goes on after us, while docket files its end
            job.add_done_callback(self._jobs.discard)
        waits_until = time.monotonic() + COLLEAGUE_SECONDS
        while True:
            if self._draining.is_set():
                retry.after(NOW)
            head = await self._store.next_turn(address, lane)
            if head is None:
                return
            if head.settles_in > 0:
                await asyncio.sleep(head.settles_in)
                continue
            if time.monotonic() < waits_until and await self._colleague_first(address):
                await asyncio.sleep(COLLEAGUE_LOOK_SECONDS)
                continue
            waits_until = time.monotonic() + COLLEAGUE_SECONDS
            try:
                pause = await self._answer_turn(address, head.turn_id)
            except FencedError as error:
                log.warning("turn.fenced", turn_id=head.turn_id)
                # A newer run goes on, under the same docket message if this one was thought dead. Ending
                # normally would acknowledge that message in its place; "handled" leaves it alone.
                raise AdmissionBlocked(execution, reason="fenced", handled=True) from error
            if pause is not None:
                retry.after(pause)

    async def _colleague_first(self, address: str) -> bool:
        """Whether another app is answering, or was asked before us, in this thread. Of one moment, as in a
        message that asks both, each app has its place: no two wait for each other.
        """
        if not self._others:
            return False
        ours = await self._store.first_asked(address)
        if not ours:  # begun before, and handed over: it goes on
            return False
        mine = (ours, self._store.prefix)
        theirs = [(await other.first_asked(address), other.prefix) for other in self._others]
        return any(at is not None and (at, prefix) < mine for at, prefix in theirs)

    async def _answer_turn(self, address: str, turn_id: str) -> timedelta | None:
        """Make one attempt at a turn. Return None when it is over, else the pause before the next attempt."""
        store = self._store
        try:
            lease = await store.begin(turn_id, company=len(self._jobs) - 1)
            stored = await store.load(turn_id)
        except FencedError:
            stored = None
        if stored is None:
            log.warning("turn.forgotten", turn_id=turn_id)
            await store.drop(address, turn_id)
            return None
        run = TurnRun(stored.turn, lease, stored, self._draining)
        if stored.stopped_by is not None:
            run.stop.set(stored.stopped_by)
        if lease.attempt > MAX_ATTEMPTS:
            await self._park(run, stored.reason or "WorkerDied")
            return None
        self._runs[turn_id] = run
        try:
            return await self._attempt(run)
        finally:
            if self._runs.get(turn_id) is run:  # a lost lease may have come back to this very process
                del self._runs[turn_id]

    async def _attempt(self, run: TurnRun) -> timedelta | None:
        turn_id, attempt = run.turn.turn_id, run.lease.attempt
        log.info("turn.started", turn_id=turn_id, attempt=attempt, fence=run.lease.fence)
        try:
            outcome = await self._supervised(run)
        except HandOverError:
            log.info("turn.handed_over", turn_id=turn_id)
            draining = self._draining.is_set()
            await self._store.hand_over(run.lease, counts=not draining)
            return NOW if draining else BUG_PAUSE
        except FencedError:
            await self._forgive(run)
            raise
        except Exception as error:  # noqa: BLE001 - whatever an answer raises, the turn must not be lost
            reason = type(error).__name__
            _log_failure("turn.failed", run, error)
            if attempt >= MAX_ATTEMPTS:
                await self._park(run, reason)
                return None
            await self._store.hand_over(run.lease, counts=True, reason=reason)
            return timedelta(seconds=min(RETRY_CAP_SECONDS, RETRY_BASE_SECONDS * 2 ** (attempt - 1)))
        await self._store.finish(run.lease, outcome or Outcome.ANSWERED)
        log.info("turn.finished", turn_id=turn_id, outcome=(outcome or Outcome.ANSWERED).value)
        return None

    async def _forgive(self, run: TurnRun) -> None:
        try:
            await self._store.forgive(run.lease)
        except StoreUnavailableError as error:
            log.warning("turn.not_forgiven", turn_id=run.turn.turn_id, error=type(error).__name__)

    async def _supervised(self, run: TurnRun) -> Outcome | None:
        """Run the answer in a task of its own, which draining can cancel without cancelling the job."""
        if self._answer is None:
            raise RuntimeError("no answer to run")
        task = asyncio.ensure_future(self._answer(run))
        self._answers.add(task)
        try:
            await asyncio.wait({task})
        finally:
            self._answers.discard(task)
            if not task.done():  # the job itself was cancelled
                task.cancel()
                await asyncio.wait({task}, timeout=CANCEL_SECONDS)
        if task.cancelled():
            raise HandOverError(f"turn {run.turn.turn_id} was cancelled")
        return task.result()

    async def _park(self, run: TurnRun, reason: str) -> None:
        """Give the turn up: tell the thread, if that can be done, and let the next turn start."""
        turn_id = run.turn.turn_id
        log.error("turn.parked", turn_id=turn_id, attempt=run.lease.attempt, reason=reason)
        # One attempt later still, telling the thread is what kills the worker.
        if self._give_up is not None and run.lease.attempt <= MAX_ATTEMPTS + 1:
            try:
                async with asyncio.timeout(GIVE_UP_SECONDS):
                    await self._give_up(run, reason)
            except FencedError:
                raise
            except Exception as error:  # noqa: BLE001 - parking must succeed whatever happens
                _log_failure("turn.give_up_failed", run, error)
        await self._store.finish(run.lease, Outcome.PARKED, reason=reason)

    # Watching -------------------------------------------------------------------------------------------

    async def _follow_stops(self) -> None:
        async with aclosing(self._store.stops()) as stops:
            async for request in stops:
                if request is None:
                    await self._catch_up_with_stops()
                elif run := self._runs.get(request.turn_id):
                    run.stop.set(request.user)
                    log.info("turn.stopped", turn_id=request.turn_id)

    async def _catch_up_with_stops(self) -> None:
        """Stops that were made while nobody listened are marked on their turns."""
        for turn_id, run in list(self._runs.items()):
            try:
                user = await self._store.stopped_by(turn_id)
            except StoreUnavailableError:
                return  # the subscription is lost as well, and we are called again when it is back
            if user is not None:
                run.stop.set(user)

    async def _sweep_forever(self) -> None:
        """Find threads whose job was lost between taking the turn and adding the job."""
        first = True
        while True:
            try:
                if first or await self._store.take_sweep():
                    await self._sweep()
                first = False
            except (StoreUnavailableError, RedisError, OSError) as error:
                log.warning("sweep.failed", error=type(error).__name__)
            await asyncio.sleep(SWEEP_SECONDS)

    async def _sweep(self) -> None:
        async with aclosing(self._store.abandoned()) as threads:
            async for thread in threads:
                await self._add_job(thread.address, thread.lane)


def _log_failure(event: str, run: TurnRun, error: BaseException) -> None:
    """Log an error by its class and place: its words may be somebody's text and stay out of the log."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = "" if trace is None else f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
    turn_id, attempt = run.turn.turn_id, run.lease.attempt
    log.error(event, turn_id=turn_id, attempt=attempt, error=type(error).__name__, at=place)
