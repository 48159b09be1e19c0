"""Reading a source: what is stored, what is remembered of it, and what hostile servers achieve (nothing)."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from html import escape
from typing import Any

from redis.asyncio import Redis

from bot.evidence.collecting import Collecting, Outcome
from bot.evidence.fetching import Fetcher, FetchLimits
from bot.evidence.reader import Reader, ReadingError
from bot.evidence.registry import ReadSource, registry
from bot.evidence.stored import StoredItem
from bot.store.news_store import NewsStore, SourceState
from personas.loader import load_personas
from personas.persona import Source
from tests.support.hostile_corpus import hostile_pages, hostile_texts
from tests.support.news_server import NewsServer, Page, with_sources
from tests.support.news_stories import STORIES, Story, article_page, listing_page, rss
from tests.support.valkey import keys_without_ttl

CHINA = load_personas()[0]
NOW = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
INTERVAL = timedelta(minutes=15)


@dataclass
class Desk:
    """A collector of its own, whose clock the test sets."""

    store: NewsStore
    collecting: Collecting
    now: datetime = NOW

    async def read(self, source: Source) -> Outcome:
        """Read a source once, from what is known of it."""
        (known,) = read_sources(source)
        state = (await self.store.source_states([known.id]))[known.id]
        return await self.collecting.collect(known, state)

    async def items(self) -> list[StoredItem]:
        """All that is stored."""
        return (await self.store.since(0))[0]


def read_sources(*sources: Source) -> tuple[ReadSource, ...]:
    """As the collector knows them."""
    return registry([with_sources(CHINA, sources)])


@asynccontextmanager
async def at_desk(redis: Redis, namespace: str, **limits: Any) -> AsyncIterator[Desk]:
    """A collector on the test's own keys."""
    reader = Reader()
    store = NewsStore(redis, prefix=namespace)
    given = FetchLimits(host_pause_seconds=0.0, **limits)
    async with Fetcher(user_agent="country-agents-test/1", limits=given, loopback_allowed=True) as fetcher:
        desk = Desk(
            store, Collecting(store, fetcher, reader, owner="me", interval=INTERVAL, clock=lambda: desk.now)
        )
        try:
            yield desk
        finally:
            await reader.aclose()
    assert await keys_without_ttl(redis, f"{namespace}:*") == []


async def test_what_a_source_says_is_stored_with_both_times_and_its_judgment(
    news: NewsServer, redis: Redis, namespace: str
) -> None:
    """Publication and retrieval time, class, owner and letter; an undated item is marked by having none."""
    undated = b"<item><title>A report without any date at all</title><link>/undated</link></item></channel>"
    news.pages["/en.rss"] = Page(rss(STORIES["en"], news.url, NOW).replace(b"</channel>", undated))
    judged = {
        "class": "wire",
        "owner_group": "newswire",
        "reliability": "A",
        "language": "en",
        "country": "GB",
    }
    async with at_desk(redis, namespace) as desk:
        outcome = await desk.read(news.source("/en.rss", "Newswire", **judged))
        assert (outcome.failed, outcome.added.new, outcome.state.entries) == (False, 6, 6)
        items = {item.title: item for item in await desk.items()}
        first = items[STORIES["en"][0].title]
        assert first.published_at == NOW - timedelta(hours=2)
        assert first.retrieved_at == NOW
        assert first.url == f"{news.url}/truce-extended"
        assert (first.publisher, first.owner_group, first.reliability) == ("Newswire", "newswire", "A")
        assert items["A report without any date at all"].published_at is None
    ttl = await redis.ttl(f"{namespace}:{{news}}:item:{first.id}")
    assert timedelta(days=13, hours=23) < timedelta(seconds=ttl) <= timedelta(days=14)


async def test_an_unchanged_source_is_not_read_twice(news: NewsServer, redis: Redis, namespace: str) -> None:
    """The second request is conditional; the answer 304 is a success."""
    news.pages["/en.rss"] = Page(rss(STORIES["en"], news.url, NOW))
    source = news.source("/en.rss", "Daily Ledger")
    async with at_desk(redis, namespace) as desk:
        await desk.read(source)
        desk.now += INTERVAL
        again = await desk.read(source)
        assert (again.failed, again.added.new, again.state.entries) == (False, 0, 5)
        assert "If-None-Match" in news.requests[-1].headers


