"""The one place that retries, over tenacity: named errors only, attempts and seconds limited, jitter,
the server's own ``Retry-After``, and a log line for each retry that holds names and ids, never text.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog
from tenacity import (
    AsyncRetrying,
    AttemptManager,
    RetryCallState,
    retry_if_exception,
    stop_after_attempt,
    stop_before_delay,
)

__all__ = ["RetryPolicy", "instant_retries", "retrying"]

JITTER = 0.5
"""Share of a back-off that is random, so that callers refused together do not come back together."""

RETRY_AFTER_JITTER = 0.1
"""Share by which a server's ``Retry-After`` is exceeded at random; never undercut."""

ErrorTest = Callable[[BaseException], bool]
RetryAfter = Callable[[BaseException], float | None]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how long to try. The n-th wait is ``first_wait_seconds`` doubled n - 1 times, at
    most ``max_wait_seconds``, and up to half of it shorter by chance.
    """

    attempts: int
    """The first included."""
    seconds: float
    """No attempt begins later than this after the first one began."""
    first_wait_seconds: float = 0.5
    max_wait_seconds: float = 8.0


@dataclass(slots=True)
class _Waiting:
    enabled: bool = True


_waiting = _Waiting()


@contextmanager
def instant_retries() -> Iterator[None]:
    """Retry without sleeping, for tests: everything else, the limits included, is decided as usual."""
    before, _waiting.enabled = _waiting.enabled, False
    try:
        yield
    finally:
        _waiting.enabled = before


def retrying(
    policy: RetryPolicy,
    *,
    on: type[BaseException] | tuple[type[BaseException], ...] | ErrorTest,
    name: str,
    retry_after: RetryAfter | None = None,
    **ids: str,
) -> AsyncIterator[AttemptManager]:
    """Attempts, one after the other; the last error is raised as it is::

        async for attempt in retrying(policy, on=SomeError, name="slack.post", channel=channel):
            with attempt:
                return await post()

    ``on`` names the errors worth another attempt, as types or by a test. ``retry_after`` reads the
    seconds a server asks for out of an error: they replace the back-off, and where they do not fit
    into ``policy.seconds`` the error is raised at once. ``name`` and ``ids`` are for the log.
    """
    test: ErrorTest = (lambda error: isinstance(error, on)) if isinstance(on, (type, tuple)) else on

    def wait(state: RetryCallState) -> float:
        asked = retry_after(error) if retry_after is not None and (error := _error_of(state)) else None
        return _back_off(policy, state.attempt_number) if asked is None else _as_asked(asked)

    def report(state: RetryCallState) -> None:
        log.warning(
            "retry.scheduled",
            name=name,
            attempt=state.attempt_number,
            error=type(_error_of(state)).__name__,
            wait_seconds=round(state.upcoming_sleep, 3),
            **ids,
        )

    return aiter(
        AsyncRetrying(
            retry=retry_if_exception(test),
            wait=wait,
            stop=stop_after_attempt(policy.attempts) | stop_before_delay(policy.seconds),
            before_sleep=report,
            sleep=_sleep,
            reraise=True,
        )
    )


def _error_of(state: RetryCallState) -> BaseException | None:
    return None if state.outcome is None else state.outcome.exception()


def _back_off(policy: RetryPolicy, attempt: int) -> float:
    longest = min(policy.first_wait_seconds * 2.0 ** (attempt - 1), policy.max_wait_seconds)
    return longest * (1 - JITTER * random.random())  # noqa: S311 (chance, not secrecy)


def _as_asked(seconds: float) -> float:
    return max(seconds, 0.0) * (1 + RETRY_AFTER_JITTER * random.random())  # noqa: S311 (as above)


async def _sleep(seconds: float) -> None:
    await asyncio.sleep(seconds if _waiting.enabled else 0)
