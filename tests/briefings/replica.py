"""A process that attends to briefings by a clock in a file: to be killed.

``python -m tests.briefings.replica REDIS_URL PREFIX API_URL TOKEN CLOCK_FILE``
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

from bot.assessment.lexicon import LEXICONS
from bot.briefings.briefing import Briefing
from bot.briefings.content import AgentNews, BriefingContent
from bot.briefings.posting import Posting
from bot.briefings.runner import BriefingRunner, BriefingTimes
from bot.slack.api import SlackApi, slack_session
from bot.store.briefing_store import BriefingStore
from bot.store.connection import open_redis
from bot.store.governor import Governor
from personas.desk import Desk
from personas.loader import load_personas
from tests.briefings.doubles import APP, never_off

LOOK_SECONDS = 0.02
TIMES = BriefingTimes(lease=timedelta(seconds=10), tick=timedelta(seconds=0.05))


class FileClock:
    """Shows what stands in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def now(self) -> datetime:
        """As the test wrote it last."""
        return datetime.fromtimestamp(float(self._path.read_text()), UTC)

    async def sleep_until(self, moment: datetime) -> None:
        """Look again and again."""
        while self.now() < moment:  # noqa: ASYNC110 - a file has no event
            await asyncio.sleep(LOOK_SECONDS)


class Composer:
    """Writes one sentence, and counts."""

    def __init__(self, redis: Redis, key: str) -> None:
        self._redis = redis
        self._key = key

    async def compose(self, briefing: Briefing, due: datetime) -> Mapping[str, Any]:
        """Nothing new."""
        await self._redis.incr(self._key)
        await self._redis.expire(self._key, 600)
        return BriefingContent(
            due, due, (AgentNews(briefing.personas[0], sources_total=1, sources_answered=1),)
        ).to_json()

    async def posted(self, briefing: Briefing, content: Mapping[str, Any]) -> None:
        """Nothing is remembered."""


async def main(url: str, prefix: str, api_url: str, token: str, clock: str) -> None:
    """Until killed."""
    redis = open_redis(url)
    async with slack_session() as session:
        api = SlackApi(token, Governor(redis, APP, "T0", {}, prefix=prefix), session, base_url=api_url)
        posting = Posting(api, Desk(load_personas()), LEXICONS["icd203"])
        await BriefingRunner(
            BriefingStore(redis, prefix=prefix),
            Composer(redis, f"{prefix}:composed"),
            posting,
            FileClock(Path(clock)),
            app_id=APP,
            days_off=never_off,
            times=TIMES,
        ).run_forever()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
