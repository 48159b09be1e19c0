"""Dates, headlines, languages and links, as people write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bot.evidence.dates import believable, moment_in
from bot.evidence.languages import detected_language
from bot.evidence.links import MOST_LINKS, links_in
from bot.evidence.titles import title_fingerprint
from bot.turns import Question, Quoted
from tests.support.news_stories import STORIES

NOW = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2026-11-20T08:30:00Z", (2026, 11, 20, 8, 30)),
        ("2026年11月20日 14:05", (2026, 11, 20, 14, 5)),
        ("2026년 11월 20일", (2026, 11, 20)),
        ("/202611/t20261120_123.html", (2026, 11, 20)),
        ("20.11.2026", (2026, 11, 20)),
        ("20 ноября 2026", (2026, 11, 20)),
        ("November 20, 2026", (2026, 11, 20)),
        ("20th Nov 2026", (2026, 11, 20)),
        ("20/11/2026", (2026, 11, 20)),
    ],
)
def test_a_date_is_read(text: str, found: tuple[int, ...]) -> None:
    """In addresses, beside links, in the languages of the desk."""
    assert moment_in(text) == datetime(*found, tzinfo=UTC)  # type: ignore[arg-type,misc]


@pytest.mark.parametrize("text", ["", "soon", "03/04/2026", "2026-13-40", "1999-01-01", "No. 20261"])
def test_what_is_no_date_is_none(text: str) -> None:
    """03/04 is the third of April to some and the fourth of March to others: nobody's date."""
    assert moment_in(text) is None


def test_a_date_that_cannot_be_believed_is_none() -> None:
    """Next week and 1970 are mistakes; the other side of the date line is not."""
    assert believable(NOW + timedelta(days=7), NOW) is None
    assert believable(datetime(1970, 1, 1, tzinfo=UTC), NOW) is None
    assert believable(NOW + timedelta(hours=9), NOW) == NOW
    assert believable(datetime(2026, 11, 24), NOW) == datetime(2026, 11, 24, tzinfo=UTC)  # noqa: DTZ001
    assert believable(None, NOW) is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("China raises tariffs on US soybeans", "China raised tariffs on U.S. soybeans - Reuters"),
        ("BREAKING: China raises tariffs on US soybeans", "China raises its tariffs on US soybeans"),
        ("商务部：中美出口管制暂停措施延长一年", "商务部: 中美出口管制暂停措施延长一年"),
        ("【快讯】商务部：中美出口管制暂停措施延长一年", "商务部：中美出口管制暂停措施延长一年"),
        ("Fed cuts rates by 0.25% in split vote", "Fed cuts rates by 0.25% in split vote | Markets"),
    ],
)
def test_one_story_has_one_fingerprint(one: str, other: str) -> None:
    """However a newsroom prints the wire's headline."""
    assert title_fingerprint(one) == title_fingerprint(other) is not None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Fed cuts rates by 0.25% in split vote", "Fed cuts rates by 0.50% in split vote"),
        ("China raises tariffs on US soybeans", "China raises tariffs on UK soybeans"),
        (
            "日银、政策金利を据え置き　物価見通しは小幅に引き上げ",
            "日银、政策金利を据え置き　物価見通しは小幅に引き下げ",
        ),
    ],
)
def test_two_stories_have_two(one: str, other: str) -> None:
    """Numbers and names count."""
    assert title_fingerprint(one) != title_fingerprint(other)


@pytest.mark.parametrize("title", ["Daily briefing", "新闻发布会", "Press conference", "", "...", "Live: 12"])
def test_a_headline_that_says_nothing_is_nobodys_twin(title: str) -> None:
    """They return every day."""
    assert title_fingerprint(title) is None


@pytest.mark.parametrize("language", list(STORIES))
def test_the_language_of_a_text_is_found(language: str) -> None:
    """Whatever its source declares."""
    story = STORIES[language][0]
    assert detected_language(f"{story.title}\n{story.summary}", "fr") == language


def test_a_declared_language_stands_where_the_text_agrees_or_does_not_tell() -> None:
    """With its script and region."""
    assert detected_language("商务部新闻发言人表示", "zh-Hans") == "zh-Hans"
    assert detected_language("NATO 2026", "pt-BR") == "pt-BR"
    assert detected_language("12 345") == ""


def test_links_of_a_question_are_found() -> None:
    """Bare ones and Slack's, in the person's words first; tracking is taken off, each counts once."""
    question = Question(
        "What of <https://news.example/a?utm_source=x|this>, (https://news.example/b_(c)) and "
        "https://news.example/a. See http://user@evil.example/ too",
        (Quoted(text="<https://paper.example/d>", author="A"),),
    )
    assert links_in(question) == [
        "https://news.example/a",
        "https://news.example/b_(c)",
        "https://paper.example/d",
    ]


def test_a_list_of_links_is_not_an_order() -> None:
    """Somebody else's server is not attacked by way of the desk."""
    question = Question(" ".join(f"https://news.example/{number}" for number in range(20)))
    assert len(links_in(question)) == MOST_LINKS
