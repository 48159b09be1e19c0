"""Twenty streams in one workspace: each advances at its fair share, and Slack refuses nothing."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import replace
from itertools import pairwise

from redis.asyncio import Redis

from bot.assessment.events import Cut, Part
from bot.sandbox.config import WorkspaceConfig
from bot.sandbox.server import Sandbox
from bot.slack.api import SlackApi, slack_session
from bot.slack.limits import METHOD_CALLS_PER_MINUTE, WriterLimits, slack_budgets
from bot.slack.thread_writer import ThreadPlace, ThreadWriter
from bot.store.governor import Governor
from tests.slack.conftest import CARD, CHANNEL, FOOTER, SENDER, MemoryJournal
from tests.support.valkey import namespace, redis, valkey

__all__ = ["namespace", "redis", "valkey"]

STREAMS = 20
FASTER = 6
"""This workspace's minute is 10 seconds long."""
WINDOW_SECONDS = 60 / FASTER
SECONDS = 1.2 * WINDOW_SECONDS
"""Of streaming: the first window, which begins with a burst, and the steady pace after it."""
IDEAL_SECONDS = WINDOW_SECONDS * STREAMS / METHOD_CALLS_PER_MINUTE["chat.appendStream"]
"""Between two updates of a stream, were the limit divided evenly."""
SENTENCE = "• The ministry issues licences in small lots, and firms wait."


async def test_twenty_streams_advance_at_their_fair_share_without_a_429(redis: Redis, namespace: str) -> None:
    """Two replicas write at Slack's limits in a workspace that enforces them: the time between two visible
    updates of any stream stays within 1.5 times the limit divided by the streams.
    """
    config = WorkspaceConfig()
    config = replace(
        config,
        limits=replace(
            config.limits, tier_window_seconds=WINDOW_SECONDS, posts_per_second=float(FASTER), post_burst=10
        ),
    )
    budgets = {
        method: replace(
            budget,
            window_seconds=budget.window_seconds / FASTER,
            spacing_seconds=budget.spacing_seconds and budget.spacing_seconds / FASTER,
        )
        for method, budget in slack_budgets().items()
    }
    limits = WriterLimits()
    limits = replace(limits, flush_seconds=limits.flush_seconds / FASTER)
    async with Sandbox(config) as sandbox, slack_session(limits) as session:
        token = config.apps[0].bot_token
        replicas = [
            SlackApi(
                token,
                Governor(redis, "A1", "T1", budgets, prefix=namespace),
                session,
                base_url=sandbox.api_url,
                limits=limits,
            )
            for _ in range(2)
        ]

        async def assess(number: int) -> None:
            ts = await sandbox.post_as_user("U0DANA", CHANNEL, f"<@U0AGENTS> CN-01 question {number}")
            place = ThreadPlace("T0SANDBOX", CHANNEL, ts, "U0DANA", "T0SANDBOX")
            writer = ThreadWriter(
                replicas[number % 2], MemoryJournal(), place, SENDER, f"t{number:020}", limits=limits
            )
            await writer.post_card(CARD)
            writer.write(Part("**Beijing buys time**", Cut.PARAGRAPH, "opening"))
            until = asyncio.get_running_loop().time() + SECONDS
            while asyncio.get_running_loop().time() < until:
                writer.write(Part(f"\n{SENTENCE}", Cut.LINE, "1"))
                await asyncio.sleep(0.2)
            await writer.finish(FOOTER)
            await writer.aclose()

        await asyncio.gather(*(assess(number) for number in range(STREAMS)))

        refused = [call.method for call in sandbox.calls if call.status == 429]
        updates: defaultdict[str, list[float]] = defaultdict(list)
        for call in sandbox.calls:
            if call.ok and call.method in {"chat.startStream", "chat.appendStream", "chat.stopStream"}:
                updates[call.args.get("ts") or call.result["ts"]].append(call.at)
        gaps = [later - earlier for times in updates.values() for earlier, later in pairwise(sorted(times))]

    assert refused == []
    assert len(updates) == STREAMS
    assert max(gaps) <= 1.5 * IDEAL_SECONDS
    # And that is a share of the whole limit, not of a part that nobody dares to use.
    appends = sum(len(times) - 2 for times in updates.values())
    assert appends >= 0.8 * SECONDS / WINDOW_SECONDS * METHOD_CALLS_PER_MINUTE["chat.appendStream"]
