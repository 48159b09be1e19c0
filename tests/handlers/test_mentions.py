"""What a mention and its edit lead to: a turn in the queue, or one private sentence."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from bot.reception import Reception
from bot.sandbox import Sandbox
from bot.store.stored_turns import NextTurn
from bot.turns import ChannelId, Quoted, TeamId, ThreadTs, UserId, turn_id_for
from handlers.mentions import answer_mention, offer_again
from handlers.parsing import EditedMention, Mention
from tests.support.desk import APP, CHANNEL, TEAM, buttons_of, words_of
from tests.support.reception import open_reception
from tests.support.valkey import RealValkey, namespace, valkey

__all__ = ["namespace", "valkey"]

TS = "1700000000.000100"
MENTION = Mention(
    team_id=TeamId(TEAM),
    channel=ChannelId(CHANNEL),
    channel_type="channel",
    user_id=UserId("U0DANA"),
    user_team_id=TeamId("T0PARTNER"),
    message_ts=TS,
    thread_ts=ThreadTs(TS),
    text="CN-01 What now?",
    quoted=(),
    event_id="Ev1",
)
TURN_ID = turn_id_for(APP, TEAM, CHANNEL, TS)


@pytest.fixture
async def front(valkey: RealValkey, namespace: str) -> AsyncIterator[tuple[Reception, Sandbox]]:
    async with open_reception(valkey, prefix=namespace) as opened:
        yield opened


async def test_a_mention_becomes_a_turn_with_all_that_an_answer_needs(
    front: tuple[Reception, Sandbox],
) -> None:
    """Persona, format, words, quoted material, place, the person's own workspace and the time of asking."""
    reception, sandbox = front
    quoted = (Quoted("Kim", "Some news."),)
    await answer_mention(replace(MENTION, text="china: brief What now?", quoted=quoted), reception)
    turn = await reception.store.turn(TURN_ID)
    assert turn is not None
    assert (turn.persona, turn.format, turn.question.text) == ("CN-01", "brief", "What now?")
    assert turn.question.quoted == quoted
    assert (turn.user_team_id, turn.thread_ts, turn.asked_at) == ("T0PARTNER", TS, float(TS))
    assert sandbox.ephemerals == []


async def test_colleagues_in_a_question_have_their_names(front: tuple[Reception, Sandbox]) -> None:
    """Slack gives ids; our own bots are asked by themselves."""
    reception, _ = front
    text = "CN-01 @U0AGENTS What do @U0KIM and @U0NOBODY mean, @U0KIM?"
    await answer_mention(replace(MENTION, text=text), reception)
    turn = await reception.store.turn(TURN_ID)
    assert turn is not None
    assert " ".join(turn.question.text.split()) == (
        "What do Kim Ostrowski and a colleague mean, Kim Ostrowski?"
    )


async def test_the_same_mention_again_is_the_same_turn(front: tuple[Reception, Sandbox]) -> None:
    """One turn waits in the thread, however often the message comes."""
    reception, _ = front
    for event_id in ("Ev1", "Ev2", "Ev1"):
        await answer_mention(replace(MENTION, event_id=event_id), reception)
    address = f"{TEAM}:{CHANNEL}:{TS}"
    claim = await reception.store.claim_and_enqueue(await _turn(reception))
    assert claim.lane is not None
    assert await reception.store.next_turn(address, claim.lane) == NextTurn(TURN_ID, 0.0)
    await reception.store.drop(address, TURN_ID)
    assert await reception.store.next_turn(address, claim.lane) is None


async def test_forwarded_words_alone_are_a_question(front: tuple[Reception, Sandbox]) -> None:
    """A bare “CN-01” above a forwarded article needs no words of one's own."""
    reception, sandbox = front
    await answer_mention(replace(MENTION, text="CN-01", quoted=(Quoted("Kim", "News."),)), reception)
    assert await reception.store.turn(TURN_ID) is not None
    assert sandbox.ephemerals == []


async def test_forwarded_words_count_towards_the_limit(valkey: RealValkey, namespace: str) -> None:
    """Own words and forwarded ones together."""
    async with open_reception(valkey, prefix=namespace, question_limit=100) as (reception, sandbox):
        long = replace(MENTION, text="CN-01 " + "x" * 60, quoted=(Quoted("Kim", "y" * 60),))
        await answer_mention(long, reception)
        assert "120" in words_of(sandbox.ephemerals[0])
        assert await reception.store.turn(TURN_ID) is None


async def test_a_bound_bot_asks_its_own_persona(valkey: RealValkey, namespace: str) -> None:
    """``@cn-01 …`` needs no code."""
    async with open_reception(valkey, prefix=namespace, bound="CN-01") as (reception, _):
        await answer_mention(replace(MENTION, text="What now?"), reception)
        assert (await _turn(reception)).persona == "CN-01"


async def test_an_offer_asks_the_edited_words_once_it_is_pressed(front: tuple[Reception, Sandbox]) -> None:
    """The button's value leads to a turn of its own, with the new words."""
    reception, sandbox = front
    edited = EditedMention(replace(MENTION, text="CN-01 And now?"), "CN-01 What now?", "1700000010.000000")
    await offer_again(edited, reception)
    await offer_again(edited, reception)
    (offer,) = sandbox.ephemerals
    assert buttons_of(offer) == ["ask_again"]
    actions = [block for block in offer.all_blocks() if block["type"] == "actions"]
    turn_id = actions[0]["elements"][0]["value"]
    assert turn_id != TURN_ID
    assert await reception.store.turn(turn_id) is None
    assert await reception.ask_offered(turn_id, user_id="U0DANA")
    turn = await reception.store.turn(turn_id)
    assert turn is not None
    assert turn.question.text == "And now?"
    assert turn.thread_ts == TS


@pytest.mark.parametrize(
    ("text", "edited_ts"),
    [
        pytest.param("CN-01 And now?", "1700000301.000000", id="too late"),
        pytest.param("And now?", "1700000010.000000", id="nobody named"),
        pytest.param("CN-01", "1700000010.000000", id="no question"),
        pytest.param("CN-01 " + "x" * 4001, "1700000010.000000", id="too long"),
    ],
)
async def test_no_offer_is_made_of_what_cannot_be_asked(
    front: tuple[Reception, Sandbox], text: str, edited_ts: str
) -> None:
    """An edit is not worth a private lecture."""
    reception, sandbox = front
    await offer_again(EditedMention(replace(MENTION, text=text), "CN-01 What now?", edited_ts), reception)
    assert sandbox.ephemerals == []


async def _turn(reception: Reception):
    turn = await reception.store.turn(TURN_ID)
    assert turn is not None
    return turn
