"""A turn written into a real thread: the sandbox workspace over HTTP."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest

from bot.assessment.events import Cut, Part
from bot.deliveries import SentMessage
from bot.sandbox.messages import Message as SandboxMessage
from bot.slack.cards import Message
from bot.slack.errors import SlackGoneError, StoppedByUserError
from tests.slack.conftest import (
    CARD,
    FOOTER,
    SENDER,
    TURN,
    Desk,
    MemoryJournal,
    document_of,
    markdown_of,
    section,
)
from tests.slack.recogniser import live


def whole(parts: list[Part]) -> str:
    return "".join(part.text for part in parts)


async def stream(desk: Desk, parts: list[Part], *, pause: float = 0.01, **limits: float) -> None:
    """Write parts one by one, as an engine would, and finish."""
    writer = desk.writer(**limits)
    await writer.post_card(CARD)
    for part in parts:
        writer.write(part)
        await asyncio.sleep(pause)
    await writer.finish(FOOTER)
    await writer.aclose()


def assessment(sections: int = 8, bullets: int = 12, words: int = 20) -> list[Part]:
    opening = [Part("**Beijing buys time**", Cut.PARAGRAPH, "opening", ends_section=True)]
    return opening + [
        part for number in range(1, sections + 1) for part in section(number, bullets=bullets, words=words)
    ]


def kinds(desk: Desk) -> list[str]:
    return [message.metadata["event_payload"]["kind"] for message in desk.replies() if message.metadata]


async def test_writes_card_text_and_footer_in_order(desk: Desk) -> None:
    """All messages carry the persona's name, the turn and their number, and nothing unfurls."""
    parts = assessment(sections=2, bullets=3)
    await stream(desk, parts)
    assert kinds(desk) == ["card", "text", "footer"]
    assert {message.username for message in desk.replies()} == {SENDER.username}
    assert document_of(desk.texts()) == document_of([whole(parts)])
    text = desk.replies()[1]
    assert text.metadata == {
        "event_type": "country_agents_part",
        "event_payload": {"turn_id": TURN, "kind": "text", "part": 1},
    }
    assert all(call.ok for call in desk.sandbox.calls)
    assert all(not call.unknown_arguments for call in desk.sandbox.calls)
    assert all(
        call.args["unfurl_links"] is False for call in desk.sandbox.calls if call.method == "chat.postMessage"
    )
    assert desk.journal.document == whole(parts)
    assert [message.state for message in desk.journal.messages.values()] == ["closed", "closed"]
    assert desk.journal.card_ts is not None
    assert desk.journal.footer_ts is not None


async def test_shows_the_first_text_at_once(desk: Desk) -> None:
    """The first part does not wait for a flush interval."""
    writer = desk.writer(flush_seconds=5.0)
    writer.write(Part("**Opening**", Cut.PARAGRAPH, "opening"))
    await desk.sandbox.wait_for(lambda: desk.texts() == ["**Opening**"], timeout=2)
    await writer.finish(FOOTER)


async def test_a_long_answer_takes_few_calls_and_few_streams(desk: Desk) -> None:
    """16,000 characters in real pacing: at most 60 calls, each message within Slack's size."""
    parts = assessment(bullets=14, words=20)
    assert len(whole(parts)) > 16_000
    await stream(desk, parts, pause=0.02, flush_seconds=0.1)
    assert document_of(desk.texts()) == document_of([whole(parts)])
    assert len(desk.sandbox.calls) <= 60
    assert desk.count("chat.startStream") <= 2
    assert all(len(text.encode()) <= 11_000 for text in desk.texts())
    assert all(text.startswith("**") for text in desk.texts()), "split at sections"


async def test_text_that_is_complete_is_posted_whole(desk: Desk) -> None:
    """What is already drafted needs no stream."""
    parts = assessment(bullets=13)
    writer = desk.writer()
    for part in parts:
        writer.write(part)
    await writer.finish(FOOTER)
    assert desk.count("chat.startStream") == 0
    assert document_of(desk.texts()) == document_of([whole(parts)])
    assert all(message.unfurl_links is False for message in desk.replies())


