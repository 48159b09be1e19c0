"""A provider that keeps answers: background responses of the Responses API over real sockets.

An answer is written at its own pace whether somebody reads or not; ``GET /v1/responses/{id}`` gives the
events after ``starting_after`` as a stream, or the whole; ``POST …/cancel`` ends it. The text of the n-th
answer is ``answer_text(n)``, or what a ``script`` says. Faults are attributes, to be set while it runs.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web

from tests.support.model_replies import CHARACTERS_PER_TOKEN, Reply, Script, parse_request

__all__ = ["BackgroundServer", "answer_text", "serve_background"]

WORDS = 40


def answer_text(number: int) -> str:
    """The text of the n-th answer, from 1: every word differs."""
    return "".join(f"a{number}w{word} " for word in range(WORDS))


@dataclass(slots=True)
class Kept:
    """An answer and its events so far; the n-th event has sequence number n."""

    id: str
    body: dict[str, Any]
    events: list[bytes] = field(default_factory=list)
    text: str = ""
    status: str = "in_progress"
    grown: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, kind: str, **fields: Any) -> None:
        """Write an event and wake its readers."""
        event = {"type": kind, "sequence_number": len(self.events), **fields}
        self.events.append(b"event: %b\ndata: %b\n\n" % (kind.encode(), orjson.dumps(event)))
        self.grown.set()
        self.grown = asyncio.Event()

    def whole(self) -> dict[str, Any]:
        """The response object as it stands."""
        part = {"type": "output_text", "text": self.text, "annotations": []}
        message = {"id": "msg_1", "type": "message", "role": "assistant", "content": [part]}
        return {
            "id": self.id,
            "object": "response",
            "background": bool(self.body.get("background")),
            "status": self.status,
            "model": self.body["model"],
            "instructions": self.body.get("instructions"),
            "output": [message] if self.text else [],
            "error": {"code": "server_error", "message": "scripted"} if self.status == "failed" else None,
            "usage": {"input_tokens": 10, "output_tokens": WORDS, "input_tokens_details": {}},
        }


class BackgroundServer:
    """The server; ``log`` holds a line for each request."""

    def __init__(self, *, words_per_second: float = 100.0, script: Script | None = None) -> None:
        self.words_per_second = words_per_second
        self.script = script
        self.url = ""
        self.key = "test-key"
        self.log: list[str] = []
        self.answers: dict[str, Kept] = {}
        self.cut_after: list[int] = []
        """Connections, in turn, are cut after so many events."""
        self.stall_after: list[int] = []
        """Connections, in turn, fall silent after so many events; looked at when ``cut_after`` is empty."""
        self.refused_gets: list[int] = []
        """Statuses of the next ``GET``s."""
        self.too_old = False
        """Answers can no longer be streamed."""
        self.ignores_cursor = False
        self.foreground_only = False
        """``background`` is accepted and ignored, as llama.cpp does."""
        self.unknown_field = False
        """``background`` is answered with a 400."""
        self.hurried = False
        """Everything comes at ``words_per_second``, whatever pace the script asked for."""
        self.named_after_seconds = 0.0
        """Time until an answer has an id and runs."""
        self.ends_as = "completed"
        self._writers: set[asyncio.Task[None]] = set()
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen on loopback."""
        app = web.Application()
        app.router.add_post("/v1/responses", self._create)
        app.router.add_get("/v1/responses/{id}", self._retrieve)
        app.router.add_post("/v1/responses/{id}/cancel", self._cancel)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/v1"

    async def aclose(self) -> None:
        """Stop everything."""
        for writer in self._writers:
            writer.cancel()
        await asyncio.gather(*self._writers, return_exceptions=True)
        if self._runner is not None:
            await self._runner.cleanup()

    async def complete(self) -> None:
        """Wait until all answers are written."""
        await asyncio.gather(*self._writers)

    def count(self, beginning: str) -> int:
        """Requests whose line begins so."""
        return sum(line.startswith(beginning) for line in self.log)

    async def _create(self, http: web.Request) -> web.StreamResponse:
        body = orjson.loads(await http.read())
        self.log.append("POST /responses" + (" in background" if body.get("background") else ""))
        if self.unknown_field and "background" in body:
            return _error(400, "Unknown parameter: 'background'.", param="background")
        if self.foreground_only:
            body["background"] = None
        await asyncio.sleep(self.named_after_seconds)
        number = len(self.answers) + 1
        kept = self.answers[f"resp_{number}"] = Kept(f"resp_{number}", body)
        reply = Reply(answer_text(number))
        if self.script is not None:
            reply = self.script(parse_request("responses", body, attempt=1))
        writer = asyncio.create_task(self._write(kept, reply))
        self._writers.add(writer)
        try:
            return await self._stream(http, kept, after=-1)
        finally:
            if not body.get("background"):
                writer.cancel()

    async def _write(self, kept: Kept, reply: Reply) -> None:
        kept.add("response.created", response=kept.whole())
        kept.add("response.in_progress", response=kept.whole())
        for word in re.findall(r"\S+\s*|\s+", reply.text):
            slow = None if self.hurried else reply.tokens_per_second
            await asyncio.sleep(
                len(word) / CHARACTERS_PER_TOKEN / slow if slow else 1 / self.words_per_second
            )
            if kept.status == "cancelled":
                break
            kept.text += word
            kept.add("response.output_text.delta", delta=word, output_index=0, content_index=0)
        else:
            kept.status = self.ends_as
            kept.add(f"response.{self.ends_as}", response=kept.whole())
        kept.grown.set()

    async def _retrieve(self, http: web.Request) -> web.StreamResponse:
        query = http.query
        self.log.append(f"GET {http.match_info['id']} {http.query_string}".strip())
        if self.refused_gets:
            return _error(self.refused_gets.pop(0), "scripted failure")
        kept = self.answers.get(http.match_info["id"])
        if kept is None:
            return _error(404, "Response not found.")
        if query.get("stream") != "true":
            return web.json_response(kept.whole())
        if self.too_old:
            return _error(400, "This response can no longer be streamed: it is more than 5 minutes old.")
        after = -1 if self.ignores_cursor else int(query.get("starting_after", -1))
        return await self._stream(http, kept, after=after)

    async def _cancel(self, http: web.Request) -> web.Response:
        self.log.append(f"POST {http.match_info['id']} cancel")
        kept = self.answers.get(http.match_info["id"])
        if kept is None:
            return _error(404, "Response not found.")
        kept.status = "cancelled"
        return web.json_response(kept.whole())

    async def _stream(self, http: web.Request, kept: Kept, *, after: int) -> web.StreamResponse:
        cut = self.cut_after.pop(0) if self.cut_after else None
        stall = self.stall_after.pop(0) if self.stall_after and cut is None else None
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(http)
        sent = after + 1
        first = sent
        while True:
            grown, ended = kept.grown, kept.status != "in_progress"
            for event in kept.events[sent:]:
                if cut is not None and sent - first >= cut:
                    if http.transport is not None:
                        http.transport.abort()
                    return response
                if stall is not None and sent - first >= stall:
                    await asyncio.Event().wait()
                await response.write(event)
                sent += 1
            if ended:
                return response
            await grown.wait()


def _error(status: int, message: str, *, param: str | None = None) -> web.Response:
    error = {"message": message, "type": "invalid_request_error", "param": param, "code": None}
    return web.json_response({"error": error}, status=status)


@asynccontextmanager
async def serve_background(
    *, words_per_second: float = 100.0, script: Script | None = None
) -> AsyncIterator[BackgroundServer]:
    """Run a server in this process."""
    server = BackgroundServer(words_per_second=words_per_second, script=script)
    await server.start()
    try:
        yield server
    finally:
        await server.aclose()
