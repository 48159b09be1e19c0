"""Headlines before items: of the briefings of one minute, all cards come before any thread is filled."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

__all__ = ["Headlines"]

WAIT_SECONDS: Final = 10.0
"""Longest time that items wait for the headlines of others: one that Slack refuses must not hold up all."""


@dataclass
class _Minute:
    coming: int = 0
    out: asyncio.Event = field(default_factory=asyncio.Event)


class Headlines:
    """The headlines this process is about to post. Without their precedence the items of the first briefings
    use up the minute's calls, and the last of two hundred headlines comes with the next minute's.
    """

    def __init__(self) -> None:
        self._minutes: dict[datetime, _Minute] = {}

    @contextmanager
    def coming(self, due: datetime) -> Iterator[None]:
        """While the body waits for its minute and posts its headline."""
        minute = self._minutes.setdefault(due, _Minute())
        minute.coming += 1
        try:
            yield
        finally:
            minute.coming -= 1
            if not minute.coming:
                minute.out.set()
                del self._minutes[due]

    async def out(self, due: datetime) -> None:
        """Wait until no headline of that minute is to come."""
        if minute := self._minutes.get(due):
            with suppress(TimeoutError):
                async with asyncio.timeout(WAIT_SECONDS):
                    await minute.out.wait()
