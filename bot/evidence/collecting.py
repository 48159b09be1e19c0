"""One source, read once: fetched if it changed, understood, cleaned and stored; or recorded as failed."""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import structlog

from bot.evidence.dates import believable
from bot.evidence.fetching import Fetched, Fetcher, FetchError
from bot.evidence.languages import primary
from bot.evidence.reader import CleanEntry, Reader, ReadingError
from bot.evidence.registry import ReadSource
from bot.evidence.stored import StoredItem, item_id_for
from bot.store.errors import StoreUnavailableError
from bot.store.news_store import Added, NewsStore, SourceState

__all__ = ["CLAIM_SECONDS", "Collecting", "Outcome", "language_note", "now_in_utc"]

log = structlog.get_logger(__name__)

LONGEST_BACK_OFF = timedelta(hours=6)
"""A source that has been failing for days is still asked four times a day: most come back."""

ARTICLES_A_VISIT = 8
"""Article pages fetched after one reading of a source, in its order: eight seconds, with one between two
requests. A listing's other articles follow at its next readings; a feed's keep what the feed says."""

ARTICLES_SECONDS = 60.0
"""No further article is begun after this time: a slow server must not hold a source longer than its claim."""

THIN_CHARS = 220
"""A feed's text below this is a teaser of two sentences: then the article is fetched."""

OLDEST = timedelta(days=60)
"""Published earlier, a document that a feed still lists is an archive's, and is left out."""

_WIDE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
"""Han, kana and Hangul say in a third of the characters what Latin letters say."""

CLAIM_SECONDS = 90.0
"""How long a source is ours at most: a fetch, eight articles and their pauses."""


