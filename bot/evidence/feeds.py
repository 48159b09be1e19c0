"""RSS, Atom and RDF feeds to entries; what is none of these is told apart and refused."""

from __future__ import annotations

import calendar
import io
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from time import struct_time
from typing import Any

import feedparser  # type: ignore[import-untyped]

from bot.evidence.charsets import decoded
from bot.evidence.dates import moment_in
from bot.evidence.markup import plain_text
from bot.evidence.web_addresses import resolved_link

__all__ = ["MOST_ENTRIES", "Entry", "UnreadableError", "feed_entries"]

MOST_ENTRIES = 200
"""Entries taken from one feed: the longest of the persona files have a hundred."""

TITLE_CHARS = 400
SUMMARY_CHARS = 3_000
BODY_CHARS = 12_000
"""Characters kept. An article of 2,000 words has 12,000; excerpts are cut from these later."""

_SNIFFED_CHARS = 4_000
_NOT_AN_ELEMENT = re.compile(
    r"\s+|<\?.*?\?>|<!--.*?-->|<!doctype[^>\[]*(?:\[.*?\]\s*)?>", re.IGNORECASE | re.DOTALL
)
_ELEMENT = re.compile(r"<(?:[\w.-]+:)?([a-zA-Z][\w.-]*)")
_DECLARATION = re.compile(r"^\s*<\?xml[^>]{0,300}\?>")
_ENTITIES = re.compile(r"<!ENTITY", re.IGNORECASE)
_NATIVE_DATE = re.compile("[年月년월]")
_FEED_ROOTS = frozenset({"rss", "feed", "rdf"})


class UnreadableError(Exception):
    """A document is not what its source promises; the message is for analysts: ours, never the document's."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What a feed, a listing or a page says of one document: plain text, not yet judged."""

    title: str
    url: str
    summary: str = ""
    body: str = ""
    published: datetime | None = None
    """As the source says, in UTC."""


def feed_entries(body: bytes, *, url: str, content_type: str = "", language: str = "") -> list[Entry]:
    """The entries of a feed, in its order. ``language`` is what the source usually writes. Raises
    ``UnreadableError`` for anything else than a feed.
    """
    text = decoded(body, content_type=content_type, language=language).lstrip("\ufeff")
    check_root(text)
    if _ENTITIES.search(text):
        raise UnreadableError("declares XML entities, which no feed needs and attacks do")
    # Decoded already: the declaration and the server must not have another say.
    clean = '<?xml version="1.0" encoding="utf-8"?>\n' + _DECLARATION.sub("", text, count=1)
    parsed = feedparser.parse(
        io.BytesIO(clean.encode("utf-8", "replace")),
        response_headers={"content-type": "application/xml; charset=utf-8", "content-location": url},
        resolve_relative_uris=False,
        sanitize_html=False,
    )
    entries = [_entry(each, url) for each in parsed.entries[:MOST_ENTRIES]]
    found = [entry for entry in entries if entry is not None]
    if not found and parsed.bozo and not parsed.entries and not parsed.get("version"):
        raise UnreadableError("sent a feed that is damaged beyond reading")
    return found


def check_root(text: str) -> None:
    """Whether a document's first element is a feed's; raises ``UnreadableError``."""
    head = text[:_SNIFFED_CHARS]
    at = 0
    while (skipped := _NOT_AN_ELEMENT.match(head, at)) is not None:
        at = skipped.end()
    root = _ELEMENT.match(head, at)
    name = root[1].lower() if root else ""
    if name in _FEED_ROOTS:
        return
    if not head.strip():
        raise UnreadableError("sent nothing")
    if name in {"html", "head", "body", "script"} or re.search(r"<!doctype html|<html", head, re.IGNORECASE):
        raise UnreadableError("sent a web page in place of a feed")
    if head.lstrip()[:1] in "{[":
        raise UnreadableError("sent JSON in place of a feed")
    raise UnreadableError("sent something else in place of a feed")


def _entry(data: Any, url: str) -> Entry | None:  # noqa: ANN401 - feedparser's own dictionary
    """``None`` without an address or a title: it could not be cited."""
    link = resolved_link(url, str(data.get("link") or ""))
    title = " ".join(plain_text(str(data.get("title") or ""))[:TITLE_CHARS].split())
    if link is None or not title or not data.get("link"):
        return None
    summary = plain_text(str(data.get("summary") or "")[: 4 * BODY_CHARS])
    parts = [str(part.get("value") or "") for part in data.get("content") or ()]
    body = plain_text(max(parts, key=len)[: 4 * BODY_CHARS]) if parts else ""
    if body == summary:
        body = ""
    if len(summary) > SUMMARY_CHARS and not body:
        body = summary
    return Entry(title, link, summary[:SUMMARY_CHARS], body[:BODY_CHARS], _published(data))


def _published(data: Any) -> datetime | None:  # noqa: ANN401 - as above
    for name in ("published", "updated", "created"):
        raw = dict.get(data, name)
        if isinstance(raw, str) and _NATIVE_DATE.search(raw) and (found := moment_in(raw)) is not None:
            return found  # of which the library reads a part
        # Not data.get("updated_parsed"): feedparser maps it to "published_parsed" with a warning.
        parsed = dict.get(data, f"{name}_parsed")
        if isinstance(parsed, struct_time):
            try:
                return datetime.fromtimestamp(calendar.timegm(parsed), UTC)
            except (ValueError, OverflowError, OSError):
                continue
        if isinstance(raw, str) and (found := moment_in(raw)) is not None:
            return found
    return None
