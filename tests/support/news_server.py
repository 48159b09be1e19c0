"""A local internet for tests: newsrooms in eight languages, well and ill, over real HTTP on 127.0.0.1."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from personas.persona import Persona, Source
from tests.support.news_stories import STORIES, Story, article_page, atom, listing_page, rdf, rss
from tests.support.persona_files import NOWHERE

__all__ = ["NewsServer", "Page", "serve_news", "with_sources"]


@dataclass(slots=True)
class Page:
    """What the server says at one path."""

    body: bytes = b""
    content_type: str = "application/rss+xml; charset=utf-8"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_seconds: float = 0.0
    """Before the first byte; ``inf``: for ever."""
    validators: bool = True
    """Whether it sends an ETag and answers conditional requests."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that came."""

    path: str
    headers: Mapping[str, str]
    at: float
    """Of the loop's clock."""


class NewsServer:
    """Pages by path, to be changed while it runs, and the requests that came."""

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.now = now
        self.url = ""
        self.sick_url = ""
        """The same pages under another port: another machine to whoever asks one at a time."""
        self.pages: dict[str, Page] = {}
        self.requests: list[Asked] = []
        self.changed = asyncio.Event()

    def asked(self, path: str) -> int:
        """How often a path was requested."""
        return sum(request.path == path for request in self.requests)

    async def until(self, condition: Callable[[], bool], seconds: float = 15.0) -> None:
        """Wait until the requests that came satisfy a condition."""
        async with asyncio.timeout(seconds):
            while not condition():
                await self.changed.wait()

    def source(self, path: str, name: str, **fields: Any) -> Source:
        """A persona's source at a path of this server."""
        base = self.sick_url if path.startswith("/slow") else self.url
        given = {"name": name, "url": base + path, "kind": "rss", "status": "live"}
        return Source.model_validate(given | fields)

    def publish(self) -> tuple[Source, ...]:
        """Put up newsrooms in eight languages, and their articles; the sources as a persona has them."""
        now, base = self.now(), self.url
        for language, stories in STORIES.items():
            for story in stories:
                page = Page(article_page(story, now), "text/html; charset=utf-8")
                self.pages[f"/{language}/{story.slug}"] = page

        def stories(language: str) -> tuple[Sequence[Story], str]:
            return STORIES[language], f"{base}/{language}"

        ministry = STORIES["zh"]
        for number, story in enumerate(ministry, start=1):
            path = f"/ministry/t{story.published(now):%Y%m%d}_{number}.html"
            self.pages[path] = Page(article_page(story, now, encoding="gb18030"), "text/html")
        self.pages |= {
            "/en.rss": Page(rss(*stories("en"), now)),
            "/agency.atom": Page(atom(STORIES["en"][1:3], f"{base}/en", now), "application/atom+xml"),
            "/zh.rss": Page(rss(*stories("zh"), now, encoding="gb2312"), "text/xml"),
            "/ministry/": Page(
                listing_page(ministry, f"{base}/ministry", now, encoding="gb18030"),
                "text/html; charset=utf-8",
            ),
            "/ja.rdf": Page(
                rdf(*stories("ja"), now, encoding="euc_jp"), "application/xml; charset=shift_jis"
            ),
            "/ko.rss": Page(rss(*stories("ko"), now, encoding="euc-kr").replace(b"euc-kr", b"utf-8", 1)),
            "/ru.rss": Page(rss(*stories("ru"), now, encoding="cp1251").replace(b"cp1251", b"iso-8859-1", 1)),
            "/ar.atom": Page(atom(*stories("ar"), now), "text/html"),
            "/he.rss": Page(gzip.compress(rss(*stories("he"), now)), headers={"Content-Encoding": "gzip"}),
            "/hi.rss": Page(rss(*stories("hi"), now), "application/octet-stream"),
            "/th.atom": Page(b"\xef\xbb\xbf\n\n" + atom(*stories("th"), now)),
            "/dead.rss": Page(status=404, content_type="text/html", body=b"<html>not found</html>"),
            "/page.rss": Page(
                b"<!doctype html><html><head><title>Welcome</title></head><body>Hi</body></html>"
            ),
            "/slow.rss": Page(delay_seconds=float("inf")),
        }
        return (
            self.source(
                "/en.rss",
                "Daily Ledger",
                **{"class": "independent"},
                language="en",
                reliability="B",
                owner_group="ledger",
                country="GB",
            ),
            self.source(
                "/agency.atom",
                "Newswire",
                kind="atom",
                **{"class": "wire"},
                language="en",
                reliability="A",
                owner_group="newswire",
                country="US",
            ),
            self.source(
                "/zh.rss",
                "State Daily",
                **{"class": "state_media"},
                language="zh-Hans",
                reliability="C",
                owner_group="cn-state",
            ),
            self.source(
                "/ministry/",
                "Ministry of Commerce",
                kind="html_listing",
                **{"class": "official"},
                language="zh-Hans",
                reliability="B",
                owner_group="cn-state",
                links=r"t\d{8}_\d+\.html",
            ),
            self.source(
                "/ja.rdf",
                "Tokyo Paper",
                **{"class": "independent"},
                language="ja",
                reliability="B",
                owner_group="tokyo",
                country="JP",
            ),
            self.source(
                "/ko.rss",
                "Seoul Paper",
                **{"class": "independent"},
                language="ko",
                reliability="B",
                owner_group="seoul",
                country="KR",
            ),
            self.source(
                "/ru.rss",
                "Moscow Agency",
                **{"class": "state_media"},
                language="ru",
                reliability="C",
                owner_group="ru-state",
                country="RU",
            ),
            self.source(
                "/ar.atom",
                "Gulf News Room",
                kind="atom",
                **{"class": "independent"},
                language="ar",
                reliability="B",
                owner_group="gulf",
                country="AE",
            ),
            self.source(
                "/he.rss",
                "Tel Aviv Paper",
                **{"class": "independent"},
                language="he",
                reliability="B",
                owner_group="telaviv",
                country="IL",
            ),
            self.source(
                "/hi.rss",
                "Delhi Paper",
                **{"class": "independent"},
                language="hi",
                reliability="B",
                owner_group="delhi",
                country="IN",
            ),
            self.source(
                "/th.atom",
                "Bangkok Paper",
                kind="atom",
                **{"class": "independent"},
                language="th",
                reliability="B",
                owner_group="bangkok",
                country="TH",
            ),
            self.source("/dead.rss", "Gone Gazette"),
            self.source("/page.rss", "Portal in place of a feed"),
            self.source("/slow.rss", "Sleeping Sentinel"),
        )

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """The page at the path, or HTTP 404."""
        path = request.path_qs if request.path_qs in self.pages else request.path
        loop = asyncio.get_running_loop()
        self.requests.append(Asked(path, dict(request.headers), loop.time()))
        self.changed.set()
        self.changed = asyncio.Event()
        page = self.pages.get(path)
        if page is None:
            return web.Response(status=404, text="not found")
        if page.delay_seconds == float("inf"):
            await asyncio.Event().wait()
        await asyncio.sleep(page.delay_seconds)
        headers = {"Content-Type": page.content_type, **page.headers}
        if page.validators and page.status == 200:
            headers["ETag"] = f'"{hashlib.sha256(page.body).hexdigest()[:16]}"'
            if request.headers.get("If-None-Match") == headers["ETag"]:
                return web.Response(status=304)
        return web.Response(status=page.status, body=page.body, headers=headers)


@asynccontextmanager
async def serve_news() -> AsyncIterator[NewsServer]:
    """Run the server on two free ports of 127.0.0.1."""
    server = NewsServer()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.answer)
    # Requests that sleep for ever must not hold the end up; their handlers are cancelled with the connection.
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True, access_log=None)
    await runner.setup()
    for _ in range(2):
        await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url, server.sick_url = (f"http://127.0.0.1:{address[1]}" for address in runner.addresses)
    try:
        yield server
    finally:
        await runner.cleanup()


def with_sources(persona: Persona, sources: Sequence[Source]) -> Persona:
    """The persona with these sources in place of its own; without any, with one that is not read."""
    return persona.model_copy(update={"sources": tuple(sources) or (NOWHERE,)})
