"""Opening a thread for a question that is no message yet: it is posted, and the turn that answers is queued.

A job of the queue like an answer: it survives a crash, and its message is posted once. Where Slack does not
let us write, the person gets a way out, with the question kept behind its buttons.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from bot.admission import Admission
from bot.assessment.formats import COMPARISON, Format
from bot.deliveries import CARD_NUMBER, Delivery, SentMessage
from bot.jobs import Queue, TurnRun
from bot.slack import asking_notices
from bot.slack.api import SlackApi
from bot.slack.cards import Notice
from bot.slack.errors import SlackError, SlackGoneError, SlackRefusedError
from bot.slack.posting import post_once
from bot.slack.private_words import PrivateWords
from bot.slack.thread_search import QUESTION, ThreadPlace
from bot.slack.ways_in import WaysIn
from bot.store.stored_turns import Outcome
from bot.store.turn_store import TurnStore
from bot.turns import Opening, Turn
from personas.desk import Desk

__all__ = ["ThreadOpening"]

log = structlog.get_logger()

CLOCKS_SECONDS = 300
"""How far our clock and Slack's may be apart when a message is looked for: what Slack tolerates in
signatures."""

_NOT_THERE = {"not_in_channel": "public", "channel_not_found": "private"}
"""Slack's codes where the app is no member; of private places it says that there is no such channel."""


@dataclass(frozen=True, slots=True)
class ThreadOpening:
    """Opens threads for one Slack app."""

    api: SlackApi
    ways_in: WaysIn
    words: PrivateWords
    store: TurnStore
    queue: Queue
    admission: Admission
    desk: Desk
    formats: Callable[[str], Format]
    bot_name: str
    can_join: bool
    """Whether the app may join public channels by itself."""

    async def open(self, run: TurnRun) -> Outcome:
        """Post the question and queue its answer, or tell the person why that cannot be."""
        turn, opening = run.turn, _opening_of(run.turn)
        ids = {"turn_id": turn.turn_id, "team": turn.team_id, "channel": turn.channel}
        with structlog.contextvars.bound_contextvars(**ids):
            try:
                channel = await self._channel(turn, opening)
                message_ts = await self._post(run, opening, channel)
            except (SlackGoneError, SlackRefusedError) as error:
                log.warning("opening.refused", method=error.method, code=error.code)
                await self._show_way_out(turn, opening, error)
                return Outcome.FAILED
            await self.queue.enqueue(turn.opened(channel, opening.below or message_ts, message_ts))
            return Outcome.ANSWERED

    async def give_up(self, run: TurnRun, reason: str) -> None:
        """Tell the person that the question could not be asked."""
        log.warning("opening.given_up", turn_id=run.turn.turn_id, reason=reason)
        await self._release(run.turn)
        await self._tell(run.turn, asking_notices.gave_up_notice(run.turn.question.text))

    async def _channel(self, turn: Turn, opening: Opening) -> str:
        return await self.ways_in.direct_channel(turn.user_id) if opening.direct else turn.channel

    async def _post(self, run: TurnRun, opening: Opening, channel: str) -> str:
        """Post the question once; the journal says that it may stand there before it is sent."""
        turn, delivery = run.turn, run.stored.delivery
        if delivery.card_ts is not None:
            return delivery.card_ts
        asked = [persona for code in turn.asked if (persona := self.desk.by_code(code)) is not None]
        if len(asked) != len(turn.asked):
            raise LookupError(f"one of {turn.asked} is not on this desk")
        journal = self.store.journal(run.lease)
        await journal.record(messages=(SentMessage(CARD_NUMBER, "post", None, 0, 0, "unknown"),))
        format_name = self.formats(COMPARISON.key if turn.compared else turn.format).name
        ts = await post_once(
            self.api,
            ThreadPlace(
                turn.team_id,
                channel,
                opening.below,
                turn.user_id,
                turn.user_team_id,
                since=f"{turn.asked_at - CLOCKS_SECONDS:.6f}",
            ),
            opening.turn_id,
            QUESTION,
            asking_notices.question_message(turn.user_id, asked, format_name, turn.question),
            limits=self.api.limits,
            look_first=delivery != Delivery(),
        )
        sent = SentMessage(CARD_NUMBER, "post", ts, 0, 0, "closed")
        await journal.record(messages=(sent,), card_ts=ts)
        return ts

    async def _show_way_out(self, turn: Turn, opening: Opening, error: SlackError) -> None:
        await self._release(turn)
        await self.store.offer(turn)
        await self._tell(turn, self._way_out(turn, opening, error.code))

    def _way_out(self, turn: Turn, opening: Opening, code: str) -> Notice:
        text = turn.question.text
        if opening.direct or code not in _NOT_THERE:
            return asking_notices.cannot_write_notice(code, turn.turn_id, text, direct=opening.direct)
        place: asking_notices.Place = "public" if code == "not_in_channel" else "private"
        if turn.channel.startswith("D"):
            place = "conversation"
        return asking_notices.not_here_notice(
            place, turn.turn_id, bot_name=self.bot_name, can_join=self.can_join, text=text
        )

    async def _release(self, turn: Turn) -> None:
        """The turn that would have answered keeps no place."""
        await self.admission.release(turn.opened(turn.channel, turn.thread_ts, turn.message_ts), forgive=True)

    async def _tell(self, turn: Turn, notice: Notice) -> None:
        """Privately where the question was asked; by a direct message where that is not possible any more."""
        url = _opening_of(turn).response_url
        if url and await self.words.try_to_tell(url, notice):
            return
        try:
            channel = await self.ways_in.direct_channel(turn.user_id)
            await self.api.post_message(channel=channel, text=notice.text, blocks=notice.blocks)
        except SlackError as error:
            log.warning("notice.not_shown", method=error.method, code=error.code)


def _opening_of(turn: Turn) -> Opening:
    if turn.opening is None:
        raise ValueError(f"turn {turn.turn_id} has a thread")
    return turn.opening
