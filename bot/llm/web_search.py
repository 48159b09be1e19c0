"""A model provider's own web search: one call, its queries as they are made, and what it cites.

OpenAI's Responses API has the tool; a server that does not know it, or ignores it, is not asked again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import openai
import orjson
import structlog

from bot.llm.decoding import EventSplitter
from bot.llm.port import (
    ModelBrokenError,
    ModelCall,
    ModelError,
    ModelUnavailableError,
    Usage,
)
from bot.llm.vendor_errors import VENDOR_ERRORS, error_from_exception

__all__ = ["Citation", "SearchDone", "SearchQuery", "WebAnswer", "WebSearch", "WebSearchUnsupportedError"]

SEARCH_SECONDS = 45.0
"""Longest search: what comes later is too late for a section that takes half a minute to write."""
STALL_SECONDS = 20.0
"""Longest silence of a stream: a page that is being opened says nothing for some seconds."""
MOST_BYTES = 4 * 1024 * 1024
"""Bytes read of one answer: the list of sources of a dozen searches has some 100 kB."""

log = structlog.get_logger(__name__)


class WebSearchUnsupportedError(ModelError):
    """The server has no web search."""

    user_message = "The language model’s provider has no web search."


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """The model searches for this now."""

    text: str


@dataclass(frozen=True, slots=True)
class Citation:
    """A page that the answer cites, and what it cites it for."""

    url: str
    title: str
    lines: tuple[str, ...]
    """The lines of the answer that the citation stands in, without citation marks: the model's words."""


@dataclass(frozen=True, slots=True)
class SearchDone:
    """The last item: everything that is cited, in the order of the first citation."""

    citations: tuple[Citation, ...]
    usage: Usage
    model: str = ""
    """By the name it was asked for."""
    searches: int = 0
    """Searches the provider made, which it bills each."""


class WebSearch(Protocol):
    """A provider that can search the web."""

    def search(self, call: ModelCall) -> AsyncGenerator[SearchQuery | SearchDone, None]:
        """Yield queries while they are made, then one ``SearchDone``; raises a ``ModelError`` otherwise.
        Closing the generator ends the request.
        """
        ...


class Respond(Protocol):
    """Sends a search request; raises a ``ModelError``."""

    async def __call__(
        self, call: ModelCall, stack: contextlib.AsyncExitStack, deadline: float
    ) -> openai.AsyncAPIResponse[Any]:
        """Return the answer's head; the connection lives as long as ``stack``."""
        ...


@dataclass(slots=True)
class _Text:
    """One text of the answer, and the spans of its citations."""

    text: str = ""
    annotations: list[Mapping[str, Any]] = field(default_factory=list)


