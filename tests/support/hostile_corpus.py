"""The hostile corpus: texts that give orders to a model, and answers of servers that break what reads them.

The texts stand in ``tests/evidence/hostile/texts.toml``; bombs are made here: a repository is no place for
them.
"""

from __future__ import annotations

import gzip
import tomllib
from dataclasses import dataclass
from pathlib import Path

from tests.support.news_server import Page

__all__ = ["INNOCENT", "HostilePage", "HostileText", "hostile_pages", "hostile_texts"]

_FILE = Path(__file__).parents[1] / "evidence" / "hostile" / "texts.toml"
_DATA = tomllib.loads(_FILE.read_text(encoding="utf-8"))

INNOCENT: str = _DATA["innocent"]
"""A sentence that stands around every order, and must survive."""


@dataclass(frozen=True, slots=True)
class HostileText:
    """A text with an order in it."""

    id: str
    text: str
    gone: tuple[str, ...]
    """What must not be left of it."""
    taken: int
    """Passages that are counted at least."""


@dataclass(frozen=True, slots=True)
class HostilePage:
    """What a server answers, and why the desk says that it cannot be read."""

    id: str
    kind: str
    """As in a persona's file."""
    page: Page
    reason: str
    """A part of the reason; empty where the source counts as readable."""


def hostile_texts() -> list[HostileText]:
    """All texts, with the innocent sentence in them."""
    return [
        HostileText(
            entry["id"],
            entry["text"].replace("INNOCENT", INNOCENT),
            tuple(entry["gone"]),
            entry.get("taken", 1),
        )
        for entry in _DATA["texts"]
    ]


def _rss(items: str, head: str = "") -> bytes:
    return f'<?xml version="1.0"?>{head}<rss version="2.0"><channel>{items}</channel></rss>'.encode()


def _item(title: str, link: str = "https://news.example/a", text: str = "Text.") -> str:
    return f"<item><title>{title}</title><link>{link}</link><description>{text}</description></item>"


def hostile_pages() -> list[HostilePage]:
    """What a collector may meet."""
    laughs = "".join(
        f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' if n else '<!ENTITY l0 "lol">' for n in range(10)
    )
    html = "text/html; charset=utf-8"
    return [
        HostilePage(
            "billion-laughs", "rss", Page(_rss(_item("&l9;"), f"<!DOCTYPE r [{laughs}]>")), "XML entities"
        ),
        HostilePage(
            "external-entity",
            "rss",
            Page(_rss(_item("&x;"), '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]>')),
            "XML entities",
        ),
        HostilePage(
            "parameter-entity",
            "atom",
            Page(_rss(_item("A"), '<!DOCTYPE r [<!ENTITY % p SYSTEM "http://169.254.169.254/"> %p;]>')),
            "XML entities",
        ),
        HostilePage(
            "entities-in-utf-16",
            "rss",
            Page(
                '<?xml version="1.0" encoding="utf-16"?><!DOCTYPE r [<!ENTITY a "b">]><rss/>'.encode("utf-16")
            ),
            "XML entities",
        ),
        HostilePage(
            "gzip-bomb",
            "rss",
            Page(gzip.compress(bytes(12_000_000)), headers={"Content-Encoding": "gzip"}),
            "unpacks to more than",
        ),
        HostilePage("too-large", "rss", Page(_rss(_item("Title") * 60_000)), "is larger than"),
        HostilePage(
            "redirect-to-metadata",
            "rss",
            Page(status=302, headers={"Location": "http://169.254.169.254/latest/meta-data/iam/"}),
            "private network, after a redirect",
        ),
        HostilePage(
            "redirect-to-file",
            "rss",
            Page(status=302, headers={"Location": "file:///etc/passwd"}),
            "neither http",
        ),
        HostilePage(
            "redirect-circle", "rss", Page(status=302, headers={"Location": "/redirect-circle"}), "redirects"
        ),
        HostilePage(
            "page-for-feed", "rss", Page(b"<html><script>alert(1)</script></html>"), "a web page in place"
        ),
        HostilePage(
            "login-with-200", "html_listing", Page(b"<title>Access denied</title>x", html), "error page"
        ),
        HostilePage("json-for-feed", "atom", Page(b'{"error": "no"}'), "JSON in place"),
        HostilePage("nothing", "rss", Page(b""), "sent nothing"),
        HostilePage("binary", "rss", Page(bytes(range(256)) * 100), "something else in place"),
        HostilePage("nulls", "html_listing", Page(b"\x00" * 5_000, html), "not text"),
        HostilePage(
            "broken-xml", "rss", Page(b"<rss><channel><item><title>A</titel></rss>"), "lists nothing"
        ),
        HostilePage("deep-xml", "rss", Page(b"<rss><channel>" + b"<a>" * 60_000), "lists nothing"),
        HostilePage("deep-html", "html_listing", Page(b"<div>" * 20_000, html), "lists no articles"),
        HostilePage(
            "many-attributes",
            "html_listing",
            Page(b"<a " + b" ".join(b"a%d=1" % n for n in range(8_000)) + b">x</a>", html),
            "lists no articles",
        ),
        HostilePage(
            "links-to-hell",
            "rss",
            Page(
                _rss(
                    _item("Read the whole story of it here", "javascript:alert(1)")
                    + _item("Read the whole story of it there", "file:///etc/passwd")
                    + _item("Read the whole story of it now", "http://user:x@127.0.0.1/")
                )
            ),
            "lists nothing",
        ),
        HostilePage(
            "endless-title",
            "rss",
            Page(_rss(_item("A" * 1_000_000, "https://news.example/endless", "B" * 500_000))),
            "lists nothing",
        ),
        HostilePage(
            "utf-7",
            "rss",
            Page(b'<?xml version="1.0" encoding="utf-7"?>+ADw-rss+AD4-', "text/xml; charset=utf-7"),
            "something else in place",
        ),
        HostilePage(
            "lying-length",
            "rss",
            Page(b"short", headers={"Content-Encoding": "gzip"}),
            "damaged packed document",
        ),
        HostilePage(
            "unknown-packing", "rss", Page(b"x", headers={"Content-Encoding": "zstd"}), "did not ask for"
        ),
    ]
