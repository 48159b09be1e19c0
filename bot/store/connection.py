"""Connections to Redis or Valkey: the app's own pool, and the doctor's probe."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff, NoBackoff
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError

from bot.store.errors import StoreError, StoreUnavailableError

__all__ = ["RECONNECT_RETRIES", "Redis", "StoreHealth", "open_redis", "probe", "reconnecting"]

RECONNECT_BASE_SECONDS = 0.05
"""First wait before a command is sent again: a restarted server is back within about 50 ms (queue-facts,
3)."""

RECONNECT_CAP_SECONDS = 0.5
"""Longest wait between two tries: half a second late is not noticed by a reader."""

RECONNECT_RETRIES = 60
"""Tries before a command fails: with the waits above about 25 seconds of outage are ridden out
(measured in queue-facts, 5: no job run twice, none waiting)."""

SOCKET_SECONDS = 5.0
"""Longest wait for one answer. Our scripts take well under a millisecond; a server that is silent for
five seconds is gone or frozen."""

CONNECT_SECONDS = 2.0
"""Longest wait for a connection, within one data centre."""

POOL_CONNECTIONS = 64
"""Connections of the app's own pool. A command holds one for about 0.2 ms, so 64 carry far more than one
core can send; callers beyond that wait their turn instead of failing (the client's default pool raises at
100)."""

POOL_WAIT_SECONDS = 30.0
"""Longest wait for a free connection: longer than the retries of those who hold one in an outage."""

PROBE_SECONDS = 3.0
"""Longest wait of the doctor for the whole probe."""

PLAIN_SCHEMES = ("redis", "rediss", "unix")


@dataclass(frozen=True, slots=True)
class StoreHealth:
    """What the doctor tells about the server. ``None``: the server does not say (managed services)."""

    server: str
    """``Valkey 9.1.2`` or ``Redis 7.0.15``."""
    answer_seconds: float
    """Time of one PING."""
    append_only: bool | None
    """False: jobs are lost with the server's process."""
    eviction_policy: str | None
    """Anything but ``noeviction`` may throw jobs away."""
    clock_skew_seconds: float
    """Server's clock minus ours."""


def reconnecting() -> Retry:
    """A fresh retry policy: back-off with jitter over about 25 seconds of outage."""
    return Retry(
        ExponentialWithJitterBackoff(base=RECONNECT_BASE_SECONDS, cap=RECONNECT_CAP_SECONDS),
        RECONNECT_RETRIES,
    )


def open_redis(url: str) -> Redis:
    """A client with its own pool; strings in, strings out. No connection is made yet.

    Close it with ``aclose``. Raises ``StoreError`` for an address that is not ``redis://``, ``rediss://`` or
    ``unix://``.
    """
    _check_scheme(url)
    try:
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=POOL_CONNECTIONS,
            timeout=POOL_WAIT_SECONDS,
            decode_responses=True,
            socket_timeout=SOCKET_SECONDS,
            socket_connect_timeout=CONNECT_SECONDS,
            retry=reconnecting(),
        )
    except ValueError as error:
        raise _bad_address() from error
    return Redis.from_pool(pool)


async def probe(url: str) -> StoreHealth:
    """Ask the server who it is, once, without retries.

    Raises ``StoreUnavailableError`` when it does not answer within three seconds and ``StoreError`` when
    it refuses our credentials or the address is malformed.
    """
    _check_scheme(url)
    try:
        client = Redis.from_url(
            url,
            decode_responses=True,
            retry=Retry(NoBackoff(), 0),
            socket_timeout=PROBE_SECONDS,
            socket_connect_timeout=PROBE_SECONDS,
        )
    except ValueError as error:
        raise _bad_address() from error
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            return await _health(client)
    except (RedisError, OSError) as error:  # a TimeoutError is an OSError
        # The client wraps a refused login in a ConnectionError.
        if any(
            isinstance(each, AuthenticationError | NoPermissionError) for each in (error, error.__cause__)
        ):
            raise StoreError("Redis refuses the user or password in COUNTRY_AGENTS_REDIS_URL.") from error
        raise StoreUnavailableError(
            f"Could not reach Redis at COUNTRY_AGENTS_REDIS_URL ({type(error).__name__}). Is it running?"
        ) from error
    finally:
        await client.aclose()


async def _health(client: Redis) -> StoreHealth:
    await client.echo("warm")  # connecting is not part of the answer time
    started = time.perf_counter()
    await client.echo("ping")
    answer_seconds = time.perf_counter() - started
    seconds, microseconds = await client.time()
    skew = seconds + microseconds / 1e6 - time.time()
    info = await client.info()
    if "valkey_version" in info:
        server = f"Valkey {info['valkey_version']}"
    else:
        server = f"Redis {info.get('redis_version', 'of unknown version')}"
    append_only = info.get("aof_enabled")
    policy = info.get("maxmemory_policy")
    return StoreHealth(
        server=server,
        answer_seconds=answer_seconds,
        append_only=None if append_only is None else bool(append_only),
        eviction_policy=None if policy is None else str(policy),
        clock_skew_seconds=skew,
    )


def _check_scheme(url: str) -> None:
    if urlsplit(url).scheme not in PLAIN_SCHEMES:
        raise _bad_address()


def _bad_address() -> StoreError:
    return StoreError(
        "COUNTRY_AGENTS_REDIS_URL must look like redis://host:6379/0, rediss://host:6379/0 or unix:///path/to/socket."
    )
