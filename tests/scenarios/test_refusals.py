"""What cannot be answered gets one short private sentence, however often Slack delivers the event."""

from __future__ import annotations

import pytest

from tests.support.desk import CHANNEL, OpenDesk, open_desk, words_of
from tests.support.valkey import RealValkey


async def deliver_again(desk: OpenDesk, ts: str) -> None:
    """Deliver every event about a message once more, as Slack does after a lost ack."""
    app = desk.sandbox.workspace.app()
    for delivery in list(desk.sandbox.workspace.deliveries):
        if delivery.payload["event"].get("ts") == ts:
            desk.sandbox.dispatcher.deliver_event(app, delivery.payload)
    await desk.idle()


@pytest.mark.parametrize(
    ("question", "said"),
    [
        pytest.param("What about the truce?", "CN-01", id="nobody recognised"),
        pytest.param("Chna: what about the truce?", "Did you mean CN-01, China Agent?", id="misspelt"),
        pytest.param("", "CN-01", id="nothing at all"),
        pytest.param("CN-01", "Write your question after the name", id="no question"),
        pytest.param("CN-01 brief", "Write your question after the name", id="no question, brief"),
        pytest.param("CN-01 " + "why " * 1500, "4,000", id="over-long"),
        pytest.param("CN-01 thanks! 🙏", "Write your question after the name", id="a courtesy"),
        pytest.param("help", "How to ask the desk", id="help"),
        pytest.param("CN-01 US-01 who?", "/assess compare CN-01 US-01 who?", id="two at once"),
    ],
)
@pytest.mark.parametrize("in_thread", [False, True], ids=["channel", "thread"])
async def test_what_is_missing_is_said_once_and_privately(
    valkey: RealValkey, question: str, said: str, in_thread: bool
) -> None:
    """Both events of the mention, and their redeliveries, make one ephemeral message and no answer."""
    async with open_desk(valkey) as desk:
        root = await desk.sandbox.post_as_user("kim", CHANNEL, "News.") if in_thread else None
        ts = await desk.ask(question, thread_ts=root)
        await desk.until(desk.whispers)
        await desk.idle()
        await deliver_again(desk, ts)
        (whisper,) = desk.sandbox.ephemerals
        assert whisper.ephemeral_for == "U0DANA"
        assert whisper.thread_ts == root
        assert said in words_of(whisper)
        assert desk.replies(root or ts) == []
        assert desk.model.requests == []
        assert {item.outcome for item in desk.sandbox.workspace.deliveries} == {"acked"}


async def test_the_desk_is_listed_with_how_to_ask(valkey: RealValkey) -> None:
    """Whoever asks nobody learns who is there and what to type."""
    async with open_desk(valkey) as desk:
        await desk.ask("what now?")
        await desk.until(desk.whispers)
        words = words_of(desk.whispers()[0])
        for code in ("CN-01", "US-01", "RU-01", "IN-01", "JP-01"):
            assert code in words
        assert "<@U0AGENTS>" in words


async def test_the_limit_of_a_question_is_a_setting(valkey: RealValkey) -> None:
    """A longer one is refused with both numbers."""
    async with open_desk(valkey, question_limit=100) as desk:
        await desk.ask("CN-01 " + "x" * 101)
        await desk.until(desk.whispers)
        assert "101" in words_of(desk.whispers()[0])
        assert "100" in words_of(desk.whispers()[0])


async def test_who_has_one_running_is_told_so_and_taken_in_after_it(valkey: RealValkey) -> None:
    """One at once: the second question gets one private sentence; a third, after the first, an answer."""
    async with open_desk(valkey, per_user_at_once=1, tokens_per_second=500) as desk:
        first = await desk.ask("CN-01 brief What now?")
        await desk.until(lambda: desk.of_kind(first, "card"))
        second = await desk.ask()
        await desk.until(desk.whispers)
        await deliver_again(desk, second)
        (whisper,) = desk.sandbox.ephemerals
        assert "You have 1 assessment running" in words_of(whisper)
        assert desk.replies(second) == []
        await desk.answered(first, seconds=60)
        await desk.at_rest(first)
        third = await desk.ask("CN-01 brief What now?")
        await desk.answered(third, seconds=60)
        assert "Key judgments" in desk.text(third)
