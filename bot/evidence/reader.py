"""Hands documents to the reading process and takes the entries; starts it when needed, anew when it died."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import structlog

from bot.evidence.environment import child_environment
from bot.evidence.frames import FrameError, pack, read_frame

__all__ = ["CleanEntry", "Reader", "ReadingError"]

log = structlog.get_logger(__name__)

ANSWER_SECONDS = 15.0
"""Longest wait for one document: the reading process ends itself after ten."""


class ReadingError(Exception):
    """A document could not be read; the message is for analysts: ours, never the document's."""


@dataclass(frozen=True, slots=True)
class CleanEntry:
    """One document as a source presents it, free of what read like instructions."""

    title: str
    url: str
    summary: str
    body: str
    published: datetime | None
    language: str
    quarantined: int

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> CleanEntry:
        """From the reading process."""
        published = data["published"]
        return cls(**{**data, "published": datetime.fromisoformat(published) if published else None})


class Reader:
    """The reading process; one document at a time. Close it with ``aclose``."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()

    @property
    def pid(self) -> int | None:
        """Of the process, for figures; ``None`` while there is none."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    async def read(
        self,
        kind: Literal["feed", "listing", "article"],
        body: bytes,
        *,
        url: str,
        content_type: str = "",
        language: str = "",
        pattern: str = "",
    ) -> list[CleanEntry]:
        """The entries of a feed or listing, or the one of an article. Raises ``ReadingError``."""
        job = {
            "kind": kind,
            "url": url,
            "content_type": content_type,
            "language": language,
            "pattern": pattern,
        }
        async with self._turn:
            answer = await self._ask(job, body)
        if "bug" in answer:
            log.warning("reading.failed", kind=kind, error=answer["bug"])
        if "error" in answer:
            raise ReadingError(str(answer["error"]))
        return [CleanEntry.from_json(entry) for entry in answer["entries"]]

    async def aclose(self) -> None:
        """End the process."""
        async with self._turn:
            await self._end()

    async def _ask(self, job: dict[str, Any], body: bytes) -> dict[str, Any]:
        finished = False
        try:
            process = await self._running()
            if process.stdin is None or process.stdout is None:
                raise AssertionError("both are pipes")
            process.stdin.write(pack(job, body))
            async with asyncio.timeout(ANSWER_SECONDS):
                await process.stdin.drain()
                frame = await read_frame(process.stdout)
            if frame is None:
                log.warning("reading.died", kind=job["kind"], exit_code=await self._end())
                return {"error": "took too long to read, or broke the program that reads"}
            finished = True
            return frame[0]
        except (TimeoutError, ConnectionError, FrameError, OSError) as error:
            log.warning("reading.lost", kind=job["kind"], error=type(error).__name__)
            return {"error": "took too long to read, or broke the program that reads"}
        finally:
            if not finished:  # cancelled, too: its answer must not be taken for the next one's
                await asyncio.shield(self._end())

    async def _running(self) -> asyncio.subprocess.Process:
        if self._process is None or self._process.returncode is not None:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "bot.evidence.reading"),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=child_environment(),
                start_new_session=True,  # Ctrl-C is our parent's business
            )
        return self._process

    async def _end(self) -> int | None:
        process, self._process = self._process, None
        if process is None:
            return None
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()  # it holds nothing that could be lost
        return await process.wait()
