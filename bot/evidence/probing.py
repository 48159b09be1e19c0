"""Asking every source once, to tell an operator what lives: nothing is stored."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import datetime

from bot.evidence.collecting import language_note, now_in_utc
from bot.evidence.collector import AT_ONCE
from bot.evidence.dates import believable
from bot.evidence.fetching import Fetcher, FetchError
from bot.evidence.reader import Reader, ReadingError
from bot.evidence.registry import ReadSource

__all__ = ["Probe", "probe"]


@dataclass(frozen=True, slots=True)
class Probe:
    """What one source answered."""

    source: ReadSource
    entries: int = 0
    newest: datetime | None = None
    """UTC; ``None`` where nothing carries a date."""
    reason: str = ""
    """Why it cannot be read; empty where it lives."""
    note: str = ""
    """What is odd about it although it can be read."""


async def probe(sources: Iterable[ReadSource], fetcher: Fetcher, reader: Reader) -> AsyncIterator[Probe]:
    """The sources' answers as they come. Never raises for what is wrong with a source."""
    places = asyncio.Semaphore(AT_ONCE)

    async def one(source: ReadSource) -> Probe:
        async with places:
            return await _probe(source, fetcher, reader)

    tasks = [asyncio.create_task(one(source)) for source in sources]
    try:
        for task in asyncio.as_completed(tasks):
            yield await task
    finally:
        for left in tasks:
            left.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _probe(source: ReadSource, fetcher: Fetcher, reader: Reader) -> Probe:
    try:
        fetched = await fetcher.fetch(source.url)
        entries = await reader.read(
            source.kind,
            fetched.body,
            url=fetched.url,
            content_type=fetched.content_type,
            language=source.language,
            pattern=source.links,
        )
    except (FetchError, ReadingError) as error:
        return Probe(source, reason=str(error))
    if not entries:
        return Probe(source, reason="lists nothing at the moment")
    now = now_in_utc()
    dates = [date for entry in entries if (date := believable(entry.published, now)) is not None]
    note = language_note(source, entries)
    return Probe(source, len(entries), max(dates, default=None), note=note)
