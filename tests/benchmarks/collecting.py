"""The collector and the search, on a local internet: 50 feeds of 100 items, a real Valkey, the real process.

While they come in, this process does what the serving one does, passing small pieces on every few
milliseconds, and notes the longest pause.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import psutil

import personas
from bot.assessment.evidence_stage import AGAINST_SECONDS
from bot.evidence.desk import ProcessDesk
from bot.evidence.items import EvidenceRequest
from bot.evidence.protocol import EvidenceConfig
from bot.store.connection import open_redis
from bot.turns import Question
from personas.loader import load_personas
from personas.persona import Persona, Source
from tests.benchmarks.assessments import ask_alone
from tests.benchmarks.processes import open_desk
from tests.benchmarks.rows import Row, row_of
from tests.benchmarks.watching import viewer
from tests.support.news_server import NewsServer, Page, serve_news, with_sources
from tests.support.news_stories import STORIES, Story, rss
from tests.support.valkey import RealValkey

__all__ = ["measure"]

FEEDS = 50
ITEMS_A_FEED = 100
MOST_SECONDS = 300.0
PIECE_SECONDS = 0.005
"""Between two pieces of a running stream: 200 tokens a second."""
QUESTIONS = (
    "What does the extended truce on rare earth export controls with the United States mean?",
    "中美稀土出口管制暂停延长一年意味着什么？",
    "How will the central bank answer the new tariffs on steel and soybeans?",
    "Что означает продление перемирия по экспортному контролю для России?",
    "Is the court ruling on chip licences a turn in the technology race?",
)
RIVALS = "A court strikes down the tariff; sanctions on wheat and gas end the talks; the summit is called off"
"""Hypotheses as a plan names them."""

# Targets: issue 4, Evidence; of the rivals, what a turn waits for them at most.
PAUSE_MS = 100
RETRIEVAL_MS = 1_500
RIVALS_MS = 1e3 * AGAINST_SECONDS
SERVING_MEGABYTES = 150

ANSWERS = 4

_NOWHERE = '\n[[sources]]\nname = "None"\nurl = "https://none.example/"\nkind = "rss"\nstatus = "dead"\n'
_SUBJECTS = "tariff export control truce court ruling licence chip soybean steel reserve bank rate inflation"
_OTHERS = "budget minister border talks summit sanctions pipeline gas wheat port navy drone treaty election"
_WORDS = f"{_SUBJECTS} {_OTHERS} coalition protest flood harvest railway bond currency deficit".split()


async def measure(questions: int) -> list[Row]:
    """All rows; ``questions``: retrievals measured."""
    with contextlib.ExitStack() as stack:
        valkey = RealValkey(Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-news-"))))
        valkey.start()
        stack.callback(valkey.stop)
        async with serve_news() as news:
            return await _measured(news, valkey, questions)


async def _measured(news: NewsServer, valkey: RealValkey, questions: int) -> list[Row]:
    china, *others = load_personas()
    sources = _publish(news)
    everybody = [with_sources(china, sources), *(with_sources(other, ()) for other in others)]
    config = EvidenceConfig(
        redis_url=valkey.url,
        user_agent="country-agents-bench/1",
        loopback_allowed=True,
        host_pause_seconds=0.0,
        log_level="ERROR",
    )
    async with ProcessDesk(config, everybody) as desk, _stream() as pauses:
        await desk.ready()
        began = time.monotonic()
        seconds = await _until_collected(valkey, began)
        collected = max(pauses)
        whole, rivals = [], []
        for text in _texts(questions):
            first, against = await _retrieval(desk, everybody[0], text)
            whole.append(1e3 * first)
            rivals.append(1e3 * against)
        children = psutil.Process(desk.pid).children(recursive=True) if desk.pid else []
        evidence = psutil.Process(desk.pid).memory_info().rss / 1e6 if desk.pid else 0.0
        reading = sum(child.memory_info().rss for child in children) / 1e6
    items = FEEDS * ITEMS_A_FEED
    serving = await _serving(valkey)
    return [
        row_of("collector: items a second, fetched, read and stored", "1/s", [items / seconds]),
        row_of("collector: longest pause of a stream meanwhile", "ms", [1e3 * collected], target=PAUSE_MS),
        row_of(f"collector: memory of the evidence process, {items} items", "MB", [evidence]),
        row_of("collector: memory of the reading process", "MB", [reading]),
        row_of(f"memory of the app, {items} items stored", "MB", [serving], target=SERVING_MEGABYTES),
        row_of(f"retrieval from {items} stored items", "ms", whole, target=RETRIEVAL_MS),
        row_of(f"search for rivals in {items} stored items", "ms", rivals, target=RIVALS_MS),
    ]


async def _serving(valkey: RealValkey) -> float:
    """Memory of ``serve`` beside its evidence process with the same store, after answers from it, in MB."""
    with tempfile.TemporaryDirectory(prefix="bench-personas-") as folder:
        settings = {
            "evidence": "true",
            "redis_url": valkey.url,
            "personas_dir": _without_sources(Path(folder)),
        }
        more = {**settings, "web_search": "off", "search_terms": "false"}
        async with (
            open_desk(script="answer", rate_limits=False, **more) as desk,
            viewer(desk.page_url) as person,
        ):
            for _ in range(ANSWERS):
                answer = await ask_alone(desk, person, idle=0.0)
                if "](http" not in answer.text:
                    raise AssertionError("an answer cites nothing of what is stored")
            return desk.app.rss_megabytes


def _without_sources(folder: Path) -> str:
    """Persona files that send nobody to the open web."""
    for path in Path(personas.__file__).parent.glob("*.toml"):
        kept = re.sub(r"^\[\[sources\]\]\n(?:(?!^\[).*\n?)*", "", path.read_text(), flags=re.MULTILINE)
        (folder / path.name).write_text(kept + _NOWHERE)
    return str(folder)


def _publish(news: NewsServer) -> tuple[Source, ...]:
    """Feeds of made-up news, each item of its own words, some in other languages and on the questions."""
    dice = random.Random(4)
    now = datetime.now(UTC)
    real = [story for stories in STORIES.values() for story in stories]
    sources = []
    for feed in range(FEEDS):
        stories = []
        for number in range(ITEMS_A_FEED):
            words = [dice.choice(_WORDS) for _ in range(60)]
            told = dice.choice(real) if number % 10 == 0 else None
            title = (
                f"{told.title} {feed}-{number}"
                if told
                else f"{' '.join(words[:8])} {feed}-{number}".capitalize()
            )
            summary = (f"{told.summary} " if told else "") + " ".join(words).capitalize() + "."
            stories.append(Story(f"{feed}/{number}", title, summary, dice.uniform(0.1, 200)))
        news.pages[f"/feed{feed}.rss"] = Page(rss(stories, news.url, now))
        sources.append(news.source(f"/feed{feed}.rss", f"Paper {feed}", owner_group=f"owner-{feed % 20}"))
    return tuple(sources)


@asynccontextmanager
async def _stream() -> AsyncIterator[list[float]]:
    """Pieces are passed on; how long each came late, seconds."""
    late: list[float] = [0.0]

    async def passing() -> None:
        while True:
            due = time.monotonic() + PIECE_SECONDS
            await asyncio.sleep(PIECE_SECONDS)
            late.append(time.monotonic() - due)

    task = asyncio.create_task(passing())
    try:
        yield late
    finally:
        task.cancel()


async def _until_collected(valkey: RealValkey, began: float) -> float:
    """Seconds until everything is stored."""
    redis = open_redis(valkey.url)
    try:
        async with asyncio.timeout(MOST_SECONDS):
            while await redis.zcard("assess:{news}:items") < FEEDS * ITEMS_A_FEED:  # noqa: ASYNC110 - nobody tells us
                await asyncio.sleep(0.1)  # nobody tells us
        return time.monotonic() - began
    finally:
        await redis.aclose()


def _texts(number: int) -> Sequence[str]:
    return [QUESTIONS[at % len(QUESTIONS)] for at in range(number)]


async def _retrieval(desk: ProcessDesk, persona: Persona, text: str) -> tuple[float, float]:
    """Seconds until there is something to write from, and from then until a plan's rivals were looked for."""
    began = time.monotonic()
    retrieval = desk.begin(EvidenceRequest("bench", persona, Question(text), datetime.now(UTC)))
    found = await retrieval.first(30.0)
    first = time.monotonic() - began
    searched = await retrieval.against(RIVALS, 30.0)
    against = time.monotonic() - began - first
    await retrieval.aclose()
    if not found.items or not searched.contrary_queries:
        raise AssertionError(f"nothing was found for: {text}")
    return first, against
