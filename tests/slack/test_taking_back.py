"""Text that was shown and must not stand: edited where readers have it, whatever state its message is in."""

from __future__ import annotations

import time

import pytest

from bot.assessment.events import Cut, Part, Withdrawn
from tests.slack.conftest import CARD, FOOTER, Desk, document_of, section

EDITED_SECONDS = 5.0
"""Design, decision 4."""
WRONG, RIGHT = "The tariff fell by 77 %.", "The tariff fell by 10 points."
NOTE = "_[withdrawn: it breaks rule SO4]_"
PARTS = [
    Part("## 1. Facts", Cut.SECTION, "1"),
    Part(f"\n\n- {RIGHT}", Cut.LINE, "1"),
    Part(f"\n- {WRONG}", Cut.LINE, "1"),
    Part("\n- Licences stay.", Cut.LINE, "1"),
]
BACK = Withdrawn(2, "it breaks rule SO4")


def edited(parts: list[Part]) -> str:
    return document_of(["".join(part.text for part in parts).replace(WRONG, NOTE)])


async def test_a_stream_is_ended_edited_and_gone_on_from_in_a_new_message(desk: Desk) -> None:
    """Within five seconds, as a bullet where it was one; the account of the delivery is right."""
    more = section(2, bullets=3)
    writer = desk.writer()
    await writer.post_card(CARD)
    for part in PARTS:
        writer.write(part)
    await desk.sandbox.wait_for(lambda: WRONG in "".join(desk.texts()))
    assert any(message.is_streaming for message in desk.replies())
    began = time.monotonic()
    writer.withdraw(BACK)
    await desk.sandbox.wait_for(lambda: f"\n- {NOTE}\n- Licences" in desk.texts()[0])
    assert time.monotonic() - began < EDITED_SECONDS
    for part in more:
        writer.write(part)
    await writer.finish(FOOTER)
    assert document_of(desk.texts()) == edited([*PARTS, *more])
    assert len(desk.texts()) == 2
    assert not any(message.is_streaming for message in desk.replies())


async def test_a_message_that_is_closed_is_edited(desk: Desk) -> None:
    """Only it: the stream that goes on behind it is left alone."""
    second = section(2, bullets=3)
    writer = desk.writer(stream_bytes=len("".join(part.text for part in PARTS)) + 20)
    await writer.post_card(CARD)
    for part in [*PARTS, *second[:2]]:
        writer.write(part)
    await desk.sandbox.wait_for(lambda: len(desk.texts()) > 1)
    writer.withdraw(BACK)
    await desk.sandbox.wait_for(lambda: NOTE in desk.texts()[0])
    for part in second[2:]:
        writer.write(part)
    await writer.finish(FOOTER)
    assert document_of(desk.texts()) == edited([*PARTS, *second])


async def test_what_nobody_has_yet_is_never_shown(desk: Desk) -> None:
    """The note is all that is sent of it."""
    writer = desk.writer()
    for part in PARTS:
        writer.write(part)
    writer.withdraw(BACK)
    await writer.finish(FOOTER)
    assert document_of(desk.texts()) == edited(PARTS)
    assert not any(WRONG in str(call.args) for call in desk.sandbox.calls)


@pytest.mark.parametrize("edited_before", [False, True])
async def test_a_second_run_withdraws_what_the_first_had_shown(desk: Desk, *, edited_before: bool) -> None:
    """Told again by the engine, once more or for the first time: the end is the same."""
    writer = desk.writer()
    await writer.post_card(CARD)
    for part in PARTS:
        writer.write(part)
    await desk.sandbox.wait_for(lambda: WRONG in "".join(desk.texts()))
    if edited_before:
        writer.withdraw(BACK)
        await desk.sandbox.wait_for(lambda: NOTE in "".join(desk.texts()))
    await writer.aclose()
    again = desk.writer(resumed=True)
    for part in PARTS:
        again.write(part)
    again.withdraw(BACK)
    more = section(2, bullets=2)
    for part in more:
        again.write(part)
    await again.finish(FOOTER)
    assert document_of(desk.texts()) == edited([*PARTS, *more])


async def test_an_edit_whose_answer_is_lost_is_made_again(desk: Desk) -> None:
    """It says the same each time."""
    writer = desk.writer()
    for part in PARTS:
        writer.write(part)
    await desk.sandbox.wait_for(lambda: WRONG in "".join(desk.texts()))
    desk.sandbox.fail_next("chat.update", drop="after")
    writer.withdraw(BACK)
    await writer.finish(FOOTER)
    assert document_of(desk.texts()) == edited(PARTS)
    assert desk.count("chat.update") >= 2


async def test_a_stop_does_not_leave_it_standing(desk: Desk) -> None:
    """Though the turn ends in the same moment."""
    writer = desk.writer()
    await writer.post_card(CARD)
    for part in PARTS:
        writer.write(part)
    await desk.sandbox.wait_for(lambda: WRONG in "".join(desk.texts()))
    writer.withdraw(BACK)
    await writer.interrupt(CARD, FOOTER)
    assert WRONG not in "".join(desk.texts())
    assert NOTE in "".join(desk.texts())
