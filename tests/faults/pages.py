"""Web pages that questions link to, each of which may be held while it is being read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from aiohttp import web

from tests.support.news_stories import STORIES, article_page

__all__ = ["HeldPage", "Pages", "serve_pages"]


class HeldPage:
    """A page that nobody gets until it is opened; ``reached`` is set once somebody waits for it."""

    def __init__(self, url: str, body: bytes) -> None:
        self.url = url
        self.reached = asyncio.Event()
        self._body = body
        self._opened = asyncio.Event()

    def open(self) -> None:
        """Let everybody have it from now on."""
        self._opened.set()

    async def answer(self) -> web.Response:
        """The page, once it is open."""
        self.reached.set()
        await self._opened.wait()
        return web.Response(body=self._body, content_type="text/html", charset="utf-8")


class Pages:
    """The pages of a world, each at a port of its own: a machine is asked for one page at a time."""

    def __init__(self, runner: web.AppRunner) -> None:
        self._runner = runner
        self._pages: dict[str, HeldPage] = {}

    async def put_up(self) -> HeldPage:
        """A new page, held."""
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host = f"localhost:{self._runner.addresses[-1][1]}"
        page = HeldPage(f"http://{host}/truce", article_page(STORIES["en"][0], datetime.now(UTC)))
        self._pages[host] = page
        return page

    def open(self) -> None:
        """Let everybody have every page."""
        for page in self._pages.values():
            page.open()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """The page of the port that was asked."""
        return await self._pages[request.host].answer()


@asynccontextmanager
async def serve_pages() -> AsyncIterator[Pages]:
    """Serve pages on 127.0.0.1."""
    app = web.Application()
    # What is held when all is over is cancelled.
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True, access_log=None)
    pages = Pages(runner)
    app.router.add_get("/truce", pages.answer)
    await runner.setup()
    try:
        yield pages
    finally:
        await runner.cleanup()
