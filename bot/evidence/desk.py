"""The evidence desk of the serving process: starts the evidence process, asks it, and keeps what it answers.

Imports nothing heavy. The process is started anew when it dies or falls silent; retrievals that it was
working on end with what they had.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import Any, Self

import structlog

from bot.evidence.environment import child_environment
from bot.evidence.frames import FrameError, pack, read_frame
from bot.evidence.items import EvidenceRequest, Retrieved, SourceFailure
from bot.evidence.protocol import EvidenceConfig, Snapshot, request_to_json
from personas.persona import Persona

__all__ = ["ProcessDesk", "ProcessRetrieval"]

log = structlog.get_logger(__name__)

LATE_ITEMS = 4
"""Items beyond the limit that a retrieval may add when they come after the first ones were handed out: a link
that the person sent, the news of a source that had to be asked."""

RIVALS_LIMIT = 6
"""Documents looked at for what speaks against the leading hypothesis."""
RIVALS_ITEMS = 3
"""Of these, how many are added where they are new: with two in hand, a third shows which of them is alone."""

RESTART_SECONDS = 1.0
LONGEST_RESTART_SECONDS = 60.0
"""Pause before the process is started again; doubled with each crash in a row."""
STEADY_SECONDS = 300.0
"""A process that ran this long was well: its next crash counts as the first again."""

PING_SECONDS = 5.0
SILENT_SECONDS = 30.0
"""A process that answers nothing for this long hangs, and is ended: its longest step takes well under a
second, but a machine may be busy."""

START_SECONDS = 60.0
"""Until the first word of a new process: libraries load in a second, on a busy machine in ten."""

END_SECONDS = 3.0
"""How long the process may take to end by itself."""


class ProcessRetrieval:
    """A retrieval in the evidence process (a ``bot.evidence.items.Retrieval``)."""

    def __init__(
        self,
        end: Callable[[], None],
        limit: int,
        propose: Callable[[Sequence[str]], None],
        search_for: Callable[[str], ProcessRetrieval],
    ) -> None:
        self._end = end
        self._propose = propose
        self._search_for = search_for
        self._contrary: ProcessRetrieval | None = None
        """The search for what speaks against the leading hypothesis."""
        self._limit = limit
        self.latest = Snapshot(Retrieved(searching="stored news"), enough=False, over=False)
        """As the process told it last."""
        self._shown = Retrieved()
        self._changed = asyncio.Event()

    async def first(self, seconds: float) -> Retrieved:
        """See ``Retrieval.first``."""
        return await self._wait(seconds, lambda: self.latest.over or self.latest.enough)

    async def whole(self, seconds: float) -> Retrieved:
        """See ``Retrieval.whole``. At most four items more than were asked for, where they come late."""
        return await self._wait(seconds, lambda: self.latest.over)

    def propose(self, terms: Sequence[str]) -> None:
        """See ``Retrieval.propose``."""
        self._propose(terms)

    async def against(self, rivals: str, seconds: float) -> Retrieved:
        """See ``Retrieval.against``."""
        if self._contrary is None:
            self._contrary = self._search_for(rivals)
        await self._contrary.whole(seconds)
        return await self.whole(0.0)

    async def aclose(self) -> None:
        """See ``Retrieval.aclose``."""
        if self._contrary is not None:
            await self._contrary.aclose()
        self._end()

    def take(self, snapshot: Snapshot) -> None:
        """What the process found meanwhile."""
        self.latest = snapshot
        self._changed.set()
        self._changed = asyncio.Event()

    def fail(self, reason: str) -> None:
        """Nothing more will come."""
        found = self.latest.retrieved
        failures = (*found.failures, SourceFailure("Stored news", reason))
        total = max(found.sources_total, len(failures))
        ended = replace(found, failures=failures, searching="", sources_total=total)
        self.take(Snapshot(ended, enough=False, over=True))

    async def _wait(self, seconds: float, is_good: Callable[[], bool]) -> Retrieved:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(seconds, 0)):
                while not is_good():
                    await self._changed.wait()
        self._shown = self._with_contrary(_grown(self._shown, self.latest.retrieved, self._limit))
        return self._shown

    def _with_contrary(self, found: Retrieved) -> Retrieved:
        """With what speaks against the leading hypothesis, where that was looked for and is there: once."""
        if self._contrary is None or found.contrary_queries:
            return found
        if not self._contrary.latest.over:
            return replace(found, searching=found.searching or "what speaks against it")
        contrary = self._contrary.latest.retrieved
        if contrary.failures:
            return found  # nothing was searched, and the retrieval itself tells the reason
        have = {item.url for item in found.items}
        new = [item for item in contrary.items if item.url not in have][:RIVALS_ITEMS]
        have.update(item.url for item in new)
        return replace(
            found,
            items=(*found.items, *new),
            queries=tuple(dict.fromkeys((*found.queries, *contrary.queries))),
            contrary_queries=contrary.queries,
            contrary_urls=tuple(item.url for item in contrary.items if item.url in have),
        )


def _grown(shown: Retrieved, latest: Retrieved, limit: int) -> Retrieved:
    """``latest`` behind what was shown before, which stays as it was."""
    have = {item.url for item in shown.items}
    late = [item for item in latest.items if item.url not in have]
    room = limit if not shown.items else max(limit - len(shown.items), LATE_ITEMS)
    most = max(limit + LATE_ITEMS, len(shown.items))
    return replace(
        latest,
        items=(*shown.items, *late[:room])[:most],
        queries=tuple(dict.fromkeys((*shown.queries, *latest.queries))),
        failures=tuple(dict.fromkeys((*shown.failures, *latest.failures))),
        contrary_queries=shown.contrary_queries,
        contrary_urls=shown.contrary_urls,
    )


class ProcessDesk:
    """Starts retrievals in the evidence process (a ``bot.evidence.items.EvidenceDesk``), and keeps that
    process running. Use it as a context manager.
    """

    def __init__(self, config: EvidenceConfig, personas: Iterable[Persona]) -> None:
        self._hello = {
            "op": "hello",
            "config": replace(config, owner=config.owner or uuid.uuid4().hex).to_json(),
            "personas": [persona.model_dump(by_alias=True, mode="json") for persona in personas],
        }
        self._ids = itertools.count(1)
        self._retrievals: dict[str, ProcessRetrieval] = {}
        self._waiting: dict[str, dict[str, Any]] = {}
        self._process: asyncio.subprocess.Process | None = None
        self._ready = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._keeper = asyncio.create_task(self._keep_running(), name="evidence process")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        self._fail_all("this process is ending")

    @property
    def pid(self) -> int | None:
        """Of the evidence process, for figures; ``None`` while it is down."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    async def ready(self) -> None:
        """Wait until the process answers."""
        await self._ready.wait()

    def begin(self, request: EvidenceRequest) -> ProcessRetrieval:
        """See ``EvidenceDesk.begin``. While the process is starting, requests wait for it."""
        retrieval_id = str(next(self._ids))
        retrieval = ProcessRetrieval(
            partial(self._forget, retrieval_id),
            request.limit,
            partial(self._pass_on, retrieval_id),
            lambda rivals: self.begin(
                replace(request, rivals=rivals, limit=RIVALS_LIMIT, extra_terms=(), terms_follow=False)
            ),
        )
        self._retrievals[retrieval_id] = retrieval
        message = {"op": "begin", "id": retrieval_id, "request": request_to_json(request)}
        if self._ready.is_set():
            self._send(message)
        else:
            self._waiting[retrieval_id] = message
        return retrieval

    def _pass_on(self, retrieval_id: str, terms: Sequence[str]) -> None:
        """Terms for a retrieval that is under way, or will be."""
        if (waiting := self._waiting.get(retrieval_id)) is not None:
            asked = waiting["request"]
            asked |= {"extra_terms": [*asked["extra_terms"], *terms], "terms_follow": False}
        elif retrieval_id in self._retrievals:
            self._send({"op": "terms", "id": retrieval_id, "terms": list(terms)})

    def _forget(self, retrieval_id: str) -> None:
        self._waiting.pop(retrieval_id, None)
        if self._retrievals.pop(retrieval_id, None) is not None and self._ready.is_set():
            self._send({"op": "end", "id": retrieval_id})

    def _send(self, message: dict[str, Any]) -> None:
        """Without waiting: what is written is small, and a process that does not read is soon ended."""
        process = self._process
        if process is not None and process.stdin is not None and not process.stdin.is_closing():
            process.stdin.write(pack(message))

    async def _keep_running(self) -> None:
        loop = asyncio.get_running_loop()
        pause = RESTART_SECONDS
        while True:
            began = loop.time()
            try:
                code = await self._run_once()
                log.warning("evidence.ended", exit_code=code, seconds=round(loop.time() - began, 1))
            except (OSError, FrameError, TimeoutError) as error:
                log.warning("evidence.lost", error=type(error).__name__)
            if loop.time() - began > STEADY_SECONDS:
                pause = RESTART_SECONDS
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_RESTART_SECONDS)

    async def _run_once(self) -> int:
        """Run the process until it ends; its exit code."""
        self._process = process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot.evidence.process"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=child_environment(),
            start_new_session=True,  # Ctrl-C is our business: we close its pipe
        )
        try:
            self._send(self._hello)
            await self._converse(process)
        finally:
            self._ready.clear()
            self._fail_all("the process that searches it ended")
            code = await _ended(process)
        return code

    async def _converse(self, process: asyncio.subprocess.Process) -> None:
        """Take what the process says, and ask for a sign of life when it says nothing."""
        if process.stdout is None:
            raise AssertionError("it is a pipe")
        silent = 0.0
        frame = asyncio.ensure_future(read_frame(process.stdout))
        try:
            while True:
                done, _ = await asyncio.wait({frame}, timeout=PING_SECONDS)
                if not done:
                    silent += PING_SECONDS
                    if silent >= (SILENT_SECONDS if self._ready.is_set() else START_SECONDS):
                        raise TimeoutError
                    self._send({"op": "ping"})
                    continue
                silent = 0.0
                said = frame.result()
                if said is None:
                    return
                self._take(said[0])
                frame = asyncio.ensure_future(read_frame(process.stdout))
        finally:
            frame.cancel()
            await asyncio.gather(frame, return_exceptions=True)

    def _take(self, message: dict[str, Any]) -> None:
        retrieval = self._retrievals.get(str(message.get("id")))
        match message["op"]:
            case "ready":
                self._ready.set()
                log.info("evidence.started", pid=message["pid"])
                waiting, self._waiting = self._waiting, {}
                for request in waiting.values():
                    self._send(request)
            case "state" if retrieval is not None:
                retrieval.take(Snapshot.from_json(message["state"]))
            case "failed" if retrieval is not None:
                retrieval.fail("it could not be searched")

    def _fail_all(self, reason: str) -> None:
        retrievals, self._retrievals = self._retrievals, {}
        self._waiting.clear()
        for retrieval in retrievals.values():
            retrieval.fail(reason)


async def _ended(process: asyncio.subprocess.Process) -> int:
    """End a process, with a moment to do so by itself; its exit code."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        async with asyncio.timeout(END_SECONDS):
            return await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        return await process.wait()