async def test_counts_bytes_not_characters(desk: Desk) -> None:
    """Chinese text has three bytes a character."""
    parts = assessment(sections=4, bullets=8, words=0)
    parts = [dataclasses.replace(part, text=part.text + "中国经济形势分析。" * 30) for part in parts]
    await stream(desk, parts, pause=0.005)
    assert document_of(desk.texts()) == document_of([whole(parts)])
    assert len(desk.texts()) >= 3
    assert all(len(text.encode()) <= 11_000 for text in desk.texts())
    assert not [call for call in desk.sandbox.calls if not call.ok]


async def test_waits_out_a_429_and_sends_all_gathered_text(desk: Desk) -> None:
    """The pause is told to the governor; what gathered meanwhile goes in one call."""
    desk.sandbox.fail_next("chat.appendStream", error="ratelimited", retry_after=1)
    parts = assessment(sections=2)
    await stream(desk, parts)
    assert desk.governor.penalised == [("chat.appendStream", 1.0)]
    assert document_of(desk.texts()) == document_of([whole(parts)])
    assert desk.count("chat.appendStream") <= 4


@pytest.mark.parametrize("method", ["chat.startStream", "chat.stopStream", "chat.postMessage", "chat.update"])
async def test_waits_out_a_429_of_any_method(desk: Desk, method: str) -> None:
    """No text is lost or doubled."""
    desk.sandbox.fail_next(method, error="ratelimited", retry_after=1)
    parts = assessment(sections=2, bullets=3)
    writer = desk.writer()
    await writer.post_card(CARD)
    await writer.update_card(CARD)
    for part in parts:
        writer.write(part)
        await asyncio.sleep(0.01)
    await writer.finish(FOOTER)
    assert kinds(desk) == ["card", "text", "footer"]
    assert document_of(desk.texts()) == document_of([whole(parts)])


async def test_an_expired_stream_is_rewritten_and_continued(desk: Desk) -> None:
    """Slack ended the stream: its message gets all its text by chat.update, the rest a new message."""
    parts = assessment(sections=3)
    writer = desk.writer()
    for part in parts[:10]:
        writer.write(part)
        await asyncio.sleep(0.01)
    await desk.sandbox.wait_for(lambda: desk.count("chat.appendStream") > 1)
    streaming = next(message for message in desk.replies() if message.is_streaming)
    assert streaming.stream is not None
    streaming.stream.started -= 10_000
    for part in parts[10:]:
        writer.write(part)
        await asyncio.sleep(0.01)
    await writer.finish(FOOTER)
    assert desk.count("chat.update") >= 1
    assert len(desk.texts()) == 2
    assert document_of(desk.texts()) == document_of([whole(parts)])


async def test_an_expired_stream_is_rewritten_at_its_end(desk: Desk) -> None:
    """Also when Slack ends it just before our stop."""
    desk.sandbox.fail_next("chat.stopStream", error="message_not_in_streaming_state")
    parts = assessment(sections=1)
    writer = desk.writer()
    for part in parts:
        writer.write(part)
        await asyncio.sleep(0.005)
    streaming = next(message for message in desk.replies() if message.is_streaming)
    assert streaming.stream is not None
    streaming.stream.state = "expired"
    await writer.finish(FOOTER)
    assert document_of(desk.texts()) == document_of([whole(parts)])


async def test_streams_rotate_before_slack_ends_them(desk: Desk) -> None:
    """A stream that gets old is stopped, if possible at a paragraph."""
    parts = assessment(sections=6, bullets=4)
    await stream(desk, parts, pause=0.03, rotate_softly_seconds=0.25, rotate_seconds=0.5)
    assert len(desk.texts()) >= 2
    assert all(text.startswith(("**", "• Bullet")) for text in desk.texts())
    assert document_of(desk.texts()) == document_of([whole(parts)])
    assert all(call.ok for call in desk.sandbox.calls)


@pytest.mark.parametrize("refuses_stop", [False, True])
async def test_a_message_slack_calls_full_is_closed_and_continued(desk: Desk, *, refuses_stop: bool) -> None:
    """Slack's limit is not documented: if it is lower than ours, nothing is lost, and we stay below it."""
    workspace = desk.sandbox.workspace
    workspace.limits = dataclasses.replace(
        workspace.limits, stream_bytes=2_000, overflow_refuses_stop=refuses_stop
    )
    parts = assessment(sections=4)
    await stream(desk, parts)
    assert document_of(desk.texts()) == document_of([whole(parts)])
    too_long = [call for call in desk.sandbox.calls if call.error == "msg_too_long"]
    assert len(too_long) <= 3


