"""A turn's voice in its thread: the card at once, the text while it grows, the footer that closes it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence

import structlog

from bot.assessment.events import Part
from bot.deliveries import Delivery
from bot.slack.api import Block, SlackApi
from bot.slack.errors import MessageMissingError, SlackOutcomeUnknownError, StoppedByUserError
from bot.slack.limits import WriterLimits
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
    ThreadSearch,
    TurnThread,
    part_metadata,
)

__all__ = ["Journal", "Sender", "ThreadPlace", "ThreadWriter"]

log = structlog.get_logger()


class ThreadWriter:
    """Writes one turn. Made anew by every run of it; ``delivered`` is what earlier runs noted (None on
    the first run).

    ``write`` never waits. What goes wrong in delivery is raised by the next ``write`` or by ``finish``,
    and reported by ``failure`` at once: ``StoppedByUserError``, ``SlackGoneError``, any other
    ``SlackError``, or what the journal raised when a newer run owns the turn.
    Call ``aclose`` in any case; it sends nothing.
    """

    def __init__(
        self,
        api: SlackApi,
        journal: Journal,
        place: ThreadPlace,
        sender: Sender,
        *,
        turn_id: str,
        limits: WriterLimits | None = None,
        clock: Callable[[], float] = time.monotonic,
        delivered: Delivery | None = None,
    ) -> None:
        self._api = api
        self._journal = journal
        self._thread = TurnThread(turn_id, place, sender)
        self._limits = limits or WriterLimits()
        self._resumed = delivered is not None
        earlier = delivered or Delivery()
        self._card_ts = earlier.card_ts
        self._footer_ts = earlier.footer_ts
        self._card_updates = 0
        self._search = ThreadSearch(api, place, turn_id)
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
            earlier=earlier.messages,
            thread=self._thread,
            limits=self._limits,
            clock=clock,
        )
        self._task: asyncio.Task[None] | None = None
        self._failed = asyncio.Event()

    # Card -------------------------------------------------------------------------------------------

    async def post_card(self, blocks: Sequence[Block], text: str) -> str:
        """Post the card and return its ts; after a crash, find it again instead."""
        if self._card_ts is None:
            self._card_ts = await self._post_once(CARD, blocks, text, look_first=self._resumed)
            self._messages.known.add(self._card_ts)
            await self._journal.record(card_ts=self._card_ts)
        return self._card_ts

    async def update_card(self, blocks: Sequence[Block], text: str, *, last: bool = False) -> bool:
        """Change the card; False when it was changed three times already. The third change is kept for
        the ``last`` one, which takes the stop button away.
        """
        allowed = self._limits.card_updates if last else self._limits.card_updates - 1
        if self._card_ts is None or self._card_updates >= allowed:
            return False
        self._card_updates += 1
        try:
            await self._api.update_message(
                channel=self._thread.place.channel,
                ts=self._card_ts,
                text=text,
                blocks=blocks,
                metadata=part_metadata(self._thread.turn_id, CARD),
            )
        except MessageMissingError:
            log.info("card.deleted", turn_id=self._thread.turn_id)
            return False
        return True

    def set_status(self, status: str) -> None:
        """Show a line of progress; best effort, kept until the footer."""
        self._status.show(status)

    # Text -------------------------------------------------------------------------------------------

    def write(self, part: Part) -> None:
        """Take the next part; it is shown as soon as pacing allows. Raises what ended the delivery."""
        self._raise_failure()
        self._document.add(part)
        self._start()
        self._delivery.notify()

    async def finish(self, footer_blocks: Sequence[Block], text: str) -> DeliveredText:
        """Deliver what is left, check that all of it arrived, and close the thread with the footer."""
        task = self._start()
        self._delivery.complete()
        try:
            await task
        finally:
            await self._status.aclose()
        account = self._delivery.account()
        await self._post_footer(footer_blocks, text)
        log.info(
            "delivery.finished",
            turn_id=self._thread.turn_id,
            messages=account.messages,
            rendered_bytes=account.rendered_bytes,
            delivered_bytes=account.delivered_bytes,
        )
        return account

    async def interrupt(self, note: str, footer_blocks: Sequence[Block], text: str) -> None:
        """End the message that is being written, within a second and with ``note`` below it, and post
        the footer. The note is Markdown; where no message is open only the footer can carry it. May be
        called after ``StoppedByUserError``.
        """
        await self._status.aclose()
        if self._task is not None or self._resumed:
            self._delivery.interrupt(safe_markdown(note).text)
            with contextlib.suppress(StoppedByUserError):
                await self._start()
        await self._post_footer(footer_blocks, text)

    async def failure(self) -> BaseException:
        """Wait until delivery has failed and return the error; for ever while it works."""
        await self._failed.wait()
        assert self._task is not None  # noqa: S101 - only a task's end sets the event
        error = self._task.exception()
        assert error is not None  # noqa: S101
        return error

    async def aclose(self) -> None:
        """Stop all work at once without a call to Slack: another run may go on from the journal."""
        await self._status.aclose()
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait({self._task})

    def _start(self) -> asyncio.Task[None]:
        if self._task is None:
            self._task = asyncio.create_task(self._delivery.run(), name=f"delivery-{self._thread.turn_id}")
            self._task.add_done_callback(self._ended)
        return self._task

    def _ended(self, task: asyncio.Task[None]) -> None:
        # Reading the exception here also tells asyncio that somebody knows of it.
        if not task.cancelled() and task.exception() is not None:
            self._failed.set()

    def _raise_failure(self) -> None:
        if self._task is not None and self._failed.is_set():
            self._task.result()

    # Messages that are posted once ------------------------------------------------------------------

    async def _post_footer(self, blocks: Sequence[Block], text: str) -> None:
        if self._footer_ts is None:
            self._footer_ts = await self._post_once(FOOTER, blocks, text, look_first=self._resumed)
            await self._journal.record(footer_ts=self._footer_ts)

    async def _post_once(self, kind: str, blocks: Sequence[Block], text: str, *, look_first: bool) -> str:
        """Post a message that must not appear twice; where its answer was lost, look for it first."""
        place, sender = self._thread.place, self._thread.sender
        looks = 1 if look_first else 0
        attempts = 0
        while True:
            for look in range(looks):
                if look:
                    await asyncio.sleep(self._limits.settle_seconds)
                found = await self._search.posted(kind)
                if found is not None:
                    return found
            try:
                return await self._api.post_message(
                    channel=place.channel,
                    thread_ts=place.thread_ts,
                    text=text,
                    blocks=blocks,
                    username=sender.username,
                    icon_emoji=sender.icon_emoji,
                    metadata=part_metadata(self._thread.turn_id, kind),
                )
            except SlackOutcomeUnknownError:
                attempts += 1
                if attempts >= self._limits.call_attempts:
                    raise
                looks = 2
