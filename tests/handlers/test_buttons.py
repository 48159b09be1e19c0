"""Buttons: stop, try again, ask again; and Slack's own stop."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bot.reception import Reception
from bot.sandbox import Sandbox
from bot.turns import ChannelId, TeamId, ThreadTs, Turn, UserId
from handlers.buttons import ask_edited, ask_once_more, stop_stream, stop_turn
from handlers.parsing import Action, StopPressed
from tests.support.desk import CHANNEL, TEAM, words_of
from tests.support.reception import open_reception
from tests.support.valkey import RealValkey, namespace, turn_in, valkey

__all__ = ["namespace", "valkey"]


@pytest.fixture
async def front(valkey: RealValkey, namespace: str) -> AsyncIterator[tuple[Reception, Sandbox]]:
    async with open_reception(valkey, prefix=namespace) as opened:
        yield opened


def press(action_id: str, turn: Turn) -> Action:
    """Kim presses a button of a turn."""
    return Action(
        action_id=action_id,
        value=turn.turn_id,
        user_id=UserId("U0KIM"),
        team_id=TeamId(TEAM),
        channel=ChannelId(CHANNEL),
        message_ts=turn.message_ts,
        thread_ts=turn.thread_ts,
        response_url="",
        trigger_id="",
        is_ephemeral=False,
    )


async def test_the_stop_button_stops_in_the_name_of_who_pressed(front: tuple[Reception, Sandbox]) -> None:
    """Whoever asked: anybody in the channel may stop."""
    reception, _ = front
    turn = turn_in()
    await reception.take(turn)
    await stop_turn(press("stop_turn", turn), reception)
    assert await reception.store.stopped_by(turn.turn_id) == "U0KIM"


async def test_slacks_stop_finds_the_turn_by_its_thread(front: tuple[Reception, Sandbox]) -> None:
    """Also when the streaming messages it names are unknown to us."""
    reception, _ = front
    turn = turn_in()
    await reception.take(turn)
    lease = await reception.store.begin(turn.turn_id)
    pressed = StopPressed(
        turn.channel, ThreadTs(turn.thread_ts), UserId("U0KIM"), turn.team_id, ("1700000009.000000",)
    )
    await stop_stream(pressed, reception)
    assert await reception.store.stopped_by(turn.turn_id) == "U0KIM"
    assert lease.attempt == 1


async def test_trying_again_is_a_turn_of_its_own_dated_now(front: tuple[Reception, Sandbox]) -> None:
    """The same question, not the day of the first asking; a second press asks nothing more."""
    reception, _ = front
    turn = turn_in()
    await reception.take(turn)
    await reception.store.drop(f"{turn.team_id}:{turn.channel}:{turn.thread_ts}", turn.turn_id)
    for _ in range(2):
        await ask_once_more(press("retry_turn", turn), reception)
    address = f"{turn.team_id}:{turn.channel}:{turn.thread_ts}"
    claim = await reception.store.claim_and_enqueue(turn)
    assert claim.lane is not None
    head = await reception.store.next_turn(address, claim.lane)
    assert head is not None
    again = head.turn_id
    asked = await reception.store.turn(again)
    assert asked is not None
    assert asked.question == turn.question
    assert asked.asked_at > turn.asked_at
    await reception.store.drop(address, again)
    assert await reception.store.next_turn(address, claim.lane) is None


@pytest.mark.parametrize("deed", [ask_once_more, ask_edited])
async def test_a_forgotten_question_is_said_to_be_forgotten(
    front: tuple[Reception, Sandbox], deed: object
) -> None:
    """A week later the button still stands there."""
    reception, sandbox = front
    assert callable(deed)
    ts = await sandbox.post_as_user("kim", CHANNEL, "long ago")
    await deed(press("retry_turn", turn_in(ts)), reception)
    (whisper,) = sandbox.ephemerals
    assert whisper.ephemeral_for == "U0KIM"
    assert "too old" in words_of(whisper)
