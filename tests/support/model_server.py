"""A scripted OpenAI-compatible server over real sockets: Responses and Chat Completions.

In a test::

    async with serve_model(script) as server:
        ... server.url, server.key, server.requests, server.disconnects

As a process of its own (it prints one line, the base URL, when it is ready)::

    python -m tests.support.model_server --port 0 --script tests.support.model_server:echo

``GET /stats`` tells its own CPU seconds, open streams and counts; ``GET /requests`` what was asked;
``POST /reset`` forgets both.
"""

from __future__ import annotations

import argparse
import asyncio
import heapq
import importlib
import itertools
import os
import ssl
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import orjson
from aiohttp import web

from tests.support.model_replies import (
    CHARACTERS_PER_TOKEN,
    Api,
    Ending,
    Gate,
    ModelRequest,
    Reply,
    Script,
    junk_for,
    parse_request,
    schedule,
    text_and_ending,
    whole_answer,
    writes_before,
)

__all__ = ["Disconnect", "ModelServer", "echo", "main", "model_server_process", "serve_model"]

ROOT = Path(__file__).parents[2]

TICK_SECONDS = 0.001
"""Writes due within one tick of each other share a wake-up of the pacing loop."""

BODY_BYTES = 16 * 1024 * 1024
"""Largest request accepted: far above any prompt."""


def echo(request: ModelRequest) -> Reply:
    """Answer a schema with junk that follows it, anything else with its own instruction."""
    if request.schema is not None:
        return Reply(orjson.dumps(junk_for(request.schema)).decode())
    return Reply(f"You asked: {request.instruction}")


@dataclass(frozen=True, slots=True)
class Disconnect:
    """A client that left before the end: its instruction and the time (``time.monotonic``)."""

    instruction: str
    at: float


@dataclass(slots=True, eq=False)
class _Stream:
    """One answer being written by the pacing loop."""

    transport: asyncio.Transport
    writes: Iterator[tuple[float, bytes]]
    started: float
    over: asyncio.Future[None]
    pending: bytes = b""
    gate: Gate | None = None
    passing: int = 0
    """Writes that still pass before the gate."""
    waiting: asyncio.Task[None] | None = None


