"""Somebody has seen enough: the model calls end within a second, the message ends cleanly."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import pytest

from bot.store.stored_turns import Outcome
from tests.support.desk import (
    OpenDesk,
    bare,
    buttons_of,
    dripping,
    open_desk,
    shown_text,
    words_of,
)
from tests.support.seed_script import answer
from tests.support.valkey import RealValkey

STOP_SECONDS = 1.0
"""From the press to the last closed model stream (issue 2)."""


async def being_written(desk: OpenDesk) -> str:
    """Ask, and wait until text streams while model calls are under way."""
    ts = await desk.ask()

    def streams() -> bool:
        texts = desk.of_kind(ts, "text")
        return bool(desk.model.open_streams and texts and texts[-1].is_streaming)

    await desk.until(streams)
    return ts


async def model_is_quiet(desk: OpenDesk) -> float:
    """Seconds until no call is open at the model server."""
    started = time.monotonic()
    await desk.poll(lambda: desk.model.open_streams == 0)
    return time.monotonic() - started


@pytest.mark.parametrize("by", ["card", "slack"])
@pytest.mark.parametrize("transport", ["socket", "http"])
async def test_a_stop_ends_the_calls_and_the_message(valkey: RealValkey, by: str, transport: str) -> None:
    """By our button or by Slack's own: what stands was checked, nothing streams on, a retry is offered."""
    async with open_desk(valkey, transport=transport, script=dripping("2", "3")) as desk:
        ts = await being_written(desk)
        if by == "card":
            assert await desk.press(desk.of_kind(ts, "card")[0], "stop_turn", user="kim") == "acked"
        else:
            await desk.sandbox.press_stop("kim", desk.asked[ts], ts)
        assert await model_is_quiet(desk) < STOP_SECONDS
        assert desk.model.disconnects
        await desk.answered(ts)
        footer = desk.of_kind(ts, "footer")[0]
        assert "Stopped" in words_of(footer)
        assert buttons_of(footer) == ["retry_turn"]
        last = desk.of_kind(ts, "text")[-1]
        assert not last.is_streaming
        # A stream that Slack itself stopped takes no more text.
        assert shown_text(last).endswith("_Stopped._") == (by == "card")
        shown = bare(desk.text(ts)).removesuffix("_Stopped._")
        assert bare(await desk.rendered_with(answer, ts)).startswith(shown)
        assert desk.sandbox.workspace.pings == []


async def test_a_stop_may_be_written_into_the_thread(valkey: RealValkey) -> None:
    """Of all that people write there it alone does not wait for the answer's end."""
    async with open_desk(valkey, script=dripping("2", "3")) as desk:
        ts = await being_written(desk)
        await desk.ask("Stop!", user="kim", thread_ts=ts)
        assert await model_is_quiet(desk) < STOP_SECONDS
        await desk.answered(ts)
        assert "Stopped" in words_of(desk.of_kind(ts, "footer")[0])
        await desk.idle()
        assert desk.sandbox.ephemerals == []
        assert len(desk.of_kind(ts, "card")) == 1


async def test_deleting_the_question_ends_its_answer_and_forgets_it(valkey: RealValkey) -> None:
    """No message is left half written, with a button that stops nothing."""
    async with open_desk(valkey, script=dripping("2", "3")) as desk:
        ts = await being_written(desk)
        await desk.sandbox.delete_as_user("dana", desk.asked[ts], ts)
        await desk.answered(ts)
        await desk.idle()
        assert not any(message.is_streaming for message in desk.replies(ts))
        assert desk.model.open_streams == 0
        assert await desk.store.turn(desk.turn_id(ts)) is None


async def test_a_stopped_question_can_be_tried_again(valkey: RealValkey) -> None:
    """The button below "Stopped" answers in full, once, however often it is pressed."""
    async with open_desk(valkey, script=dripping("2")) as desk:
        ts = await being_written(desk)
        await desk.press(desk.of_kind(ts, "card")[0], "stop_turn")
        await desk.answered(ts)
        desk.model.script = answer
        footer = desk.of_kind(ts, "footer")[0]
        await desk.press(footer, "retry_turn")
        await desk.press(footer, "retry_turn")
        await desk.answered(ts, times=2)
        await desk.idle()
        assert len(desk.of_kind(ts, "card")) == 2
        assert desk.text(ts).count("## 8.") == 1


async def test_a_stop_before_any_text_ends_the_turn(valkey: RealValkey) -> None:
    """Only the card was there."""
    async with open_desk(valkey, first_token_seconds=30.0) as desk:
        ts = await desk.ask()
        await desk.until(lambda: desk.of_kind(ts, "card"))
        await desk.poll(lambda: desk.model.open_streams > 0)
        await desk.press(desk.of_kind(ts, "card")[0], "stop_turn")
        assert await model_is_quiet(desk) < STOP_SECONDS
        await desk.answered(ts)
        assert "Stopped" in words_of(desk.of_kind(ts, "footer")[0])


async def test_a_stop_after_the_end_changes_nothing(valkey: RealValkey) -> None:
    """The card of a finished answer has no button; an old client may still show one."""
    async with open_desk(valkey) as desk:
        ts = await desk.ask()
        await desk.until(lambda: desk.of_kind(ts, "card"))
        turn_id = desk.turn_id(ts)
        await desk.answered(ts)
        await desk.at_rest(ts)
        before = [words_of(message) for message in desk.replies(ts)]
        assert desk.app is not None
        assert not await desk.app.apps[0].answering.store.stop(turn_id, "U0KIM")
        await desk.idle()
        assert [words_of(message) for message in desk.replies(ts)] == before


async def test_a_stop_after_the_last_word_changes_nothing(valkey: RealValkey) -> None:
    """The answer is all there and its footer posted: it is not called stopped afterwards."""

    def is_footer(arguments: Mapping[str, Any]) -> bool:
        return "'kind': 'footer'" in str(arguments.get("metadata"))

    async with open_desk(valkey) as desk:
        held = desk.sandbox.faults.hold("chat.postMessage", "after", is_footer)
        ts = await desk.ask()
        await held.reached.wait()
        assert await desk.press(desk.of_kind(ts, "card")[0], "stop_turn", user="kim") == "acked"
        held.open()
        await desk.answered(ts)
        await desk.at_rest(ts)
        stored = await desk.store.load(desk.turn_id(ts))
        assert stored is not None
        assert stored.state == Outcome.ANSWERED
        assert "Stopped" not in desk.everything(ts)
