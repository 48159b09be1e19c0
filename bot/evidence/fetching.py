"""Fetching from the open web, safely: public machines only, with an end to time, bytes and redirects.

Addresses are checked where they are connected to (a name may resolve to something else a moment later), again
on each redirect. No cookies, no credentials, no proxy from the environment.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Self
from urllib.parse import urljoin, urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from bot.evidence.web_addresses import UnsafeAddressError, check_url, is_public

__all__ = ["FetchError", "FetchLimits", "Fetched", "Fetcher"]

FEED_TYPES = (
    "application/rss+xml, application/atom+xml, application/rdf+xml, application/xml;q=0.9, text/xml;q=0.8"
)
ACCEPT = f"{FEED_TYPES}, text/html;q=0.7, */*;q=0.1"
"""Some servers send a page to whoever does not ask for XML by name."""

ENCODINGS = "gzip, deflate"
"""Those we can unpack with a limit; a server that sends another one has not read the request."""

READ_BYTES = 32 * 1024
"""Bytes read from the connection at a time."""


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """Where a fetch ends. Seconds and bytes."""

    total_seconds: float = 15.0
    """The whole fetch with its redirects, waiting in line not counted: a feed that takes longer is down."""
    connect_seconds: float = 6.0
    """Name and connection: intercontinental handshakes take half a second."""
    wire_bytes: int = 4_000_000
    """What is taken from the connection: the largest feeds in the persona files have 2 MB."""
    unpacked_bytes: int = 8_000_000
    """What it may unpack to: text packs to a tenth, so 8 MB is generous and 4 GB (a bomb) is not reached."""
    redirects: int = 5
    """Browsers follow 20; more than five is a loop or a maze."""
    host_pause_seconds: float = 1.0
    """Between two requests to one machine."""


class FetchError(Exception):
    """A document could not be fetched; the message is for analysts: ours, never the server's words."""

    def __init__(self, reason: str, *, retry_after: float = 0.0) -> None:
        super().__init__(reason)
        self.retry_after = retry_after
        """Seconds the server asked us to stay away; 0: it did not."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer. ``body`` is unpacked bytes, empty where ``unchanged``."""

    url: str
    """After redirects."""
    body: bytes = b""
    content_type: str = ""
    etag: str = ""
    last_modified: str = ""
    unchanged: bool = False
    """The server says that nothing is new since what ``etag`` or ``last_modified`` stood for."""


class _PublicResolver(AbstractResolver):
    """Resolves to public machines only: what aiohttp connects to is what was checked."""

    def __init__(self, *, loopback_allowed: bool) -> None:
        self._loopback_allowed = loopback_allowed
        self._system = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await self._system.resolve(host, port, family)
        public = [each for each in found if is_public(each["host"], loopback_allowed=self._loopback_allowed)]
        if len(public) < len(found):
            # One private address among public ones is not a mistake people make.
            raise UnsafeAddressError("its address leads into a private network")
        return public

    async def close(self) -> None:
        await self._system.close()


