"""Reading the body of one streamed answer: deadlines, pacing, and what counts as its end.

Reads are paced because the dearest part of a streamed token is not its decoding but the wake-up it
causes, in the event loop, in aiohttp's parser and in the layers above.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import openai

from bot.llm.decoding import StreamDecoder
from bot.llm.endpoint import ModelTimeouts
from bot.llm.port import Finished, FinishReason, ModelBrokenError, ModelRefusedError, ModelUnavailableError
from bot.llm.vendor_errors import VENDOR_ERRORS, error_from_exception, error_from_failure

__all__ = ["READ_INTERVAL_SECONDS", "Reading", "transport_of"]

READ_INTERVAL_SECONDS = 0.05
"""Reads of a running stream begin this far apart, together for all streams, so that one wake-up
takes several tokens. A twentieth of a second is far below what a reader of sentences can notice; CPU a
token falls by half (``tests/benchmarks/cpu_per_token.py``)."""

SMALL_READ_BYTES = 4096
"""A read of more than this found a backlog (60 tokens a second bring about 800 bytes an interval):
the next follows at once."""

SETTLE_SECONDS = 0.5
"""Chat: how long after the finish reason the usage chunk is waited for. It normally comes with it."""

REUSE_SECONDS = 0.05
"""How long after the terminal event the end of the body is waited for. With it the connection can be
used again, which saves the next call a TLS handshake; normally it is there already."""


class Reading:
    """One answer being read; ``first_deadline`` (loop time) is when its first text must be there, unless text
    was ``delivered`` by an earlier connection.
    """

    def __init__(
        self,
        response: openai.AsyncAPIResponse[Any],
        decoder: StreamDecoder,
        timeouts: ModelTimeouts,
        first_deadline: float,
        *,
        delivered: bool = False,
    ) -> None:
        self._response = response
        self._request = f"request {response.request_id or 'unknown'}"
        self._chunks: AsyncIterator[bytes] = response.iter_bytes()
        self._transport = transport_of(response)
        self._decoder = decoder
        self._timeouts = timeouts
        self._first_deadline = first_deadline
        self._delivered = delivered
        self._ended = False
        self._last_bytes = 0

    async def next_text(self) -> str | None:
        """Return the text of one read, never empty, or ``None`` at the end; raises a ``ModelError``
        for a connection that breaks, stalls or is late.
        """
        while not self._ended:
            if text := await self.next_read():
                return text
        return None

    @property
    def ended(self) -> bool:
        """Nothing more is to be read."""
        return self._ended

    async def next_read(self) -> str:
        """Return the text of one read, possibly empty; raises as ``next_text`` does."""
        decoder = self._decoder
        chunk = await self._next_chunk()
        text = decoder.feed(chunk) if chunk else decoder.flush()
        self._ended = decoder.closed or not chunk
        if text:
            self._delivered = True
        elif decoder.refused and not self._delivered:
            raise ModelRefusedError(f"the model refused, {self._request}")
        return text

    def finished(self) -> Finished:
        """Return how the stream ended; raises a ``ModelError`` where that was no proper end."""
        decoder = self._decoder
        if decoder.failure is not None:
            raise error_from_failure(decoder.failure, request_id=self._request)
        if decoder.finish is None:
            kind = self._response.headers.get("content-type", "no content type")[:40]
            raise ModelBrokenError(f"a stream ({kind}) without its terminal event, {self._request}")
        if decoder.finish is FinishReason.FILTERED and not self._delivered:
            raise ModelRefusedError(f"the provider's filter stopped the answer, {self._request}")
        return Finished(decoder.finish, decoder.usage)

    async def drain(self) -> None:
        """Take the end of the body, so that the connection can serve the next call."""
        with contextlib.suppress(TimeoutError, *VENDOR_ERRORS):
            async with asyncio.timeout(REUSE_SECONDS):
                while await anext(self._chunks, b""):
                    pass

    async def _next_chunk(self) -> bytes:
        """Return what has arrived, at least one byte; empty at the end of the body."""
        settling = self._decoder.finish is not None
        if self._delivered and not settling and self._last_bytes <= SMALL_READ_BYTES:
            await self._let_tokens_gather()
        try:
            async with asyncio.timeout_at(self._deadline(settling=settling)):
                chunk = await anext(self._chunks, b"")
        except TimeoutError:
            if settling:
                return b""
            if self._delivered:
                words = f"nothing more within {self._timeouts.stall_seconds:g} s, {self._request}"
                raise ModelBrokenError(words) from None
            words = f"no text within {self._timeouts.first_token_seconds:g} s, {self._request}"
            raise ModelUnavailableError(words) from None
        except VENDOR_ERRORS as error:
            if settling:
                return b""
            raise error_from_exception(error, stream_began=True) from error
        self._last_bytes = len(chunk)
        return chunk

    def _deadline(self, *, settling: bool) -> float:
        if not self._delivered and not settling:
            return self._first_deadline
        seconds = SETTLE_SECONDS if settling else self._timeouts.stall_seconds
        return asyncio.get_running_loop().time() + seconds

    async def _let_tokens_gather(self) -> None:
        """Sleep until the next multiple of the read interval, with the socket paused: tokens gather
        in the kernel, and neither it nor we wake up for each of them.
        """
        now = asyncio.get_running_loop().time()
        seconds = READ_INTERVAL_SECONDS - now % READ_INTERVAL_SECONDS
        if self._transport is None:
            await asyncio.sleep(seconds)
            return
        self._transport.pause_reading()
        try:
            await asyncio.sleep(seconds)
        finally:
            # Also when cancelled: a paused TLS connection could not take part in its own closing.
            # uvloop raises where asyncio does nothing: the transport may be closed by now.
            with contextlib.suppress(RuntimeError):
                self._transport.resume_reading()


def transport_of(response: openai.AsyncAPIResponse[Any]) -> asyncio.Transport | None:
    """Return the socket below a response. The way there is not public: where it has changed we read
    without pausing, which is right and only dearer; a test tells.
    """
    stream = getattr(response.http_response.stream, "_stream", None)
    connection = getattr(getattr(stream, "_aiohttp_response", None), "connection", None)
    transport = getattr(connection, "transport", None)
    # Pausing TLS only stops decryption: the wake-ups come from the transport below it.
    transport = getattr(getattr(transport, "_ssl_protocol", None), "_transport", transport)
    return transport if isinstance(transport, asyncio.Transport) else None
