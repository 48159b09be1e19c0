"""The shared rate governor: who may call Slack when, across all replicas of an app in a workspace.

A caller books the next free slot of a bucket and waits for it. Slots are given in the order of booking, by
the server's clock, in one atomic script, so that no replica has to know of another:

* never more than ``limit`` slots in any sliding window;
* ``burst`` of them at once after a quiet time, then evenly paced, so that every caller sees steady progress
  instead of a rush and a long silence;
* for methods that are limited a channel, ``spacing_seconds`` between two slots of one channel.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from redis.asyncio import Redis

from bot.store.errors import translated
from bot.store.keys import PREFIX, Keys

__all__ = ["SLOT_LATENESS_SECONDS", "Budget", "Governor", "per_minute"]

SLOT_LATENESS_SECONDS = 0.5
"""How much later than its slot a call may reach Slack (a busy loop, the network) without two windows' worth
of calls coming too close: the window is kept this much longer than Slack's."""

MINUTE_SECONDS = 60.0
"""Slack counts calls a minute."""

BURST_SHARE = 4
"""Which part of a minute's calls may go out at once: a quarter is enough for a few turns that start together,
and leaves the others three quarters of the minute evenly paced."""

MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Budget:
    """What one method allows: ``limit`` calls in any ``window_seconds``."""

    limit: int
    window_seconds: float
    burst: int = 1
    """Calls that may go out at once after a quiet time."""
    spacing_seconds: float | None = None
    """Least time between two calls for one channel, or None."""


