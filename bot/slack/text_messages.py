"""The messages that carry the text: one call at a time, noted in the journal before it leaves.

Each operation leaves its message in one of three states: still open, closed (final), or doubtful (a
call's answer was lost), and a doubtful one is settled before anything else is sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from bot.deliveries import MessageKind, MessageState, SentMessage
from bot.slack.api import Block, SlackApi
from bot.slack.errors import (
    MessageMissingError,
    SlackGoneError,
    SlackOutcomeUnknownError,
    SlackRefusedError,
    StoppedByUserError,
    StreamConflictError,
    StreamExpiredError,
    TextTooLongError,
)
from bot.slack.limits import FALLBACK_TEXT_CHARS, WriterLimits
from bot.slack.rendered import RenderedDocument
from bot.slack.text_safety import safe_mrkdwn
from bot.slack.thread_search import TEXT, ThreadSearch, TurnThread, part_metadata

__all__ = ["Journal", "StreamRefusedError", "TextMessage", "TextMessages"]

log = structlog.get_logger()


class Journal(Protocol):
    """Where deliveries are noted, durably, for a worker that takes the turn over."""

    async def record(
        self,
        *,
        append: str = "",
        messages: Sequence[SentMessage] = (),
        card_ts: str | None = None,
        footer_ts: str | None = None,
    ) -> None:
        """Add text to the document and replace the messages given, by number. Raises when a newer run
        owns the turn.
        """
        ...


class StreamRefusedError(SlackRefusedError):
    """Slack will not stream here; posting and updating may still work."""


@dataclass(slots=True)
class TextMessage:
    """A message while this run is responsible for it. Offsets are characters of the document."""

    number: int
    kind: MessageKind
    start: int
    sent: int
    """Acknowledged by Slack up to here."""
    goal: int
    """Noted in the journal up to here."""
    ts: str | None = None
    started_at: float = 0.0
    flushed_at: float = 0.0
    acknowledged_bytes: int = 0
    closed: bool = False
    doubtful: bool = False
    overflowed: bool = False
    """Slack said it is full before we thought so."""

    def as_sent(self, state: MessageState) -> SentMessage:
        """The journal's form."""
        return SentMessage(self.number, self.kind, self.ts, self.start, self.goal, state)


