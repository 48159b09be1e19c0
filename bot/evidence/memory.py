"""The copy of the stored news that a process searches; kept up to date from Redis."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import structlog

from bot.evidence.ranking import Index
from bot.evidence.stored import StoredItem
from bot.evidence.titles import title_fingerprint
from bot.store.errors import StoreUnavailableError
from bot.store.news_store import NewsStore

__all__ = ["Memory"]

log = structlog.get_logger(__name__)

BATCH = 10
"""Documents taken into the index at a time: some 20 ms, after which questions have their turn."""

FRESH_SECONDS = 2.0
"""How old the copy may be for a question."""

FORGET_SECONDS = 600.0
"""How often documents that Redis has forgotten are taken out."""


class Memory:
    """The index, and how far it has come. Close it with ``close``."""

    def __init__(self, store: NewsStore) -> None:
        self.index = Index()
        self._store = store
        self._items: dict[str, StoredItem] = {}
        self._titles: dict[str, str] = {}
        self._mark = 0.0
        self._read_at = float("-inf")
        self._forgotten_at = time.monotonic()
        self._reading = asyncio.Lock()
        self._away = False

    def __len__(self) -> int:
        return len(self._items)

    def item(self, item_id: str) -> StoredItem | None:
        """The document with that id."""
        return self._items.get(item_id)

    async def refresh(self, *, at_most_old: float = FRESH_SECONDS) -> None:
        """Take in what is new, unless the copy is fresh. Redis away means an older copy, told once."""
        if time.monotonic() - self._read_at < at_most_old:
            return
        async with self._reading:
            if time.monotonic() - self._read_at < at_most_old:
                return
            try:
                items, mark = await self._store.since(self._mark)
                await self._take([item for item in items if self._items.get(item.id) != item])
                self._mark = mark
                if time.monotonic() - self._forgotten_at > FORGET_SECONDS:
                    self._forget(await self._store.ids())
                self._away = False
            except StoreUnavailableError as error:
                if not self._away:
                    log.warning("memory.store_away", reason=str(error), items=len(self._items))
                self._away = True
            self._read_at = time.monotonic()

    async def _take(self, items: Sequence[StoredItem]) -> None:
        for start in range(0, len(items), BATCH):
            batch = items[start : start + BATCH]
            self.index.add(batch)
            for item in batch:
                self._items[item.id] = item
                fingerprint = title_fingerprint(item.title)
                if fingerprint is not None:
                    # The store lets a better source take the place of a twin.
                    twin = self._titles.get(fingerprint, item.id)
                    self._titles[fingerprint] = item.id
                    if twin != item.id:
                        self._drop([twin])
            await asyncio.sleep(0)

    def _forget(self, kept: set[str]) -> None:
        self._drop([item_id for item_id in self._items if item_id not in kept])
        self._titles = {title: item_id for title, item_id in self._titles.items() if item_id in kept}
        self._forgotten_at = time.monotonic()

    def _drop(self, ids: Sequence[str]) -> None:
        self.index.discard(ids)
        for item_id in ids:
            self._items.pop(item_id, None)

    def close(self) -> None:
        """Free the memory."""
        self.index.close()
