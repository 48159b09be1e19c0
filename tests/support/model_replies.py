"""What the scripted model server is asked and answers, and the bytes of an answer on the wire.

A script is a function from ``ModelRequest`` to ``Reply``. Nothing here does I/O: ``schedule`` yields
when which bytes are due, ``tests.support.model_server`` writes them.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

import orjson

__all__ = [
    "CHARACTERS_PER_TOKEN",
    "Api",
    "Ending",
    "Gate",
    "ModelRequest",
    "Reply",
    "Script",
    "in_turn",
    "junk_for",
    "parse_request",
    "schedule",
    "text_and_ending",
    "usage_of",
    "whole_answer",
    "writes_before",
]

CHARACTERS_PER_TOKEN = 4
"""Issue 2, Speed: the benchmark's token; near the mean of English prose."""

BURST_TOKENS = 16
"""In an event of a model that has no pace: reading tokens one by one is a third of what a scenario does."""

SPLIT_INTERVAL_SECONDS = 0.0005
"""Between the pieces of a split event: enough for a reader to see them apart."""

Api = Literal["responses", "chat"]


class Ending(StrEnum):
    """How a stream ends after its tokens."""

    STOP = "stop"
    LENGTH = "length"
    LENGTH_CALLED_COMPLETED = "length_called_completed"
    """The local server's Responses API: ``completed`` although the limit was hit."""
    FILTERED = "filtered"
    TRUNCATE = "truncate"
    """A clean end of the body without a terminal event."""
    DISCONNECT = "disconnect"
    """The connection is cut in the middle of the body."""
    STALL = "stall"
    """Nothing more, until the client goes."""
    MALFORMED = "malformed"
    """An event that is not JSON, then a proper ending."""
    ERROR_EVENT = "error_event"
    FAILED = "failed"
    """``response.failed``; on Chat Completions an ``error`` object, as compatible servers send."""


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """One request as the script sees it."""

    api: Api
    model: str
    system: str
    context: str
    instruction: str
    opening: str
    """Prefill: text of a last assistant message."""
    schema_name: str
    schema: Mapping[str, Any] | None
    max_tokens: int | None
    cache_key: str
    """``prompt_cache_key``: our client sends the turn id."""
    stream: bool
    attempt: int
    """1 for the first request with this system, context and instruction, then 2 and so on."""
    body: Mapping[str, Any]


class Gate:
    """Holds one stream after so many of its tokens; ``reached`` is set when it is held. Once opened it holds
    nothing more.
    """

    def __init__(self, after_tokens: int) -> None:
        self.after_tokens = after_tokens
        self.reached = asyncio.Event()
        self.opened = asyncio.Event()

    def open(self) -> None:
        """Let the stream go on."""
        self.opened.set()


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer with its faults. The text comes in tokens of four characters; ``after_tokens`` says
    how many of them pass before a faulty ``ending`` (``None``: all).
    """

    text: str = ""
    ending: Ending = Ending.STOP
    after_tokens: int | None = None
    refusal: str = ""
    """Sent after the text, as refusal deltas."""
    status: int = 200
    """Anything else: a JSON error and no stream."""
    code: str = ""
    """Error code of a status, an error event or a failure."""
    param: str = ""
    message: str = "scripted failure"
    headers: Mapping[str, str] = field(default_factory=dict)
    """Of the HTTP answer, such as ``Retry-After``."""
    headers_after_seconds: float = 0.0
    """Time until the status line."""
    first_token_seconds: float | None = None
    """``None``: the server's own."""
    tokens_per_second: float | None = None
    """``None``: the server's own; 0: as fast as it goes."""
    keep_alive_seconds: float = 0.0
    """Comments at this interval until the first token."""
    cached_tokens: int = 0
    searches: tuple[str, ...] = ()
    """Queries of a web search (Responses API) before the text, whose links are its citations then."""
    crlf: bool = False
    split_bytes: int = 0
    """Every event is cut into writes of this many bytes; 0: one event a write."""
    gate: Gate | None = None
    """Of a stream whose events are not split."""


Script = Callable[[ModelRequest], Reply]


def in_turn(*replies: Reply) -> Script:
    """Give the n-th attempt of a request the n-th reply; the last reply repeats."""
    return lambda request: replies[min(request.attempt, len(replies)) - 1]