class TextMessages:
    """Sends, grows, closes and settles the text messages of one turn."""

    def __init__(
        self,
        api: SlackApi,
        journal: Journal,
        thread: TurnThread,
        *,
        document: RenderedDocument,
        limits: WriterLimits,
        clock: Callable[[], float],
    ) -> None:
        self._api = api
        self._journal = journal
        self._place = thread.place
        self._sender = thread.sender
        self._turn_id = thread.turn_id
        self._document = document
        self._recorded = len(document.text)
        self._limits = limits
        self._clock = clock
        self._search = ThreadSearch(api, thread.place, thread.turn_id)
        self.known: set[str] = set()
        """Messages of this turn by ts, the card among them."""

    # What a message shows ---------------------------------------------------------------------------

    def _shown(self, message: TextMessage, end: int, *, closed: bool) -> str:
        return self._document.shown(message.start, end, closed=closed)

    def _delta(self, message: TextMessage, end: int, *, closing: bool) -> str:
        """What to add so that the message shows everything up to ``end``."""
        return self._shown(message, end, closed=closing)[
            len(self._shown(message, message.sent, closed=False)) :
        ]

    def _blocks(self, text: str) -> list[Block]:
        return [{"type": "markdown", "text": text}]

    def _fallback(self, text: str) -> str:
        """What notifications show: the beginning, on one line."""
        return safe_mrkdwn(" ".join(text.split())[:FALLBACK_TEXT_CHARS]).text or "…"

    async def _note(self, message: TextMessage, state: MessageState) -> None:
        end = max(self._recorded, message.goal)
        await self._journal.record(
            append=self._document.text[self._recorded : end], messages=(message.as_sent(state),)
        )
        self._recorded = end

    async def _close(self, message: TextMessage, end: int) -> None:
        message.sent = message.goal = end
        message.closed = True
        message.doubtful = False
        await self._note(message, "closed")

    # Sending ----------------------------------------------------------------------------------------

    async def start_stream(self, number: int, start: int, end: int) -> TextMessage:
        """chat.startStream with ``document[start:end]``; the caller has booked it."""
        message = TextMessage(number, "stream", start, start, end)
        text = self._delta(message, end, closing=False)
        await self._note(message, "unknown")
        message.started_at = self._clock()
        try:
            message.ts = await self._api.start_stream(
                channel=self._place.channel,
                thread_ts=self._place.thread_ts,
                text=text,
                recipient_user_id=self._place.recipient_user_id,
                recipient_team_id=self._place.recipient_team_id,
                username=self._sender.username,
                icon_emoji=self._sender.icon_emoji,
            )
        except SlackOutcomeUnknownError:
            message.doubtful = True
            return message
        except TextTooLongError:
            message.overflowed = message.closed = True
            message.goal = start
            return message
        except SlackRefusedError as error:
            raise StreamRefusedError(error.method, error.code) from error
        except SlackGoneError as error:
            if error.code.startswith(("restricted_action", "invalid_thread_ts")):
                raise StreamRefusedError(error.method, error.code) from error
            raise
        self._acknowledge(message, end, text)
        await self._note(message, "open")
        return message

    async def post(self, number: int, start: int, end: int, *, whole: bool) -> TextMessage:
        """chat.postMessage with ``document[start:end]``, booked; with ``whole`` that is all of it."""
        message = TextMessage(number, "post", start, start, end)
        await self._note(message, "unknown")
        text = self._shown(message, end, closed=True)
        try:
            message.ts = await self._api.post_message(
                channel=self._place.channel,
                thread_ts=self._place.thread_ts,
                text=self._fallback(text),
                blocks=self._blocks(text),
                username=self._sender.username,
                icon_emoji=self._sender.icon_emoji,
                metadata=part_metadata(self._turn_id, TEXT, number),
                booked=True,
            )
        except SlackOutcomeUnknownError:
            message.doubtful = True
            return message
        except TextTooLongError:
            message.overflowed = message.closed = True
            message.goal = start
            return message
        message.sent = end
        message.acknowledged_bytes = len(text.encode())
        message.started_at = message.flushed_at = self._clock()
        self.known.add(message.ts)
        if whole:
            await self._close(message, end)
        else:
            await self._note(message, "open")
        return message

    async def take_over(
        self, number: int, ts: str, start: int, end: int, *, whole: bool
    ) -> TextMessage | None:
        """Put ``document[start:end]`` in place of what an earlier run sent as this message, its note being
        lost; it goes on as a post. Booked for chat.update. None: somebody deleted it.
        """
        message = TextMessage(number, "post", start, start, end, ts=ts, started_at=self._clock())
        log.warning("message.taken_over", turn_id=self._turn_id, part=number)
        self.known.add(ts)
        await self._note(message, "open")
        if not await self._rewrite(message, end, booked=True):
            return None
        if whole:
            await self._close(message, end)
        return message

    async def unnoted(self, first: int) -> dict[int, str]:
        """The ts, by number, of this turn's messages from this number on: an earlier run sent them, and its
        note of them is lost. Most often none.
        """
        return await self._search.unnoted(first, username=self._sender.username, known=self.known)

    def _acknowledge(self, message: TextMessage, end: int, text: str) -> None:
        message.sent = end
        message.acknowledged_bytes += len(text.encode())
        message.flushed_at = self._clock()
        if message.ts is not None:
            self.known.add(message.ts)

    async def grow(self, message: TextMessage, end: int) -> None:
        """Show everything up to ``end``: append to a stream, update a post; booked."""
        message.goal = max(message.goal, end)
        await self._note(message, "open")
        if message.kind == "post":
            if not await self._rewrite(message, end, booked=True):
                await self._close(message, end)
            return
        text = self._delta(message, end, closing=False)
        try:
            await self._api.append_stream(channel=self._place.channel, ts=_ts(message), text=text)
        except (StreamExpiredError, TextTooLongError, MessageMissingError, StoppedByUserError) as error:
            await self._recover(message, error)
        except (SlackOutcomeUnknownError, SlackRefusedError) as error:
            log.warning("stream.doubtful", turn_id=self._turn_id, part=message.number, code=error.code)
            message.doubtful = True
        else:
            self._acknowledge(message, end, text)

    async def finish(self, message: TextMessage, end: int, *, note: str = "", booked: bool = True) -> None:
        """The message's last text, then it is final. ``note`` is safe Markdown set below it that is no
        part of the document.
        """
        message.goal = max(message.goal, end)
        await self._note(message, "open")
        below = f"\n\n{note}" if note else ""
        if message.kind == "post":
            await self._rewrite(message, end, note=below, booked=booked)
            await self._close(message, end)
            return
        text = self._delta(message, end, closing=True)
        try:
            await self._api.stop_stream(
                channel=self._place.channel,
                ts=_ts(message),
                text=text + below,
                metadata=part_metadata(self._turn_id, TEXT, message.number),
                booked=booked,
            )
        except StreamExpiredError:
            await self._rewrite(message, end, note=below)
            await self._close(message, end)
        except (TextTooLongError, MessageMissingError, StoppedByUserError) as error:
            await self._recover(message, error)
        except (SlackOutcomeUnknownError, SlackRefusedError) as error:
            log.warning("stream.doubtful", turn_id=self._turn_id, part=message.number, code=error.code)
            message.doubtful = True
        else:
            self._acknowledge(message, end, text)
            await self._close(message, end)

    async def edit(self, message: TextMessage) -> None:
        """Show anew what belongs in a message that is closed, or is a post; booked."""
        await self._rewrite(message, message.sent, booked=True)

    # Recovering -------------------------------------------------------------------------------------

    async def _recover(
        self,
        message: TextMessage,
        error: StreamExpiredError | TextTooLongError | MessageMissingError | StoppedByUserError,
    ) -> None:
        log.warning("stream.recovered", turn_id=self._turn_id, part=message.number, code=error.code)
        if isinstance(error, StreamExpiredError):
            await self._rewrite(message, message.goal)
            await self._close(message, message.goal)
            return
        if isinstance(error, TextTooLongError):
            message.overflowed = True
            await self._stop_quietly(message)
            await self._rewrite(message, message.sent)
        if isinstance(error, StoppedByUserError):
            # The reader's stop ends the stream only once we do, too.
            await self._stop_quietly(message)
            if self._delta(message, message.sent, closing=True):
                await self._rewrite(message, message.sent)
        message.acknowledged_bytes = len(self._shown(message, message.sent, closed=True).encode())
        await self._close(message, message.sent)
        if isinstance(error, StoppedByUserError):
            raise error

    async def _rewrite(self, message: TextMessage, end: int, *, note: str = "", booked: bool = False) -> bool:
        """chat.update with everything that belongs in the message: right whatever was there before.
        False: somebody deleted it.
        """
        there = True
        text = self._shown(message, end, closed=True)
        try:
            try:
                await self._update(message, text, note, booked=booked)
            except StreamConflictError:
                await self._stop_quietly(message)
                await self._update(message, text, note)
        except StreamConflictError:
            # Slack neither stops the stream nor lets go of it. What was acknowledged stays readable.
            log.warning("stream.stuck", turn_id=self._turn_id, part=message.number)
        except MessageMissingError:
            log.warning("message.deleted", turn_id=self._turn_id, part=message.number)
            there = False
        message.sent = end
        message.acknowledged_bytes = len(text.encode())
        message.flushed_at = self._clock()
        return there

    async def _update(self, message: TextMessage, text: str, note: str, *, booked: bool = False) -> None:
        await self._api.update_message(
            channel=self._place.channel,
            ts=_ts(message),
            text=self._fallback(text),
            blocks=self._blocks(text + note),
            metadata=part_metadata(self._turn_id, TEXT, message.number),
            booked=booked,
        )

    async def _stop_quietly(self, message: TextMessage) -> None:
        """Stop a stream that may be stopped, full or gone already."""
        try:
            await self._api.stop_stream(
                channel=self._place.channel,
                ts=_ts(message),
                metadata=part_metadata(self._turn_id, TEXT, message.number),
            )
        except (StreamExpiredError, TextTooLongError, MessageMissingError, StoppedByUserError) as error:
            log.info("stream.already_ended", turn_id=self._turn_id, part=message.number, code=error.code)

    async def settle(self, message: TextMessage) -> bool:
        """Make a doubtful message final. False: it never came to be, and its text is to be sent again.

        Raises ``SlackUnavailableError`` or ``SlackOutcomeUnknownError`` while Slack cannot be asked.
        """
        if message.ts is None:
            message.ts = await self._found(message)
        if message.ts is None:
            log.info("message.not_delivered", turn_id=self._turn_id, part=message.number)
            return False
        self.known.add(message.ts)
        if message.kind == "stream":
            await self._stop_quietly(message)
        await self._rewrite(message, message.goal)
        await self._close(message, message.goal)
        log.info("message.settled", turn_id=self._turn_id, part=message.number, kind=message.kind)
        return True

    async def _found(self, message: TextMessage) -> str | None:
        for attempt in range(2):
            if attempt:
                await asyncio.sleep(self._limits.settle_seconds)
            if message.kind == "post":
                ts = await self._search.posted(TEXT, message.number)
            else:
                after = max(self.known, default=None)
                ts = await self._search.streamed(
                    message.number, after=after, username=self._sender.username, known=self.known
                )
            if ts is not None:
                return ts
        return None


def _ts(message: TextMessage) -> str:
    if message.ts is None:
        raise LookupError("a message without ts is settled first")
    return message.ts
