"""From newsrooms in eight languages to links in the thread: the real collector, process and store."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from bot.evidence.baseline import ADDRESS as BASELINE
from bot.evidence.desk import ProcessDesk
from bot.evidence.protocol import EvidenceConfig
from bot.settings import Settings
from personas.loader import load_personas
from tests.scenarios.test_answers import assert_is_an_assessment
from tests.scenarios.test_command_line import country_agents
from tests.support.citing_script import citing
from tests.support.desk import open_desk, words_of
from tests.support.model_server import serve_model
from tests.support.news_server import NewsServer, serve_news, with_sources
from tests.support.persona_files import persona_files
from tests.support.seed_script import QUESTION
from tests.support.valkey import RealValkey

LINK = re.compile(r"\]\((\w+:[^)]*)\)")
FACTS = (
    "- The truce on export controls of rare earths goes on, the source reports [S2].\n"
    "- Both sides confirmed it after their talks, another one reports [S3].\n"
    "- A third one describes the same agreement in its own words [S4].\n"
)


@asynccontextmanager
async def a_desk_of(news: NewsServer, valkey: RealValkey) -> AsyncIterator[ProcessDesk]:
    """An evidence process whose China agent reads this server; it asks only for questions."""
    china, *others = load_personas()
    config = EvidenceConfig(
        redis_url=valkey.url,
        user_agent="country-agents-test/1",
        loopback_allowed=True,
        collect=False,
        host_pause_seconds=0.0,
        fetch_seconds=5.0,
    )
    everybody = [with_sources(china, news.publish()), *(with_sources(other, ()) for other in others)]
    async with ProcessDesk(config, everybody) as desk:
        yield desk


async def test_an_assessment_cites_newsrooms_that_were_read_for_it(valkey: RealValkey) -> None:
    """An empty store: the sources are read while the card says so; the text links to them and to nothing
    else, the footer lists publisher, date and class, the card counts them and names the sick ones.
    """
    async with (
        serve_news() as news,
        a_desk_of(news, valkey) as evidence,
        open_desk(valkey, script=citing(FACTS), evidence=evidence, search_seconds=20) as desk,
    ):
        ts = await desk.ask()
        await desk.answered(ts)
        assert_is_an_assessment(desk, ts)
        footer = words_of(desk.of_kind(ts, "footer")[0])
        links = set(LINK.findall(desk.text(ts))) | set(LINK.findall(footer))
        # On a busy machine the baseline may come before the third newsroom.
        assert len(of_news(links)) >= 2
        assert of_news(links) <= addresses(news)
        card = words_of(desk.of_kind(ts, "card")[0])
        assert re.search(r"\d+ sources · \d+ independent", card)
        # The one that never answers is not waited for: what was read meanwhile is enough to begin with.
        assert re.search(r"\d of 14 sources could not be read", card)
        assert "Gone Gazette (answered with HTTP 404)" in card
        prompts = "\n".join(map(str, desk.model.requests))
        assert "rare earth export controls will run until" in prompts
        assert "商务部" in prompts


async def test_ask_and_sources_check_read_the_sources_of_a_persona_folder(
    tmp_path: Path, valkey: RealValkey
) -> None:
    """As an operator sets it up: a folder of persona files, a store, and the switch for this machine."""
    async with serve_news() as news, serve_model(citing(FACTS)) as model:
        folder = personas_reading(news, tmp_path / "personas")
        settings = Settings.load(
            model_url=model.url,
            model_key=model.key,
            model="scripted",
            data_dir=tmp_path,
            redis_url=valkey.url,
            personas_dir=folder,
            evidence=True,
            evidence_loopback=True,
            search_seconds=20,
        )
        checked = await country_agents("sources", "check", "CN-01", settings=settings)
        assert checked.code == 0, checked.err
        assert re.search(
            r"^live +CN-01  Daily Ledger \(feed, independent, ledger, en, B\): 5 items", checked.out, re.M
        )
        assert "dead   CN-01  Gone Gazette (feed, web search, F): answered with HTTP 404" in checked.out
        assert "CN-01: 2 of 3 sources live, of 2 owner groups" in checked.out
        ended = await country_agents("ask", "CN-01", QUESTION, settings=settings)
        assert ended.code == 0, ended.err
        links = of_news(LINK.findall(ended.out))
        assert links
        assert links <= addresses(news)
        assert "1 of 3 sources could not be read: Gone Gazette" in ended.err
        status = await country_agents("sources", "status", settings=settings)
        assert status.code == 0, status.err
        assert re.search(
            r"^ok      CN-01  Daily Ledger: 5 items \d+ min ago; next in", status.out, re.MULTILINE
        )
        assert "failing CN-01  Gone Gazette: answered with HTTP 404, once; last read never" in status.out


def of_news(links: Iterable[str]) -> set[str]:
    """Those that do not lead to the offline baseline of a country."""
    return {link for link in links if not link.startswith(BASELINE)}


def addresses(news: NewsServer) -> set[str]:
    """All that the server publishes."""
    return {news.url + path for path in news.pages}


def personas_reading(news: NewsServer, folder: Path) -> Path:
    """The desk's own files, in which only China's lists sources that are read: three of this server."""
    published = {source.name: source for source in news.publish()}
    names = ("Daily Ledger", "State Daily", "Gone Gazette")
    return persona_files(folder, {"cn-01": [published[name] for name in names]})
