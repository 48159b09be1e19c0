"""An edited mention offers to ask again, for a while."""

from __future__ import annotations

from bot.sandbox.messages import Message
from tests.scenarios.test_refusals import deliver_again
from tests.support.desk import BOT, CHANNEL, OpenDesk, buttons_of, open_desk, words_of
from tests.support.seed_script import QUESTION
from tests.support.valkey import RealValkey

NEW = f"<@{BOT}> CN-01 Gallium Exports Stop\n\nWhat would change your view?"


async def edited(desk: OpenDesk, text: str = NEW) -> tuple[str, Message]:
    """Ask, edit once it is answered, and give back the mention and the offer."""
    ts = await desk.ask()
    await desk.answered(ts)
    await desk.sandbox.edit_as_user("dana", CHANNEL, ts, text)
    await desk.until(desk.whispers)
    await desk.idle()
    return ts, desk.whispers()[-1]


async def test_an_edit_is_offered_and_its_button_answers_the_new_text(valkey: RealValkey) -> None:
    """One private offer, also when the edit is delivered again; the press answers in the same thread."""
    async with open_desk(valkey) as desk:
        ts, offer = await edited(desk)
        for delivery in list(desk.sandbox.workspace.deliveries):
            if delivery.payload["event"].get("subtype") == "message_changed":
                desk.sandbox.dispatcher.deliver_event(desk.sandbox.workspace.app(), delivery.payload)
        await desk.idle()
        assert desk.whispers() == [offer]
        assert "Ask again with the new text" in words_of(offer)
        assert len(desk.of_kind(ts, "card")) == 1
        assert await desk.press(offer, *buttons_of(offer)) == "acked"
        await desk.answered(ts, times=2)
        first, second = desk.of_kind(ts, "card")
        assert "Rare Earths Truce" in words_of(first)
        assert "Gallium Exports Stop" in words_of(second)
        assert "Gallium Exports Stop" in desk.text(ts)


async def test_a_mention_that_an_edit_adds_can_be_asked(valkey: RealValkey) -> None:
    """Slack tells nobody of it but us; there is no answer yet to speak of."""
    async with open_desk(valkey) as desk:
        ts = await desk.sandbox.post_as_user("dana", CHANNEL, "What would change your view?")
        desk.asked[ts] = CHANNEL
        await desk.sandbox.edit_as_user("dana", CHANNEL, ts, f"<@{BOT}> CN-01 brief What of gallium?")
        (offer,) = await desk.until(desk.whispers)
        assert "Ask this question" in words_of(offer)
        assert "old text" not in words_of(offer)
        await desk.press(offer, "ask_again")
        await desk.answered(ts)


async def test_pressing_twice_asks_once(valkey: RealValkey) -> None:
    """An impatient reader gets one answer."""
    async with open_desk(valkey) as desk:
        ts, offer = await edited(desk)
        await desk.press(offer, "ask_again")
        await desk.answered(ts, times=2)
        await desk.press(offer, "ask_again")
        await desk.idle()
        assert len(desk.of_kind(ts, "card")) == 2


async def test_each_new_text_is_offered(valkey: RealValkey) -> None:
    """Two edits, two offers, each to its own text."""
    async with open_desk(valkey) as desk:
        ts, _ = await edited(desk)
        await desk.sandbox.edit_as_user("dana", CHANNEL, ts, f"<@{BOT}> CN-01 Tungsten Quotas Return. Why?")
        await desk.until(lambda: len(desk.whispers()) == 2)
        await desk.press(desk.whispers()[1], "ask_again")
        await desk.answered(ts, times=2)
        assert "Tungsten Quotas Return" in words_of(desk.of_kind(ts, "card")[1])


async def test_after_the_window_nothing_is_offered(valkey: RealValkey) -> None:
    """The answer stands; the edit is nobody's business any more."""
    async with open_desk(valkey, edit_window_seconds=0) as desk:
        ts = await desk.ask()
        await desk.answered(ts)
        await desk.sandbox.edit_as_user("dana", CHANNEL, ts, NEW)
        await desk.idle()
        assert desk.whispers() == []


async def test_an_edit_that_keeps_the_words_or_drops_the_question_offers_nothing(valkey: RealValkey) -> None:
    """White space, or no mention any more: there is nothing new to ask."""
    async with open_desk(valkey) as desk:
        ts = await desk.ask()
        await desk.answered(ts)
        await desk.sandbox.edit_as_user("dana", CHANNEL, ts, f"<@{BOT}>  CN-01   {QUESTION} ")
        await desk.sandbox.edit_as_user("dana", CHANNEL, ts, "never mind")
        await desk.idle()
        assert desk.whispers() == []


async def test_a_mention_put_right_by_an_edit_can_be_asked(valkey: RealValkey) -> None:
    """Somebody forgot whom to ask, was told so, and adds it."""
    async with open_desk(valkey) as desk:
        ts = await desk.ask("what about the truce?")
        await desk.until(desk.whispers)
        await deliver_again(desk, ts)
        await desk.sandbox.edit_as_user("dana", CHANNEL, ts, NEW)
        await desk.until(lambda: len(desk.whispers()) == 2)
        await desk.press(desk.whispers()[1], "ask_again")
        await desk.answered(ts)
        assert "Gallium Exports Stop" in words_of(desk.of_kind(ts, "card")[0])
