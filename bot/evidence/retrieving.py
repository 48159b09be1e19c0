"""One retrieval: stored news at once, the question's links, and the sources themselves where news is thin."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import structlog

from bot.evidence.baseline import FROZEN_AT, baseline_of
from bot.evidence.collecting import CLAIM_SECONDS, Collecting, now_in_utc
from bot.evidence.collector import AT_ONCE, Visits
from bot.evidence.dates import believable
from bot.evidence.finding import Found, Search
from bot.evidence.items import EvidenceItem, EvidenceRequest, Retrieved, SourceClass, SourceFailure
from bot.evidence.links import links_in
from bot.evidence.memory import Memory
from bot.evidence.protocol import Snapshot
from bot.evidence.queries import QueryBuilder
from bot.evidence.reader import CleanEntry
from bot.evidence.registry import ReadSource
from bot.evidence.stored import item_id_for
from bot.store.errors import StoreUnavailableError
from bot.store.news_store import SourceState
from personas.persona import Persona

__all__ = ["Retriever"]

log = structlog.get_logger(__name__)

WHOLE_SECONDS = 12.0
"""A retrieval ends after this, whatever is still being read: the plan waits eight seconds by default, later
sections begin a few seconds after it."""

STORE_SECONDS = 1.0
"""Longest wait for what is new in Redis before the copy at hand is searched."""

LOOK_SECONDS = 0.4
"""How often what came in meanwhile is searched, while sources are being read."""

ENOUGH_ITEMS = 5
"""From so many sources of two owners on, an answer is worth beginning: more relevant ones hardly raise a
forecast's quality (analysis standard, 2.1)."""

FRESH = timedelta(hours=72)
"""Newest item's age up to which stored news on an event counts as current (analysis standard, SO6)."""

READ_RECENTLY = timedelta(minutes=5)
"""A source read within this has nothing new to say."""

TERMS_SECONDS = 3.0
"""Longest wait for search terms that were announced: the model has two seconds for them."""

Emit = Callable[[Snapshot], None]


