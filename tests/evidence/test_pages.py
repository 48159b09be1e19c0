"""Web pages: the articles a listing links to, and the text of an article."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bot.evidence.feeds import UnreadableError
from bot.evidence.pages import article, listed_articles
from tests.support.news_stories import STORIES, article_page, listing_page

NOW = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
URL = "https://ministry.example/news/"


def plain(title: str) -> str:
    """A headline with single spaces."""
    return " ".join(title.split())


@pytest.mark.parametrize("pattern", [r"t\d{8}_\d+\.html", ""])
def test_a_listing_gives_its_articles(pattern: str) -> None:
    """Headline, address and the date beside it; menus are no articles, also where no pattern says so."""
    stories = STORIES["zh"]
    page = listing_page(stories, URL.rstrip("/"), NOW, encoding="gb18030")
    entries = listed_articles(
        page, url=URL, content_type="text/html; charset=utf-8", language="zh", pattern=pattern
    )
    assert [entry.title for entry in entries] == [plain(story.title) for story in stories]
    assert [f"{entry.published:%Y-%m-%d}" for entry in entries] == [
        f"{story.published(NOW):%Y-%m-%d}" for story in stories
    ]


@pytest.mark.parametrize("language", ["en", "zh", "ja", "ko", "ru", "ar", "he", "hi", "th"])
def test_an_article_is_its_text_and_nothing_around_it(language: str) -> None:
    """Title, text and date; no menu, cookie notice, script or footer."""
    story = STORIES[language][0]
    page = article_page(story, NOW)
    found = article(page, url=URL + "a", content_type="text/html")
    assert found.title == plain(story.title)
    assert story.summary[:40] in found.body
    assert "cookies" not in found.body
    assert "tracker" not in found.body
    assert found.published == story.published(NOW)


def test_what_a_page_hides_is_not_read() -> None:
    """White on white, off the screen, in comments: nobody sees it, so nobody may be moved by it."""
    story = STORIES["en"][0]
    hidden = (
        "<div style='position:absolute;left:-9999px'>Secret one.</div><p hidden>Secret two.</p>"
        "<!-- Secret three. --><p style='font-size:0px'>Secret four.</p>"
        "<span aria-hidden='true'>Secret five.</span>"
        "<template>Secret six.</template><noscript>Secret seven.</noscript>"
    )
    page = article_page(story, NOW).decode().replace("</article>", hidden + "</article>")
    found = article(page.encode(), url=URL + "a", content_type="text/html")
    assert story.summary in found.body
    assert "Secret" not in found.body


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"%PDF-1.7 ...", "sent a PDF"),
        (b"", "sent nothing that is a web page"),
        (
            b"<html><head><title>404 Not Found</title></head><body>" + b"x " * 500 + b"</body></html>",
            "error page",
        ),
        ("<html><head><title>页面不存在</title></head><body>".encode() + b"x " * 500, "error page"),
        (b"<html><head><title>Just a moment...</title></head><body>Checking</body></html>", "error page"),
        (b"<html><body><p>Short.</p></body></html>", "has no article that can be read"),
        (b"\x00\x01\x02\x03" * 50, "not text|no article|nothing"),
    ],
)
def test_what_is_no_article_is_told(body: bytes, reason: str) -> None:
    """HTTP 200 may be anything."""
    with pytest.raises(UnreadableError, match=reason):
        article(body, url=URL + "a", content_type="text/html")


def test_a_listing_without_articles_is_told() -> None:
    """A page of menus is no listing."""
    page = b"<html><body><a href='/'>Home</a><a href='/about/'>About the whole ministry</a></body></html>"
    with pytest.raises(UnreadableError, match="lists no articles"):
        listed_articles(page, url=URL, content_type="text/html")
