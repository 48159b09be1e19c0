"""The thread's status ("is writing section 2 of 8 …"): kept alive, latest wins, never in the way."""

from __future__ import annotations

import asyncio

import structlog

from bot.slack.api import SlackApi
from bot.slack.errors import SlackError
from bot.slack.limits import WriterLimits
from bot.slack.text_safety import safe_plain
from bot.slack.thread_search import TurnThread

__all__ = ["StatusLine"]

log = structlog.get_logger()


class StatusLine:
    """Sets the status and sets it again before Slack lets it lapse; a failure is only logged."""

    def __init__(self, api: SlackApi, thread: TurnThread, limits: WriterLimits) -> None:
        self._api = api
        self._thread = thread
        self._limits = limits
        self._status = ""
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def show(self, status: str) -> None:
        """Show this from now on; at once where Slack allows it."""
        status = safe_plain(status).text[: self._limits.status_chars]
        if status == self._status:
            return
        self._status = status
        self._changed.set()
        if self._task is None and status:
            self._task = asyncio.create_task(self._keep(), name="status-line")

    async def aclose(self) -> None:
        """Stop refreshing. Slack takes the status away with our next message."""
        if self._task is not None:
            self._task.cancel()
            # Not awaited itself: that would take our caller's cancellation for the task's.
            await asyncio.wait({self._task})
            self._task = None
        self._status = ""

    async def _keep(self) -> None:
        place, sender = self._thread.place, self._thread.sender
        while True:
            self._changed.clear()
            try:
                await self._api.set_status(
                    channel=place.channel,
                    thread_ts=place.thread_ts,
                    status=self._status,
                    username=sender.username,
                    icon_emoji=sender.icon_emoji,
                )
            except SlackError as error:
                log.info("status.not_set", turn_id=self._thread.turn_id, code=error.code)
            try:
                async with asyncio.timeout(self._limits.status_refresh_seconds):
                    await self._changed.wait()
            except TimeoutError:
                continue
