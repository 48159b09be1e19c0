"""Changes of a turn's card: few, never in the way of the text, and the last one always shown."""

from __future__ import annotations

import asyncio

import structlog

from bot.slack.api import SlackApi
from bot.slack.cards import Message
from bot.slack.errors import MessageMissingError, SlackError, SlackRefusedError
from bot.slack.limits import WriterLimits
from bot.slack.tables import without_table
from bot.slack.thread_search import CARD, TurnThread, part_metadata

__all__ = ["CardChanges"]

log = structlog.get_logger()

_BLOCKS_REFUSED = frozenset({"invalid_blocks", "invalid_blocks_format", "invalid_attachments"})
"""Slack's codes for a block it does not take."""


class CardChanges:
    """Updates one card at most ``card_updates`` times, the last of them kept for ``close``."""

    def __init__(self, api: SlackApi, thread: TurnThread, limits: WriterLimits) -> None:
        self._api = api
        self._thread = thread
        self._left = limits.card_updates - 1
        self._waiting: Message | None = None
        self._task: asyncio.Task[None] | None = None

    def show(self, ts: str, card: Message) -> None:
        """Show the card soon; a newer one takes its place while it waits for a slot."""
        self._waiting = card
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(ts), name="card-changes")

    async def close(self, ts: str, card: Message) -> None:
        """Show the final card, which has no stop button."""
        self._waiting = None
        if self._task is not None:
            await asyncio.wait({self._task})
        await self._update(ts, card)

    async def aclose(self) -> None:
        """Stop without another call."""
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _run(self, ts: str) -> None:
        while self._waiting is not None and self._left > 0:
            self._left -= 1
            card, self._waiting = self._waiting, None
            await self._update(ts, card)

    async def _update(self, ts: str, card: Message) -> None:
        """A card that cannot be changed is no reason to lose the answer. One whose table Slack refuses is
        shown with its rows as text.
        """
        try:
            try:
                await self._send(ts, card)
            except SlackRefusedError as error:
                plain = without_table(card)
                if plain is card or error.code not in _BLOCKS_REFUSED:
                    raise
                log.warning("card.table_refused", turn_id=self._thread.turn_id, code=error.code)
                await self._send(ts, plain)
        except MessageMissingError:
            log.info("card.deleted", turn_id=self._thread.turn_id)
        except SlackError as error:
            log.warning("card.not_updated", turn_id=self._thread.turn_id, code=error.code)

    async def _send(self, ts: str, card: Message) -> None:
        await self._api.update_message(
            channel=self._thread.place.channel,
            ts=ts,
            text=card.text,
            blocks=card.blocks,
            metadata=part_metadata(self._thread.turn_id, CARD),
        )
