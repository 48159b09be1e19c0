"""Retries: which errors, how often, how long, and what the log tells."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from bot.retrying import RetryPolicy, instant_retries, retrying

POLICY = RetryPolicy(attempts=4, seconds=60.0)


class BusyError(Exception):
    """An error that may name a time."""

    def __init__(self, message: str = "secret words", *, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after


def after_of(error: BaseException) -> float | None:
    return error.after if isinstance(error, BusyError) else None


@pytest.fixture
def instantly() -> Iterator[None]:
    with instant_retries():
        yield


async def attempts_until(failures: list[Exception], policy: RetryPolicy = POLICY, **options: object) -> int:
    """Fail with each of ``failures``, then succeed; the number of attempts made."""
    made = 0
    left = iter(failures)
    chosen = {"on": BusyError, "name": "test.call", "retry_after": after_of, **options}
    async for attempt in retrying(policy, **chosen):  # type: ignore[arg-type]
        with attempt:
            made += 1
            if (failure := next(left, None)) is not None:
                raise failure
    return made


@pytest.mark.usefixtures("instantly")
async def test_success_is_not_repeated() -> None:
    """A call that succeeds is made once."""
    assert await attempts_until([]) == 1


@pytest.mark.usefixtures("instantly")
async def test_named_errors_are_repeated() -> None:
    """Errors named in ``on`` are followed by another attempt."""
    assert await attempts_until([BusyError(), BusyError()]) == 3


@pytest.mark.usefixtures("instantly")
async def test_other_errors_pass_at_once() -> None:
    """Errors not named in ``on`` are left through, unchanged."""
    error = ValueError("other")
    with pytest.raises(ValueError, match="other") as caught:
        await attempts_until([error])
    assert caught.value is error


@pytest.mark.usefixtures("instantly")
async def test_a_predicate_decides() -> None:
    """``on`` may be a test of the error."""
    with pytest.raises(BusyError):
        await attempts_until([BusyError()], on=lambda error: isinstance(error, OSError))


@pytest.mark.usefixtures("instantly")
async def test_the_last_error_is_raised_after_the_attempts() -> None:
    """When the attempts are used up the last error comes out itself, not one of tenacity's."""
    errors = [BusyError(str(number)) for number in range(10)]
    with pytest.raises(BusyError) as caught:
        await attempts_until(list(errors))
    assert caught.value is errors[POLICY.attempts - 1]


@pytest.mark.usefixtures("instantly")
async def test_no_attempt_begins_after_the_seconds() -> None:
    """A wait that would end behind the limit in seconds is not begun."""
    with capture_logs() as logs, pytest.raises(BusyError):
        await attempts_until([BusyError()], RetryPolicy(attempts=4, seconds=0.1, first_wait_seconds=1.0))
    assert logs == []


@pytest.mark.usefixtures("instantly")
async def test_retry_after_replaces_the_back_off() -> None:
    """The server's word is waited for, and never undercut."""
    with capture_logs() as logs:
        await attempts_until([BusyError(after=7.0)])
    assert 7.0 <= logs[0]["wait_seconds"] <= 7.7


@pytest.mark.usefixtures("instantly")
async def test_retry_after_beyond_the_limit_gives_up_at_once() -> None:
    """A server that asks for more time than there is gets no second attempt."""
    with capture_logs() as logs, pytest.raises(BusyError):
        await attempts_until([BusyError(after=61.0)])
    assert logs == []


@pytest.mark.usefixtures("instantly")
async def test_waits_double_with_jitter_up_to_the_longest() -> None:
    """Each wait is between half of and the whole of its doubled length."""
    policy = RetryPolicy(attempts=6, seconds=600.0, first_wait_seconds=1.0, max_wait_seconds=4.0)
    with capture_logs() as logs:
        await attempts_until([BusyError() for _ in range(5)], policy)
    for entry, longest in zip(logs, (1.0, 2.0, 4.0, 4.0, 4.0), strict=True):
        assert longest / 2 <= entry["wait_seconds"] <= longest


@pytest.mark.usefixtures("instantly")
async def test_the_log_holds_names_and_ids_only() -> None:
    """One line a retry: the error's class and the caller's ids, not the error's words."""
    with capture_logs() as logs:
        await attempts_until([BusyError("what a person wrote")], turn="t1")
    (entry,) = logs
    assert entry.pop("wait_seconds") >= 0
    assert entry == {
        "event": "retry.scheduled",
        "log_level": "warning",
        "name": "test.call",
        "attempt": 1,
        "error": "BusyError",
        "turn": "t1",
    }


async def test_waits_are_real_without_the_switch() -> None:
    """Outside of ``instant_retries`` the wait takes its time."""
    started = time.monotonic()
    await attempts_until([BusyError(after=0.1)])
    assert time.monotonic() - started >= 0.1


async def test_cancelling_ends_the_wait() -> None:
    """A cancelled task does not try again."""
    task = asyncio.create_task(attempts_until([BusyError(after=30.0)]))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
