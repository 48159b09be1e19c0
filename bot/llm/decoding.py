"""Bytes of a model's event stream in, text and the way it ended out. No I/O and no exceptions.

The SDK builds a validated object for every event, which costs five times what the whole rest of the
way costs (``tests/benchmarks/cpu_per_token.py``). We need the text, the end and the usage: this
module splits server-sent events (WHATWG HTML, 9.2) itself and parses only those events.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import orjson

from bot.llm.port import FinishReason, Usage

__all__ = [
    "MALFORMED_EVENT",
    "MAX_EVENT_BYTES",
    "OVERSIZED_EVENT",
    "ChatDecoder",
    "EventSplitter",
    "Failure",
    "ResponsesDecoder",
    "StreamDecoder",
]

MAX_EVENT_BYTES = 8 * 1024 * 1024
"""Bytes of one event. The largest real one, ``response.completed``, repeats prompt and answer: some
hundred kilobytes. A server that sends more without an end of event is broken."""

MALFORMED_EVENT = "malformed_event"
OVERSIZED_EVENT = "oversized_event"
"""Our own failure codes, beside those of providers."""


class EventSplitter:
    """Splits a byte stream, cut anywhere, into server-sent events."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> list[tuple[bytes, bytes]]:
        """Return (event name, data) of every event that ends in this chunk; comments and events
        without data are dropped.
        """
        buffer = self._rest + chunk if self._rest else chunk
        if b"\r" in buffer:
            # A last CR may be half of a CR LF: it waits for the next chunk.
            kept = buffer.endswith(b"\r")
            buffer = buffer[: len(buffer) - kept].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
            blocks = buffer.split(b"\n\n")
            self._rest = blocks.pop() + b"\r" * kept
        else:
            blocks = buffer.split(b"\n\n")
            self._rest = blocks.pop()
        return [event for block in blocks if (event := _event(block)) is not None]

    def flush(self) -> list[tuple[bytes, bytes]]:
        """Return what stands unfinished at the end of the body; some servers omit the last blank line."""
        return self.feed(b"\n\n")

    @property
    def waiting_bytes(self) -> int:
        """Size of the unfinished event."""
        return len(self._rest)


def _event(block: bytes) -> tuple[bytes, bytes] | None:
    if block.startswith(b"data: ") and b"\n" not in block:
        return b"", block[6:]
    name, data = b"", []
    for line in block.split(b"\n"):
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value
    return (name, b"\n".join(data)) if data else None


@dataclass(frozen=True, slots=True)
class Failure:
    """What a provider said went wrong inside a stream, without its prose."""

    code: str
    too_long: bool = False


class StreamDecoder(Protocol):
    """The state of one stream; read the attributes after each ``feed``."""

    finish: FinishReason | None
    """Set by the terminal event."""
    usage: Usage
    failure: Failure | None
    """Set by an error event or an event that cannot be read; nothing after it counts."""
    refused: bool
    """The model declined, in the provider's own terms."""
    closed: bool
    """Nothing that matters can follow."""

    def feed(self, chunk: bytes) -> str:
        """Return the text that arrived with this chunk, possibly empty."""
        ...

    def flush(self) -> str:
        """Take the end of the body as the end of the last event."""
        ...


class _Decoder:
    """What both APIs share: splitting, parsing, and stopping at the first failure."""

    def __init__(self) -> None:
        self.finish: FinishReason | None = None
        self.usage = Usage()
        self.failure: Failure | None = None
        self.refused = False
        self.closed = False
        self._splitter = EventSplitter()

    def feed(self, chunk: bytes) -> str:
        text = self._decode(self._splitter.feed(chunk))
        if self._splitter.waiting_bytes > MAX_EVENT_BYTES and not self.closed:
            self._fail(Failure(OVERSIZED_EVENT))
        return text

    def flush(self) -> str:
        return self._decode(self._splitter.flush())

    def _decode(self, events: list[tuple[bytes, bytes]]) -> str:
        text = ""
        for name, data in events:
            if self.closed:
                break
            if not self._wanted(name, data):
                continue
            try:
                event = orjson.loads(data)
                text += self._take(name, event)
            except (orjson.JSONDecodeError, AttributeError, TypeError, KeyError, IndexError, ValueError):
                # Not JSON, or JSON of another shape than the API's: both are a broken server.
                self._fail(Failure(MALFORMED_EVENT))
        return text

    def _wanted(self, name: bytes, data: bytes) -> bool:
        raise NotImplementedError

    def _take(self, name: bytes, event: dict[str, Any]) -> str:
        raise NotImplementedError

    def _fail(self, failure: Failure) -> None:
        self.failure = failure
        self.closed = True