async def test_one_story_is_stored_once_and_the_first_hand_is_kept(
    news: NewsServer, redis: Redis, namespace: str
) -> None:
    """By canonical address and by near-identical headline; an official text takes a newspaper's place."""
    story = STORIES["en"][0]
    shouted = replace(story, title=f"BREAKING: {story.title} - Daily Ledger", slug="copy")
    news.pages["/paper.rss"] = Page(rss([shouted], news.url, NOW))
    news.pages["/ministry.rss"] = Page(rss([story, replace(story, slug="truce-extended/")], news.url, NOW))
    async with at_desk(redis, namespace) as desk:
        await desk.read(news.source("/paper.rss", "Daily Ledger", **{"class": "independent"}))
        official = await desk.read(news.source("/ministry.rss", "Ministry", **{"class": "official"}))
        assert official.added.new == 1
        late = await desk.read(news.source("/paper.rss?again=1", "Other paper", **{"class": "independent"}))
        assert late.added.new == 0
        kept = {item.publisher for item in await desk.items()}
    assert kept == {"Ministry"}


async def test_a_failing_source_is_left_alone_longer_each_time(
    news: NewsServer, redis: Redis, namespace: str
) -> None:
    """The reason is kept; the wait doubles up to six hours, hears Retry-After, ends with a success."""
    news.pages["/a.rss"] = Page(status=503)
    source = news.source("/a.rss", "Sick Sentinel")
    waits = []
    async with at_desk(redis, namespace) as desk:
        for _ in range(7):
            state = (await desk.read(source)).state
            assert state.reason == "answered with HTTP 503"
            assert state.due_at is not None
            waits.append(state.due_at - desk.now)
            desk.now = state.due_at
        news.pages["/a.rss"] = Page(status=429, headers={"Retry-After": "20000"})
        state = (await desk.read(source)).state
        assert state.due_at is not None
        assert state.due_at - desk.now >= timedelta(seconds=18_000)
        news.pages["/a.rss"] = Page(rss(STORIES["en"], news.url, NOW))
        well = (await desk.read(source)).state
        assert (well.failures, well.reason) == (0, "")
    assert waits[0] < timedelta(minutes=17)
    assert all(later > 1.6 * earlier for earlier, later in itertools.pairwise(waits[:5]))
    assert timedelta(hours=5) < waits[-1] < timedelta(hours=7)


async def test_one_process_reads_a_source_at_a_time(news: NewsServer, redis: Redis, namespace: str) -> None:
    """Who finds it claimed does not ask."""
    source = news.source("/a.rss", "Daily Ledger")
    (known,) = read_sources(source)
    async with at_desk(redis, namespace) as desk:
        assert await desk.store.claim(known.id, "somebody else", seconds=60)
        outcome = await desk.collecting.collect(known, SourceState())
        assert not outcome.attempted
    assert news.requests == []


async def test_a_source_in_another_language_than_declared_is_noted(
    news: NewsServer, redis: Redis, namespace: str
) -> None:
    """It is read all the same, its items in the language they are in."""
    news.pages["/hi.rss"] = Page(rss(STORIES["hi"], news.url, NOW))
    async with at_desk(redis, namespace) as desk:
        outcome = await desk.read(news.source("/hi.rss", "Press office", language="en"))
        assert outcome.state.note == "writes hi, not en"
        assert {item.language for item in await desk.items()} == {"hi"}


