"""The one task that owns a turn's stream: decides when to send what, in which message.

Text gathers while it waits for its next flush or for a slot of the governor; when its turn comes, all
of it goes. Nothing here is shared with a second writer, so a stream can never be appended to twice at
once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from bot.deliveries import SentMessage
from bot.errors import CountryAgentsError
from bot.slack.api import SlackApi
from bot.slack.errors import (
    SlackOutcomeUnknownError,
    SlackRateLimitedError,
    SlackUnavailableError,
    TextTooLongError,
)
from bot.slack.limits import WriterLimits
from bot.slack.rendered import RenderedDocument
from bot.slack.splitting import Fill, choose_end, next_message, size_of
from bot.slack.text_messages import StreamRefusedError, TextMessage, TextMessages
from bot.slack.thread_search import TurnThread
from bot.store.governor import Slot

__all__ = ["DeliveredText", "DeliveryMismatchError", "TextDelivery"]

log = structlog.get_logger()

_SMALLEST_MESSAGE_BYTES = 1_000
"""Slack calling a message of this size too long is not about its size."""


class DeliveryMismatchError(CountryAgentsError):
    """What was delivered is not what was rendered: a defect of ours."""

    user_message = "Part of this answer may be missing. Please ask again."


@dataclass(frozen=True, slots=True)
class DeliveredText:
    """The account of a delivery: bytes as shown, separators between messages left out."""

    characters: int
    """Of the document."""
    messages: int
    """Of text: neither card nor footer."""
    calls: int
    """Requests to Slack for the whole turn so far."""
    rendered_bytes: int
    delivered_bytes: int


class TextDelivery:
    """Runs until all text is delivered (``complete``) or the turn is ended early (``interrupt``)."""

    def __init__(
        self,
        api: SlackApi,
        messages: TextMessages,
        document: RenderedDocument,
        *,
        earlier: tuple[SentMessage, ...],
        thread: TurnThread,
        limits: WriterLimits,
        clock: Callable[[], float],
        look_first: bool = False,
    ) -> None:
        self._api = api
        self._messages = messages
        self._look_first = look_first
        self._unnoted: dict[int, str] = {}
        """Messages by number that an earlier run sent and whose note was lost: their ts."""
        self._document = document
        self._earlier = tuple(sorted(earlier, key=lambda message: message.number))
        self._turn_id = thread.turn_id
        self._limits = limits
        self._clock = clock
        self._channel = thread.place.channel
        self._open: TextMessage | None = None
        self._closed: list[TextMessage] = []
        self._stream_limit = limits.stream_bytes
        self._post_limit = limits.post_bytes
        self._streams_refused = False
        self._complete = False
        self._note: str | None = None
        self._withdrawn: list[tuple[int, int]] = []
        """Ranges of the document that are shown differently now, and not everywhere yet."""
        self._text_waits = asyncio.Event()
        self._ending = asyncio.Event()
        self._interrupted = asyncio.Event()
        self._outage = 0.0
        self._ahead: Slot | None = None
        """The next append's slot, booked before there is anything to append."""
        self._ahead_at = 0.0

    # What others say --------------------------------------------------------------------------------

    def notify(self) -> None:
        """There is more text."""
        self._text_waits.set()

    def complete(self) -> None:
        """There will be no more text."""
        self._document.complete()
        self._complete = True
        self._text_waits.set()
        self._ending.set()

    def withdraw(self, start: int, end: int) -> None:
        """Show this range of the document anew where readers have it: something else stands there now."""
        self._withdrawn.append((start, end))
        self._text_waits.set()

    def interrupt(self, note: str) -> None:
        """End now, with ``note`` (safe Markdown) below what is there."""
        self._note = note
        self._text_waits.set()
        self._ending.set()
        self._interrupted.set()

    # The task ---------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Deliver. Raises what ends the turn: ``SlackGoneError``, ``StoppedByUserError``, the journal's."""
        for sent in self._earlier:
            self._adopt(sent)
            while self._open is not None:
                await self._attempt()
        while not self._is_over():
            await self._attempt()

    async def _attempt(self) -> None:
        try:
            await self._step()
        except SlackRateLimitedError as error:
            await self._rest(error.retry_after_seconds)
        except (SlackUnavailableError, SlackOutcomeUnknownError) as error:
            await self._ride_out(error)
        else:
            self._outage = 0.0

    def _is_over(self) -> bool:
        if self._open is not None or self._withdrawn:
            return False
        return self._note is not None or (self._complete and self._position >= self._document.end)

    @property
    def _position(self) -> int:
        """Everything before this character is in closed messages."""
        return self._closed[-1].sent if self._closed else 0

    def _adopt(self, sent: SentMessage) -> None:
        """Take over a message of an earlier run; one that was not closed is in doubt."""
        message = TextMessage(sent.number, sent.kind, sent.start, sent.start, sent.end, ts=sent.ts)
        if sent.ts is not None:
            self._messages.known.add(sent.ts)
        if sent.state == "closed":
            message.sent = sent.end
            message.closed = True
            message.acknowledged_bytes = len(self._document.shown(sent.start, sent.end).encode())
            if sent.end > sent.start:
                self._closed.append(message)
        else:
            message.doubtful = True
            self._open = message

    async def _step(self) -> None:
        if self._withdrawn and (self._open is None or not self._open.doubtful):
            await self._show_withdrawn(*self._withdrawn[0])
        elif self._open is None:
            if self._document.end > self._position:
                await self._begin()
            else:
                await self._wait(self._text_waits)
        elif self._open.doubtful:
            await self._settle(self._open)
        elif self._note is not None:
            await self._end_now(self._open, self._note)
        else:
            await self._continue(self._open)
        self._take_leave()

    def _take_leave(self) -> None:
        message = self._open
        if message is None or not message.closed:
            return
        if message.overflowed:
            self._shrink(message)
        self._open = None
        if message.sent > message.start:
            self._closed.append(message)

    def _shrink(self, message: TextMessage) -> None:
        """Slack's limit is lower than ours: stay below what it took."""
        limit = self._stream_limit if message.kind == "stream" else self._post_limit
        if message.sent == message.start and limit <= _SMALLEST_MESSAGE_BYTES:
            raise TextTooLongError("chat.startStream", "msg_too_long")
        limit = max(message.acknowledged_bytes or limit // 2, _SMALLEST_MESSAGE_BYTES)
        log.warning("message.overflowed", turn_id=self._turn_id, part=message.number, bytes=limit)
        if message.kind == "stream":
            self._stream_limit = min(self._stream_limit, limit)
        else:
            self._post_limit = min(self._post_limit, limit)

    # Beginning a message ----------------------------------------------------------------------------

    async def _begin(self) -> None:
        start = self._position
        number = self._closed[-1].number + 1 if self._closed else 1
        method = self._first_call()
        if self._look_first:
            self._unnoted, self._look_first = await self._messages.unnoted(number), False
        if number in self._unnoted:
            method = "chat.update"
        if not await self._slot(method) or method not in {self._first_call(), "chat.update"}:
            return
        plan = next_message(
            self._document.text,
            self._document.units,
            start=start,
            stream_limit=self._post_limit if self._streams_refused else self._stream_limit,
            post_limit=self._post_limit,
            complete=self._complete,
        )
        if method == "chat.update":
            ts = self._unnoted.pop(number)
            self._open = await self._messages.take_over(number, ts, start, plan.end, whole=plan.whole)
            return
        if method == "chat.postMessage":
            self._open = await self._messages.post(number, start, plan.end, whole=plan.whole)
            return
        try:
            self._open = await self._messages.start_stream(number, start, plan.end)
            await self._book_ahead()
        except StreamRefusedError as error:
            log.warning("stream.refused", turn_id=self._turn_id, code=error.code)
            self._streams_refused = True

    def _first_call(self) -> str:
        """Whether what waits now is streamed or posted."""
        if self._streams_refused:
            return "chat.postMessage"
        plan = next_message(
            self._document.text,
            self._document.units,
            start=self._position,
            stream_limit=self._stream_limit,
            post_limit=self._post_limit,
            complete=self._complete,
        )
        return "chat.postMessage" if plan.whole else "chat.startStream"

    # Going on with a message ------------------------------------------------------------------------

    def _fill(self, message: TextMessage) -> Fill:
        streamed = message.kind == "stream"
        return choose_end(
            self._document.text,
            self._document.units,
            start=message.start,
            sent=message.sent,
            limit=self._stream_limit if streamed else self._post_limit,
            complete=self._complete,
            cut_soon=streamed and self._age(message) >= self._limits.rotate_softly_seconds,
        )

    def _age(self, message: TextMessage) -> float:
        return self._clock() - message.started_at

    def _ends(self, message: TextMessage, fill: Fill) -> bool:
        too_old = message.kind == "stream" and self._age(message) >= self._limits.rotate_seconds
        return fill.full or self._complete or too_old

    async def _continue(self, message: TextMessage) -> None:
        fill = self._fill(message)
        ends = self._ends(message, fill)
        streamed = message.kind == "stream"
        if not ends and await self._must_wait(message, fill):
            return
        if streamed:
            method = "chat.stopStream" if ends else "chat.appendStream"
        else:
            method = "chat.update"
            # Slack asks for these seconds between updates of one message, and the last one is no exception.
            await self._pause(message.flushed_at + self._limits.update_seconds - self._clock())
        if not await self._slot(method):
            return
        fill = self._fill(message)
        if ends:
            await self._messages.finish(message, fill.end)
            await self._give_back()
        else:
            await self._messages.grow(message, fill.end)
            await self._book_ahead()

    async def _must_wait(self, message: TextMessage, fill: Fill) -> bool:
        """Wait for text, or for the time to send what there is; True when things may have changed."""
        streamed = message.kind == "stream"
        if fill.end <= message.sent:
            left = self._limits.rotate_seconds - self._age(message) if streamed else None
            await self._wait(self._text_waits, left)
            return True
        interval = self._limits.flush_seconds if streamed else self._limits.update_seconds
        if streamed and message.flushed_at <= message.started_at + self._limits.first_growth_seconds:
            interval = self._limits.first_growth_seconds
        if size_of(self._document.text, message.sent, fill.end) < self._limits.flush_min_bytes:
            interval *= 2
        due_in = message.flushed_at + interval - self._clock()
        if due_in <= 0:
            return False
        await self._wait(self._ending, due_in)
        return True

    async def _settle(self, message: TextMessage) -> None:
        if not await self._messages.settle(message):
            self._open = None

    async def _end_now(self, message: TextMessage, note: str) -> None:
        await self._slot_for_sure("chat.stopStream" if message.kind == "stream" else "chat.update")
        await self._messages.finish(message, self._fill(message).end, note=note)

    # Taking back ------------------------------------------------------------------------------------

    async def _show_withdrawn(self, start: int, end: int) -> None:
        """Edit the messages that hold the range. A stream is ended for it: the text goes on in a new one."""
        message = self._open
        if message is not None and message.start < end and start < message.sent:
            if message.kind == "stream":
                await self._slot_for_sure("chat.stopStream")
                await self._messages.finish(message, message.sent)
                return  # it is among the closed ones now, or in doubt: settled, it shows what it should
            await self._slot_for_sure("chat.update")
            await self._messages.edit(message)
        for closed in self._closed:
            if closed.start < end and start < closed.sent:
                await self._slot_for_sure("chat.update")
                await self._messages.edit(closed)
        self._withdrawn.remove((start, end))
        log.warning("text.withdrawn", turn_id=self._turn_id, characters=end - start)

    # Waiting ----------------------------------------------------------------------------------------

    async def _wait(self, event: asyncio.Event, timeout_seconds: float | None = None) -> None:
        if event is self._text_waits and not self._ending.is_set():
            event.clear()
        try:
            async with asyncio.timeout(timeout_seconds):
                await event.wait()
        except TimeoutError:
            return

    async def _slot(self, method: str) -> bool:
        """Book a slot, or take the one booked ahead, and wait for it. False: interrupted meanwhile."""
        if self._ahead is not None and self._ahead.method == method:
            slot, self._ahead = self._ahead, None
            await self._pause(self._ahead_at - self._clock())
            slot = await self._api.confirm(slot)
        else:
            slot = await self._api.reserve(method, channel=self._channel)
        while slot.seconds > 0 and not self._interrupted.is_set():
            await self._pause(slot.seconds)
            slot = await self._api.confirm(slot)
        return not self._interrupted.is_set()

    async def _slot_for_sure(self, method: str) -> None:
        """Book a slot and wait for it, whatever happens: calling early would be refused, and hold up
        everybody's calls.
        """
        slot = await self._api.reserve(method, channel=self._channel)
        while slot.seconds > 0:
            await asyncio.sleep(slot.seconds)
            slot = await self._api.confirm(slot)

    async def _book_ahead(self) -> None:
        """Keep this stream's place in the line of all streams: whoever books only once there is text waits a
        whole round more. What becomes of the text later does not matter; the slot waits for it.
        """
        message = self._open
        if message is not None and message.kind == "stream" and not message.closed and not message.doubtful:
            self._ahead = await self._api.reserve("chat.appendStream", channel=self._channel)
            self._ahead_at = self._clock() + self._ahead.seconds

    async def _give_back(self) -> None:
        if self._ahead is not None:
            slot, self._ahead = self._ahead, None
            await self._api.release(slot)

    async def _pause(self, seconds: float) -> None:
        if seconds > 0:
            await self._wait(self._interrupted, seconds)

    async def _rest(self, seconds: float) -> None:
        """A pause Slack needs: cut short by the interruption itself, but not after it."""
        if self._interrupted.is_set():
            await asyncio.sleep(seconds)
        else:
            await self._pause(seconds)

    async def _ride_out(self, error: SlackUnavailableError | SlackOutcomeUnknownError) -> None:
        """Slack is away: go on trying for a while, more and more rarely."""
        pause = min(max(self._outage, 0.5), 10.0)
        self._outage += pause
        if self._outage > self._limits.outage_seconds:
            raise error
        log.warning("slack.away", turn_id=self._turn_id, code=error.code, seconds=round(self._outage, 1))
        await self._rest(pause)

    # The account ------------------------------------------------------------------------------------

    def account(self) -> DeliveredText:
        """What was delivered, checked against what was rendered: messages tile the document and each
        holds exactly its bytes. Raises ``DeliveryMismatchError``.
        """
        position = rendered = delivered = 0
        for message in self._closed:
            expected = len(self._document.shown(message.start, message.sent).encode())
            if message.start != position or expected != message.acknowledged_bytes:
                raise DeliveryMismatchError(
                    f"turn {self._turn_id}: part {message.number} is not what was rendered"
                )
            position = message.sent
            rendered += expected
            delivered += message.acknowledged_bytes
        if position != len(self._document.text):
            raise DeliveryMismatchError(
                f"turn {self._turn_id}: {len(self._document.text) - position} characters not delivered"
            )
        return DeliveredText(position, len(self._closed), self._api.calls, rendered, delivered)
