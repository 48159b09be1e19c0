"""The pause of a model provider's account, shared by all replicas through Redis.

The pause is a key that expires with it: no clock but the server's is asked. A process reads it at most once
a second, for all its calls together; what it heard itself it knows without asking. Redis away means that each
process keeps its own pauses: unlike Slack's budgets, a model's limits are enforced by the provider anyway.
"""

from __future__ import annotations

import asyncio

import structlog
from redis.asyncio import Redis

from bot.store.errors import StoreUnavailableError, translated
from bot.store.keys import PREFIX, Keys

__all__ = ["ANSWER_SECONDS", "FRESH_SECONDS", "SharedPause"]

FRESH_SECONDS = 1.0
"""How long an answer of Redis is believed. Within it a replica may make calls into a pause that another one
heard of: each is one 429 more. One read a second a process is nothing to Redis."""

ANSWER_SECONDS = 0.25
"""Longest wait for Redis, which answers in 0.2 ms: a model call must not wait for a store that is away, and
the client's own retries take 25 s."""

log = structlog.get_logger(__name__)


class SharedPause:
    """One account's pause (a ``bot.llm.pacing.ProviderPause``); ``account`` is its ``endpoint_id``. One
    object a process and account, so that its calls share what it knows.
    """

    def __init__(
        self,
        redis: Redis,
        account: str,
        *,
        prefix: str = PREFIX,
        fresh_seconds: float = FRESH_SECONDS,
        answer_seconds: float = ANSWER_SECONDS,
    ) -> None:
        self._redis = redis
        self._account = account
        self._key = Keys(prefix).model_pause(account)
        self._fresh_seconds = fresh_seconds
        self._answer_seconds = answer_seconds
        self._extend = redis.register_script(EXTEND)
        self._left = redis.register_script(LEFT)
        self._until = float("-inf")
        self._read_at = float("-inf")
        self._reading = asyncio.Lock()
        self._away = False

    async def remaining(self) -> float:
        """See ``ProviderPause``."""
        now = asyncio.get_running_loop().time
        if self._until <= now() and now() - self._read_at >= self._fresh_seconds:
            # Calls that begin together wait for one answer, instead of asking each or going on without it.
            async with self._reading:
                if now() - self._read_at >= self._fresh_seconds:
                    await self._read()
        return max(self._until - now(), 0.0)

    async def note(self, seconds: float) -> None:
        """See ``ProviderPause``."""
        self._until = max(self._until, asyncio.get_running_loop().time() + seconds)
        milliseconds = round(seconds * 1000)
        if milliseconds <= 0:
            return
        try:
            async with asyncio.timeout(self._answer_seconds):
                with translated("pause a model account"):
                    await self._extend(keys=[self._key], args=[milliseconds])
        except (StoreUnavailableError, TimeoutError) as error:
            self._tell(error)

    async def _read(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._answer_seconds):
                with translated("read the pause of a model account"):
                    milliseconds = int(await self._left(keys=[self._key]))
        except (StoreUnavailableError, TimeoutError) as error:
            self._tell(error)
        else:
            self._away = False
            if milliseconds > 0:
                self._until = max(self._until, loop.time() + milliseconds / 1000)
        finally:
            # After a failure too: the next second's calls must not wait for it again.
            self._read_at = loop.time()

    def _tell(self, error: Exception) -> None:
        """Once an outage."""
        if not self._away:
            log.warning("model_pause.unshared", account=self._account, error=type(error).__name__)
        self._away = True


EXTEND = """
-- KEYS pause; ARGV milliseconds. Sent twice it does no harm; a pause is never shortened.
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[1])
end
return 1
"""

LEFT = """
-- KEYS pause. Returns milliseconds, or 0 or less where there is none.
local left = redis.call('PTTL', KEYS[1])
if left > tonumber(redis.call('GET', KEYS[1]) or 0) then
  -- Longer than it was meant to be: the server's clock was set back, and nobody knows how much is left.
  redis.call('DEL', KEYS[1])
  return 0
end
return left
"""