async def test_a_refused_stream_becomes_post_and_update(desk: Desk) -> None:
    """Where streaming is off, the text still grows."""
    desk.sandbox.fail_next("chat.startStream", error="channel_type_not_supported", times=9)
    parts = assessment(sections=3)
    await stream(desk, parts)
    assert desk.count("chat.startStream") == 1
    assert desk.count("chat.update") >= 2
    assert document_of(desk.texts()) == document_of([whole(parts)])


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    "method", ["chat.startStream", "chat.appendStream", "chat.stopStream", "chat.postMessage", "chat.update"]
)
async def test_a_lost_answer_neither_loses_nor_doubles_text(desk: Desk, method: str, when: str) -> None:
    """Whether the call took effect or not, the thread ends up with everything once."""
    desk.sandbox.fail_next(method, drop=when)
    parts = assessment(sections=3)
    writer = desk.writer()
    await writer.post_card(CARD)
    await writer.update_card(CARD)
    for part in parts:
        writer.write(part)
        await asyncio.sleep(0.01)
    await writer.finish(FOOTER)
    assert document_of(desk.texts()) == document_of([whole(parts)])
    assert kinds(desk).count("card") == 1
    assert kinds(desk).count("footer") == 1
    assert not [message for message in desk.replies() if message.is_streaming]


@pytest.mark.parametrize("status", [500, 503])
async def test_server_errors_neither_lose_nor_double_text(desk: Desk, status: int) -> None:
    """A failing Slack is asked again only where that is safe."""
    for method in ("chat.postMessage", "chat.startStream", "chat.appendStream", "chat.stopStream"):
        desk.sandbox.fail_next(method, status=status)
    parts = assessment(sections=2)
    await stream(desk, parts)
    assert document_of(desk.texts()) == document_of([whole(parts)])
    assert kinds(desk).count("card") == 1


async def test_slacks_own_stop_ends_the_turn(desk: Desk) -> None:
    """The next write says so, what is there stays, and a footer can still follow."""
    parts = assessment(sections=3)
    writer = desk.writer()
    failed = asyncio.create_task(writer.failed())
    writer.write(parts[0])
    writer.write(parts[1])
    await desk.sandbox.wait_for(desk.texts)
    await desk.sandbox.press_stop("U0DANA", desk.channel, desk.replies()[0].ts)
    writer.write(parts[2])
    error = await asyncio.wait_for(failed, 2)
    assert isinstance(error, StoppedByUserError)
    with pytest.raises(StoppedByUserError):
        writer.write(parts[3])
    await writer.interrupt(CARD, FOOTER)
    assert kinds(desk)[-1] == "footer"
    assert not [message for message in desk.replies() if message.is_streaming]


async def test_an_interruption_shows_within_a_second_though_its_slot_is_far_away(desk: Desk) -> None:
    """The footer does not wait for the stream's end, which comes with the note below what was checked."""
    parts = assessment(sections=3)
    writer = desk.writer()
    for part in parts[:6]:
        writer.write(part)
        await asyncio.sleep(0.02)
    desk.governor.wait_seconds = {"chat.appendStream": 60.0, "chat.stopStream": 2.0}
    for part in parts[6:8]:
        writer.write(part)
    await asyncio.sleep(0.05)
    ended = asyncio.create_task(writer.interrupt(CARD, FOOTER, note="_Stopped by @dana._"))
    await desk.sandbox.wait_for(lambda: "footer" in kinds(desk), 1.0)
    await ended
    assert document_of(desk.texts()) == document_of([whole(parts[:8]), "_Stopped by @ dana._"])
    assert not [message for message in desk.replies() if message.is_streaming]
    assert kinds(desk) == ["text", "footer"]


async def test_whoever_waits_for_the_end_may_be_cancelled(desk: Desk) -> None:
    """A stop while the last text is on its way still ends the message and posts one footer."""
    parts = assessment(sections=1)
    writer = desk.writer()
    for part in parts:
        writer.write(part)
        await asyncio.sleep(0.005)
    desk.governor.wait_seconds = {"chat.stopStream": 30.0}
    finishing = asyncio.create_task(writer.finish(FOOTER))
    await asyncio.sleep(0.1)
    finishing.cancel()
    await asyncio.wait({finishing})
    desk.governor.wait_seconds = {}
    await writer.interrupt(CARD, FOOTER)
    assert document_of(desk.texts()) == document_of([whole(parts), "_Stopped._"])
    assert kinds(desk) == ["text", "footer"]


