"""The evidence desk: the process behind it, what it collects, and what it hands over."""

from __future__ import annotations

import os
import signal
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
from tests.support.news_server import NewsServer, Page, with_sources
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
        "fetch_seconds": 5.0,
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
            "Sleeping Sentinel": "did not answer within 5 s",
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


async def test_a_link_in_the_question_is_read_and_comes_first(
    news: NewsServer, valkey: RealValkey, namespace: str
) -> None:
    """The article behind it, under its host’s name; one that leads into a private network is told."""
    news.publish()
    async with room(news, valkey, namespace, (), collect=False) as desk_room:
        found = await desk_room.whole(
            f"What of <{news.url}/en/truce-extended?utm_source=x|this> and http://169.254.169.254/latest ?"
        )
        first = found.items[0]
        assert first.url == f"{news.url}/en/truce-extended"
        assert first.source_class is SourceClass.LINKED
        assert "working days on average" in first.text
        assert [failure.reason for failure in found.failures] == ["its address leads into a private network"]


async def test_a_comparison_asks_the_sources_of_all_and_has_the_baseline_of_each(
    news: NewsServer, valkey: RealValkey, namespace: str
) -> None:
    """Japan alone has none of these newsrooms; beside China it is answered from China's."""
    japan = with_sources(next(other for other in OTHERS if other.code == "JP-01"), ())
    sources = news.publish()[:2]
    async with room(news, valkey, namespace, sources, collect=False) as desk_room:
        china, desk_room.persona = desk_room.persona, japan
        alone = await desk_room.whole("What do the export controls mean?")
        assert alone.sources_total == 0
        both = await desk_room.whole("What do the export controls mean?", beside=(china,))
        assert both.sources_total == len(sources)
        baselines = [item.title for item in both.items if item.source_class is SourceClass.BASELINE]
        assert [title.split(":")[0] for title in baselines] == ["Japan", "China"]
        assert len(both.items) > len(baselines)


async def test_stored_news_answers_at_once_and_reads_nothing(
    news: NewsServer, valkey: RealValkey, namespace: str
) -> None:
    """The second question finds what the first one's reading left in the store; the sick are left alone."""
    async with room(news, valkey, namespace, news.publish(), collect=False) as desk_room:
        await desk_room.whole()
        asked = len(news.requests)
        request = EvidenceRequest("t2", desk_room.persona, Question(QUESTION), datetime.now(UTC))
        retrieval = desk_room.desk.begin(request)
        found = await retrieval.first(SECONDS)
        await retrieval.aclose()
        assert len(found.items) >= 4
        assert found.searching == ""
        assert len(news.requests) == asked
        assert {failure.name for failure in found.failures} == {
            "Gone Gazette",
            "Portal in place of a feed",
            "Sleeping Sentinel",
        }


async def test_what_bears_out_rivals_of_a_hypothesis_is_searched_in_the_store(
    news: NewsServer, valkey: RealValkey, namespace: str
) -> None:
    """Behind what was found for the question, which stays as it was; nothing is fetched for it."""
    async with room(news, valkey, namespace, news.publish()[:1], collect=False) as desk_room:
        await desk_room.whole()
        asked = len(news.requests)
        question = "Will the truce on rare earth export controls with the United States hold?"
        request = EvidenceRequest("t2", desk_room.persona, Question(question), datetime.now(UTC), limit=2)
        retrieval = desk_room.desk.begin(request)
        before = await retrieval.whole(SECONDS)
        found = await retrieval.against("China ends its soybean purchases", SECONDS)
        assert found.items[: len(before.items)] == before.items
        new = found.items[len(before.items) :]
        assert [item.title for item in new] == ["Soybean purchases by China reach agreed 25 million tonnes"]
        assert found.contrary_urls == (new[0].url,)
        assert "soybean" in found.contrary_queries
        assert set(found.contrary_queries) <= set(found.queries)
        assert (await retrieval.whole(0.0)) == found
        assert len(news.requests) == asked
        await retrieval.aclose()