async def test_hostile_servers_fail_alone_and_with_a_reason(
    news: NewsServer, redis: Redis, namespace: str
) -> None:
    """Bombs, mazes, lies and what leads to the metadata service: each is recorded, none stops the next."""
    corpus = hostile_pages()
    assert len(corpus) + len(hostile_texts()) >= 40
    news.pages |= {f"/{hostile.id}": hostile.page for hostile in corpus}
    news.pages["/well.rss"] = Page(rss(STORIES["en"], news.url, NOW))
    told = {}
    async with at_desk(redis, namespace) as desk:
        for hostile in corpus:
            outcome = await desk.read(news.source(f"/{hostile.id}", hostile.id, kind=hostile.kind))
            told[hostile.id] = outcome.state.reason
        well = await desk.read(news.source("/well.rss", "Daily Ledger"))
        assert well.added.new == 5
        longest = max(len(item.title) + len(item.summary) + len(item.body) for item in await desk.items())
    assert {
        hostile.id: told[hostile.id]
        for hostile in corpus
        if (hostile.reason not in told[hostile.id]) or (bool(hostile.reason) != bool(told[hostile.id]))
    } == {}
    assert longest < 20_000


async def test_orders_in_feeds_reach_no_store(news: NewsServer, redis: Redis, namespace: str) -> None:
    """The whole corpus of texts, as summaries of one feed: what orders is gone, and counted with its item."""
    texts = hostile_texts()
    items = "".join(
        f"<item><title>Report {number:03} on the trade talks of this week</title>"
        f"<link>{news.url}/{number}</link><description>{escape(escape(each.text))}</description></item>"
        for number, each in enumerate(texts)
    )
    body = f'<?xml version="1.0"?><rss version="2.0"><channel>{items}</channel></rss>'
    news.pages["/feed"] = Page(body.encode())
    async with at_desk(redis, namespace) as desk:
        outcome = await desk.read(news.source("/feed", "Daily Ledger"))
        assert outcome.added.new == len(texts)
        stored = {item.url.rpartition("/")[2]: item for item in await desk.items()}
    for number, each in enumerate(texts):
        item = stored[str(number)]
        left = [words for words in each.gone if words in f"{item.title}\n{item.summary}\n{item.body}"]
        assert left == [], each.id
    assert sum(item.quarantined for item in stored.values()) >= 35


async def test_a_reading_process_that_dies_costs_one_document(news: NewsServer) -> None:
    """The next document finds a new one."""
    reader = Reader()
    body = rss(STORIES["en"], news.url, NOW)
    try:
        assert len(await reader.read("feed", body, url=news.url)) == 5
        first = reader.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        with contextlib.suppress(ReadingError):  # unless its end was noticed before
            await reader.read("feed", body, url=news.url)
        assert len(await reader.read("feed", body, url=news.url)) == 5
        assert reader.pid not in {None, first}
    finally:
        await reader.aclose()


async def test_a_visit_fetches_a_few_articles_and_only_where_the_source_says_little(
    news: NewsServer, redis: Redis, namespace: str
) -> None:
    """Eight pages of a feed of teasers, none of one that says enough; a listing's others at its next turn."""
    teasers = [
        Story(f"teaser-{n}", f"Teaser number {n} of {n * 7} on trade talks", "Short.", 1) for n in range(12)
    ]
    full = [
        Story(f"full-{n}", f"Report number {n} of {n * 7} on trade talks", "Words. " * 60, 1)
        for n in range(12)
    ]
    news.pages["/teasers.rss"] = Page(rss(teasers, news.url, NOW))
    news.pages["/full.rss"] = Page(rss(full, news.url, NOW))
    news.pages["/list/"] = Page(listing_page(full, f"{news.url}/list", NOW), "text/html")
    for story in teasers:
        news.pages[f"/{story.slug}"] = Page(
            article_page(replace(story, summary="Whole text. " * 30), NOW), "text/html"
        )
    listing = news.source("/list/", "Ministry", kind="html_listing", links=r"t\d{8}_\d+\.html")
    async with at_desk(redis, namespace) as desk:
        await desk.read(news.source("/teasers.rss", "Teasers"))
        assert sum("/teaser-" in request.path for request in news.requests) == 8
        assert sum("Whole text." in item.body for item in await desk.items()) == 8
        await desk.read(listing)
        pages = [request.path for request in news.requests if request.path.startswith("/list/t")]
        assert len(pages) == 8
        await desk.read(listing)
        pages = [request.path for request in news.requests if request.path.startswith("/list/t")]
        assert len(set(pages)) == len(pages) == 12
        await desk.read(news.source("/full.rss", "Full"))
        assert not any("/full-" in request.path for request in news.requests)
