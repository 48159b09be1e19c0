"""Admission: who is taken in, who waits in line, and what a turn's end costs the workspace's day.

Days and budgets are UTC: a Slack workspace has no time zone of its own (its people have), and one day for all
is what the model providers' own limits use. Notices show the moment in the reader's own time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

import structlog

from bot.llm.port import Usage
from bot.prices import Prices
from bot.store.admission_store import (
    AdmissionPolicy,
    AdmissionStore,
    AdmissionTimes,
    Admitted,
    Reason,
    Refused,
    UsageToday,
)
from bot.store.errors import StoreError, StoreUnavailableError
from bot.turns import Turn

__all__ = [
    "ADMIT_SECONDS",
    "Admission",
    "AdmissionPolicy",
    "AdmissionTimes",
    "Admitted",
    "OperatorView",
    "Reason",
    "Refused",
    "UsageToday",
]

log = structlog.get_logger()

ADMIT_SECONDS = 0.9
"""Longest wait for a decision: with the queue's 2 seconds it stays within the 3 in which Slack wants its ack.
A decision takes less than a millisecond; whoever waits longer has no Redis, and Slack delivers the event
again."""

WHOLE_TURN = "turn"
"""Name of the charge for everything a turn used."""


@dataclass(frozen=True, slots=True)
class Admission:
    """The limits at work. Of a turn's life: ``admit`` before it is queued, ``seated`` around its answer, then
    ``settle`` or ``release``, whichever comes first; all of them may be repeated.

    The deeds at its end do not raise: an answer that was given is not given again because of its bill, and
    places expire by themselves.
    """

    store: AdmissionStore
    prices: Prices

    async def admit(self, turn: Turn, *, pressed: bool = False) -> Admitted | Refused:
        """Decide before the turn is claimed for the queue; each delivery of a message gets the same answer.

        ``pressed``: asked by a button, whose turn has the same id at every press; a refusal is decided anew.

        Raises ``StoreUnavailableError`` after 0.9 seconds: then Slack must get no ack.
        """
        if self.store.policy.unlimited:
            return Admitted()
        try:
            async with asyncio.timeout(ADMIT_SECONDS):
                verdict = await self.store.admit(turn, pressed=pressed)
        except TimeoutError as error:
            raise StoreUnavailableError(f"admit turn {turn.turn_id}: Redis is too slow") from error
        if isinstance(verdict, Refused):
            log.info("turn.refused", turn_id=turn.turn_id, team=turn.team_id, reason=verdict.reason.value)
        return verdict

    async def position(self, turn: Turn) -> int | None:
        """Place in line from 1 while the turn waits for a seat, else None."""
        return await self.store.position(turn)

    @asynccontextmanager
    async def seated(self, turn: Turn, told: Callable[[int], None]) -> AsyncIterator[None]:
        """Wait in line for a seat, first come, first served, and keep it while the body runs.

        ``told`` hears the position from 1 whenever it changes. Leaving does not free the seat: a turn that is
        handed over finds it again. Raises ``StoreUnavailableError`` while it waits; a seat once given is
        not taken away by an outage.
        """
        if self.store.policy.unlimited:
            yield
            return
        shown: int | None = None
        while (position := await self.store.hold(turn)) is not None:
            if position != shown:
                log.info("turn.in_line", turn_id=turn.turn_id, position=position)
                told(position)
                shown = position
            await asyncio.sleep(self.store.times.poll)
        keeper = asyncio.create_task(self._keep(turn), name=f"seat of {turn.turn_id}")
        try:
            yield
        finally:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)

    async def _keep(self, turn: Turn) -> None:
        while True:
            await asyncio.sleep(self.store.times.keep)
            try:
                await self.store.hold(turn)
            except StoreError as error:
                log.warning("seat.not_kept", turn_id=turn.turn_id, error=type(error).__name__)

    async def charge(self, turn: Turn, usage: Usage, model: str, *, call: str) -> None:
        """Charge one call of a running turn, once for each ``call`` name: for turns that use several models,
        or whose work must count even if they die.
        """
        await self._charge(turn, usage, model, call, over=False)

    async def settle(self, turn: Turn, usage: Usage, model: str) -> None:
        """The turn has ended: charge what it used to the day it ends in, and free its place. The first time
        counts.
        """
        await self._charge(turn, usage, model, WHOLE_TURN, over=True)

    async def release(self, turn: Turn, *, forgive: bool = False) -> None:
        """The turn has ended without a bill (stopped, failed, parked): free its place.

        ``forgive``: it failed on our side and does not count against the hour, so that "Try again" works.
        """
        with _forgiving("release", turn):
            await self.store.free(turn, forgive=forgive)

    async def _charge(self, turn: Turn, usage: Usage, model: str, name: str, *, over: bool) -> None:
        tokens = usage.input_tokens + usage.output_tokens
        cost = self.prices.cost(usage, model)
        if cost is None and tokens and self.store.policy.workspace_money_day is not None:
            log.warning("price.unknown", model=model)
        with _forgiving("charge", turn):
            await self.store.charge(turn, name=name, tokens=tokens, micro_money=cost, over=over)


@contextmanager
def _forgiving(deed: str, turn: Turn) -> Iterator[None]:
    try:
        yield
    except StoreError as error:
        log.warning("admission.not_noted", deed=deed, turn_id=turn.turn_id, error=type(error).__name__)


@dataclass(frozen=True, slots=True)
class OperatorView:
    """What an operator may ask about limits."""

    store: AdmissionStore

    async def usage_today(self, team_id: str) -> UsageToday:
        """What a workspace used since 00:00 UTC."""
        return await self.store.usage_today(team_id)
