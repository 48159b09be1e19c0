"""Fetching: public machines only, with an end to time, bytes and redirects."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from bot.evidence.fetching import Fetcher, FetchError, FetchLimits
from tests.support.news_server import NewsServer, Page

QUICK = FetchLimits(host_pause_seconds=0.0)


@asynccontextmanager
async def a_fetcher(limits: FetchLimits = QUICK, **fields: Any) -> AsyncIterator[Fetcher]:
    """One that may read this machine."""
    given = {"user_agent": "country-agents-test/1", "loopback_allowed": True}
    async with Fetcher(**given | fields, limits=limits) as fetcher:
        yield fetcher


async def reason_of(fetcher: Fetcher, url: str) -> str:
    """Why a document cannot be fetched."""
    with pytest.raises(FetchError) as caught:
        await fetcher.fetch(url)
    return str(caught.value)


async def test_a_document_comes_with_what_its_next_request_needs(news: NewsServer) -> None:
    """Body, type, validators; the next request is conditional, and its answer says that nothing is new."""
    news.pages["/a"] = Page(b"text", "text/plain")
    async with a_fetcher() as fetcher:
        first = await fetcher.fetch(news.url + "/a")
        assert (first.body, first.content_type, first.unchanged) == (b"text", "text/plain", False)
        again = await fetcher.fetch(
            news.url + "/a", etag=first.etag, last_modified="Tue, 24 Nov 2026 07:00:00 GMT"
        )
        assert again.unchanged
    asked = news.requests[-1].headers
    assert asked["If-None-Match"] == first.etag
    assert asked["If-Modified-Since"] == "Tue, 24 Nov 2026 07:00:00 GMT"
    assert asked["User-Agent"] == "country-agents-test/1"


async def test_no_cookie_is_kept_or_sent(news: NewsServer) -> None:
    """Whoever sets one gets none back, on a redirect neither."""
    news.pages["/set"] = Page(status=302, headers={"Location": "/a", "Set-Cookie": "id=1; Path=/"})
    news.pages["/a"] = Page(b"text", headers={"Set-Cookie": "id=2"})
    async with a_fetcher() as fetcher:
        await fetcher.fetch(news.url + "/set")
        await fetcher.fetch(news.url + "/a")
    assert not any("Cookie" in request.headers for request in news.requests)


async def test_without_the_switch_this_machine_is_not_read(news: NewsServer) -> None:
    """Neither by number nor by a name that resolves to it, and nothing is sent there."""
    port = news.url.rpartition(":")[2]
    async with a_fetcher(loopback_allowed=False) as fetcher:
        for host in ("127.0.0.1", "localhost", "[::1]", "0x7f.1", "2130706433", "0"):
            # Other ports are refused before the machine is looked at.
            told = await reason_of(fetcher, f"http://{host}/a")
            assert "private network" in told or "malformed" in told, (host, told)
            assert "port" in await reason_of(fetcher, f"http://{host}:{port}/a"), host
    assert news.requests == []


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("http://169.254.169.254/latest/meta-data/", "private network"),
        ("http://[fd00:ec2::254]/latest/meta-data/", "private network"),
        ("http://10.0.0.1/", "private network"),
        ("file:///etc/passwd", "neither http nor https"),
        ("gopher://127.0.0.1:6379/_FLUSHALL", "neither http nor https"),
        ("http://user:secret@127.0.0.1/", "user name"),
    ],
)
async def test_a_redirect_is_checked_like_the_address_before_it(
    news: NewsServer, target: str, reason: str
) -> None:
    """A public page must not lead the desk into a private network, even where tests may read loopback."""
    news.pages["/away"] = Page(status=302, headers={"Location": target})
    async with a_fetcher() as fetcher:
        told = await reason_of(fetcher, news.url + "/away")
    assert reason in told
    assert told.endswith("after a redirect")


async def test_redirects_have_an_end(news: NewsServer) -> None:
    """A circle is left after a few rounds; an honest redirect is followed and told."""
    news.pages["/circle"] = Page(status=301, headers={"Location": "/circle"})
    news.pages["/moved"] = Page(status=308, headers={"Location": "/a"})
    news.pages["/nowhere"] = Page(status=302)
    news.pages["/a"] = Page(b"text")
    async with a_fetcher() as fetcher:
        assert await reason_of(fetcher, news.url + "/circle") == "redirects more than 5 times"
        assert await reason_of(fetcher, news.url + "/nowhere") == "redirects to nowhere"
        assert (await fetcher.fetch(news.url + "/moved")).url == news.url + "/a"
    assert news.asked("/circle") == 6


async def test_a_body_has_an_end(news: NewsServer) -> None:
    """What is too large on the wire, and a bomb that unpacks to more than fits, are given up."""
    limits = FetchLimits(wire_bytes=100_000, unpacked_bytes=200_000, host_pause_seconds=0.0)
    bomb = gzip.compress(bytes(30_000_000))
    assert len(bomb) < limits.wire_bytes
    news.pages["/large"] = Page(b"x" * 150_000)
    news.pages["/bomb"] = Page(bomb, headers={"Content-Encoding": "gzip"})
    news.pages["/deflated"] = Page(zlib.compress(bytes(30_000_000)), headers={"Content-Encoding": "deflate"})
    async with a_fetcher(limits) as fetcher:
        assert "is larger than" in await reason_of(fetcher, news.url + "/large")
        assert "unpacks to more than" in await reason_of(fetcher, news.url + "/bomb")
        assert "unpacks to more than" in await reason_of(fetcher, news.url + "/deflated")


@pytest.mark.parametrize("window", [zlib.MAX_WBITS, -zlib.MAX_WBITS])
async def test_a_packed_body_is_unpacked(news: NewsServer, window: int) -> None:
    """Deflate with and without its header; a damaged one and an unknown packing are refused."""
    packer = zlib.compressobj(wbits=window)
    packed = packer.compress(b"text " * 1000) + packer.flush()
    news.pages["/a"] = Page(packed, headers={"Content-Encoding": "deflate"})
    news.pages["/damaged"] = Page(b"no gzip at all", headers={"Content-Encoding": "gzip"})
    news.pages["/br"] = Page(b"\x0b\x02", headers={"Content-Encoding": "br"})
    async with a_fetcher() as fetcher:
        assert (await fetcher.fetch(news.url + "/a")).body == b"text " * 1000
        assert await reason_of(fetcher, news.url + "/damaged") == "sent a damaged packed document"
        assert "of a kind we did not ask for" in await reason_of(fetcher, news.url + "/br")


async def test_a_refusal_tells_status_and_when_to_come_back(news: NewsServer) -> None:
    """The reason is in our words; Retry-After is heard."""
    news.pages["/busy"] = Page(b"<script>", status=429, headers={"Retry-After": "120"})
    async with a_fetcher() as fetcher:
        with pytest.raises(FetchError) as caught:
            await fetcher.fetch(news.url + "/busy")
    assert str(caught.value) == "answered with HTTP 429"
    assert caught.value.retry_after == 120


async def test_a_server_that_says_nothing_is_left(news: NewsServer) -> None:
    """After the time a document may take."""
    news.pages["/slow"] = Page(delay_seconds=float("inf"))
    async with a_fetcher(FetchLimits(total_seconds=0.2, host_pause_seconds=0.0)) as fetcher:
        assert await reason_of(fetcher, news.url + "/slow") == "did not answer within 0.2 s"


async def test_what_is_no_http_is_told(news: NewsServer) -> None:
    """A closed port, a name nobody has, and another protocol are reasons, not crashes."""

    async def banner(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(banner, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, a_fetcher() as fetcher:
        assert await reason_of(fetcher, f"http://127.0.0.1:{port}/") == "sent something that is not HTTP"
        assert await reason_of(fetcher, "http://127.0.0.1:9/") == "refused or dropped the connection"
        assert await reason_of(fetcher, "http://name.invalid/") == "its host name was not found"


async def test_one_machine_is_asked_by_one_request_at_a_time_with_pauses(news: NewsServer) -> None:
    """Politeness is per machine: others need not wait for it."""
    news.pages["/a"] = Page(b"text")
    async with a_fetcher(FetchLimits(host_pause_seconds=0.2)) as fetcher:
        await asyncio.gather(*(fetcher.fetch(news.url + "/a") for _ in range(3)))
        times = sorted(request.at for request in news.requests)
        assert all(later - earlier >= 0.19 for earlier, later in itertools.pairwise(times))