async def test_many_turns_at_once_are_complete_within_slacks_tiers(desk: Desk) -> None:
    """Slack's limits only make it slower."""
    workspace = desk.sandbox.workspace
    tiers = {**workspace.limits.tiers, "t2": 3, "t3": 30, "t4": 8}
    workspace.limits = dataclasses.replace(
        workspace.limits, tiers=tiers, tier_window_seconds=1.0, posts_per_second=50.0
    )
    workspace.rate_limits = True
    parts = assessment(sections=2, bullets=4)
    desks = []
    for _ in range(6):
        ts = await desk.sandbox.post_as_user("U0DANA", desk.channel, "<@U0AGENTS> CN-01 and now?")
        desks.append(dataclasses.replace(desk, thread_ts=ts, journal=MemoryJournal()))
    await asyncio.gather(*(stream(each, parts, pause=0.03) for each in desks))
    assert {document_of(each.texts()) for each in desks} == {document_of([whole(parts)])}
    assert any(call.status == 429 for call in desk.sandbox.calls)


async def test_a_place_that_is_gone_ends_the_turn(desk: Desk) -> None:
    """Archived, or the bot removed: no retry, a sentence for the person."""
    desk.sandbox.fail_next("chat.appendStream", error="is_archived", times=20)
    writer = desk.writer()
    for part in assessment(sections=1):
        try:
            writer.write(part)
        except SlackGoneError:
            break
        await asyncio.sleep(0.02)
    with pytest.raises(SlackGoneError, match="is_archived"):
        await writer.finish(FOOTER)


async def test_a_deleted_message_does_not_end_the_answer(desk: Desk) -> None:
    """Somebody tidied up; the rest goes into a new message."""
    desk.sandbox.fail_next("chat.appendStream", error="message_not_found")
    parts = assessment(sections=2)
    await stream(desk, parts)
    assert sorted(desk.journal.messages) == [0, 1, 2]


async def test_a_newer_run_stops_the_older_one(desk: Desk) -> None:
    """What the journal raises comes out of write and finish."""
    parts = assessment(sections=1)
    writer = desk.writer()
    writer.write(parts[0])
    await desk.sandbox.wait_for(desk.texts)
    desk.journal.fenced = PermissionError("a newer run owns the turn")
    writer.write(parts[1])
    with pytest.raises(PermissionError):
        await writer.finish(FOOTER)


async def test_a_status_is_set_and_refreshed(desk: Desk) -> None:
    """Slack forgets it after two minutes; a failure is nobody's problem."""
    desk.sandbox.fail_next("assistant.threads.setStatus", error="channel_not_found")
    writer = desk.writer(status_refresh_seconds=0.05)
    writer.set_status("is reading <!channel>")
    await desk.sandbox.wait_for(lambda: desk.count("assistant.threads.setStatus") >= 3)
    assert desk.sandbox.calls[-1].args["status"] == "is reading ‹!channel>"
    await writer.aclose()


async def test_the_card_is_updated_three_times_at_most(desk: Desk) -> None:
    """The latest change wins while text comes; the last, without stop button, always has its place."""
    cards = [Message(f"card {number}", CARD.blocks) for number in range(6)]
    writer = desk.writer()
    await writer.post_card(cards[0])
    for card in cards[1:5]:
        await writer.update_card(card)
        await asyncio.sleep(0.05)
    await writer.finish(FOOTER)
    await writer.update_card(cards[5])
    updates = [call.args["text"] for call in desk.sandbox.calls if call.method == "chat.update"]
    assert updates == ["card 1", "card 2", "card 5"]


async def test_a_failure_is_told_below_what_stands(desk: Desk) -> None:
    """The text stays as it is, the footer says why there is no more, the card loses its button."""
    parts = assessment(sections=1)
    writer = desk.writer()
    await writer.post_card(CARD)
    for part in parts[:3]:
        writer.write(part)
        await asyncio.sleep(0.02)
    await writer.fail(CARD, FOOTER)
    assert document_of(desk.texts()) == document_of([whole(parts[:3])])
    assert kinds(desk) == ["card", "text", "footer"]
    assert desk.sandbox.calls[-1].method == "chat.update"


