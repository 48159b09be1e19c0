"""Several questions: in order within a thread, side by side across threads, within Slack's limits."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest

from bot.app import SlackPace
from bot.sandbox import WorkspaceConfig
from bot.slack.limits import WriterLimits, slack_budgets
from tests.support.desk import CHANNEL, bare, kind_of, open_desk, words_of
from tests.support.seed_script import QUESTION
from tests.support.valkey import RealValkey

FASTER = 10
"""This workspace's clock runs ten times as fast as Slack's: a minute's limits hold for six seconds."""


async def test_questions_in_one_thread_are_answered_in_order(valkey: RealValkey) -> None:
    """Each waits until the one before it is complete, whoever it asks."""
    async with open_desk(valkey, tokens_per_second=4000) as desk:
        ts = await desk.ask(f"CN-01 First Question.\n\n{QUESTION}")
        await desk.idle()
        await desk.ask(f"US-01 Second Question.\n\n{QUESTION}", thread_ts=ts, user="kim")
        await desk.idle()
        await desk.ask("CN-01 brief: Third Question. What now?", thread_ts=ts)
        await desk.answered(ts, times=3)
        kinds = [kind_of(message) for message in desk.replies(ts) if kind_of(message) != "text"]
        assert kinds == ["card", "footer"] * 3
        cards = [words_of(message) for message in desk.of_kind(ts, "card")]
        for card, question in zip(cards, ("First", "Second", "Third"), strict=True):
            assert f"{question} Question" in card
        names = [message.username for message in desk.of_kind(ts, "card")]
        assert names == ["CN-01, China Agent", "US-01, United States Agent", "CN-01, China Agent"]


async def test_different_threads_are_answered_side_by_side(valkey: RealValkey) -> None:
    """All cards are there before the first answer ends."""
    async with open_desk(valkey, tokens_per_second=1000) as desk:
        threads = [await desk.ask() for _ in range(4)]
        await asyncio.gather(*(desk.answered(ts) for ts in threads))
        cards = [float(desk.of_kind(ts, "card")[0].ts) for ts in threads]
        footers = [float(desk.of_kind(ts, "footer")[0].ts) for ts in threads]
        assert max(cards) < min(footers)


@pytest.mark.timeout(150)
async def test_twenty_mentions_at_once_are_complete_within_slacks_limits(valkey: RealValkey) -> None:
    """With all rate tiers on: every thread has its whole text, and Slack refuses nothing."""
    limits = WriterLimits()
    limits = replace(
        limits,
        flush_seconds=limits.flush_seconds / FASTER,
        update_seconds=limits.update_seconds / FASTER,
        retry_after_default_seconds=limits.retry_after_default_seconds / FASTER,
        settle_seconds=limits.settle_seconds / FASTER,
    )
    budgets = {
        method: replace(
            budget,
            window_seconds=budget.window_seconds / FASTER,
            spacing_seconds=budget.spacing_seconds and budget.spacing_seconds / FASTER,
        )
        for method, budget in slack_budgets().items()
    }
    workspace = WorkspaceConfig()
    workspace = replace(
        workspace,
        limits=replace(
            workspace.limits,
            tier_window_seconds=workspace.limits.tier_window_seconds / FASTER,
            posts_per_second=workspace.limits.posts_per_second * FASTER,
            # A hiccup of this machine takes as long as ever: at this pace more posts fall into it.
            post_burst=workspace.limits.post_burst * FASTER // 2,
        ),
    )
    async with open_desk(
        valkey, workspace=workspace, pace=SlackPace(limits, budgets), tokens_per_second=1000
    ) as desk:
        # Who asks is known before: on a starved machine twenty may wait too long for Slack's word on a
        # person, and an event that was not taken twice comes back after a minute.
        await desk.answered(await desk.ask("CN-01 brief: What now?"))
        assert desk.calls("users.info")
        started = time.monotonic()
        threads = [
            await desk.ask(f"{code} {QUESTION}", channel=channel)
            for channel in (CHANNEL, "C0LEADS")
            for code in ("CN-01", "US-01", "RU-01", "IN-01", "JP-01") * 2
        ]
        await asyncio.gather(*(desk.answered(ts, seconds=50) for ts in threads))
        assert time.monotonic() - started < 40
        for ts in threads:
            document = await desk.stored_document(desk.turn_id(ts))
            assert "## 8." in document
            assert bare(desk.text(ts)) == bare(document)
            assert len(desk.of_kind(ts, "card")) == len(desk.of_kind(ts, "footer")) == 1
        limited = [call.method for call in desk.sandbox.calls if call.status == 429]
        assert limited == []
        # On a starved machine an event may have to come again, a minute later.
        await desk.idle(seconds=80)