def parse_request(api: Api, body: Mapping[str, Any], *, attempt: int) -> ModelRequest:
    """Read a request of our own client: system, context and instruction in this order."""
    messages = body.get("messages" if api == "chat" else "input") or []
    if isinstance(messages, str):
        messages = [{"role": "user", "content": messages}]
    said = [(message.get("role", ""), plain(message.get("content"))) for message in messages]
    systems = [text for role, text in said if role in {"system", "developer"}]
    users = [text for role, text in said if role == "user"]
    opening = said[-1][1] if said and said[-1][0] == "assistant" else ""
    wanted = body.get("response_format") or (body.get("text") or {}).get("format") or {}
    wanted = wanted.get("json_schema", wanted) if wanted.get("type") == "json_schema" else {}
    return ModelRequest(
        api=api,
        model=str(body.get("model", "")),
        system=str(body.get("instructions") or "\n".join(systems)),
        context="\n".join(users[:-1]),
        instruction=users[-1] if users else "",
        opening=opening,
        schema_name=str(wanted.get("name", "")),
        schema=wanted.get("schema"),
        max_tokens=body.get("max_output_tokens")
        or body.get("max_completion_tokens")
        or body.get("max_tokens"),
        cache_key=str(body.get("prompt_cache_key") or ""),
        stream=bool(body.get("stream")),
        attempt=attempt,
        body=body,
    )


def plain(content: object) -> str:
    """Text of a message's content: a string, or parts with a ``text`` each."""
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return str(content or "")


