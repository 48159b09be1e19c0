"""Web pages: the articles a listing links to, and the text of an article."""

from __future__ import annotations

import re
from datetime import datetime
from urllib.parse import urlsplit

import trafilatura

from bot.evidence.charsets import decoded
from bot.evidence.dates import exact_moment, moment_in
from bot.evidence.feeds import BODY_CHARS, SUMMARY_CHARS, TITLE_CHARS, Entry, UnreadableError
from bot.evidence.markup import Element, document, drop_hidden, element_text
from bot.evidence.web_addresses import resolved_link

__all__ = ["MOST_LINKS", "article", "listed_articles"]

MOST_LINKS = 40
"""Articles taken from one listing: two screens of headlines."""

SHORTEST_TITLE = 14
SHORTEST_NATIVE_TITLE = 6
"""Characters of a link's text from which it is a headline and no button; Han, kana and Hangul need fewer."""

SHORTEST_ARTICLE = 120
"""Characters below which a page holds no article: cookie walls and error pages have about this."""

_ERROR_PAGE = re.compile(
    r"^\W*(?:(?:http|error|status)\W*)*(?:404|403|500|502|503)\b"
    r"|page (?:you requested )?(?:was |is |could )?not (?:be )?found"
    r"|^\W*(?:access denied|forbidden|just a moment|attention required|error page|service unavailable)"
    r"|captcha|verify (?:that )?you are (?:a )?human|enable javascript|^\W*error\W*$"
    r"|页面不存在|页面未找到|找不到页面|ページが見つかりません|페이지를 찾을 수 없|страница не найдена"
    r"|الصفحة غير موجودة",
    re.IGNORECASE,
)
"""Titles of what servers send, often as HTTP 200, in place of a page."""

_DATE_NAMES = (
    "article:published_time",
    "og:article:published_time",
    "datePublished",
    "pubdate",
    "publishdate",
)
_JSON_DATE = re.compile(r'"datePublished"\s*:\s*"([^"]{8,40})"')

_WIDE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_ARTICLE_PATH = re.compile(
    r"\d{4,}|[a-z0-9]+(?:-[a-z0-9]+){3,}|\.s?html?$|/(?:article|news|press|detail|story)s?/.", re.I
)
_NO_ARTICLE = re.compile(
    r"\.(?:pdf|docx?|xlsx?|zip|jpe?g|png|gif|mp[34]|css|js|xml|rss)$|/(?:tag|tags|category|login|search|about)s?/?$",
    re.I,
)


def listed_articles(
    body: bytes, *, url: str, content_type: str = "", language: str = "", pattern: str = ""
) -> list[Entry]:
    """The articles a listing page links to, in its order: title, address, and a date where one stands in the
    address or beside the link. ``pattern`` is what their addresses match; without it they are guessed. Raises
    ``UnreadableError``.
    """
    root = _page(body, content_type, language)
    wanted = re.compile(pattern) if pattern else None
    host = urlsplit(url).hostname or ""
    found: dict[str, Entry] = {}
    for anchor in root.iter("a"):
        link = resolved_link(url, anchor.get("href") or "")
        if link is None or link in found:
            continue
        title = " ".join((anchor.get("title") or element_text(anchor)).split())[:TITLE_CHARS]
        if wanted.search(link) is None if wanted else not _looks_like_article(link, host):
            continue
        if len(title) < (SHORTEST_NATIVE_TITLE if _WIDE.search(title) else SHORTEST_TITLE):
            continue
        found[link] = Entry(
            title, link, published=moment_in(_beside(anchor)) or moment_in(urlsplit(link).path)
        )
        if len(found) == MOST_LINKS:
            break
    if not found:
        raise UnreadableError("lists no articles that we recognise")
    return list(found.values())


def article(body: bytes, *, url: str, content_type: str = "", language: str = "") -> Entry:
    """The article on a page. Raises ``UnreadableError`` where there is none."""
    root = _page(body, content_type, language)
    published = _said_date(root)
    drop_hidden(root)
    found = trafilatura.bare_extraction(
        root, url=url, include_comments=False, include_tables=True, with_metadata=True, favor_precision=True
    )
    if found is None or isinstance(found, dict):
        raise UnreadableError("has no article that can be read")
    text = (found.text or "").strip()
    if len(text) < SHORTEST_ARTICLE // (3 if _WIDE.search(text) else 1):
        raise UnreadableError("has no article that can be read")
    title = " ".join(str(found.title or _head_title(root)).split())[:TITLE_CHARS]
    if _ERROR_PAGE.search(title):
        raise UnreadableError("sent an error page in place of an article")
    published = published or moment_in(str(found.date or ""))
    summary = str(found.description or "").strip()
    return Entry(title, url, summary[:SUMMARY_CHARS], text[:BODY_CHARS], published)


def _said_date(root: Element) -> datetime | None:
    """What a page says of its publication to machines, with the time of day: meta tags, then JSON-LD."""
    for name in _DATE_NAMES:
        for value in root.xpath(
            "//meta[@property=$name or @name=$name or @itemprop=$name]/@content", name=name
        ):
            if (moment := exact_moment(str(value))) is not None:
                return moment
    for script in root.xpath('//script[@type="application/ld+json"]/text()'):
        if (match := _JSON_DATE.search(str(script))) and (moment := exact_moment(match[1])) is not None:
            return moment
    return None


def _page(body: bytes, content_type: str, language: str) -> Element:
    if body[:5] == b"%PDF-":
        raise UnreadableError("sent a PDF, which we do not read")
    text = decoded(body, content_type=content_type, language=language)
    if "\x00" in text[:2000]:
        raise UnreadableError("sent something that is not text")
    root = document(text) if text.strip() else None
    if root is None:
        raise UnreadableError("sent nothing that is a web page")
    if _ERROR_PAGE.search(_head_title(root)):
        raise UnreadableError("sent an error page")
    return root


def _head_title(root: Element) -> str:
    return str(root.findtext(".//title") or "")[:TITLE_CHARS]


def _looks_like_article(link: str, host: str) -> bool:
    """A guess: the same site, and a path that names one thing."""
    parts = urlsplit(link)
    own = parts.hostname or ""
    if own != host and not own.endswith("." + host.removeprefix("www.")):
        return False
    return _NO_ARTICLE.search(parts.path) is None and _ARTICLE_PATH.search(parts.path) is not None


def _beside(anchor: Element) -> str:
    """The words around a link, up to the row or item it stands in; not its own, which may name a date."""
    for parent in anchor.iterancestors():
        if parent.tag in {"li", "tr", "dd", "dt", "article", "div", "p"}:
            text = element_text(parent)
            return text.replace(element_text(anchor), " ", 1) if len(text) <= 600 else ""
    return ""