@dataclass(slots=True)
class _Pacer:
    """Writes the events of all streams when they are due: one timer for all, not a sleep a token."""

    heap: list[tuple[float, int, _Stream]] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=itertools.count)
    timer: asyncio.TimerHandle | None = None
    written: int = 0

    def add(self, stream: _Stream) -> None:
        """Start a stream."""
        self._next(stream)
        self._arm()

    def _next(self, stream: _Stream) -> None:
        if stream.gate is not None and stream.passing <= 0 and not stream.gate.opened.is_set():
            stream.gate.reached.set()
            stream.waiting = asyncio.create_task(self._go_on(stream, stream.gate))
            return
        stream.passing -= 1
        due, stream.pending = next(stream.writes, (0.0, b""))
        if stream.pending:
            heapq.heappush(self.heap, (stream.started + due, next(self.numbers), stream))
        elif not stream.over.done():
            stream.over.set_result(None)

    async def _go_on(self, stream: _Stream, gate: Gate) -> None:
        """Wait at the gate; what comes after it is due as if no time had passed."""
        began = asyncio.get_running_loop().time()
        await gate.opened.wait()
        stream.started += asyncio.get_running_loop().time() - began
        if not stream.over.done():
            self.add(stream)

    def _arm(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        if self.heap:
            loop = asyncio.get_running_loop()
            self.timer = loop.call_at(max(self.heap[0][0], loop.time() + TICK_SECONDS), self._tick)

    def _tick(self) -> None:
        self.timer = None
        now = asyncio.get_running_loop().time() + TICK_SECONDS
        due: dict[_Stream, list[bytes]] = {}
        while self.heap and self.heap[0][0] <= now:
            stream = heapq.heappop(self.heap)[2]
            if stream.over.done():
                continue
            due.setdefault(stream, []).append(stream.pending)
            self.written += 1
            self._next(stream)
        for stream, events in due.items():
            # What is due together goes out together, in a chunk framed by hand: aiohttp's own writer costs
            # five times as much, and a packet a token more than all that is done with it.
            wire = b"".join(events)
            stream.transport.write(b"%x\r\n%b\r\n" % (len(wire), wire))
        self._arm()


class ModelServer:
    """The server. ``script`` may be replaced while it runs."""

    def __init__(
        self,
        script: Script = echo,
        *,
        key: str = "test-key",
        tokens_per_second: float = 0.0,
        first_token_seconds: float = 0.0,
    ) -> None:
        self.script = script
        self.key = key
        self.tokens_per_second = tokens_per_second
        self.first_token_seconds = first_token_seconds
        self.requests: list[ModelRequest] = []
        self.disconnects: list[Disconnect] = []
        self.open_streams = 0
        self.most_open_streams = 0
        self.url = ""
        self._ports: set[object] = set()
        self._attempts: Counter[tuple[str, str, str]] = Counter()
        self._pacer = _Pacer()
        self._runner: web.AppRunner | None = None

    @property
    def connections(self) -> int:
        """Different connections that brought a request."""
        return len(self._ports)

    async def start(self, port: int = 0, *, tls: ssl.SSLContext | None = None) -> str:
        """Listen on loopback; the base URL, ending in ``/v1``."""
        app = web.Application(client_max_size=BODY_BYTES)
        app.router.add_post("/v1/responses", self._responses)
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_get("/v1/models", self._models)
        app.router.add_get("/stats", self._stats)
        app.router.add_get("/requests", self._requests)
        app.router.add_post("/reset", self._reset)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port, ssl_context=tls)
        await site.start()
        scheme = "http" if tls is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self._runner.addresses[0][1]}/v1"
        return self.url

    async def aclose(self) -> None:
        """Stop listening and cut what is open."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _responses(self, request: web.Request) -> web.StreamResponse:
        return await self._answer(request, "responses")

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        return await self._answer(request, "chat")

    async def _answer(self, http: web.Request, api: Api) -> web.StreamResponse:
        started = asyncio.get_running_loop().time()
        if http.headers.get("Authorization") != f"Bearer {self.key}":
            return _error(Reply(status=401, code="invalid_api_key", message="Incorrect API key provided"))
        asked = parse_request(api, orjson.loads(await http.read()), attempt=1)
        same = (asked.system, asked.context, asked.instruction)
        self._attempts[same] += 1
        asked = replace(asked, attempt=self._attempts[same])
        self.requests.append(asked)
        self._ports.add(http.transport and http.transport.get_extra_info("peername"))
        reply = self.script(asked)
        self.open_streams += 1
        self.most_open_streams = max(self.most_open_streams, self.open_streams)
        try:
            if reply.headers_after_seconds:
                await asyncio.sleep(reply.headers_after_seconds)
            if reply.status != 200:
                return _error(reply)
            if not asked.stream:
                await asyncio.sleep(self._whole_seconds(asked, reply))
                return web.json_response(body=orjson.dumps(whole_answer(asked, reply)))
            return await self._stream(http, asked, reply, started)
        except asyncio.CancelledError:
            self.disconnects.append(Disconnect(asked.instruction, time.monotonic()))
            raise
        finally:
            self.open_streams -= 1

    async def _stream(
        self, http: web.Request, asked: ModelRequest, reply: Reply, started: float
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", **reply.headers})
        response.headers["X-Request-Id"] = f"req_{len(self.requests)}"
        response.enable_chunked_encoding()
        await response.prepare(http)
        transport = http.transport
        if transport is None:
            raise asyncio.CancelledError
        writes = schedule(
            asked,
            reply,
            first_token_seconds=self.first_token_seconds,
            tokens_per_second=self.tokens_per_second,
        )
        stream = _Stream(transport, writes, started, asyncio.get_running_loop().create_future())
        if reply.gate is not None:
            stream.gate, stream.passing = reply.gate, writes_before(reply.gate, asked.api)
        self._pacer.add(stream)
        try:
            await stream.over
        finally:
            if stream.waiting is not None:
                stream.waiting.cancel()
        if reply.ending is Ending.STALL:
            await asyncio.Event().wait()
        if reply.ending is Ending.DISCONNECT:
            transport.abort()
        else:
            await response.write_eof()
        return response

    def _whole_seconds(self, asked: ModelRequest, reply: Reply) -> float:
        pace = self.tokens_per_second if reply.tokens_per_second is None else reply.tokens_per_second
        text, _ = text_and_ending(asked, reply)
        writing = len(text) / CHARACTERS_PER_TOKEN / pace if pace else 0.0
        return self.first_token_seconds + writing

    async def _models(self, http: web.Request) -> web.Response:
        if http.headers.get("Authorization") != f"Bearer {self.key}":
            return _error(Reply(status=401, code="invalid_api_key", message="Incorrect API key provided"))
        model = {"id": "scripted", "object": "model", "created": 0, "owned_by": "tests"}
        return web.json_response({"object": "list", "data": [model]})

    async def _stats(self, _http: web.Request) -> web.Response:
        return web.json_response(
            {
                "cpu_seconds": time.process_time(),
                "requests": len(self.requests),
                "open_streams": self.open_streams,
                "most_open_streams": self.most_open_streams,
                "disconnects": [asdict(one) for one in self.disconnects],
                "events_written": self._pacer.written,
            }
        )

    async def _requests(self, _http: web.Request) -> web.Response:
        return web.json_response(body=orjson.dumps([asdict(asked) for asked in self.requests]))

    async def _reset(self, _http: web.Request) -> web.Response:
        self.requests.clear()
        self.disconnects.clear()
        self._attempts.clear()
        self.most_open_streams = self.open_streams
        return web.json_response({"ok": True})


def _error(reply: Reply) -> web.Response:
    error = {
        "message": reply.message,
        "type": "error",
        "param": reply.param or None,
        "code": reply.code or None,
    }
    headers = {"X-Request-Id": "req_failed", **reply.headers}
    return web.json_response({"error": error}, status=reply.status, headers=headers)


@asynccontextmanager
async def serve_model(
    script: Script = echo,
    *,
    tokens_per_second: float = 0.0,
    first_token_seconds: float = 0.0,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[ModelServer]:
    """Run a server in this process."""
    server = ModelServer(script, tokens_per_second=tokens_per_second, first_token_seconds=first_token_seconds)
    await server.start(tls=tls)
    try:
        yield server
    finally:
        await server.aclose()


@asynccontextmanager
async def model_server_process(
    script: str,
    *,
    key: str = "test-key",
    tokens_per_second: float = 60.0,
    first_token_seconds: float = 0.5,
) -> AsyncIterator[str]:
    """Run a server as a process of its own; ``script`` is ``module:function``. Yields the base URL."""
    server = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.model_server", "--script", script, "--key", key),
        *("--tokens-per-second", str(tokens_per_second), "--first-token-seconds", str(first_token_seconds)),
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    try:
        url = (await server.stdout.readline()).decode().strip() if server.stdout else ""
        if not url:
            raise RuntimeError("the model server did not start: see its output")
        yield url
    finally:
        if server.returncode is None:
            server.kill()
        await server.wait()


def _script_named(path: str) -> Script:
    module, _, name = path.partition(":")
    script: Script = getattr(importlib.import_module(module), name)
    return script


async def _serve_forever(options: argparse.Namespace) -> None:
    server = ModelServer(
        _script_named(options.script),
        key=options.key,
        tokens_per_second=options.tokens_per_second,
        first_token_seconds=options.first_token_seconds,
    )
    print(await server.start(options.port), flush=True)
    await asyncio.Event().wait()


def main(arguments: list[str] | None = None) -> None:
    """Run the server until it is killed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--key", default="test-key")
    parser.add_argument("--script", default="tests.support.model_server:echo", help="module:function")
    parser.add_argument("--tokens-per-second", type=float, default=60.0)
    parser.add_argument("--first-token-seconds", type=float, default=0.5)
    try:
        asyncio.run(_serve_forever(parser.parse_args(arguments)))
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    main()
