"""Two models as one: what the first cannot answer now, the second does, in the middle of an answer too.

A call that has given no text yet moves to the other endpoint at once, inside the same ``stream``. A call
that broke off after text raises, as its reader has seen that text; the caller's next attempt at the same call
(turn and name) goes to the other endpoint. Finished calls are not touched.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field

import structlog

from bot.llm.breaker import Breaker, BreakerSettings
from bot.llm.port import (
    Finished,
    Model,
    ModelBrokenError,
    ModelCall,
    ModelConfigurationError,
    ModelError,
    ModelForgottenError,
    ModelPausedError,
    ModelRateLimitedError,
    ModelTooLongError,
    ResumePoint,
    Role,
)

__all__ = ["BROKEN_CALLS", "FailoverModel"]

BROKEN_CALLS = 4096
"""Broken-off calls that are remembered until their next attempt: 200 turns of a dozen calls each, the most
one process works on, and some room; 0.5 MB at most. A forgotten one begins at the usual endpoint."""

log = structlog.get_logger(__name__)


@dataclass(slots=True, eq=False)
class _Lane:
    """One endpoint with its breaker."""

    label: str
    model: Model
    breaker: Breaker
    misconfigured: set[Role] = field(default_factory=set)
    """Roles whose configuration error was reported; until a call of the role succeeds."""


class FailoverModel:
    """``primary``, and ``fallback`` where that fails. A refusal or a question that is too long is an answer
    and goes to nobody else. Where both fail, the error raised is the one that gives most hope: a
    retryable one, and of two rate limits the shorter.
    """

    def __init__(self, primary: Model, fallback: Model, settings: BreakerSettings | None = None) -> None:
        settings = settings or BreakerSettings()
        self._lanes = tuple(
            _Lane(label, model, Breaker(label, settings))
            for label, model in (("primary", primary), ("fallback", fallback))
        )
        self._broken: OrderedDict[tuple[str, str], _Lane] = OrderedDict()
        """Where a call broke off after text, by turn and name."""

    @property
    def name(self) -> str:
        """The primary's; ``Finished.model`` says who answered."""
        return self._lanes[0].model.name

    async def aclose(self) -> None:
        """Close both."""
        try:
            await self._lanes[0].model.aclose()
        finally:
            await self._lanes[1].model.aclose()

    async def stream(self, call: ModelCall) -> AsyncGenerator[str | Finished, None]:
        """See ``bot.llm.port.Model.stream``."""
        async with aclosing(self._items(call, resumable=False)) as items:
            async for item in items:
                if not isinstance(item, ResumePoint):
                    yield item

    async def resumable(self, call: ModelCall) -> AsyncGenerator[str | ResumePoint | Finished, None]:
        """See ``bot.llm.port.Model.resumable``. An answer is resumed where it is kept; where that endpoint
        fails, the error is a ``ModelForgottenError`` too, so that the caller asks anew and finds the other.
        """
        async with aclosing(self._items(call, resumable=True)) as items:
            async for item in items:
                yield item

    def holds(self, point: ResumePoint) -> bool:
        """See ``bot.llm.port.Model.holds``."""
        return any(lane.model.holds(point) for lane in self._lanes)

    async def cancel(self, point: ResumePoint) -> None:
        """See ``bot.llm.port.Model.cancel``."""
        for lane in self._lanes:
            if lane.model.holds(point):
                await lane.model.cancel(point)

    async def _items(
        self, call: ModelCall, *, resumable: bool
    ) -> AsyncGenerator[str | ResumePoint | Finished, None]:
        if call.resume is not None and not self.holds(call.resume):
            raise ModelForgottenError("the answer to be resumed is kept at no endpoint of ours")
        order, lane = self._choice(call)
        failures: list[ModelError] = []
        while True:
            try:
                async with aclosing(self._attempt(lane, call, resumable=resumable)) as items:
                    async for item in items:
                        yield item
            except _BeforeTextError as failure:
                failures.append(failure.error)
            except ModelTooLongError as error:
                # Too long for the second one's window: the first one may be back at the next attempt.
                raise (failures or [error])[0] from None
            else:
                return
            if call.resume is not None:
                raise ModelForgottenError("the endpoint that keeps the answer failed") from failures[0]
            other = order[1] if lane is order[0] else order[0]
            if len(failures) == len(order) or not self._worth_trying(other, failures[0]):
                raise _most_hopeful(failures) from None
            _report_move(call, lane, other, type(failures[0]).__name__)
            lane = other

    def _choice(self, call: ModelCall) -> tuple[tuple[_Lane, ...], _Lane]:
        """Both endpoints in the order of preference, and the one to begin with."""
        broken = self._broken.pop((call.turn_id, call.name), None)
        order = self._lanes if broken is not self._lanes[0] else self._lanes[::-1]
        lane = self._first(order)
        if (point := call.resume) is not None:
            return order, next(each for each in order if each.model.holds(point))
        if broken is not None and lane is not broken:
            _report_move(call, broken, lane, ModelBrokenError.__name__)
        return order, lane

    def _first(self, order: tuple[_Lane, ...]) -> _Lane:
        """The first one that takes calls. Where neither does, the one whose pause ends first: a breaker sends
        calls elsewhere, and there is no elsewhere.
        """
        for lane in order:
            if lane.breaker.admits():
                return lane
        return min(order, key=lambda lane: lane.breaker.due_at)

    def _worth_trying(self, other: _Lane, error: ModelError) -> bool:
        # Behind an open breaker waits at worst a first-token time-out: it is worth that only where the caller
        # would not try again.
        return other.breaker.admits() or not error.retryable

    async def _attempt(
        self, lane: _Lane, call: ModelCall, *, resumable: bool
    ) -> AsyncGenerator[str | ResumePoint | Finished, None]:
        """One call at one endpoint; a failure that may go to the other one is a ``_BeforeTextError``."""
        trial, delivered = lane.breaker.begin(), False
        items: AsyncGenerator[str | ResumePoint | Finished, None]
        items = lane.model.resumable(call) if resumable else lane.model.stream(call)
        try:
            async with aclosing(items):
                async for item in items:
                    if isinstance(item, Finished):
                        # Before the caller gets it: most leave a stream at its end.
                        lane.breaker.succeeded(trial)
                        lane.misconfigured.discard(call.role)
                    delivered = delivered or not isinstance(item, ResumePoint)
                    yield item
        except ModelError as error:
            self._count(lane, call, error)
            if isinstance(error, ModelConfigurationError) or error.retryable:
                asked = error.retry_after_seconds if isinstance(error, ModelRateLimitedError) else None
                if not isinstance(error, ModelPausedError | ModelForgottenError):  # no sign of an outage
                    lane.breaker.failed(trial, pause_seconds=asked)
                if not delivered:
                    raise _BeforeTextError(error) from error
                self._remember(call, lane)
                if not error.retryable:  # a quota that ended under the stream: the other one may go on
                    raise ModelBrokenError("the endpoint's settings failed within a stream") from error
            raise
        finally:
            lane.breaker.abandoned(trial)

    def _remember(self, call: ModelCall, lane: _Lane) -> None:
        self._broken[call.turn_id, call.name] = lane
        while len(self._broken) > BROKEN_CALLS:
            self._broken.popitem(last=False)

    def _count(self, lane: _Lane, call: ModelCall, error: ModelError) -> None:
        """Tell the operator of a wrong key or name, once: readers do not notice while the other one works."""
        if isinstance(error, ModelConfigurationError) and call.role not in lane.misconfigured:
            lane.misconfigured.add(call.role)
            log.error(
                "model.misconfigured",
                endpoint=lane.label,
                model=lane.model.name,
                role=call.role.value,
                turn=call.turn_id,
            )


class _BeforeTextError(Exception):
    """A failure that the reader has seen nothing of."""

    def __init__(self, error: ModelError) -> None:
        super().__init__()
        self.error = error


def _report_move(call: ModelCall, lane: _Lane, other: _Lane, error: str) -> None:
    log.warning(
        "model.failed_over",
        turn=call.turn_id,
        call=call.name,
        endpoint=lane.label,
        to=other.label,
        model=other.model.name,
        error=error,
    )


def _most_hopeful(failures: list[ModelError]) -> ModelError:
    """Of two errors the one to act on."""

    def hopelessness(error: ModelError) -> tuple[bool, float]:
        asked = error.retry_after_seconds if isinstance(error, ModelRateLimitedError) else None
        return not error.retryable, asked or 0.0

    return min(failures, key=hopelessness)