def junk_for(schema: Mapping[str, Any]) -> Any:
    """Build the dullest value that follows a JSON schema."""
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        return junk_for(schema["anyOf"][0])
    kind = schema.get("type", "object")
    if isinstance(kind, list):
        kind = kind[0]
    if kind == "object":
        return {name: junk_for(part) for name, part in schema.get("properties", {}).items()}
    if kind == "array":
        return [junk_for(schema.get("items", {"type": "string"}))] * max(schema.get("minItems", 1), 1)
    if kind == "string":
        text = "junk" * (1 + schema.get("minLength", 1) // 4)
        return text[: schema.get("maxLength", len(text))]
    if kind in {"integer", "number"}:
        return schema.get("minimum", 0)
    return False if kind == "boolean" else None


def text_and_ending(request: ModelRequest, reply: Reply) -> tuple[str, Ending]:
    """Apply the request's token limit and the reply's ``after_tokens``."""
    text, ending = reply.text, reply.ending
    if reply.after_tokens is not None:
        text = text[: reply.after_tokens * CHARACTERS_PER_TOKEN]
    if request.max_tokens is not None and len(text) > request.max_tokens * CHARACTERS_PER_TOKEN:
        text = text[: request.max_tokens * CHARACTERS_PER_TOKEN]
        if ending is Ending.STOP:
            ending = Ending.LENGTH
    return text, ending


def writes_before(gate: Gate, api: Api) -> int:
    """How many events of an answer pass before it is held."""
    return (1 if api == "chat" else 4) + gate.after_tokens


def usage_of(request: ModelRequest, reply: Reply, text: str) -> tuple[int, int, int]:
    """Input, cached and output tokens, at four characters each."""
    asked = len(request.system) + len(request.context) + len(request.instruction)
    return asked // CHARACTERS_PER_TOKEN, reply.cached_tokens, -(-len(text) // CHARACTERS_PER_TOKEN)


def schedule(
    request: ModelRequest, reply: Reply, *, first_token_seconds: float, tokens_per_second: float
) -> Iterator[tuple[float, bytes]]:
    """Yield (seconds since the request, bytes of one socket write), in order of time."""
    if reply.split_bytes:
        yield from pieces(request, reply, first_token_seconds, tokens_per_second)
        return
    newline = b"\r\n" if reply.crlf else b"\n"
    for due, event in events(request, reply, first_token_seconds, tokens_per_second):
        yield due, event.replace(b"\n", newline) if reply.crlf else event


def pieces(
    request: ModelRequest, reply: Reply, first_token_seconds: float, tokens_per_second: float
) -> Iterator[tuple[float, bytes]]:
    """Cut the whole stream into writes of ``split_bytes``, whatever they cut through."""
    late = 0.0
    for due, event in events(request, reply, first_token_seconds, tokens_per_second):
        wire = event.replace(b"\n", b"\r\n") if reply.crlf else event
        for start in range(0, len(wire), reply.split_bytes):
            late += SPLIT_INTERVAL_SECONDS
            yield due + late, wire[start : start + reply.split_bytes]


def events(
    request: ModelRequest, reply: Reply, first_token_seconds: float, tokens_per_second: float
) -> Iterator[tuple[float, bytes]]:
    """Yield each event with its time; the endings differ by API."""
    first = reply.first_token_seconds if reply.first_token_seconds is not None else first_token_seconds
    pace = reply.tokens_per_second if reply.tokens_per_second is not None else tokens_per_second
    step = 1 / pace if pace else 0.0
    start, delta, close = (
        (_chat_start, _chat_delta, _chat_close)
        if request.api == "chat"
        else (_responses_start, _responses_delta, _responses_close)
    )
    for event in start(request):
        yield 0.0, event
    for event in _searched(reply.searches):
        yield 0.0, event
    if reply.keep_alive_seconds:
        for count in range(1, int(first / reply.keep_alive_seconds) + 1):
            yield count * reply.keep_alive_seconds, b": keep-alive\n\n"
    text, ending = text_and_ending(request, reply)
    due = first
    tokens = 1 if pace or reply.gate is not None else BURST_TOKENS
    for index, at in enumerate(range(0, len(text), tokens * CHARACTERS_PER_TOKEN)):
        due = first + index * step
        yield due, delta(text[at : at + tokens * CHARACTERS_PER_TOKEN], refused=False)
    for at in range(0, len(reply.refusal), CHARACTERS_PER_TOKEN):
        due += step
        yield due, delta(reply.refusal[at : at + CHARACTERS_PER_TOKEN], refused=True)
    if ending is Ending.MALFORMED:
        yield due, b'data: {"type": "response.output_text.delta", "delta": "unfinish\n\n'
        ending = Ending.STOP
    for event in close(request, reply, text, ending):
        yield due, event


def _named(event: Mapping[str, Any]) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (event["type"].encode(), orjson.dumps(event))


def _failure(reply: Reply) -> dict[str, str | None]:
    return {
        "code": reply.code or "server_error",
        "message": reply.message,
        "param": reply.param or None,
        "type": reply.code or "server_error",
    }


def _responses_start(request: ModelRequest) -> Iterator[bytes]:
    shell = _response_object(request, "in_progress")
    yield _named({"type": "response.created", "response": shell})
    yield _named({"type": "response.in_progress", "response": shell})
    item = {"id": "msg_1", "type": "message", "status": "in_progress", "role": "assistant", "content": []}
    yield _named({"type": "response.output_item.added", "output_index": 0, "item": item})
    part = {"type": "output_text", "text": "", "annotations": []}
    yield _named({"type": "response.content_part.added", "output_index": 0, "item_id": "msg_1", "part": part})


def _searched(queries: Sequence[str]) -> Iterator[bytes]:
    for number, query in enumerate(queries, 1):
        item = {"id": f"ws_{number}", "type": "web_search_call", "status": "in_progress"}
        yield _named({"type": "response.output_item.added", "output_index": number, "item": item})
        item |= {"status": "completed", "action": {"type": "search", "query": query, "queries": [query]}}
        yield _named({"type": "response.output_item.done", "output_index": number, "item": item})


def _annotations(reply: Reply, text: str) -> list[dict[str, Any]]:
    """A citation for each link, as OpenAI puts them: with its own mark in the address."""
    return [
        {
            "type": "url_citation",
            "start_index": match.start(),
            "end_index": match.end(),
            "title": f"Page of {match[1]}",
            "url": f"{match[2]}?utm_source=openai",
        }
        for match in re.finditer(r"\(\[([^]]+)\]\(([^)]+)\)\)", text)
        if reply.searches
    ]


def _responses_delta(text: str, *, refused: bool) -> bytes:
    kind = "response.refusal.delta" if refused else "response.output_text.delta"
    return _named(
        {
            "type": kind,
            "content_index": 0,
            "delta": text,
            "item_id": "msg_1",
            "logprobs": [],
            "output_index": 0,
            "sequence_number": 5,
        }
    )


def _responses_close(request: ModelRequest, reply: Reply, text: str, ending: Ending) -> Iterator[bytes]:
    if ending in {Ending.TRUNCATE, Ending.DISCONNECT, Ending.STALL}:
        return
    if ending is Ending.ERROR_EVENT:
        yield _named({**_failure(reply), "type": "error", "sequence_number": 9})
        return
    if ending is Ending.FAILED:
        failed = {**_response_object(request, "failed"), "error": _failure(reply)}
        yield _named({"type": "response.failed", "response": failed})
        return
    part = {"type": "output_text", "text": text, "annotations": _annotations(reply, text)}
    yield _named({"type": "response.output_text.done", "item_id": "msg_1", "output_index": 0, "text": text})
    yield _named({"type": "response.content_part.done", "item_id": "msg_1", "output_index": 0, "part": part})
    item = {"id": "msg_1", "type": "message", "status": "completed", "role": "assistant", "content": [part]}
    yield _named({"type": "response.output_item.done", "output_index": 0, "item": item})
    reason = {Ending.LENGTH: "max_output_tokens", Ending.FILTERED: "content_filter"}.get(ending)
    status = "incomplete" if reason else "completed"
    asked, cached, written = usage_of(request, reply, text)
    whole = {
        **_response_object(request, status),
        "output": [item],
        "incomplete_details": {"reason": reason} if reason else None,
        "usage": {
            "input_tokens": asked,
            "input_tokens_details": {"cached_tokens": cached},
            "output_tokens": written,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": asked + written,
        },
    }
    yield _named({"type": f"response.{status}", "response": whole})


def _response_object(request: ModelRequest, status: str) -> dict[str, Any]:
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 0,
        "status": status,
        "model": request.model,
        "instructions": request.system,
        "output": [],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
    }


