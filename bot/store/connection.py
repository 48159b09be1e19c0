"""Connections to Redis or Valkey: the app's own pool, and the doctor's probe."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import cast
from urllib.parse import parse_qs, unquote, urlsplit

from redis.asyncio import BlockingConnectionPool, Redis, RedisCluster
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool
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
CLUSTER_SCHEMES = ("redis+cluster", "rediss+cluster")
SENTINEL_SCHEMES = ("redis+sentinel", "rediss+sentinel")
"""docket's schemes; the first node of a cluster leads to the others, a sentinel to the master."""

SENTINEL_PORT = 26379
"""Where sentinels listen."""

SENTINEL_CONNECTIONS = 1_000
"""Most connections to the master: this pool fails beyond its bound instead of waiting, so that it is wide."""


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

    Close it with ``aclose``. Raises ``StoreError`` for an address of another scheme than ``redis://``,
    ``redis+cluster://``, ``redis+sentinel://``, the same with ``rediss``, or ``unix://``.
    """
    _check_scheme(url)
    scheme = urlsplit(url).scheme
    try:
        if scheme in CLUSTER_SCHEMES:
            cluster = RedisCluster.from_url(
                url.replace("+cluster", "", 1),
                max_connections=POOL_CONNECTIONS,
                decode_responses=True,
                socket_timeout=SOCKET_SECONDS,
                socket_connect_timeout=CONNECT_SECONDS,
                retry=reconnecting(),
            )
            # It has the commands, scripts, pipelines and subscriptions that we use of the plain client.
            return cast("Redis", cluster)
        if scheme in SENTINEL_SCHEMES:
            return _master(url, retry=reconnecting(), socket_timeout=SOCKET_SECONDS)
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


class _MasterPool(SentinelConnectionPool):
    """Closes the connections to the sentinels as well, which redis-py leaves open."""

    async def aclose(self) -> None:
        await super().aclose()
        for each in self.sentinel_manager.sentinels:
            await each.aclose()


def _master(url: str, *, retry: Retry, socket_timeout: float) -> Redis:
    """A client of the server that the sentinels call the master, asked again for each connection.

    ``redis+sentinel://[user:password@]host:26379,host:26379/name[/0]``, as docket reads it.
    """
    parts = urlsplit(url)
    login, _, hosts = parts.netloc.rpartition("@")
    name, _, database = parts.path.strip("/").partition("/")
    sentinels = [urlsplit(f"//{host}") for host in hosts.split(",")]
    if not name or not all(each.hostname for each in sentinels):
        raise _bad_address()
    user, _, password = login.partition(":")
    tls = parts.scheme.startswith("rediss")
    given = {key: value for key, (value, *_) in parse_qs(parts.query).items()}
    daemons = Sentinel(  # type: ignore[no-untyped-call]
        [(each.hostname, each.port or SENTINEL_PORT) for each in sentinels],
        sentinel_kwargs={
            "username": given.get("sentinel_username"),
            "password": given.get("sentinel_password"),
            "ssl": tls,
            "socket_timeout": CONNECT_SECONDS,
        },
        socket_connect_timeout=CONNECT_SECONDS,
    )
    return daemons.master_for(  # type: ignore[no-any-return]
        name,
        connection_pool_class=_MasterPool,
        db=int(database or 0),
        username=unquote(user) or None,
        password=unquote(password) or None,
        ssl=tls,
        max_connections=SENTINEL_CONNECTIONS,
        decode_responses=True,
        socket_timeout=socket_timeout,
        retry=retry,
    )


async def probe(url: str) -> StoreHealth:
    """Ask the server who it is, once, without retries.

    Raises ``StoreUnavailableError`` when it does not answer within three seconds and ``StoreError`` when
    it refuses our credentials or the address is malformed.
    """
    _check_scheme(url)
    try:
        if urlsplit(url).scheme in SENTINEL_SCHEMES:
            client = _master(url, retry=Retry(NoBackoff(), 0), socket_timeout=PROBE_SECONDS)
        else:
            client = Redis.from_url(
                url.replace("+cluster", "", 1),  # one node of a cluster tells enough
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
    if urlsplit(url).scheme not in {*PLAIN_SCHEMES, *CLUSTER_SCHEMES, *SENTINEL_SCHEMES}:
        raise _bad_address()


def _bad_address() -> StoreError:
    return StoreError(
        "COUNTRY_AGENTS_REDIS_URL must look like redis://host:6379/0, rediss://host:6379/0, "
        "unix:///path/to/socket, redis+cluster://host:6379 or redis+sentinel://host:26379,host:26379/name."
    )