class ResponsesDecoder(_Decoder):
    """Events of the Responses API.

    ``max_output_tokens`` is what the call asked for: llama.cpp says ``completed`` when it was hit.
    """

    def __init__(self, max_output_tokens: int) -> None:
        super().__init__()
        self._max_output_tokens = max_output_tokens

    def _wanted(self, name: bytes, data: bytes) -> bool:
        return (not name or name in _WANTED_EVENTS) and data != b"[DONE]"

    def _take(self, name: bytes, event: dict[str, Any]) -> str:
        kind = event.get("type") or name.decode()
        if kind == "response.output_text.delta":
            return str(event["delta"])
        if kind == "response.refusal.delta":
            self.refused = True
        elif kind in {"response.completed", "response.incomplete"}:
            self._end(kind, event["response"])
        elif kind == "response.failed":
            self._fail(_failure_of(event["response"].get("error") or {}))
        elif kind == "error":
            self._fail(_failure_of(event.get("error") or event))
        return ""

    def _end(self, kind: str, response: dict[str, Any]) -> None:
        usage = response.get("usage") or {}
        details = usage.get("input_tokens_details") or {}
        self.usage = Usage(
            input_tokens=_count(usage.get("input_tokens")),
            cached_tokens=_count(details.get("cached_tokens")),
            output_tokens=_count(usage.get("output_tokens")),
        )
        reason = (response.get("incomplete_details") or {}).get("reason")
        if self.refused or reason == "content_filter":
            self.finish = FinishReason.FILTERED
        elif kind == "response.incomplete" or self.usage.output_tokens >= self._max_output_tokens:
            self.finish = FinishReason.LENGTH
        else:
            self.finish = FinishReason.STOP
        self.closed = True


_WANTED_EVENTS = frozenset(
    {
        b"response.output_text.delta",
        b"response.refusal.delta",
        b"response.completed",
        b"response.incomplete",
        b"response.failed",
        b"error",
    }
)


class ChatDecoder(_Decoder):
    """Chunks of the Chat Completions API; the chunk with the usage follows the one with the end."""

    def _wanted(self, name: bytes, data: bytes) -> bool:
        del name
        if data == b"[DONE]":
            # By itself it is no end: a truncated stream may carry it, and the reason tells why it ended.
            self.closed = self.finish is not None
            return False
        return True

    def _take(self, name: bytes, event: dict[str, Any]) -> str:
        if event.get("error") or name == b"error":
            self._fail(_failure_of(event.get("error") or event))
            return ""
        choices = event.get("choices")
        text = self._choice(choices[0]) if choices else ""
        if usage := event.get("usage"):
            details = usage.get("prompt_tokens_details") or {}
            self.usage = Usage(
                input_tokens=_count(usage.get("prompt_tokens")),
                cached_tokens=_count(details.get("cached_tokens")),
                output_tokens=_count(usage.get("completion_tokens")),
            )
            # Some servers send running usage with every chunk: only after the end is it the last word.
            self.closed = self.finish is not None
        return text

    def _choice(self, choice: dict[str, Any]) -> str:
        delta = choice.get("delta") or {}
        if delta.get("refusal"):
            self.refused = True
        if reason := choice.get("finish_reason"):
            filtered = self.refused or reason == "content_filter"
            self.finish = (
                FinishReason.FILTERED
                if filtered
                else FinishReason.LENGTH
                if reason == "length"
                else FinishReason.STOP
            )
        return str(delta.get("content") or "")


def _failure_of(error: Mapping[str, Any] | str) -> Failure:
    """Read an error object; its message is looked at for one thing and then dropped, as it may quote
    the prompt.
    """
    if isinstance(error, str):
        return Failure("unnamed", too_long=says_too_long(error))
    code = str(error.get("code") or error.get("type") or "unnamed")
    return Failure(code, too_long=says_too_long(f"{code} {error.get('message') or ''}"))


def says_too_long(words: str) -> bool:
    """Tell whether an error's code or message is about the context window (OpenAI, vLLM, llama.cpp)."""
    lowered = words.lower()
    return any(
        sign in lowered
        for sign in (
            "context_length_exceeded",
            "exceed_context_size",
            "maximum context length",
            "context size",
            "context window",
            "string_above_max_length",
        )
    )


def _count(value: object) -> int:
    return value if isinstance(value, int) else 0
