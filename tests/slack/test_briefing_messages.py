"""Briefings as Slack gets them: within its limits, inert whatever is in them, honest about what lacks."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from bot.assessment.lexicon import LEXICONS
from bot.briefings.content import AgentNews, BriefingContent, CitedSource, NewsItem, OpenPoint, ToWatch
from bot.evidence.items import SourceClass
from bot.sandbox.content import checked_blocks
from bot.slack.briefing_messages import ITEMS_CHARS, MOST_AGENTS, Framing, headline_message, items_message
from bot.slack.elements import Message

NOW = datetime(2026, 11, 25, 6, 0, tzinfo=UTC)
FRAMING = Framing("Europe/Berlin", {"CN-01": "CN-01, China Agent"}, LEXICONS["icd203"])
SOURCE = CitedSource("A headline", "Xinhua", "https://xinhua.example/a", SourceClass.STATE_MEDIA)
POINT = OpenPoint("J2", "Beijing keeps the suspension", NOW - timedelta(days=5), "CN-01", percent=70)


def item(**fields: Any) -> NewsItem:
    """One thing that happened this morning."""
    return NewsItem(
        **{"what": "The ministry raised the quota.", "published": NOW, "sources": (SOURCE,)} | fields
    )


def content(*agents: AgentNews) -> BriefingContent:
    """A briefing of 25 November."""
    return BriefingContent(NOW - timedelta(days=1), NOW, agents)


def agent(*items: NewsItem, **fields: Any) -> AgentNews:
    """The China Agent's part."""
    return AgentNews(
        **{"persona": "CN-01", "items": items, "sources_total": 10, "sources_answered": 10} | fields
    )


def words(message: Message) -> str:
    """All of it, as it is sent."""
    return json.dumps(message.blocks, ensure_ascii=False) + message.text


def test_an_item_says_what_when_who_and_so_what() -> None:
    """In the readers' own time; state media marked; the judgment it moves, and by how much."""
    so_what = item(so_what="Room for exporters.", pillar="Domestic stability", moves=POINT, percent=50)
    said = words(items_message(content(agent(so_what, written=True)), FRAMING))
    for part in (
        "1. The ministry raised the quota.",
        "25 Nov, 07:00",
        "Xinhua (state media)",
        "Domestic stability: ",
        "Room for exporters.",
        "lowers from likely (70 %) to roughly even chance (50 %)",
        "J2 of 20 Nov",
    ):
        assert part in said


def test_what_is_not_there_is_said() -> None:
    """Nothing new, too few sources, none at all; headlines are called headlines; failures are named."""
    silent = words(headline_message(content(agent()), FRAMING))
    deaf = words(headline_message(content(agent(sources_answered=7)), FRAMING))
    none = words(headline_message(content(agent(sources_total=0, sources_answered=0)), FRAMING))
    assert "nothing new." in silent
    assert "only 7 of 10 sources answered" in deaf
    assert "no sources are set up" in none
    said = words(items_message(content(agent(item(), failures=(("Interfax", "timed out"),))), FRAMING))
    assert "Ranked headlines, not written by a model" in said
    assert "Interfax (timed out)" in said


def test_a_made_up_one_says_when_it_was_due() -> None:
    """And carries that day's date."""
    late = Framing("Europe/Berlin", {}, LEXICONS["icd203"], late_for=NOW)
    said = words(headline_message(content(agent()), late))
    assert "Late: due 25 Nov, 07:00" in said


@pytest.mark.parametrize(
    "hostile", ["<!channel>", "<@U123>", "@everyone", "[x](https://evil.example)", "&lt;!here&gt;"]
)
def test_nothing_in_it_rings_or_links(hostile: str) -> None:
    """Whatever a source or a model wrote: rich text shows it, and only the table's addresses are links."""
    bad = item(
        what=f"Look {hostile}",
        so_what=hostile,
        sources=(CitedSource("t", f"Paper {hostile}", "https://paper.example/a", SourceClass.WIRE),),
    )
    news = agent(bad, to_watch=(ToWatch(hostile),), quiet=(hostile,), failures=((hostile, hostile),))
    for message in (headline_message(content(news), FRAMING), items_message(content(news), FRAMING)):
        sent = json.dumps(message.blocks)
        assert "<!" not in sent
        assert "<@" not in sent
        assert "evil.example" not in "".join(_urls(list(message.blocks)))
        checked_blocks(list(message.blocks))


def test_the_largest_briefing_fits_into_two_messages() -> None:
    """Six agents, five long items each, everything filled: fewer items rather than a refused message."""
    full = item(
        what="w" * 300, so_what="s" * 400, pillar="p" * 60, moves=POINT, percent=20, sources=(SOURCE,) * 3
    )
    agents = [
        agent(
            *[full] * 5,
            to_watch=(ToWatch("x" * 300, SOURCE),) * 5,
            quiet=("q" * 40,) * 12,
            failures=(("n" * 60, "r" * 60),) * 9,
        )
        for _ in range(MOST_AGENTS)
    ]
    for message in (headline_message(content(*agents), FRAMING), items_message(content(*agents), FRAMING)):
        checked_blocks(list(message.blocks))
        assert len(message.blocks) <= 50
        assert len(json.dumps(message.blocks)) < 4 * ITEMS_CHARS


def test_a_day_is_the_readers_day() -> None:
    """Midnight in Auckland is yesterday in UTC."""
    auckland = Framing("Pacific/Auckland", {}, LEXICONS["icd203"])
    news = BriefingContent(NOW, datetime(2026, 11, 25, 18, 0, tzinfo=UTC), (agent(),))
    assert "Thursday 26 November 2026" in words(headline_message(news, auckland))
    assert date(2026, 11, 26).strftime("%A") == "Thursday"


def _urls(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [str(value.get("url", ""))] + [u for part in value.values() for u in _urls(part)]
    return [u for part in value for u in _urls(part)] if isinstance(value, list) else []