async def test_the_process_is_started_again_and_a_question_waits_for_it(
    news: NewsServer, valkey: RealValkey, namespace: str
) -> None:
    """After a kill -9 the search under way ends with what it had, and says so; the next finds the store."""
    news.pages["/slow-never.rss"] = Page(delay_seconds=float("inf"))
    healthy = news.publish()[0]
    sources = (healthy, news.source("/slow-never.rss", "Never"))
    async with room(news, valkey, namespace, sources, collect=False, fetch_seconds=60.0) as desk_room:
        request = EvidenceRequest("t1", desk_room.persona, Question(QUESTION), datetime.now(UTC))
        retrieval = desk_room.desk.begin(request)
        await news.until(lambda: news.asked("/slow-never.rss") > 0)
        first = desk_room.desk.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        ended = await retrieval.whole(SECONDS)
        assert ended.searching == ""
        assert "the process that searches it ended" in {failure.reason for failure in ended.failures}
        await retrieval.aclose()
        again = desk_room.desk.begin(request)
        while "Daily" in (found := await again.whole(0.1)).searching or not found.stored_items:
            assert found.searching
        assert any("export control truce" in item.title for item in found.items)
        assert desk_room.desk.pid not in {None, first}
        await again.aclose()


async def test_the_collector_reads_without_a_question(
    news: NewsServer, valkey: RealValkey, redis: Redis, namespace: str
) -> None:
    """In the background, every source; when the desk ends it gives the lease back at once."""
    sources = news.publish()[:4]
    async with room(news, valkey, namespace, sources):
        await news.until(lambda: all(news.asked(path) for path in ("/en.rss", "/agency.atom", "/zh.rss")))
        assert await redis.exists(f"{namespace}:{{news}}:collector")
    assert not await redis.exists(f"{namespace}:{{news}}:collector")


async def test_a_store_that_is_away_is_told_and_holds_nobody_up(
    news: NewsServer, doomed_valkey: RealValkey, namespace: str
) -> None:
    """The copy at hand is searched, the link is read, and the reader learns what was not."""
    news.publish()
    async with room(news, doomed_valkey, namespace, news.publish()[:1], collect=False) as desk_room:
        await desk_room.whole()
        doomed_valkey.kill()
        found = await desk_room.whole(f"{QUESTION} See {news.url}/en/soybeans")
        assert "the store does not answer" in {failure.reason for failure in found.failures}
        titles = [item.title for item in found.items]
        assert any("export control truce" in title for title in titles)
        assert found.items[0].title.startswith("Soybean purchases")


async def test_terms_that_a_model_proposes_are_searched_as_well(
    news: NewsServer, valkey: RealValkey, namespace: str
) -> None:
    """They come while the search runs and find what the question's own words do not; terms for a process that
    is not there yet wait for it; where none come, nobody waits for them for long.
    """
    async with room(news, valkey, namespace, news.publish(), collect=False) as desk_room:
        request = EvidenceRequest(
            "t1", desk_room.persona, Question("What is new?"), datetime.now(UTC), terms_follow=True
        )
        retrieval = desk_room.desk.begin(request)
        retrieval.propose(("出口管制",))
        assert _looked_for(await retrieval.whole(SECONDS))
        await retrieval.aclose()
        silent = desk_room.desk.begin(request)
        assert (await silent.whole(SECONDS)).searching == ""
        await silent.aclose()
    async with room(news, valkey, namespace, news.publish(), collect=False) as desk_room:
        early = desk_room.desk.begin(request)
        early.propose(("出口管制",))
        assert _looked_for(await early.whole(SECONDS))
        await early.aclose()


def _looked_for(found: Retrieved) -> bool:
    return "出口管制" in found.queries and any("出口管制" in item.title for item in found.items)