@dataclass(slots=True)
class _Progress:
    """What is known of one retrieval so far."""

    request: EvidenceRequest
    search: Search
    asked: tuple[ReadSource, ...]
    links: list[str]
    failures: list[SourceFailure] = field(default_factory=list)
    linked: list[EvidenceItem] = field(default_factory=list)
    found: Found = field(default_factory=lambda: Found((), ()))
    pending: dict[asyncio.Task[None], str] = field(default_factory=dict)
    terms: asyncio.Task[tuple[str, ...]] | None = None
    """Comes with search terms of a model; ``None``: they are there, or none are to come."""

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come."""
        return not self.pending and self.terms is None

    def searching(self) -> str:
        """Names of what is being read, for the status line."""
        names = list(dict.fromkeys(self.pending.values()))
        return ", ".join(names[:2]) + (f" and {len(names) - 2} more" if len(names) > 2 else "")


class Retriever:
    """Answers requests; one for a process."""

    def __init__(
        self,
        memory: Memory,
        visits: Visits,
        collecting: Collecting,
        sources: Sequence[ReadSource],
        personas: Iterable[Persona],
    ) -> None:
        self._memory = memory
        self._visits = visits
        self._collecting = collecting
        self._sources = tuple(sources)
        self._builder = QueryBuilder(personas)
        self._places = asyncio.Semaphore(AT_ONCE)

    async def run(
        self, request: EvidenceRequest, emit: Emit, terms: asyncio.Future[tuple[str, ...]] | None = None
    ) -> None:
        """Search, and tell what there is as it grows; the last snapshot is ``over``. Cancel to end. ``terms``
        will hold the search terms that the request announces.
        """
        if request.rivals:
            emit(await self._for_the_rivals(request))
            return
        progress = _Progress(
            request, Search(self._builder, request), self._asked(request), links_in(request.question)
        )
        if request.terms_follow and terms is not None:
            progress.terms = asyncio.create_task(_announced(terms))
        try:
            states = await self._states(progress)
            await self._look(progress)
            self._begin(progress, states)
            emit(self._snapshot(progress))
            await self._until_read(progress, emit)
        finally:
            unread: list[asyncio.Task[Any]] = list(progress.pending)
            if progress.terms is not None:
                unread.append(progress.terms)
            for task in unread:
                task.cancel()
            await asyncio.gather(*unread, return_exceptions=True)
        progress.failures += [
            SourceFailure(name, "did not answer in time") for name in dict.fromkeys(progress.pending.values())
        ]
        progress.pending.clear()
        progress.terms = None
        emit(self._snapshot(progress))

    async def _for_the_rivals(self, request: EvidenceRequest) -> Snapshot:
        """What stored documents say for the rivals of a hypothesis."""
        progress = _Progress(request, Search(self._builder, request), (), [])
        await self._look(progress)
        items = tuple(item for item in progress.found.items if _published_by(item, request.as_of))
        found = Retrieved(items, progress.found.queries, stored_items=len(self._memory))
        return Snapshot(found, enough=True, over=True)

    def _asked(self, request: EvidenceRequest) -> tuple[ReadSource, ...]:
        """The sources of the personas, and of the other countries on the desk that the question is about."""
        codes = {persona.code for persona in request.personas}
        codes.update(self._builder.desk_codes(request.question, request.persona))
        return tuple(source for source in self._sources if source.personas & codes)

    async def _states(self, progress: _Progress) -> Mapping[str, SourceState]:
        try:
            async with asyncio.timeout(STORE_SECONDS):
                return await self._visits.states(progress.asked)
        except (StoreUnavailableError, TimeoutError):
            progress.failures.append(SourceFailure("Stored news", "the store does not answer"))
            return {}

    async def _look(self, progress: _Progress, *, at_most_old: float = 2.0) -> None:
        """Search what is there now."""
        try:
            async with asyncio.timeout(STORE_SECONDS):
                await self._memory.refresh(at_most_old=at_most_old)
        except TimeoutError:
            log.info("retrieval.copy_behind", turn_id=progress.request.turn_id, items=len(self._memory))
        progress.found = progress.search.find(self._memory.index)

    def _begin(self, progress: _Progress, states: Mapping[str, SourceState]) -> None:
        """Start reading what is worth it; what failed before and is not due is told at once."""
        for link in progress.links:
            task = asyncio.create_task(self._read_link(progress, link))
            progress.pending[task] = _link_name(link)
        thin, now = _is_thin(progress.found.items, progress.request.as_of), now_in_utc()
        for source in progress.asked:
            state = states.get(source.id)
            if state is None:
                continue
            if thin and (self._visits.under_way(source) or _worth_reading(state, now)):
                task = asyncio.create_task(self._visit(progress, source, state))
                progress.pending[task] = source.name
            elif state.reason and not _under_way_elsewhere(state, now):
                progress.failures.append(SourceFailure(source.name, state.reason))
            elif state.checked_at is None:
                progress.failures.append(SourceFailure(source.name, "was not read yet"))

    async def _until_read(self, progress: _Progress, emit: Emit) -> None:
        """Look again whenever something may have come in, until all is read or time is up."""
        deadline = asyncio.get_running_loop().time() + WHOLE_SECONDS
        while not progress.is_over:
            left = deadline - asyncio.get_running_loop().time()
            if left <= 0:
                return
            awaited: list[asyncio.Task[Any]] = list(progress.pending)
            if progress.terms is not None:
                awaited.append(progress.terms)
            # Without sources to read, nothing can come in before the terms do.
            look = LOOK_SECONDS if progress.pending else left
            done, _ = await asyncio.wait(
                awaited, timeout=min(left, look), return_when=asyncio.FIRST_COMPLETED
            )
            if progress.terms is not None and progress.terms in done:
                progress.search.propose(progress.terms.result())
                progress.terms = None
            for task in progress.pending.keys() & done:
                task.result()  # a mistake of ours must not look like a source without news
                del progress.pending[task]
            if not progress.is_over:
                await self._look(progress, at_most_old=LOOK_SECONDS / 2)
                emit(self._snapshot(progress))
        await self._look(progress, at_most_old=0.0)

    async def _visit(self, progress: _Progress, source: ReadSource, state: SourceState) -> None:
        async with self._places:
            try:
                outcome = await self._visits.visit(source, state)
                reason = outcome.state.reason
                if not outcome.attempted:
                    reason = await self._read_elsewhere(source, state)
            except StoreUnavailableError:
                reason = "the store does not answer"
        if reason:
            progress.failures.append(SourceFailure(source.name, reason))

    async def _read_elsewhere(self, source: ReadSource, before: SourceState) -> str:
        """Wait until the process that is reading a source has done so; why it failed."""
        while True:
            state = (await self._visits.states([source]))[source.id]
            if state.checked_at != before.checked_at and not state.in_progress:
                return state.reason
            await asyncio.sleep(LOOK_SECONDS)

    async def _read_link(self, progress: _Progress, url: str) -> None:
        known = self._memory.item(item_id_for(url))
        if known is not None and known.body:
            progress.linked.append(progress.search.linked(known))
            return
        read = await self._collecting.article(url)
        if not isinstance(read, CleanEntry):
            progress.failures.append(SourceFailure(_link_name(url), read))
            return
        now = now_in_utc()
        progress.linked.append(
            EvidenceItem(
                title=read.title,
                publisher=(urlsplit(read.url).hostname or "").removeprefix("www."),
                url=read.url,
                source_class=SourceClass.LINKED,
                text=progress.search.excerpt(read.body or read.summary),
                retrieved_at=now,
                published_at=believable(read.published, now),
                language=read.language,
                quarantined=read.quarantined,
            )
        )

    def _snapshot(self, progress: _Progress) -> Snapshot:
        request = progress.request
        news = [item for item in progress.linked if _published_by(item, request.as_of)]
        have = {item.url for item in news}
        news += [item for item in progress.found.items if item.url not in have]
        baselines = _baselines(request)
        room = request.limit - len(baselines)
        items = news[: max(room, 1)] + baselines[: max(request.limit - 1, 0)]
        retrieved = Retrieved(
            items=tuple(items),
            queries=progress.found.queries,
            sources_total=len(progress.asked) + len(progress.links),
            failures=tuple(progress.failures),
            stored_items=len(self._memory),
            searching=progress.searching(),
        )
        links_pending = len(progress.linked) < len(progress.links) and bool(progress.pending)
        enough = not links_pending and not _is_thin(progress.found.items, request.as_of)
        return Snapshot(retrieved, enough=enough, over=progress.is_over)


async def _announced(terms: asyncio.Future[tuple[str, ...]]) -> tuple[str, ...]:
    try:
        async with asyncio.timeout(TERMS_SECONDS):
            return await terms
    except TimeoutError:
        return ()


def _baselines(request: EvidenceRequest) -> list[EvidenceItem]:
    """Of each persona's country, where there is one that was frozen before the question."""
    if request.as_of < FROZEN_AT:
        return []
    found = (baseline_of(persona, now=now_in_utc()) for persona in request.personas)
    return [baseline for baseline in found if baseline is not None]


def _link_name(url: str) -> str:
    return f"Link to {urlsplit(url).hostname}"


def _is_thin(items: Sequence[EvidenceItem], as_of: datetime) -> bool:
    """Whether sources should be read for this question: few items, of one owner, or none of these days."""
    owners = {item.owner_group or item.publisher for item in items}
    newest = max((item.published_at for item in items if item.published_at), default=None)
    return len(items) < ENOUGH_ITEMS or len(owners) < 2 or newest is None or newest < as_of - FRESH


def _worth_reading(state: SourceState, now: datetime) -> bool:
    """Whether a source may have something new; one that failed is left alone until it is due."""
    if _under_way_elsewhere(state, now):
        return True
    if state.reason:
        return state.due_at is None or state.due_at <= now
    return state.checked_at is None or state.checked_at < now - READ_RECENTLY


def _under_way_elsewhere(state: SourceState, now: datetime) -> bool:
    """Whether some process reads it at this moment, or was just ended by it."""
    recent = state.checked_at is not None and state.checked_at > now - timedelta(seconds=CLAIM_SECONDS)
    return state.in_progress and recent


def _published_by(item: EvidenceItem, as_of: datetime) -> bool:
    return item.published_at is None or item.published_at <= as_of
