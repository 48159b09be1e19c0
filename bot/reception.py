"""What a handler may do: take a question, answer one person privately, stop a turn.

Handlers parse and decide; everything they hand over goes through here.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import structlog

from bot.admission import Admission, Refused
from bot.jobs import Queue
from bot.slack.admission_notices import refusal_notice
from bot.slack.api import SlackApi
from bot.slack.cards import Notice
from bot.slack.errors import SlackError
from bot.store.turn_store import TurnStore
from bot.turns import Turn, turn_id_for
from personas.desk import Desk

__all__ = ["Reception"]

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Reception:
    """One app's front: whom it speaks for, and where its questions go."""

    app_id: str
    """``AppIdentity.key``."""
    desk: Desk
    bot_user_id: str
    bound: str | None
    """Code of the persona that the bot user itself is, when its name is that code."""
    api: SlackApi
    queue: Queue
    store: TurnStore
    admission: Admission
    question_limit: int
    """Characters."""
    edit_window_seconds: int

    async def take(self, turn: Turn, *, pressed_by: str | None = None) -> None:
        """Put the turn into the queue, or tell the person privately why not. ``pressed_by``: who asks by a
        button.

        Raises ``QueueUnavailableError`` or ``StoreError``: then Slack must get no ack.
        """
        with structlog.contextvars.bound_contextvars(
            team=turn.team_id, channel=turn.channel, thread=turn.thread_ts
        ):
            verdict = await self.admission.admit(turn, pressed=pressed_by is not None)
            if not isinstance(verdict, Refused):
                await self.queue.enqueue(turn)
                return
            await self.whisper(
                refusal_notice(verdict, self.admission.store.policy),
                team_id=turn.team_id,
                channel=turn.channel,
                user_id=pressed_by or turn.user_id,
                thread_ts=turn.thread_ts if turn.thread_ts != turn.message_ts else None,
                # A press is never delivered again, and each one deserves its answer.
                once="" if pressed_by else turn.message_ts,
            )

    async def ask_anew(self, turn_id: str, *, user_id: str) -> bool:
        """Ask a stored question once more, as a turn of its own; False where it is forgotten.

        The new turn's id follows from the old one's: an impatient second press asks nothing more.
        """
        turn = await self.store.turn(turn_id)
        if turn is None:
            return False
        again = turn_id_for(turn.app_id, turn.team_id, turn.channel, f"{turn.message_ts}/{turn_id}")
        await self.take(replace(turn, turn_id=again, asked_at=time.time()), pressed_by=user_id)
        return True

    async def offer(self, turn: Turn) -> str:
        """Keep a changed question until somebody presses the button; returns the id to ask it by."""
        asking = await self.store.next_asking(turn.team_id, turn.channel, turn.message_ts)
        turn_id = turn_id_for(turn.app_id, turn.team_id, turn.channel, turn.message_ts, asking=asking)
        await self.store.offer(replace(turn, turn_id=turn_id))
        return turn_id

    async def ask_offered(self, turn_id: str, *, user_id: str) -> bool:
        """Ask a kept question; False where it is forgotten."""
        turn = await self.store.offered(turn_id)
        if turn is None:
            return False
        await self.take(replace(turn, asked_at=time.time()), pressed_by=user_id)
        return True

    async def stop(self, turn_id: str, user_id: str) -> None:
        """Stop a turn; nothing happens where it is over."""
        stopped = await self.store.stop(turn_id, user_id)
        log.info("stop.pressed", turn_id=turn_id, running=stopped)

    async def whisper(
        self,
        notice: Notice,
        *,
        team_id: str,
        channel: str,
        user_id: str,
        thread_ts: str | None,
        once: str = "",
    ) -> None:
        """Show a notice to one person. ``once``: at most one notice for this message, however often
        Slack delivers it.
        """
        if once and not await self.store.claim_notice(team_id, channel, once):
            return
        try:
            await self.api.post_ephemeral(
                channel=channel, user=user_id, text=notice.text, blocks=notice.blocks, thread_ts=thread_ts
            )
        except SlackError as error:
            # Nobody but this person would have seen it, and delivering the event again would not help.
            log.warning("notice.not_shown", channel=channel, method=error.method, code=error.code)