def now_in_utc() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one reading of a source ended."""

    source: ReadSource
    state: SourceState
    added: Added = field(default_factory=Added)
    attempted: bool = True
    """False: another process is at it, or it is not due."""

    @property
    def failed(self) -> bool:
        """Whether the last attempt at the source failed."""
        return bool(self.state.reason)


class Collecting:
    """Reads sources. Every method survives what sources do; only the store's failures are raised."""

    def __init__(
        self,
        store: NewsStore,
        fetcher: Fetcher,
        reader: Reader,
        *,
        owner: str,
        interval: timedelta,
        articles_a_visit: int = ARTICLES_A_VISIT,
        clock: Callable[[], datetime] = now_in_utc,
    ) -> None:
        self._store = store
        self._fetcher = fetcher
        self._reader = reader
        self._owner = owner
        self._interval = interval
        self._articles = articles_a_visit
        self._clock = clock

    async def collect(self, source: ReadSource, state: SourceState) -> Outcome:
        """Read one source, unless somebody else is at it. ``state``: what is known of it."""
        if not await self._store.claim(source.id, self._owner, seconds=CLAIM_SECONDS):
            return Outcome(source, state, attempted=False)
        try:
            # Should reading it end this process, the next one finds the failure written already.
            await self._store.save_source_states(
                {source.id: replace(self._failed(state, "broke the program that reads", 0), in_progress=True)}
            )
            outcome = await self._read(source, state)
            await self._store.save_source_states({source.id: outcome.state})
            return outcome
        finally:
            await asyncio.shield(self._release(source))

    async def _release(self, source: ReadSource) -> None:
        try:
            await self._store.release(source.id, self._owner)
        except StoreUnavailableError:
            log.warning("source.release_failed", source=source.id)  # the claim ends by itself

    async def _read(self, source: ReadSource, state: SourceState) -> Outcome:
        try:
            fetched = await self._fetcher.fetch(
                source.url, etag=state.etag, last_modified=state.last_modified
            )
            if fetched.unchanged:
                return Outcome(source, self._succeeded(state, state.entries, state.note, fetched))
            entries = await self._reader.read(
                source.kind,
                fetched.body,
                url=fetched.url,
                content_type=fetched.content_type,
                language=source.language,
                pattern=source.links,
            )
            if not entries:
                return Outcome(source, self._failed(state, "lists nothing at the moment", 0))
        except (FetchError, ReadingError) as error:
            retry_after = error.retry_after if isinstance(error, FetchError) else 0.0
            log.info("source.failed", source=source.name, reason=str(error), failures=state.failures + 1)
            return Outcome(source, self._failed(state, str(error), retry_after))
        items = self._items(source, entries)
        fresh = await self._unknown(items)
        # Stored before the articles come: what a feed says is worth having at once.
        added = await self._store.add(items if source.kind == "feed" else [])
        wanted = [item for item in fresh if source.kind == "listing" or _is_thin(item)]
        async for item in self._with_articles(source, wanted[: self._articles]):
            later = await self._store.add([item])
            added = Added(
                added.new + later.new, added.fuller + later.fuller, added.twins + later.twins, added.known
            )
        if source.kind == "listing" and len(wanted) > self._articles:
            fetched = replace(fetched, etag="", last_modified="")  # its other articles are still to be read
        log.info("source.read", source=source.name, entries=len(entries), new=added.new, twins=added.twins)
        note = language_note(source, entries)
        return Outcome(source, self._succeeded(state, len(entries), note, fetched), added)

    def _items(self, source: ReadSource, entries: Sequence[CleanEntry]) -> list[StoredItem]:
        now = self._clock()
        items: dict[str, StoredItem] = {}
        for entry in entries:
            published = believable(entry.published, now)
            if published is not None and published < now - OLDEST:
                continue
            item = StoredItem(
                id=item_id_for(entry.url),
                title=entry.title,
                summary=entry.summary,
                body=entry.body,
                url=entry.url,
                source=source.url,
                publisher=source.name,
                source_class=source.source_class,
                retrieved_at=now,
                published_at=published,
                language=entry.language,
                country=source.country,
                owner_group=source.owner_group,
                reliability=source.reliability,
                quarantined=entry.quarantined,
            )
            items.setdefault(item.id, item)
        return list(items.values())

    async def _unknown(self, items: Sequence[StoredItem]) -> list[StoredItem]:
        known = await self._store.known(item.id for item in items)
        return [item for item in items if item.id not in known]

    async def _with_articles(
        self, source: ReadSource, items: Sequence[StoredItem]
    ) -> AsyncIterator[StoredItem]:
        """These with the text of their pages, as they come."""
        until = time.monotonic() + ARTICLES_SECONDS
        for item in items:
            if time.monotonic() > until:
                return
            read = await self.article(item.url, language=source.language)
            if isinstance(read, CleanEntry):
                yield _joined(item, read, self._clock())
            elif source.kind == "listing":
                yield item  # its headline and date are worth something

    async def article(self, url: str, *, language: str = "") -> CleanEntry | str:
        """The article at an address, or why it cannot be read."""
        try:
            fetched = await self._fetcher.fetch(url)
            entries = await self._reader.read(
                "article",
                fetched.body,
                url=fetched.url,
                content_type=fetched.content_type,
                language=language,
            )
        except (FetchError, ReadingError) as error:
            return str(error)
        return (
            entries[0] if entries else "has nothing left to cite once instructions to a model are taken out"
        )

    def _succeeded(self, state: SourceState, entries: int, note: str, fetched: Fetched) -> SourceState:
        now = self._clock()
        return replace(
            state,
            etag=fetched.etag or (state.etag if fetched.unchanged else ""),
            last_modified=fetched.last_modified or (state.last_modified if fetched.unchanged else ""),
            checked_at=now,
            succeeded_at=now,
            failures=0,
            reason="",
            in_progress=False,
            due_at=now + self._spread(self._interval),
            entries=entries,
            note=note,
        )

    def _failed(self, state: SourceState, reason: str, retry_after: float) -> SourceState:
        """Each failure doubles the wait; a server's own word counts where it is longer."""
        now = self._clock()
        wait = min(self._interval * 2 ** min(state.failures, 10), LONGEST_BACK_OFF)
        wait = max(wait, min(timedelta(seconds=retry_after), LONGEST_BACK_OFF))
        return replace(
            state,
            checked_at=now,
            failures=state.failures + 1,
            reason=reason,
            in_progress=False,
            due_at=now + self._spread(wait),
        )

    def _spread(self, wait: timedelta) -> timedelta:
        """Give or take a tenth, so that sources do not come due all together."""
        return wait * random.uniform(0.9, 1.1)  # noqa: S311 - not for secrets


def _joined(item: StoredItem, article: CleanEntry, now: datetime) -> StoredItem:
    """What the source says of a document, with the document's own text and date."""
    return replace(
        item,
        summary=item.summary or article.summary,
        body=article.body,
        published_at=item.published_at or believable(article.published, now),
        language=article.language or item.language,
        quarantined=item.quarantined + article.quarantined,
    )


def _is_thin(item: StoredItem) -> bool:
    """Whether a feed says so little of a document that its page is worth a request."""
    return len(item.body or item.summary) < THIN_CHARS // (3 if _WIDE.search(item.title) else 1)


def language_note(source: ReadSource, entries: Sequence[CleanEntry]) -> str:
    """A source that mostly writes another language than its entry in the persona's file says."""
    if not source.language:
        return ""
    languages = Counter(primary(entry.language) for entry in entries if entry.language)
    if not languages:
        return ""
    language, count = languages.most_common(1)[0]
    if language == primary(source.language) or count * 2 <= len(entries):
        return ""
    return f"writes {language}, not {source.language}"
