"""A turn's voice in its thread: the card at once, the text while it grows, the footer that closes it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import replace

import structlog

from bot.assessment.events import Part, Withdrawn
from bot.deliveries import CARD_NUMBER, Delivery, SentMessage
from bot.slack.api import SlackApi
from bot.slack.card_changes import CardChanges
from bot.slack.cards import STOPPED_NOTE, Message
from bot.slack.errors import SlackError, SlackGoneError
from bot.slack.limits import WriterLimits
from bot.slack.posting import post_once
from bot.slack.rendered import RenderedDocument
from bot.slack.status_line import StatusLine
from bot.slack.text_delivery import DeliveredText, TextDelivery
from bot.slack.text_messages import Journal, TextMessages
from bot.slack.text_safety import safe_markdown
from bot.slack.thread_search import (
    CARD,
    FOOTER,
    Sender,
    ThreadPlace,
    TurnThread,
)

__all__ = ["Journal", "Sender", "ThreadPlace", "ThreadWriter"]

log = structlog.get_logger()


class ThreadWriter:
    """Writes one turn. Made anew by every run of it; ``delivered`` is what earlier runs noted (None on
    the first run). ``look_first``: there may be messages of theirs in the thread that nobody has noted.

    ``write`` never waits. What goes wrong in delivery is raised by the next ``write`` or by ``finish``,
    and reported by ``failed`` at once: ``StoppedByUserError``, ``SlackGoneError``, any other
    ``SlackError``, or what the journal raised when a newer run owns the turn.
    Call ``aclose`` in any case; it sends nothing.
    """

    def __init__(  # noqa: PLR0913 - each by name
        self,
        api: SlackApi,
        journal: Journal,
        place: ThreadPlace,
        sender: Sender,
        turn_id: str,
        *,
        limits: WriterLimits | None = None,
        clock: Callable[[], float] = time.monotonic,
        delivered: Delivery | None = None,
        look_first: bool = False,
    ) -> None:
        api = self._api = api.counting()
        self._journal = journal
        self._thread = TurnThread(turn_id, place, sender)
        self._limits = limits or WriterLimits()
        earlier = delivered or Delivery()
        self._resumed = look_first or earlier != Delivery()
        self._card_ts = earlier.card_ts
        self._footer_ts = earlier.footer_ts
        self._card_changes = CardChanges(api, self._thread, self._limits)
        self._status = StatusLine(api, self._thread, self._limits)
        closed = max((message.end for message in earlier.messages if message.state == "closed"), default=0)
        self._document = RenderedDocument(earlier.document, closed)
        self._messages = TextMessages(
            api, journal, self._thread, document=self._document, limits=self._limits, clock=clock
        )
        if self._card_ts is not None:
            self._messages.known.add(self._card_ts)
        self._delivery = TextDelivery(
            api,
            self._messages,
            self._document,
            earlier=tuple(message for message in earlier.messages if message.number != CARD_NUMBER),
            thread=self._thread,
            limits=self._limits,
            clock=clock,
            look_first=look_first,
        )
        self._task: asyncio.Task[None] | None = None
        self._failed = asyncio.Event()
        self._closing = False
        self._footer_begun = False
        self._allowed_urls: set[str] = set()

    # Card -------------------------------------------------------------------------------------------

    async def post_card(self, card: Message, *, asked_at: float | None = None) -> str:
        """Post the card and return its ts; after a crash, find it again instead. With ``asked_at`` (unix
        seconds) the cards of a busy channel come in the order of the questions.
        """
        if self._card_ts is None:
            await self._journal.record(messages=(SentMessage(CARD_NUMBER, "post", None, 0, 0, "unknown"),))
            look_first = self._resumed
            self._card_ts = ts = await self._post_once(CARD, card, look_first=look_first, asked_at=asked_at)
            self._messages.known.add(ts)
            sent = SentMessage(CARD_NUMBER, "post", ts, 0, 0, "closed")
            await self._journal.record(messages=(sent,), card_ts=ts)
        return self._card_ts

    async def update_card(self, card: Message) -> None:
        """Show the card anew. While text is still to come this does not wait, at most two changes are
        shown, and the latest wins; after the footer, one more is waited for.
        """
        if self._card_ts is None:
            return
        if self._closing:
            await self._card_changes.close(self._card_ts, card)
        else:
            self._card_changes.show(self._card_ts, card)

    def set_status(self, status: str) -> None:
        """Show a line of progress; best effort, kept until the footer."""
        self._status.show(status)

    # Text -------------------------------------------------------------------------------------------

    def allow_links(self, urls: Iterable[str]) -> None:
        """From now on links to exactly these addresses stay links: those of our own evidence table."""
        self._allowed_urls.update(urls)

    def write(self, part: Part) -> None:
        """Take the next part; it is shown as soon as pacing allows. Raises what ended the delivery.

        Its text passes the last safety layer here, unit by unit.
        """
        self._raise_failure()
        safe = safe_markdown(part.text, allowed_urls=self._allowed_urls)
        if safe.removed:
            log.warning(
                "text.neutralised", turn_id=self._thread.turn_id, section=part.section, count=safe.removed
            )
        self._document.add(replace(part, text=safe.text))
        self._start()
        self._delivery.notify()

    def withdraw(self, taken_back: Withdrawn) -> None:
        """Take back a part that was written: readers find a note in its place within seconds."""
        self._raise_failure()
        start, end = self._document.withdraw(taken_back.part, safe_markdown(taken_back.note).text)
        if start == end:
            log.warning("text.not_withdrawn", turn_id=self._thread.turn_id, part=taken_back.part)
            return
        self._delivery.withdraw(start, end)
        self._start()

    async def finish(self, footer: Message) -> DeliveredText:
        """Deliver what is left, check that all of it arrived, and close the thread with the footer."""
        self._closing = True
        self._start()
        self._delivery.complete()
        try:
            await self._delivered()
        finally:
            await self._status.aclose()
        account = self._delivery.account()
        await self._post_footer(footer)
        log.info(
            "delivery.finished",
            turn_id=self._thread.turn_id,
            messages=account.messages,
            rendered_bytes=account.rendered_bytes,
            delivered_bytes=account.delivered_bytes,
        )
        return account

    async def interrupt(self, card: Message, footer: Message, *, note: str = STOPPED_NOTE) -> None:
        """End the message that is being written, with ``note`` (Markdown) below it, post the footer, and show
        the card anew: all that a reader looks for within a second, even where the stream itself has to wait
        for its end. May be called after ``StoppedByUserError``.
        """
        self._closing = True
        await self._status.aclose()
        if self._task is None and not self._resumed:
            await self._close_with(card, footer)
            return
        self._delivery.interrupt(safe_markdown(note).text)
        await asyncio.wait({self._start()}, timeout=self._limits.stop_wait_seconds)
        shown = not self._start().done()
        if shown:
            await self._close_with(card, footer)
        try:
            await self._delivered()
        except SlackGoneError:
            raise
        except SlackError as error:
            # The delivery is over in any case; what stands is in the journal.
            log.warning("delivery.ended", turn_id=self._thread.turn_id, code=error.code)
        if not shown:
            await self._close_with(card, footer)

    async def _close_with(self, card: Message, footer: Message) -> None:
        await self._post_footer(footer)
        await self.update_card(card)

    async def fail(self, card: Message, footer: Message) -> None:
        """End what is being written as it is; ``footer`` says why there is no more."""
        await self.interrupt(card, footer, note="")

    @property
    def is_complete(self) -> bool:
        """All text is there, and the footer is on its way at least."""
        return self._footer_begun or self._footer_ts is not None

    async def failed(self) -> BaseException:
        """Wait until delivery has failed and return the error; for ever while it works."""
        await self._failed.wait()
        assert self._task is not None  # noqa: S101 - only a task's end sets the event
        error = self._task.exception()
        assert error is not None  # noqa: S101
        return error

    async def aclose(self) -> None:
        """Stop all work at once without a call to Slack: another run may go on from the journal."""
        await self._status.aclose()
        await self._card_changes.aclose()
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait({self._task})

    def _start(self) -> asyncio.Task[None]:
        if self._task is None:
            self._task = asyncio.create_task(self._delivery.run(), name=f"delivery-{self._thread.turn_id}")
            self._task.add_done_callback(self._ended)
        return self._task

    async def _delivered(self) -> None:
        """Wait for the delivery without being able to cancel it: whoever waits may be cancelled and
        somebody else still wants the message to end well.
        """
        task = self._start()
        await asyncio.wait({task})
        task.result()

    def _ended(self, task: asyncio.Task[None]) -> None:
        # Reading the exception here also tells asyncio that somebody knows of it.
        if not task.cancelled() and task.exception() is not None:
            self._failed.set()

    def _raise_failure(self) -> None:
        if self._task is not None and self._failed.is_set():
            self._task.result()

    # Messages that are posted once ------------------------------------------------------------------

    async def _post_footer(self, footer: Message) -> None:
        if self._footer_ts is None:
            look_first, self._footer_begun = self._resumed or self._footer_begun, True
            self._footer_ts = await self._post_once(FOOTER, footer, look_first=look_first)
            await self._journal.record(footer_ts=self._footer_ts)

    async def _post_once(
        self, kind: str, message: Message, *, look_first: bool, asked_at: float | None = None
    ) -> str:
        """Post a message that must not appear twice; where its answer was lost, look for it first."""
        return await post_once(
            self._api,
            self._thread.place,
            self._thread.turn_id,
            kind,
            message,
            sender=self._thread.sender,
            limits=self._limits,
            look_first=look_first,
            asked_at=asked_at,
            before=self._journal.record,  # a newer run may own the turn since we began to wait for our slot
        )
