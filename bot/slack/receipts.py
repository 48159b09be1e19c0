"""The sign that a question was taken, where its card has to wait: a reaction on it at once.

A channel takes one post a second, so the cards of a flood of mentions come one after the other; a reaction
has no such limit. A lone question gets none: its card is there sooner than anybody could look for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from bot.errors import CountryAgentsError
from bot.slack.api import SlackApi
from bot.slack.errors import SlackRefusedError
from bot.slack.limits import RECEIPT_AFTER_SECONDS
from bot.turns import ChannelId, TeamId, Turn

__all__ = ["QUEUED_STATUS", "Receipts"]

log = structlog.get_logger()

REACTION = "eyes"
"""Slack's name of the emoji: seen."""

QUEUED_STATUS = "has your question; there is a queue here"
"""Shown under the question where the minute's reactions are used up: statuses are hardly limited."""

CLOSE_SECONDS = 2.0
"""Longest wait at the program's end for receipts under way; they are not owed to anybody."""


Running = Callable[[TeamId, ChannelId, str], Awaitable[str | None]]
"""Id of the turn that is being answered in a thread (its root's ts), or None."""


class Receipts:
    """Shows receipts in tasks of its own: a handler's ack waits for nothing of them, and a failure is only
    logged.
    """

    def __init__(self, api: SlackApi, running: Running) -> None:
        self._api = api
        self._running = running
        self._tasks: set[asyncio.Task[None]] = set()

    def announce(self, turn: Turn, *, username: str, icon_emoji: str) -> None:
        """A turn was taken: its card keeps its place in the channel, and where the card has to wait, for its
        turn there or for an answer in its thread, the question gets its receipt.
        """
        task = asyncio.create_task(
            self._announce(turn, username, icon_emoji), name=f"receipt of {turn.turn_id}"
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _announce(self, turn: Turn, username: str, icon_emoji: str) -> None:
        try:
            wait_seconds = await self._api.announce_card(channel=turn.channel, asked_at=turn.asked_at)
            if wait_seconds < RECEIPT_AFTER_SECONDS:
                running = await self._running(turn.team_id, turn.channel, turn.thread_ts)
                if running in {None, turn.turn_id}:
                    return
            await self._show(turn, username, icon_emoji)
        except CountryAgentsError as error:
            log.info("receipt.not_shown", turn_id=turn.turn_id, error=type(error).__name__)

    async def _show(self, turn: Turn, username: str, icon_emoji: str) -> None:
        if await self._react(turn):
            return
        await self._api.set_status(
            channel=turn.channel,
            thread_ts=turn.thread_ts,
            status=QUEUED_STATUS,
            username=username,
            icon_emoji=icon_emoji,
        )

    async def _react(self, turn: Turn) -> bool:
        if not await self._api.free_now("reactions.add"):
            return False
        arguments = {"channel": turn.channel, "timestamp": turn.message_ts, "name": REACTION}
        try:
            await self._api.call("reactions.add", arguments, booked=True)
        except SlackRefusedError as error:
            return error.code == "already_reacted"
        return True

    async def aclose(self) -> None:
        """Wait a moment for those under way, and drop the rest."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=CLOSE_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
