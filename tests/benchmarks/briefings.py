"""Two hundred briefings of one minute: by a real clock, on a real store, in a workspace with Slack's limits.

What is composed here takes a fixed time, as a model call does; everything else is the program's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from redis.asyncio import Redis

from bot.assessment.lexicon import LEXICONS
from bot.briefings.briefing import Briefing
from bot.briefings.content import AgentNews, BriefingContent, CitedSource, NewsItem
from bot.briefings.ports import WallClock
from bot.briefings.posting import METADATA_TYPE, Posting
from bot.briefings.runner import BriefingRunner
from bot.briefings.schedule import EVERY_DAY, Schedule
from bot.evidence.items import SourceClass
from bot.sandbox import Sandbox, WorkspaceConfig
from bot.sandbox.config import ChannelConfig
from bot.slack.api import SlackApi, slack_session
from bot.slack.limits import slack_budgets
from bot.store.briefing_store import BriefingStore
from bot.store.connection import open_redis
from bot.store.governor import Governor
from bot.turns import ChannelId, TeamId, UserId
from personas.desk import Desk
from personas.loader import load_personas
from tests.benchmarks.rows import Row, row_of
from tests.support.valkey import RealValkey

__all__ = ["measure"]

BRIEFINGS = 200
WORKSPACES = 20
WRITING_SECONDS = 4.0
"""One model call of 300 tokens at 60 tokens/s, its first after half a second, is as long."""

# Targets: issue 6.
LONE_SECONDS = 5
HEADLINES_SECONDS = 60
ITEMS_SECONDS = 180
SPREAD_HEADLINES_SECONDS = 10

PERSONAS = Desk(load_personas())
SOURCE = CitedSource("A headline", "Paper", "https://paper.example/a", SourceClass.WIRE)


class Composer:
    """Takes its time, and writes five items."""

    async def compose(self, briefing: Briefing, due: datetime) -> Mapping[str, Any]:
        """As long as a model takes."""
        await asyncio.sleep(WRITING_SECONDS)
        item = NewsItem(
            "The ministry raised the quota for magnets by a tenth.", due, (SOURCE,), "Room. " * 20, "P"
        )
        news = AgentNews(
            briefing.personas[0], (item,) * 5, written=True, sources_total=10, sources_answered=10
        )
        return BriefingContent(due - timedelta(days=1), due, (news,)).to_json()

    async def posted(self, briefing: Briefing, content: Mapping[str, Any]) -> None:
        """Nothing is remembered."""


@dataclass(frozen=True, slots=True)
class Morning:
    """Seconds after the minute at which each headline and each list of items was there, and refusals."""

    headlines: Sequence[float]
    items: Sequence[float]
    refused: int


async def measure() -> list[Row]:
    """A lone one, 200 of one workspace, 200 of twenty."""
    lone, many, spread = (
        await _morning(1, 1),
        await _morning(BRIEFINGS, 1),
        await _morning(BRIEFINGS, WORKSPACES),
    )
    name = f"{BRIEFINGS} briefings of one minute"
    return [
        row_of("a lone briefing: its headline after the minute", "s", lone.headlines, target=LONE_SECONDS),
        row_of(f"{name}: headlines after the minute", "s", many.headlines, target=HEADLINES_SECONDS),
        row_of(f"{name}: last headline", "s", [max(many.headlines)], target=HEADLINES_SECONDS),
        row_of(f"{name}: last items", "s", [max(many.items)], target=ITEMS_SECONDS),
        row_of(f"{name}: calls refused with 429", "calls", [many.refused], target=0),
        row_of(
            f"{name} in {WORKSPACES} workspaces: last headline",
            "s",
            [max(spread.headlines)],
            target=SPREAD_HEADLINES_SECONDS,
        ),
    ]


async def _morning(briefings: int, workspaces: int) -> Morning:
    """Schedule them for the next full minute that leaves time to write, and wait until all are out."""
    async with AsyncExitStack() as stack:
        valkey = RealValkey(Path(stack.enter_context(TemporaryDirectory(prefix="bench-"))))
        valkey.start()
        stack.callback(valkey.kill)
        redis = open_redis(valkey.url)
        stack.push_async_callback(redis.aclose)
        due = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(minutes=2)
        each = briefings // workspaces
        sandboxes, runners = [], []
        for number in range(workspaces):
            sandbox = await stack.enter_async_context(Sandbox(_workspace(number, each)))
            runner = await _runner(stack, redis, sandbox, number)
            for channel in sandbox.workspace.channels.values():
                if channel.id.startswith("CB"):
                    await runner.arm(_briefing(f"A{number}", f"T{number}", channel.id, due))
            sandboxes.append(sandbox)
            runners.append(asyncio.create_task(runner.run_forever()))
        try:
            await asyncio.gather(
                *(
                    sandbox.wait_for(lambda s=sandbox: len(_posts(s)) == 2 * each, 420)
                    for sandbox in sandboxes
                )
            )
        finally:
            for task in runners:
                task.cancel()
            await asyncio.gather(*runners, return_exceptions=True)
        posts = [message for sandbox in sandboxes for message in _posts(sandbox)]
        calls = [call for sandbox in sandboxes for call in sandbox.calls]

        def after(*, items: bool) -> list[float]:
            return [float(message.ts) - due.timestamp() for message in posts if message.is_reply == items]

        return Morning(after(items=False), after(items=True), sum(call.status == 429 for call in calls))


def _posts(sandbox: Sandbox) -> list[Any]:
    return [
        message
        for channel in sandbox.workspace.channels.values()
        for message in channel.messages.values()
        if (message.metadata or {}).get("event_type") == METADATA_TYPE
    ]


def _workspace(number: int, channels: int) -> WorkspaceConfig:
    plain = WorkspaceConfig(team_id=f"T{number}")
    bot = plain.apps[0].bot_user_id
    more = tuple(
        ChannelConfig(f"CB{index}", f"briefing-{index}", members=(bot,)) for index in range(channels)
    )
    return replace(plain, channels=(*plain.channels, *more))


async def _runner(stack: AsyncExitStack, redis: Redis, sandbox: Sandbox, number: int) -> BriefingRunner:
    session = await stack.enter_async_context(slack_session())
    governor = Governor(redis, f"A{number}", f"T{number}", slack_budgets())
    api = SlackApi(sandbox.workspace.app().bot_token, governor, session, base_url=sandbox.api_url)
    posting = Posting(api, PERSONAS, LEXICONS["icd203"])
    return BriefingRunner(
        BriefingStore(redis),
        Composer(),
        posting,
        WallClock(),
        app_id=f"A{number}",
        days_off=lambda _: lambda _: False,
    )


def _briefing(app_id: str, team: str, channel: str, due: datetime) -> Briefing:
    return Briefing(
        channel.lower(),
        app_id,
        TeamId(team),
        ChannelId(channel),
        UserId("U0DANA"),
        ("CN-01",),
        Schedule(due.time(), "UTC", EVERY_DAY),
    )