async def test_a_turn_given_up_leaves_no_open_stream(desk: Desk) -> None:
    """The last run of several only says that it failed."""
    parts = assessment(sections=1)
    await crash_after(desk, parts[:4])
    await desk.writer(resumed=True).fail(CARD, FOOTER)
    assert document_of(desk.texts()) == document_of([desk.journal.document])
    assert not [message for message in desk.replies() if message.is_streaming]


async def test_nothing_live_leaves_whatever_the_engine_passes_on(desk: Desk) -> None:
    """The writer is the last layer: mentions and unknown links are defused, our own links stay."""
    writer = desk.writer()
    writer.allow_links(["https://news.example/a"])
    writer.write(Part("**Ask <@U0DANA> & @here**", Cut.PARAGRAPH, "opening"))
    writer.write(
        Part("\n\nFact [1](https://news.example/a) [2](https://evil.com) <!channel>", Cut.SECTION, "1")
    )
    await writer.finish(FOOTER)
    assert desk.sandbox.workspace.pings == []
    text = "".join(desk.texts())
    assert "Fact [1](https://news.example/a) [2] ‹!channel>" in text
    assert live(text, allowed_urls=frozenset({"https://news.example/a"})) == []


# Taking over --------------------------------------------------------------------------------------------


async def crash_after(desk: Desk, parts: list[Part]) -> None:
    """A worker that writes parts and dies without a word."""
    writer = desk.writer()
    await writer.post_card(CARD)
    for part in parts:
        writer.write(part)
        await asyncio.sleep(0.02)
    await writer.aclose()


async def take_over(desk: Desk, parts: list[Part]) -> None:
    """The next worker: the engine renders from the beginning again."""
    writer = desk.writer(resumed=True)
    await writer.post_card(CARD)
    for part in parts:
        writer.write(part)
        await asyncio.sleep(0.005)
    await writer.finish(FOOTER)
    await writer.aclose()


async def test_a_second_run_goes_on_where_the_first_died(desk: Desk) -> None:
    """The open stream is stopped and made complete; the text goes on in a new message."""
    parts = assessment(sections=3)
    await crash_after(desk, parts[:9])
    await take_over(desk, parts)
    assert document_of(desk.texts()) == document_of([whole(parts)])
    assert kinds(desk)[0] == "card"
    assert kinds(desk).count("card") == 1
    assert not [message for message in desk.replies() if message.is_streaming]


async def test_a_second_run_finds_a_stream_whose_start_was_never_noted(desk: Desk) -> None:
    """The worker died between startStream and its answer."""
    parts = assessment(sections=2)
    await crash_after(desk, parts[:1])
    desk.journal.messages[1] = dataclasses.replace(desk.journal.messages[1], ts=None, state="unknown")
    await take_over(desk, parts)
    assert document_of(desk.texts()) == document_of([whole(parts)])


@pytest.mark.parametrize("kind", ["stream", "post"])
async def test_a_second_run_sends_again_what_never_arrived(desk: Desk, kind: str) -> None:
    """The worker died before the call left."""
    parts = assessment(sections=2)
    first = parts[0].text
    writer = desk.writer()
    await writer.post_card(CARD)
    await writer.aclose()
    desk.journal.document = first
    desk.journal.messages[1] = SentMessage(1, kind, None, 0, len(first), "unknown")  # type: ignore[arg-type]
    await take_over(desk, parts)
    assert document_of(desk.texts()) == document_of([whole(parts)])


async def test_a_second_run_keeps_what_was_shown_when_the_engine_says_something_else(desk: Desk) -> None:
    """A redrafted section is not repeated over the old one."""
    parts = assessment(sections=2)
    await crash_after(desk, parts[:5])
    delivered = desk.journal.document
    assert delivered
    changed = [dataclasses.replace(part, text=part.text.replace("word3", "change")) for part in parts]
    await take_over(desk, changed)
    text = document_of(desk.texts())
    assert text.startswith(document_of([delivered]))
    assert text.endswith(document_of([changed[-1].text]))


async def test_nothing_is_posted_twice_by_a_run_after_the_last(desk: Desk) -> None:
    """The worker died after the footer and before the turn was marked as finished."""
    parts = assessment(sections=1)
    await stream(desk, parts)
    before: list[SandboxMessage] = desk.replies()
    desk.journal.footer_ts = None
    await take_over(desk, parts)
    assert [message.ts for message in desk.replies()] == [message.ts for message in before]
    assert [markdown_of(message) for message in desk.replies()] == [
        markdown_of(message) for message in before
    ]
