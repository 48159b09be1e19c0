"""What can go wrong between us and Redis, and the translation from the client's errors to ours."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from redis.exceptions import RedisError

from bot.errors import CountryAgentsError

__all__ = ["FencedError", "JournalGapError", "StoreError", "StoreUnavailableError", "translated"]


class StoreError(CountryAgentsError):
    """The store cannot be used as it is set up; the message tells the operator what to change."""

    user_message = (
        "This app's memory is not set up correctly. "
        "Please tell whoever runs it to look at `country-agents doctor`."
    )


class StoreUnavailableError(StoreError):
    """Redis is away, refuses writes (read-only, out of memory), or did not answer in time."""

    user_message = "This app's memory is out of reach right now. Please try again in a minute."


class FencedError(StoreError):
    """A newer run owns the turn, or the turn is over or forgotten: stop, and write nothing more."""

    user_message = "This question is already being answered."


class JournalGapError(StoreError):
    """Redis holds less of the document than this run wrote: it lost its last second in a crash.

    The run ends and the next one goes on from what Redis has.
    """

    user_message = "The answer was interrupted and is being taken up again."


@contextmanager
def translated(deed: str) -> Iterator[None]:
    """Turn the Redis client's errors into ours; ``deed`` says what was being done, in ids only.

    The client's own message is left out: it can hold an address or a key's value.

    A cancellation is never lost here: the client waits with ``asyncio.wait_for``, which before Python 3.12
    swallows one that arrives together with the result.
    """
    task = asyncio.current_task()
    cancellations = 0 if task is None else task.cancelling()
    try:
        yield
    except (RedisError, OSError, TimeoutError) as error:
        raise StoreUnavailableError(f"{deed}: Redis answered with {type(error).__name__}") from error
    if task is not None and task.cancelling() > cancellations:
        raise asyncio.CancelledError
