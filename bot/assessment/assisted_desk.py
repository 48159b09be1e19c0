"""An evidence desk that a model helps: it proposes search terms, and its provider searches the web.

Neither is waited for by itself: what the desk has comes first, in its order, and pages follow when they come.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime

import structlog

from bot.assessment.standing import ENOUGH_SOURCES
from bot.assessment.web_findings import (
    Publishers,
    query_shown,
    search_call,
    terms_call,
    terms_of,
    web_items,
)
from bot.evidence.items import (
    EvidenceDesk,
    EvidenceItem,
    EvidenceRequest,
    Retrieval,
    Retrieved,
    SourceFailure,
)
from bot.llm.port import Finished, Model, ModelError, ModelRateLimitedError
from bot.llm.web_search import SearchDone, WebSearch, WebSearchUnsupportedError
from personas.persona import Persona

__all__ = ["TERMS_SECONDS", "AssistedDesk"]

TERMS_SECONDS = 2.0
"""Longest call for search terms (issue 4)."""

log = structlog.get_logger(__name__)


class AssistedDesk:
    """A desk (``bot.evidence.items.EvidenceDesk``) around another. ``proposing``: the model that is asked for
    search terms, or ``None``; ``searching``: who searches the web, or ``None``. ``required``: a provider
    without a web search is told to readers as a failure, not taken for granted.
    """

    def __init__(
        self,
        desk: EvidenceDesk,
        personas: Iterable[Persona],
        *,
        proposing: Model | None = None,
        searching: WebSearch | None = None,
        required: bool = False,
    ) -> None:
        self._desk = desk
        self._publishers = Publishers(personas)
        self._proposing = proposing
        self._searching = searching
        self._required = required
        self.supported = True
        """Until the provider shows that it has no web search: then it is not asked again."""

    def begin(self, request: EvidenceRequest) -> Retrieval:
        """See ``EvidenceDesk.begin``."""
        proposing = self._proposing
        retrieval = self._desk.begin(replace(request, terms_follow=proposing is not None))
        search = self._searching if self.supported or self._required else None
        return _AssistedRetrieval(self, request, retrieval, proposing, search)

    def items(self, done: SearchDone, request: EvidenceRequest) -> tuple[EvidenceItem, ...]:
        """What a search found."""
        return web_items(done.citations, request, self._publishers, datetime.now(UTC))

    def failure(self, error: ModelError) -> SourceFailure | None:
        """How a failed search is told; ``None``: there is none at this provider, and nobody asked for it."""
        if isinstance(error, WebSearchUnsupportedError):
            self.supported = False
            return SourceFailure("Web search", "the model’s provider has none") if self._required else None
        busy = isinstance(error, ModelRateLimitedError)
        return SourceFailure("Web search", "the provider is busy" if busy else "it failed")


class _AssistedRetrieval:
    """One retrieval and what a model adds to it."""

    def __init__(
        self,
        desk: AssistedDesk,
        request: EvidenceRequest,
        retrieval: Retrieval,
        proposing: Model | None,
        searching: WebSearch | None,
    ) -> None:
        self._desk = desk
        self._request = request
        self._retrieval = retrieval
        self._shown: tuple[EvidenceItem, ...] = ()
        self._found: tuple[EvidenceItem, ...] = ()
        self._queries: list[str] = []
        self._failure: SourceFailure | None = None
        self._asking = asyncio.Event()
        """A query of the web search is known, or the search is over."""
        self._asked_web = searching is not None
        self._tasks: list[asyncio.Task[None]] = []
        self._web: asyncio.Task[None] | None = None
        if searching is not None:
            self._web = asyncio.create_task(self._search(searching), name="web-search")
            self._tasks.append(self._web)
        if proposing is not None:
            self._tasks.append(asyncio.create_task(self._propose(proposing), name="search-terms"))

    async def first(self, seconds: float) -> Retrieved:
        """See ``Retrieval.first``: what the desk has. Where that is little, the web is waited for, and it
        is worth a moment to know what is searched there: the card can say it once.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        found = await self._retrieval.first(seconds)
        if len(found.items) < ENOUGH_SOURCES and self._web is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(until):
                    await self._asking.wait()
        return self._merged(found)

    async def whole(self, seconds: float) -> Retrieved:
        """See ``Retrieval.whole``."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        found = await self._retrieval.whole(seconds)
        if self._web is not None and not self._web.done():
            await asyncio.wait({self._web}, timeout=max(until - loop.time(), 0.0))
        return self._merged(found)

    def propose(self, terms: Iterable[str]) -> None:
        """See ``Retrieval.propose``."""
        self._retrieval.propose(tuple(terms))

    async def against(self, rivals: str, seconds: float) -> Retrieved:
        """See ``Retrieval.against``."""
        return self._merged(await self._retrieval.against(rivals, seconds))

    async def aclose(self) -> None:
        """See ``Retrieval.aclose``."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._retrieval.aclose()

    def _merged(self, found: Retrieved) -> Retrieved:
        """What was shown before, then what is new of the desk's, then of the web's."""
        known = {item.url for item in self._shown}
        new = []
        for item in (*found.items, *self._found):
            if item.url not in known:
                known.add(item.url)
                new.append(item)
        self._shown = (*self._shown, *new)
        failures = found.failures if self._failure is None else (*found.failures, self._failure)
        searching = [found.searching] if found.searching else []
        if self._web is not None and not self._web.done():
            searching.append(f"the web for “{self._queries[-1]}”" if self._queries else "the web")
        return replace(
            found,
            items=self._shown,
            queries=tuple(dict.fromkeys((*found.queries, *self._queries))),
            sources_total=found.sources_total + (self._asked_web and self._counts()),
            failures=failures,
            searching="; ".join(searching),
        )

    def _counts(self) -> bool:
        """Whether the web search is one of the sources that were asked: not where there is none."""
        return self._failure is not None or self._desk.supported

    async def _search(self, searching: WebSearch) -> None:
        request = self._request
        try:
            async with aclosing(searching.search(search_call(request))) as items:
                async for item in items:
                    if isinstance(item, SearchDone):
                        self._found = self._desk.items(item, request)
                    elif query := query_shown(item.text):
                        self._queries.append(query)
                        self._asking.set()
        except ModelError as error:
            self._failure = self._desk.failure(error)
            log.warning("web_search.failed", turn_id=request.turn_id, error=type(error).__name__)
        except Exception as error:  # it must not look like a search that found nothing
            self._failure = SourceFailure("Web search", "it failed")
            log.exception("web_search.broke", turn_id=request.turn_id, error=type(error).__name__)
        finally:
            self._asking.set()

    async def _propose(self, model: Model) -> None:
        text, turn_id = "", self._request.turn_id
        try:
            async with (
                asyncio.timeout(TERMS_SECONDS),
                aclosing(model.stream(terms_call(self._request))) as items,
            ):
                async for item in items:
                    if not isinstance(item, Finished):
                        text += item
        except TimeoutError:
            # The last line may be half a term; the ones before it are whole.
            text = text.rpartition("\n")[0]
            log.info("search_terms.late", turn_id=turn_id)
        except ModelError as error:
            text = text.rpartition("\n")[0]
            log.warning("search_terms.failed", turn_id=turn_id, error=type(error).__name__)
        finally:
            # Also where there are none: the search that waits for them must not wait longer.
            self._retrieval.propose(terms_of(text))