def _chunk(choices: list[dict[str, Any]], **more: object) -> bytes:
    chunk = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 0,
        "model": "scripted",
        "choices": choices,
    }
    return b"data: %s\n\n" % orjson.dumps({**chunk, **more})


def _choice(delta: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}


def _chat_start(request: ModelRequest) -> Iterator[bytes]:
    del request
    yield _chunk([_choice({"role": "assistant", "content": ""})])


def _chat_delta(text: str, *, refused: bool) -> bytes:
    return _chunk([_choice({"refusal" if refused else "content": text})])


def _chat_close(request: ModelRequest, reply: Reply, text: str, ending: Ending) -> Iterator[bytes]:
    if ending in {Ending.TRUNCATE, Ending.DISCONNECT, Ending.STALL}:
        return
    if ending in {Ending.ERROR_EVENT, Ending.FAILED}:
        yield b"data: %s\n\n" % orjson.dumps({"error": _failure(reply)})
        return
    reasons = {
        Ending.LENGTH: "length",
        Ending.LENGTH_CALLED_COMPLETED: "length",
        Ending.FILTERED: "content_filter",
    }
    yield _chunk([_choice({}, reasons.get(ending, "stop"))])
    if (request.body.get("stream_options") or {}).get("include_usage"):
        yield _chunk([], usage=_chat_usage(request, reply, text))
    yield b"data: [DONE]\n\n"


def _chat_usage(request: ModelRequest, reply: Reply, text: str) -> dict[str, Any]:
    asked, cached, written = usage_of(request, reply, text)
    return {
        "prompt_tokens": asked,
        "completion_tokens": written,
        "total_tokens": asked + written,
        "prompt_tokens_details": {"cached_tokens": cached},
    }


def whole_answer(request: ModelRequest, reply: Reply) -> dict[str, Any]:
    """The JSON of an answer that is not streamed."""
    text, ending = text_and_ending(request, reply)
    if request.api == "chat":
        message = {"role": "assistant", "content": text}
        reason = "length" if ending is Ending.LENGTH else "stop"
        return {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 0,
            "model": request.model,
            "choices": [{"index": 0, "message": message, "finish_reason": reason}],
            "usage": _chat_usage(request, reply, text),
        }
    *_, (_, last) = events(request, reply, 0.0, 0.0)
    return dict(orjson.loads(last.split(b"data: ", 1)[1])["response"])