@dataclass(slots=True)
class _Host:
    """One machine by name: asked by one request at a time, with a pause between two."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    free_at: float = 0.0
    """Monotonic seconds."""
    waiting: int = 0


class Fetcher:
    """Fetches documents. Open it with ``async with``; one for a process."""

    def __init__(
        self, *, user_agent: str, limits: FetchLimits | None = None, loopback_allowed: bool = False
    ) -> None:
        self._user_agent = user_agent
        self._limits = limits or FetchLimits()
        self._loopback_allowed = loopback_allowed
        self._hosts: dict[str, _Host] = {}
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        limits = self._limits
        connector = aiohttp.TCPConnector(
            resolver=_PublicResolver(loopback_allowed=self._loopback_allowed),
            use_dns_cache=False,
            limit=32,
            force_close=True,  # a kept connection would be to an address that was checked long ago
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            timeout=aiohttp.ClientTimeout(
                total=limits.total_seconds, connect=limits.connect_seconds, sock_read=limits.total_seconds
            ),
            headers={
                "User-Agent": self._user_agent,
                "Accept": ACCEPT,
                "Accept-Encoding": ENCODINGS,
                "Accept-Language": "*",
            },
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def fetch(self, url: str, *, etag: str = "", last_modified: str = "") -> Fetched:
        """Get a document; raises ``FetchError``. ``etag`` and ``last_modified`` of an earlier answer make the
        request conditional.
        """
        headers = {}
        if etag:
            headers["If-None-Match"] = etag
        if last_modified:
            headers["If-Modified-Since"] = last_modified
        began_at = url
        for _ in range(self._limits.redirects + 1):
            try:
                check_url(url, any_port=self._loopback_allowed)
                self._check_literal(url)
            except UnsafeAddressError as error:
                raise FetchError(_told(str(error), redirected=url != began_at)) from error
            async with self._turn(url):
                answer = await self._ask(url, headers, redirected=url != began_at)
            if isinstance(answer, Fetched):
                return answer
            url = answer
        raise FetchError(f"redirects more than {self._limits.redirects} times")

    def _check_literal(self, url: str) -> None:
        """The library asks no resolver for an address that is a number already."""
        host = urlsplit(url).hostname or ""
        try:
            public = is_public(host, loopback_allowed=self._loopback_allowed)
        except ValueError:
            return
        if not public:
            raise UnsafeAddressError("its address leads into a private network")

    @asynccontextmanager
    async def _turn(self, url: str) -> AsyncIterator[None]:
        """Our turn at the machine of ``url``."""
        name = urlsplit(url).netloc.lower()
        host = self._hosts.setdefault(name, _Host())
        host.waiting += 1
        try:
            async with host.lock:
                pause = host.free_at - time.monotonic()
                if pause > 0:
                    await asyncio.sleep(pause)
                try:
                    yield
                finally:
                    host.free_at = time.monotonic() + self._limits.host_pause_seconds
        finally:
            host.waiting -= 1
            if len(self._hosts) > 1000:  # links in questions name any host: forget those at rest
                now = time.monotonic()
                for key in [key for key, one in self._hosts.items() if not one.waiting and one.free_at < now]:
                    del self._hosts[key]

    async def _ask(self, url: str, headers: dict[str, str], *, redirected: bool) -> Fetched | str:
        """One request: the document, or the address it redirects to."""
        if self._session is None:
            raise AssertionError("open the fetcher first")
        try:
            async with self._session.get(url, headers=headers, allow_redirects=False) as response:
                if response.status in {301, 302, 303, 307, 308}:
                    target = response.headers.get("Location", "")
                    if not target:
                        raise FetchError("redirects to nowhere")
                    return urljoin(url, target)
                if response.status == 304:
                    return Fetched(url, unchanged=True)
                if response.status != 200:
                    raise FetchError(
                        f"answered with HTTP {response.status}", retry_after=_retry_after(response)
                    )
                return Fetched(
                    url,
                    await self._body(response),
                    response.headers.get("Content-Type", "")[:200],
                    response.headers.get("ETag", "")[:500],
                    response.headers.get("Last-Modified", "")[:100],
                )
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError, ssl.SSLError) as error:
            raise FetchError(_told(_reason(error, self._limits), redirected=redirected)) from error

    async def _body(self, response: aiohttp.ClientResponse) -> bytes:
        """The body, unpacked piece by piece so that a bomb goes off in a small room."""
        limits = self._limits
        unpack = _unpacker(response.headers.get("Content-Encoding", "").strip().lower())
        body = bytearray()
        taken = 0
        async for piece in response.content.iter_chunked(READ_BYTES):
            taken += len(piece)
            if taken > limits.wire_bytes:
                raise FetchError(f"is larger than {limits.wire_bytes // 1_000_000} MB")
            body += unpack.some(piece, limits.unpacked_bytes - len(body) + 1)
            if len(body) > limits.unpacked_bytes:
                raise FetchError(f"unpacks to more than {limits.unpacked_bytes // 1_000_000} MB")
        return bytes(body)


class _Plain:
    """No packing."""

    def some(self, piece: bytes, room: int) -> bytes:
        return piece[:room]


class _Packed:
    """gzip, or deflate with or without its header."""

    def __init__(self, window: int) -> None:
        self._window = window
        self._stream = zlib.decompressobj(window)
        self._begun = False

    def some(self, piece: bytes, room: int) -> bytes:
        """At most ``room`` bytes: whoever gets that many knows that there are too many."""
        try:
            out = self._stream.decompress(piece, room)
        except zlib.error:
            if self._begun or self._window != zlib.MAX_WBITS:
                raise FetchError("sent a damaged packed document") from None
            self._stream = zlib.decompressobj(-zlib.MAX_WBITS)  # many servers' "deflate" has no header
            try:
                out = self._stream.decompress(piece, room)
            except zlib.error:
                raise FetchError("sent a damaged packed document") from None
        self._begun = True
        return out


def _unpacker(encoding: str) -> _Plain | _Packed:
    if encoding in {"", "identity"}:
        return _Plain()
    if encoding in {"gzip", "x-gzip"}:
        return _Packed(16 + zlib.MAX_WBITS)
    if encoding == "deflate":
        return _Packed(zlib.MAX_WBITS)
    raise FetchError("sent a packed document of a kind we did not ask for")


def _told(reason: str, *, redirected: bool) -> str:
    return f"{reason}, after a redirect" if redirected else reason


def _reason(error: Exception, limits: FetchLimits) -> str:
    """What went wrong, in our own words: a server's may hold anything."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, UnsafeAddressError):
            return str(cause)
        if isinstance(cause, socket.gaierror):
            return "its host name was not found"
        cause = cause.__cause__
    # From the particular to the general: each class here is a kind of a later one.
    words: tuple[tuple[type[Exception] | tuple[type[Exception], ...], str], ...] = (
        (aiohttp.InvalidURL, "its address is malformed"),
        (aiohttp.ConnectionTimeoutError, f"did not accept a connection within {limits.connect_seconds:g} s"),
        (TimeoutError, f"did not answer within {limits.total_seconds:g} s"),
        ((aiohttp.ClientSSLError, ssl.SSLError), "its certificate was not accepted"),
        (aiohttp.ClientConnectorDNSError, "its host name was not found"),
        ((aiohttp.ClientOSError, aiohttp.ServerDisconnectedError), "refused or dropped the connection"),
        (aiohttp.ClientPayloadError, "broke off in the middle"),
        (aiohttp.ClientError, "sent something that is not HTTP"),
    )
    return next((told for kinds, told in words if isinstance(error, kinds)), "could not be read")


def _retry_after(response: aiohttp.ClientResponse) -> float:
    """Seconds until the server wants to be asked again; 0 where it does not say."""
    value = response.headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:6])
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return 0.0
    if at.tzinfo is None:
        return 0.0
    return max(0.0, (at - datetime.now(UTC)).total_seconds())
