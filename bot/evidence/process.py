"""The evidence process: collects, remembers, searches. ``python -m bot.evidence.process``.

Everything heavy lives here, so that the process that streams answers to Slack never waits for a parser, an
index or a garbage collection of theirs. It is started by ``bot.evidence.desk`` and ends with its parent: the
pipe closes.
"""

from __future__ import annotations

import asyncio
import os
import sys
import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import structlog

from bot.evidence.collecting import Collecting
from bot.evidence.collector import Collector, Visits
from bot.evidence.fetching import Fetcher, FetchLimits
from bot.evidence.frames import pack, read_frame
from bot.evidence.memory import Memory
from bot.evidence.protocol import EvidenceConfig, request_from
from bot.evidence.reader import Reader
from bot.evidence.registry import registry
from bot.evidence.retrieving import Retriever
from bot.logs import configure
from bot.store.connection import open_redis
from bot.store.news_store import NewsStore
from personas.persona import Persona

__all__ = ["main"]

log = structlog.get_logger(__name__)

NAME_THREADS = 32
"""Threads that resolve host names: a name server that is away holds each for half a minute."""

PARENT_POLL_SECONDS = 1.0
"""How often it is made sure that the parent lives: a forked sibling of it may hold the pipe open."""

COPY_SECONDS = 5.0
"""How often new documents are taken into the index, so that a question finds them there."""


class _Connection:
    """Our end of the pipes to the parent."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.WriteTransport) -> None:
        self.reader = reader
        self._writer = writer

    @classmethod
    async def open(cls) -> _Connection:
        """Take over standard input and output; what libraries print goes to standard error."""
        loop = asyncio.get_running_loop()
        answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        reader = asyncio.StreamReader(limit=2**20)
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        writer, _ = await loop.connect_write_pipe(asyncio.Protocol, answers)
        return cls(reader, writer)

    def send(self, message: dict[str, Any]) -> None:
        """Never waits: the parent reads all the time, or is gone."""
        if not self._writer.is_closing():
            self._writer.write(pack(message))


class _Service:
    """What the process does for its parent."""

    def __init__(
        self, connection: _Connection, retriever: Retriever, personas: Mapping[str, Persona]
    ) -> None:
        self._connection = connection
        self._retriever = retriever
        self._personas = personas
        self._retrievals: dict[str, asyncio.Task[None]] = {}
        self._terms: dict[str, asyncio.Future[tuple[str, ...]]] = {}
        """Terms that were announced, by retrieval."""

    async def run(self) -> None:
        """Do what the parent says, until it says nothing more."""
        try:
            while (frame := await read_frame(self._connection.reader)) is not None:
                message, _ = frame
                match message["op"]:
                    case "begin":
                        self._begin(message)
                    case "terms":
                        self._tell_terms(message["id"], message["terms"])
                    case "end":
                        self._end(message["id"])
                    case "ping":
                        self._connection.send({"op": "pong"})
                    case other:
                        log.warning("evidence.unknown_message", op=str(other))
        finally:
            tasks = list(self._retrievals.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, message: dict[str, Any]) -> None:
        retrieval_id = message["id"]
        terms: asyncio.Future[tuple[str, ...]] = asyncio.get_running_loop().create_future()
        self._terms[retrieval_id] = terms
        task = asyncio.create_task(self._retrieve(retrieval_id, message["request"], terms), name="retrieval")
        self._retrievals[retrieval_id] = task
        task.add_done_callback(lambda _: self._forget(retrieval_id))

    def _forget(self, retrieval_id: str) -> None:
        self._retrievals.pop(retrieval_id, None)
        self._terms.pop(retrieval_id, None)

    def _tell_terms(self, retrieval_id: str, terms: list[str]) -> None:
        waiting = self._terms.get(retrieval_id)
        if waiting is not None and not waiting.done():
            waiting.set_result(tuple(terms))

    def _end(self, retrieval_id: str) -> None:
        task = self._retrievals.get(retrieval_id)
        if task is not None:
            task.cancel()

    async def _retrieve(
        self, retrieval_id: str, data: dict[str, Any], terms: asyncio.Future[tuple[str, ...]]
    ) -> None:
        try:
            request = request_from(data, self._personas)
            await self._retriever.run(
                request,
                lambda snapshot: self._connection.send(
                    {"op": "state", "id": retrieval_id, "state": snapshot.to_json()}
                ),
                terms,
            )
        except Exception:
            log.exception("retrieval.failed", turn_id=str(data.get("turn_id")))
            self._connection.send({"op": "failed", "id": retrieval_id})


async def _serve() -> None:
    connection = await _Connection.open()
    hello = await read_frame(connection.reader)
    if hello is None:
        return
    config = EvidenceConfig(**hello[0]["config"])
    configure(config.log_level, "json" if config.log_format == "json" else "text")
    structlog.contextvars.bind_contextvars(process="evidence")
    personas = [Persona.model_validate(each) for each in hello[0]["personas"]]
    sources = registry(personas)
    owner = config.owner or uuid.uuid4().hex
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(NAME_THREADS))
    async with AsyncExitStack() as stack:
        redis = open_redis(config.redis_url)
        stack.push_async_callback(redis.aclose)
        store = NewsStore(redis, prefix=config.key_prefix)
        fetcher = await stack.enter_async_context(
            Fetcher(
                user_agent=config.user_agent,
                limits=FetchLimits(
                    total_seconds=config.fetch_seconds, host_pause_seconds=config.host_pause_seconds
                ),
                loopback_allowed=config.loopback_allowed,
            )
        )
        reader = Reader()
        stack.push_async_callback(reader.aclose)
        interval = timedelta(seconds=config.interval_seconds)
        collecting = Collecting(store, fetcher, reader, owner=owner, interval=interval)
        visits = Visits(collecting, store)
        stack.push_async_callback(visits.aclose)
        memory = Memory(store)
        stack.callback(memory.close)
        retriever = Retriever(memory, visits, collecting, sources, personas)
        service = _Service(connection, retriever, {persona.code: persona for persona in personas})
        connection.send({"op": "ready", "pid": os.getpid()})
        log.info("evidence.ready", sources=len(sources), collects=config.collect)
        duties = [service.run(), _until_orphaned(), _keep_copy(memory)]
        if config.collect:
            duties.append(Collector(visits, store, sources, owner=owner).run())
        tasks = [asyncio.create_task(duty) for duty in duties]
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for task in done:
            task.result()


async def _keep_copy(memory: Memory) -> None:
    while True:
        await memory.refresh()
        await asyncio.sleep(COPY_SECONDS)


async def _until_orphaned() -> None:
    """Ends when the parent is gone."""
    parent = os.getppid()
    while os.getppid() == parent:  # noqa: ASYNC110 - nobody tells us
        await asyncio.sleep(PARENT_POLL_SECONDS)


def main() -> None:
    """Run until the parent closes the pipe or ends."""
    code = 0
    try:
        asyncio.run(_serve())
    except BaseException:  # whatever it was: it is told before the hard end below
        log.exception("evidence.crashed")
        code = 1
    sys.stderr.flush()
    os._exit(code)  # threads that wait for a name server must not hold the end up


if __name__ == "__main__":
    main()
