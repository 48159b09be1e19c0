"""The evidence desk: the process behind it, what it collects, and what it hands over."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from redis.asyncio import Redis

from bot.evidence.desk import ProcessDesk
from bot.evidence.items import EvidenceRequest, Retrieved, SourceClass
from bot.evidence.protocol import EvidenceConfig
from bot.turns import Question
from personas.loader import load_personas
from personas.persona import Persona, Source
from tests.support.news_server import NewsServer, with_sources
from tests.support.valkey import RealValkey, keys_without_ttl

CHINA, *OTHERS = load_personas()
QUESTION = "What does the extended truce on rare earth export controls with the United States mean?"
SECONDS = 30.0
"""Far more than anything here takes: a busy machine must not fail a test."""


@dataclass
class Room:
    """A desk at work on a local internet."""

    desk: ProcessDesk
    news: NewsServer
    persona: Persona

    async def whole(self, text: str = QUESTION, **fields: Any) -> Retrieved:
        """Everything a retrieval finds."""
        request = EvidenceRequest("t1", self.persona, Question(text), datetime.now(UTC), **fields)
        retrieval = self.desk.begin(request)
        try:
            return await retrieval.whole(SECONDS)
        finally:
            await retrieval.aclose()


@asynccontextmanager
async def room(
    news: NewsServer, valkey: RealValkey, namespace: str, sources: tuple[Source, ...], **config: Any
) -> AsyncIterator[Room]:
    """A desk whose China agent reads these sources."""
    persona = with_sources(CHINA, sources)
    given: dict[str, Any] = {
        "redis_url": valkey.url,
        "user_agent": "country-agents-test/1",
        "loopback_allowed": True,
        "host_pause_seconds": 0.0,
        "fetch_seconds": 3.0,
        "key_prefix": namespace,
    }
    everybody = [persona, *(with_sources(other, ()) for other in OTHERS)]
    async with ProcessDesk(EvidenceConfig(**given | config), everybody) as desk:
        yield Room(desk, news, persona)


async def test_newsrooms_in_eight_languages_are_read_and_the_sick_ones_are_told(
    news: NewsServer, valkey: RealValkey, redis: Redis, namespace: str
) -> None:
    """RSS, Atom, RDF and a listing come in, whatever their encoding claims; an empty store is filled for the
    question; what failed is named with its reason and stops nobody. No key is left without an end.
    """
    sources = news.publish()
    async with room(news, valkey, namespace, sources, collect=False) as desk_room:
        found = await desk_room.whole()
        reasons = {failure.name: failure.reason for failure in found.failures}
        assert reasons == {
            "Gone Gazette": "answered with HTTP 404",
            "Portal in place of a feed": "sent a web page in place of a feed",
            "Sleeping Sentinel": "did not answer within 3 s",
        }
        assert found.sources_total == len(sources)
        assert found.searching == ""
        assert found.stored_items >= 14
        assert found.items[-1].source_class is SourceClass.BASELINE
        titles = [item.title for item in found.items]
        assert any("export control truce" in title for title in titles)
        chinese = await desk_room.whole("稀土出口管制暂停延长")
        assert "商务部：中美出口管制暂停措施延长一年至2027年11月10日" in [
            item.title for item in chinese.items
        ]
        assert "zh-Hans" in {item.language for item in chinese.items}
    assert await keys_without_ttl(redis, f"{namespace}:*") == []
