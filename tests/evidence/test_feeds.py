"""Feeds as they come: three formats, encodings that lie, and what is no feed at all."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bot.evidence.charsets import decoded
from bot.evidence.feeds import UnreadableError, feed_entries
from tests.support.news_stories import STORIES, atom, rdf, rss

NOW = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
URL = "https://news.example/feed"
BASE = "https://news.example/zh"

ENCODED = [
    ("zh", "gb18030"),
    ("zh", "big5hkscs"),
    ("ja", "euc_jp"),
    ("ja", "cp932"),
    ("ja", "iso2022_jp"),
    ("ko", "cp949"),
    ("ru", "cp1251"),
    ("ru", "koi8_r"),
    ("ar", "cp1256"),
    ("he", "cp1255"),
    ("th", "cp874"),
    ("hi", "utf-16"),
    ("zh", "utf-8-sig"),
]


@pytest.mark.parametrize("make", [rss, atom, rdf])
def test_three_formats_say_the_same(make: object) -> None:
    """RSS 2.0, Atom and RSS 1.0: title, canonical address, summary, date in UTC."""
    stories = STORIES["zh"]
    entries = feed_entries(make(stories, BASE, NOW), url=URL)  # type: ignore[operator]
    assert [entry.title for entry in entries] == [story.title for story in stories]
    assert [entry.url for entry in entries] == [f"{BASE}/{story.slug}" for story in stories]
    assert [entry.published for entry in entries] == [story.published(NOW) for story in stories]
    assert entries[0].summary == stories[0].summary


@pytest.mark.parametrize(("language", "encoding"), ENCODED)
@pytest.mark.parametrize("declared", ["itself", "utf-8", "iso-8859-1", ""])
def test_an_encoding_is_found_whatever_is_said_of_it(language: str, encoding: str, declared: str) -> None:
    """What the document declares is right, wrong in two ways, or missing; what is read is the same."""
    said = encoding if declared == "itself" else declared
    story = STORIES[language][0]
    text = f"<?xml version='1.0' encoding='{said}'?>" if said else "<?xml version='1.0'?>"
    text += f"<rss version='2.0'><channel><item><title>{story.title}</title><link>{BASE}/a</link>"
    text += f"<description>{story.summary}</description></item></channel></rss>"
    body = text.encode(encoding, "xmlcharrefreplace")
    (entry,) = feed_entries(body, url=URL, content_type="text/xml; charset=us-ascii", language=language)
    assert entry.title == " ".join(story.title.split())
    assert entry.summary == " ".join(story.summary.split())


def test_one_broken_byte_spoils_nothing() -> None:
    """UTF-8 with a damaged character stays UTF-8."""
    body = rss(STORIES["ru"], BASE, NOW)
    broken = body.replace("продлили".encode(), "продлили".encode()[:-1], 1)
    text = decoded(broken, language="ru")
    assert text.count("\ufffd") == 1
    assert "Министерство коммерции Китая" in text


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "sent nothing"),
        (b"  \n ", "sent nothing"),
        (b"<!doctype html><html><body>Moved</body></html>", "sent a web page in place of a feed"),
        (b"<!-- x --><HTML><head></head></HTML>", "sent a web page in place of a feed"),
        (b'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"/>', "sent a web page in place"),
        (b'{"items": []}', "sent JSON in place of a feed"),
        (b'<?xml version="1.0"?><error>no</error>', "sent something else in place of a feed"),
        (b"\x89PNG\r\n\x1a\n", "sent something else in place of a feed"),
    ],
)
def test_what_is_no_feed_is_told_apart(body: bytes, reason: str) -> None:
    """The first element decides, not the status and not the content type."""
    with pytest.raises(UnreadableError, match=reason):
        feed_entries(body, url=URL, content_type="application/rss+xml")


def test_a_feed_that_breaks_off_gives_what_it_holds() -> None:
    """Entries before the damage are read."""
    body = rss(STORIES["en"], BASE, NOW)
    entries = feed_entries(body[: body.index(b"monsoon")], url=URL)
    assert [entry.title for entry in entries][:3] == [story.title for story in STORIES["en"][:3]]


def test_entries_without_address_or_title_are_left_out_and_dates_may_lack() -> None:
    """They could not be cited; without a date an entry is undated."""
    items = (
        "<title>No address at all here</title>",
        "<link>https://news.example/a</link>",
        "<title>Script</title><link>javascript:alert(1)</link>",
        "<title>Undated &amp;amp; odd</title><link>/b?utm_source=x</link><pubDate>soon</pubDate>",
        "<title>Chinese date</title><link>/c</link><pubDate>2026年11月20日</pubDate>",
    )
    rows = "".join(f"<item>{item}</item>" for item in items)
    body = f"<rss version='2.0'><channel>{rows}</channel></rss>".encode()
    undated, chinese = feed_entries(body, url=URL)
    assert (undated.title, undated.url, undated.published) == (
        "Undated & odd",
        "https://news.example/b",
        None,
    )
    assert chinese.published == datetime(2026, 11, 20, tzinfo=UTC)


def test_text_is_what_a_reader_sees() -> None:
    """Escaped markup is read as text; what a page would hide is gone."""
    hidden = (
        "&lt;p&gt;Seen &amp;amp; read.&lt;/p&gt;&lt;p style='display:none'&gt;Hidden.&lt;/p&gt;"
        "&lt;script&gt;alert(1)&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;&lt;p&gt;End.&lt;/p&gt;"
    )
    body = "<rss version='2.0'><channel><item><title>T</title><link>/a</link>"
    body += f"<description>{hidden}</description></item></channel></rss>"
    (entry,) = feed_entries(body.encode(), url=URL)
    assert entry.summary == "Seen & read.\nEnd."
