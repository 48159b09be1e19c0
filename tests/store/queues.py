"""Queues and worker processes for tests: opened on a real Valkey, worked on, killed."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from bot.jobs import Queue, TurnRun
from bot.store.connection import open_redis
from bot.store.stored_turns import Outcome
from bot.store.turn_store import TurnStore
from tests.support.valkey import eventually

__all__ = ["LEASE_SECONDS", "WorkerProcess", "queue_at", "working"]

LEASE_SECONDS = 2.0
WORKER = Path(__file__).parent / "worker_process.py"


@asynccontextmanager
async def queue_at(
    url: str, prefix: str, *, lease_seconds: float = LEASE_SECONDS
) -> AsyncIterator[tuple[Queue, TurnStore]]:
    client = open_redis(url)
    turn_store = TurnStore(client, prefix=prefix)
    queue = await Queue.open(
        url, store=turn_store, name=f"{prefix}-queue", lease_seconds=lease_seconds, concurrency=50
    )
    try:
        yield queue, turn_store
    finally:
        await queue.aclose()
        await client.aclose()


@asynccontextmanager
async def working(
    queue: Queue,
    answer: Callable[[TurnRun], Awaitable[Outcome | None]],
    give_up: Callable[[TurnRun, str], Awaitable[None]] | None = None,
) -> AsyncIterator[None]:
    worker = asyncio.create_task(queue.run_worker(answer, give_up=give_up))
    try:
        yield
    finally:
        queue.drain()
        await worker


class WorkerProcess:
    """A worker to be killed; ``events`` is what it said."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.events: list[list[object]] = []
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, url: str, prefix: str, *, lease_seconds: float = LEASE_SECONDS) -> WorkerProcess:
        """Start it and wait until it takes turns."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(WORKER), url, prefix, str(lease_seconds), stdout=asyncio.subprocess.PIPE
        )
        worker = cls(process)
        await eventually(lambda: bool(worker.said("ready")), what="worker ready")
        return worker

    async def _read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            if line.startswith(b"["):
                self.events.append(json.loads(line))

    def said(self, what: str) -> list[list[object]]:
        """All it said of one kind."""
        return [event for event in self.events if event[0] == what]

    async def kill(self) -> None:
        """Kill -9."""
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()
        await self._reading

    async def terminate(self) -> int:
        """SIGTERM; the exit code."""
        self.process.terminate()
        await self._reading
        return await self.process.wait()