def per_minute(calls: Mapping[str, int], *, spacing_seconds: Mapping[str, float]) -> dict[str, Budget]:
    """Budgets from Slack's calls a minute for each method; ``spacing_seconds`` for methods limited a
    channel.
    """
    return {
        method: Budget(
            limit,
            MINUTE_SECONDS,
            burst=max(1, limit // BURST_SHARE),
            spacing_seconds=spacing_seconds.get(method),
        )
        for method, limit in calls.items()
    }


class Governor:
    """Books calls of one app in one workspace. ``budgets`` maps a Web API method to its budget; a method
    without one is not limited.
    """

    def __init__(
        self, redis: Redis, app_id: str, team_id: str, budgets: Mapping[str, Budget], *, prefix: str = PREFIX
    ) -> None:
        self._app_id = app_id
        self._team_id = team_id
        self._budgets = dict(budgets)
        self._keys = Keys(prefix)
        self._reserve = redis.register_script(RESERVE)
        self._penalise = redis.register_script(PENALISE)
        self._paused = redis.register_script(PAUSED)

    async def reserve(self, method: str, *, channel: str | None = None) -> float:
        """Book the next free slot and return the seconds until it; 0.0: call now.

        Raises ``StoreUnavailableError`` when Redis is away: without it nobody may write to Slack.
        """
        budget = self._budgets.get(method)
        if budget is None:
            return 0.0
        spacing = budget.spacing_seconds if channel is not None and budget.spacing_seconds else 0.0
        keys = self._bucket(method)
        with translated(f"book {method}"):
            microseconds = await self._reserve(
                keys=[*keys, f"{keys[0]}:{channel or '-'}"],
                args=[
                    budget.limit,
                    round((budget.window_seconds + SLOT_LATENESS_SECONDS) * MICROSECONDS),
                    budget.burst,
                    round(spacing * MICROSECONDS),
                ],
            )
        return float(microseconds) / MICROSECONDS

    async def admit(self, method: str, *, channel: str | None = None) -> float:
        """Wait for a slot; return the seconds waited. A pause that began meanwhile is waited for, too."""
        waited = 0.0
        while True:
            seconds = await self.reserve(method, channel=channel)
            if seconds <= 0:
                return waited
            await asyncio.sleep(seconds)
            waited += seconds
            if not await self._is_paused(method):
                return waited

    async def penalise(self, method: str, retry_after_seconds: float) -> None:
        """Slack answered 429: nobody calls the method for that long, and then evenly paced."""
        if method not in self._budgets:
            return
        with translated(f"pause {method}"):
            await self._penalise(keys=self._bucket(method), args=[round(retry_after_seconds * MICROSECONDS)])

    async def _is_paused(self, method: str) -> bool:
        with translated(f"pause of {method}"):
            return bool(await self._paused(keys=self._bucket(method), args=[]))

    def _bucket(self, method: str) -> list[str]:
        beginning = self._keys.rate(self._app_id, self._team_id, method)
        return [f"{beginning}:slots", f"{beginning}:state"]


RESERVE = """
-- KEYS slots (sorted set: slot number by its time), state (hash), channel (string: its next free time)
-- ARGV limit, window, burst, spacing of the channel or 0. All times in microseconds of the server's clock.
local limit, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local burst, spacing = tonumber(ARGV[3]), tonumber(ARGV[4])
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local state = redis.call('HMGET', KEYS[2], 'number', 'last', 'tokens', 'paused', 'clock')
local number = tonumber(state[1] or 0) + 1
local last = tonumber(state[2] or 0)       -- the latest slot given in order
local tokens = tonumber(state[3] or burst) -- calls that may still go out at once
local paused = tonumber(state[4] or 0)
local pace = window / limit
if tonumber(state[5] or 0) - now > 1000000 then
  -- The server's clock was set back: booked times mean nothing now. Begin anew, without a burst.
  redis.call('DEL', KEYS[1], KEYS[3])
  last, tokens, paused = now, 1, 0
end

redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. string.format('%.0f', now - window))
local count = redis.call('ZCARD', KEYS[1])

-- Quiet time earns calls at once; waiting callers earn none, or a rush would follow every wait.
if last < now then tokens = math.min(burst, tokens + (now - last) / pace) end

-- In order of booking: not before the one before, and paced once the burst is used up.
local slot = math.max(now, last, paused)
if tokens >= 1 then
  tokens = tokens - 1
elseif last > 0 then
  local gap = pace
  if count > 0 and count < limit then
    -- What the burst took is spread over the rest of the window, instead of a silence at its end.
    local oldest = tonumber(redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2])
    gap = math.max(pace, (oldest + window - last) / (limit - count))
  end
  slot = math.max(slot, last + gap)
end

local function append(at)
  -- After all others, so only the slot ``limit`` places back matters.
  local newest = tonumber(redis.call('ZREVRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2] or 0)
  at = math.max(at, newest)
  local back = redis.call('ZREVRANGE', KEYS[1], limit - 1, limit - 1, 'WITHSCORES')[2]
  if back then at = math.max(at, tonumber(back) + window) end
  return at
end

local function fits(at)
  -- Every window that holds this moment lies within one window to either side of it.
  local around = redis.call('ZCOUNT', KEYS[1], '(' .. string.format('%.0f', at - window),
                            '(' .. string.format('%.0f', at + window))
  return around < limit
end

local ordered = slot
if spacing > 0 then
  slot = math.max(slot, tonumber(redis.call('GET', KEYS[3]) or 0))
end
-- A busy channel's slot lies ahead of the others' and must not hold them up: they may book before it.
slot = math.ceil(slot)
if not fits(slot) then slot = math.ceil(append(slot)) end
if slot == math.ceil(ordered) or spacing == 0 then last = slot else last = math.max(last, ordered) end

local life = math.ceil((slot - now + 2 * window) / 1000)
redis.call('ZADD', KEYS[1], string.format('%.0f', slot), number)
redis.call('PEXPIRE', KEYS[1], life)
redis.call('HSET', KEYS[2], 'number', number, 'last', string.format('%.0f', last),
           'tokens', string.format('%.6f', tokens), 'clock', string.format('%.0f', now),
           'paused', string.format('%.0f', paused))
redis.call('PEXPIRE', KEYS[2], math.max(life, math.ceil((paused - now) / 1000)))
if spacing > 0 then
  redis.call('SET', KEYS[3], string.format('%.0f', slot + spacing), 'PX', life)
end
return slot - now
"""

PENALISE = """
-- KEYS slots, state; ARGV microseconds
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local paused = now + tonumber(ARGV[1])
local state = redis.call('HMGET', KEYS[2], 'paused', 'last')
paused = math.max(paused, tonumber(state[1] or 0))
local last = math.max(paused, tonumber(state[2] or 0))
redis.call('HSET', KEYS[2], 'paused', string.format('%.0f', paused), 'last', string.format('%.0f', last),
           'tokens', 0)
local life = math.ceil((last - now) / 1000) + 120000
if redis.call('PTTL', KEYS[2]) < life then redis.call('PEXPIRE', KEYS[2], life) end
return 1
"""

PAUSED = """
-- KEYS slots, state
local clock = redis.call('TIME')
return tonumber(redis.call('HGET', KEYS[2], 'paused') or 0) > clock[1] * 1000000 + clock[2] and 1 or 0
"""
