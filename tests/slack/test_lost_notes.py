"""A run goes on where the journal has forgotten what the run before it sent: Redis crashed in between."""

from __future__ import annotations

import asyncio

import pytest

from bot.assessment.events import Part
from tests.slack.conftest import CARD, FOOTER, Desk, document_of, section

PARTS = [part for number in range(1, 7) for part in section(number, bullets=12, words=20)]
"""Three messages' worth."""


async def write(desk: Desk, parts: list[Part], *, finish: bool, resumed: bool = False) -> None:
    """One run: the first dies without a word, the second looks into the thread."""
    writer = desk.writer(resumed=resumed, look_first=resumed, stream_bytes=4_000, post_bytes=5_000)
    await writer.post_card(CARD)
    for part in parts:
        writer.write(part)
        await asyncio.sleep(0.005)
    if finish:
        await writer.finish(FOOTER)
    else:
        await desk.sandbox.wait_for(lambda: len(desk.texts()) >= 3)
    await writer.aclose()


def forget(desk: Desk, messages: int) -> None:
    """The journal knows only so many text messages; with -1 not even the card."""
    journal = desk.journal
    for number in [number for number in journal.messages if number > messages]:
        del journal.messages[number]
    if messages < 0:
        journal.card_ts = None
    ends = [message.end for number, message in journal.messages.items() if number > 0]
    journal.document = journal.document[: max(ends, default=0)]


@pytest.mark.parametrize("known", [-1, 0, 1, 2])
async def test_a_run_writes_over_what_nobody_has_noted(desk: Desk, known: int) -> None:
    """However much was forgotten: one card, each line once, and no message beside those that stood there."""
    await write(desk, PARTS, finish=False)
    before = {message.ts for message in desk.replies()}
    forget(desk, known)
    await write(desk, PARTS, finish=True, resumed=True)
    assert document_of(desk.texts()) == document_of([part.text for part in PARTS])
    assert before <= {message.ts for message in desk.replies()}
    cards = [each for each in desk.replies() if (each.metadata or {})["event_payload"]["kind"] == "card"]
    assert len(cards) == 1
    assert not [message for message in desk.replies() if message.is_streaming]


@pytest.mark.parametrize("code", ["missing_scope", "unknown_method", "not_in_channel"])
async def test_a_thread_that_may_not_be_read_is_still_written_in(desk: Desk, code: str) -> None:
    """A run that cannot look whether its card is there goes on by what the journal knows: nothing is lost."""
    await write(desk, PARTS, finish=False)
    desk.sandbox.fail_next("conversations.replies", error=code, times=99)
    await write(desk, PARTS, finish=True, resumed=True)
    assert document_of(desk.texts()) == document_of([part.text for part in PARTS])
    assert not [message for message in desk.replies() if message.is_streaming]


async def test_one_that_was_deleted_meanwhile_is_sent_again(desk: Desk) -> None:
    """A message that is found and then gone is no reason to lose its text."""
    await write(desk, PARTS, finish=False)
    first, deleted, *_ = desk.texts()
    forget(desk, 1)
    desk.sandbox.fail_next("chat.update", error="message_not_found")
    await write(desk, PARTS, finish=True, resumed=True)
    again = [text for text in desk.texts() if text[:80] == deleted[:80]]
    assert len(again) == 2
    assert document_of([first, again[1]]) in document_of([part.text for part in PARTS])


async def test_a_footer_that_waited_for_its_slot_is_not_posted_by_an_older_run(desk: Desk) -> None:
    """A newer run has taken the turn over meanwhile, and posts its own."""
    desk.governor.wait_seconds["chat.postMessage"] = 0.2
    writer = desk.writer()
    for part in section(1):
        writer.write(part)
    finishing = asyncio.create_task(writer.finish(FOOTER))
    await desk.sandbox.wait_for(lambda: desk.count("chat.stopStream") == 1)
    await asyncio.sleep(0)
    desk.journal.fenced = PermissionError("a newer run owns the turn")
    with pytest.raises(PermissionError):
        await finishing
    assert desk.count("chat.postMessage") == 0