class WebAnswer:
    """Reads one answer."""

    def __init__(self, respond: Respond, call: ModelCall, model: str) -> None:
        self._respond = respond
        self._call = call
        self._model = model
        self._texts: dict[tuple[int, int], _Text] = {}
        """By output and content index, as far as they came."""
        self._searched = False
        self._searches: set[str] = set()
        """Ids of the searches made."""
        self._final: Mapping[str, Any] | None = None
        self._failed = ""

    async def read(self) -> AsyncGenerator[SearchQuery | SearchDone, None]:
        """See ``WebSearch.search``."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + SEARCH_SECONDS
        splitter, left = EventSplitter(), MOST_BYTES
        async with contextlib.AsyncExitStack() as stack:
            response = await self._respond(self._call, stack, deadline)
            stack.push_async_callback(response.close)
            chunks = response.iter_bytes()
            while self._final is None and not self._failed:
                chunk = await _next(chunks, min(deadline, loop.time() + STALL_SECONDS))
                left -= len(chunk)
                events = splitter.feed(chunk) if chunk else splitter.flush()
                for name, data in events:
                    for query in self._take(name, data):
                        yield SearchQuery(query)
                if not chunk or left < 0:
                    break
        yield self._done()

    def _take(self, name: bytes, data: bytes) -> list[str]:
        """Take one event; the queries it tells."""
        if data == b"[DONE]" or name.endswith((b"_text.done", b"in_progress", b"content_part.added")):
            return []
        try:
            event = orjson.loads(data)
            return self._take_event(str(event.get("type") or name.decode()), event)
        except (orjson.JSONDecodeError, AttributeError, TypeError, KeyError, ValueError) as error:
            raise ModelBrokenError("an event of a web search could not be read") from error

    def _take_event(self, kind: str, event: Mapping[str, Any]) -> list[str]:
        match kind:
            case "response.output_text.delta":
                self._at(event).text += str(event["delta"])
            case "response.output_text.annotation.added":
                self._at(event).annotations.append(event.get("annotation") or {})
            case "response.output_item.added" | "response.output_item.done":
                item = event["item"]
                if item.get("type") == "web_search_call":
                    self._searched = True
                    action = item.get("action") or {}
                    if action.get("type", "search") == "search":
                        self._searches.add(str(item.get("id")))
                    return _queries(action)
            case "response.completed" | "response.incomplete":
                self._final = event["response"]
            case "response.failed":
                self._failed = str((event["response"].get("error") or {}).get("code") or "unnamed")
            case "error":
                self._failed = str(event.get("code") or "unnamed")
            case _:
                pass
        return []

    def _at(self, event: Mapping[str, Any]) -> _Text:
        place = (int(event.get("output_index") or 0), int(event.get("content_index") or 0))
        return self._texts.setdefault(place, _Text())

    def _done(self) -> SearchDone:
        final = self._final or {}
        output = final.get("output") or []
        texts = _texts_of(output) or [self._texts[place] for place in sorted(self._texts)]
        searched = self._searched or any(item.get("type") == "web_search_call" for item in output)
        citations = _citations(texts)
        if self._final is not None and not searched:
            raise WebSearchUnsupportedError("the server answered without searching")
        if not citations and self._final is None:
            raise ModelBrokenError(f"a web search ended early, code {self._failed or 'none'}")
        usage = final.get("usage") or {}
        cached = (usage.get("input_tokens_details") or {}).get("cached_tokens") or 0
        return SearchDone(
            citations,
            Usage(int(usage.get("input_tokens") or 0), int(cached), int(usage.get("output_tokens") or 0)),
            self._model,
            searches=max(len(self._searches), 1),
        )


async def _next(chunks: Any, deadline: float) -> bytes:  # noqa: ANN401 - the SDK's iterator
    try:
        async with asyncio.timeout_at(deadline):
            return bytes(await anext(chunks, b""))
    except TimeoutError:
        raise ModelUnavailableError("the web search took too long") from None
    except VENDOR_ERRORS as error:
        raise error_from_exception(error, stream_began=True) from error


def _queries(action: Mapping[str, Any]) -> list[str]:
    queries = action.get("queries") or [action.get("query")]
    return [str(query) for query in queries if query]


def _texts_of(output: list[Mapping[str, Any]]) -> list[_Text]:
    """The texts of a complete answer."""
    return [
        _Text(str(part.get("text") or ""), list(part.get("annotations") or []))
        for item in output
        if item.get("type") == "message"
        for part in item.get("content") or []
        if part.get("type") == "output_text"
    ]


def _citations(texts: list[_Text]) -> tuple[Citation, ...]:
    found: dict[str, Citation] = {}
    for text in texts:
        spans = [_span(annotation, text.text) for annotation in text.annotations]
        for annotation, span in zip(text.annotations, spans, strict=True):
            url = _without_tracking(str(annotation.get("url") or ""))
            if annotation.get("type") != "url_citation" or not url or span is None:
                continue
            line = _line_of(text.text, span, [each for each in spans if each])
            known = found.get(url) or Citation(url, str(annotation.get("title") or ""), ())
            lines = known.lines if not line or line in known.lines else (*known.lines, line)
            found[url] = replace(known, lines=lines)
    return tuple(citation for citation in found.values() if citation.lines)


def _span(annotation: Mapping[str, Any], text: str) -> tuple[int, int] | None:
    start, end = annotation.get("start_index"), annotation.get("end_index")
    if not isinstance(start, int) or not isinstance(end, int) or not 0 <= start <= end <= len(text):
        return None
    return start, end


def _line_of(text: str, span: tuple[int, int], spans: list[tuple[int, int]]) -> str:
    """The line that a citation stands in, without any citation mark in it."""
    begin = text.rfind("\n", 0, span[0]) + 1
    end = text.find("\n", span[1])
    end = len(text) if end < 0 else end
    pieces, position = [], begin
    for start, stop in sorted(each for each in spans if begin <= each[0] and each[1] <= end):
        if _is_mark(text[start:stop]):
            pieces.append(text[position:start])
            position = max(position, stop)
    pieces.append(text[position:end])
    return " ".join("".join(pieces).replace("()", " ").split())


def _is_mark(cited: str) -> bool:
    """Whether an annotated span is the mark of a citation, and not the words that it is for."""
    return "://" in cited or cited.startswith(("【", "[", "(["))


def _without_tracking(url: str) -> str:
    """The address without what the provider adds to it."""
    parts = urlsplit(url)
    query = [
        pair for pair in parse_qsl(parts.query, keep_blank_values=True) if not pair[0].startswith("utm_")
    ]
    if len(query) == len(parse_qsl(parts.query, keep_blank_values=True)):
        return url
    return urlunsplit(parts._replace(query=urlencode(query)))
