"""Slack fails: the text is complete all the same."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.app import SlackPace
from bot.sandbox import WorkspaceConfig
from tests.support.desk import FAST, OpenDesk, bare, kind_of, open_desk, words_of
from tests.support.valkey import RealValkey


async def assert_complete(desk: OpenDesk, ts: str) -> None:
    """One card, one footer, and between them the document, once."""
    await desk.answered(ts)
    kinds = [kind_of(message) for message in desk.replies(ts)]
    assert kinds.count("card") == kinds.count("footer") == 1
    assert bare(desk.text(ts)) == bare(await desk.rendered(ts))
    assert not [message for message in desk.replies(ts) if message.is_streaming]


@pytest.mark.parametrize(
    ("method", "fault"),
    [
        ("chat.postMessage", {"error": "ratelimited", "retry_after": 1}),
        ("chat.postMessage", {"status": 503}),
        ("chat.postMessage", {"drop": "before"}),
        ("chat.postMessage", {"drop": "after"}),
        ("chat.startStream", {"error": "ratelimited", "retry_after": 1}),
        ("chat.startStream", {"error": "method_not_supported_for_channel_type", "times": 9}),
        ("chat.startStream", {"drop": "before"}),
        ("chat.startStream", {"drop": "after"}),
        ("chat.appendStream", {"error": "ratelimited", "retry_after": 1}),
        ("chat.appendStream", {"error": "msg_too_long"}),
        ("chat.appendStream", {"drop": "before"}),
        ("chat.appendStream", {"drop": "after"}),
        ("chat.appendStream", {"status": 500}),
        ("chat.stopStream", {"drop": "after"}),
        ("chat.update", {"status": 503}),
        ("assistant.threads.setStatus", {"error": "internal_error", "times": 9}),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(str(part) for part in value.values()),
)
async def test_a_fault_of_one_method_leaves_the_answer_complete(
    valkey: RealValkey, method: str, fault: dict[str, Any]
) -> None:
    """Refused, limited, cut before or after it took effect: nothing is missing and nothing is twice."""
    async with open_desk(valkey, tokens_per_second=4000) as desk:
        desk.sandbox.fail_next(method, **fault)
        ts = await desk.ask()
        await assert_complete(desk, ts)


async def test_a_stream_that_slack_ends_early_is_completed(valkey: RealValkey) -> None:
    """Its age is over before ours: the message is rewritten, and the rest comes in the next."""
    workspace = WorkspaceConfig(rate_limits=False)
    workspace = replace(workspace, limits=replace(workspace.limits, stream_age_seconds=0.3))
    async with open_desk(valkey, workspace=workspace, tokens_per_second=1500) as desk:
        ts = await desk.ask()
        await assert_complete(desk, ts)
        assert [call.error for call in desk.sandbox.calls if not call.ok]


async def test_messages_are_rotated_before_slack_ends_them(valkey: RealValkey) -> None:
    """With time to spare: no stream of ours grows too old."""
    limits = replace(FAST.limits, rotate_seconds=0.3, rotate_softly_seconds=0.2)
    workspace = WorkspaceConfig(rate_limits=False)
    workspace = replace(workspace, limits=replace(workspace.limits, stream_age_seconds=1.0))
    async with open_desk(
        valkey, workspace=workspace, pace=SlackPace(limits, {}), tokens_per_second=1000
    ) as desk:
        ts = await desk.ask()
        await assert_complete(desk, ts)
        assert len(desk.calls("chat.startStream")) > 1
        assert [call.error for call in desk.sandbox.calls if not call.ok] == []


async def test_a_smaller_stream_limit_than_ours_is_learnt(valkey: RealValkey) -> None:
    """Slack's undocumented limit may change: the text goes on in a next message."""
    workspace = WorkspaceConfig(rate_limits=False)
    workspace = replace(workspace, limits=replace(workspace.limits, stream_bytes=3000))
    async with open_desk(valkey, workspace=workspace, tokens_per_second=4000) as desk:
        ts = await desk.ask()
        await assert_complete(desk, ts)
        assert "msg_too_long" in {call.error for call in desk.sandbox.calls}


async def test_a_channel_that_is_gone_ends_the_turn_quietly(valkey: RealValkey) -> None:
    """Archived in the middle: nobody is left to tell, and nothing is tried for ever."""
    async with open_desk(valkey, tokens_per_second=300) as desk:
        ts = await desk.ask()
        await desk.until(lambda: desk.of_kind(ts, "text"))
        desk.sandbox.workspace.channel("C0DESK").is_archived = True
        await desk.at_rest(ts)
        await desk.poll(lambda: desk.model.open_streams == 0)
        assert desk.of_kind(ts, "footer") == []


async def test_the_bot_may_be_missing_from_the_channel(valkey: RealValkey) -> None:
    """Somebody removes the bot right after asking: no answer, no endless attempts."""
    async with open_desk(valkey) as desk:
        desk.sandbox.fail_next("chat.postMessage", error="not_in_channel", times=3)
        ts = await desk.ask()
        await desk.until(lambda: desk.calls("chat.postMessage"))
        await desk.at_rest(ts)
        assert desk.replies(ts) == []
        assert len(desk.calls("chat.postMessage")) == 1
        assert "not_in_channel" not in " ".join(words_of(message) for message in desk.sandbox.ephemerals)
