"""An assessment as a file in its thread: made in a process of its own, then uploaded."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from typing import Final

import structlog

from bot.assessment.assessment_record import AssessmentRecord
from bot.assessment.titles import headline
from bot.errors import CountryAgentsError
from bot.evidence.environment import child_environment
from bot.export.composing import file_name
from bot.export.job import job
from bot.export.kinds import Kind
from bot.slack.comparison_messages import sender_of
from bot.slack.errors import SlackError
from bot.slack.export_notices import failed_notice, not_shared_notice
from bot.slack.private_words import PrivateWords
from bot.slack.uploads import Place, Uploads
from personas.desk import Desk
from personas.persona import Persona

__all__ = ["ExportFailedError", "Exports", "Wish", "make_file"]

log = structlog.get_logger()

AT_ONCE: Final = 2
"""Files made at once: each takes a core for some seconds, and a small machine has two."""
MAKING_SECONDS: Final = 60.0
"""s: a file takes about three; on a busy machine ten times that."""
CLOSE_SECONDS: Final = 5.0
"""Longest wait at the program's end for files under way."""


class ExportFailedError(CountryAgentsError):
    """The process that makes files gave none; its own words are in its error output."""

    user_message = "The file could not be made. Please try another format."


@dataclass(frozen=True, slots=True)
class Wish:
    """Who wants what file, and where."""

    kind: Kind
    channel: str
    thread_ts: str
    response_url: str
    """Reaches the person privately."""


class Exports:
    """Makes and uploads files for one app, in tasks of its own: no ack waits for them."""

    def __init__(self, uploads: Uploads, words: PrivateWords, desk: Desk) -> None:
        self._uploads = uploads
        self._words = words
        self._desk = desk
        self._free = asyncio.Semaphore(AT_ONCE)
        self._tasks: dict[tuple[str, Kind], asyncio.Task[None]] = {}

    def begin(self, wish: Wish, record: AssessmentRecord) -> None:
        """Begin to make a file; an impatient second press, while it is being made, begins nothing."""
        key = (record.turn_id, wish.kind)
        if key in self._tasks:
            return
        task = asyncio.create_task(self._export(wish, record), name=f"export of {record.turn_id}")
        self._tasks[key] = task
        task.add_done_callback(lambda _: self._tasks.pop(key, None))

    async def _export(self, wish: Wish, record: AssessmentRecord) -> None:
        with structlog.contextvars.bound_contextvars(
            turn_id=record.turn_id, channel=wish.channel, thread=wish.thread_ts, kind=wish.kind.value
        ):
            try:
                size = await self._made_and_shared(wish, record)
            except SlackError as error:
                log.warning("export.not_shared", method=error.method, code=error.code)
                await self._words.try_to_tell(wish.response_url, not_shared_notice(wish.kind, error))
            except (CountryAgentsError, OSError, LookupError) as error:
                log.error("export.failed", error=type(error).__name__, reason=str(error))  # noqa: TRY400 - no words of people in a trace
                await self._words.try_to_tell(wish.response_url, failed_notice(wish.kind))
            else:
                log.info("export.shared", bytes=size)

    async def _made_and_shared(self, wish: Wish, record: AssessmentRecord) -> int:
        persona = self._desk.by_code(record.persona)
        if persona is None:
            raise LookupError(f"persona {record.persona} is not on this desk")
        async with self._free:
            data = await make_file(wish.kind, record, persona)
        sender = sender_of(persona, record.compared)
        place = Place(wish.channel, wish.thread_ts, sender.username, sender.icon_emoji)
        title = record.title or headline(record.question) or f"Assessment by {sender.username}"
        name = file_name(record, persona, wish.kind.value)
        await self._uploads.share(data, name=name, title=f"{title} ({wish.kind.label})", place=place)
        return len(data)

    async def aclose(self) -> None:
        """Wait a moment for those under way, and drop the rest."""
        tasks = set(self._tasks.values())
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=CLOSE_SECONDS)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)


async def make_file(kind: Kind, record: AssessmentRecord, persona: Persona) -> bytes:
    """The file. Raises ``ExportFailedError``, also where it takes longer than ``MAKING_SECONDS``."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot.export.process", kind.value),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=child_environment(),
    )
    try:
        async with asyncio.timeout(MAKING_SECONDS):
            data, _ = await process.communicate(job(record, persona))
    except TimeoutError:
        raise ExportFailedError(f"no file within {MAKING_SECONDS:.0f} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode or not data:
        raise ExportFailedError(f"the process ended with {process.returncode}")
    return data
