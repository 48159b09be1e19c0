"""The shared rate governor: who may call Slack when, across all replicas of an app in a workspace.

A caller books the next free slot of a bucket, waits for it, and confirms it at the moment of the call. Slots
are given in the order of booking, by the server's clock, in one atomic script, so that no replica has to know
of another:

* never more than ``limit`` slots in any sliding window;
* ``burst`` of them at once after a quiet time, then evenly paced, so that every caller sees steady progress
  instead of a rush and a long silence;
* for methods that are limited a channel, ``spacing_seconds`` between two slots of one channel;
* a 429 moves every booked slot behind the pause, in the same order.

The confirmation is what makes this hold on a busy machine: it counts the call at the time it is really made,
and sends a caller that is late back to wait where two windows' worth of calls would come too close.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from redis.asyncio import Redis

from bot.store.errors import translated
from bot.store.keys import PREFIX, Keys

__all__ = ["SLOT_LATENESS_SECONDS", "Budget", "Governor", "Slot"]

SLOT_LATENESS_SECONDS = 0.5
"""How much later than its confirmation a call may reach Slack (a busy loop, the network) without two windows'
worth of calls coming too close: the window is kept this much longer than Slack's."""

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


@dataclass(frozen=True, slots=True)
class Slot:
    """A booked call. ``seconds`` to wait; 0.0: call now. After a wait it is to be confirmed."""

    method: str
    seconds: float
    number: int = 0
    """Of the booking in its bucket."""


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
        self._confirm = redis.register_script(CONFIRM)
        self._penalise = redis.register_script(PENALISE)

    async def reserve(self, method: str, *, channel: str | None = None) -> Slot:
        """Book the next free slot.

        Raises ``StoreUnavailableError`` when Redis is away: without it nobody may write to Slack.
        """
        budget = self._budgets.get(method)
        if budget is None:
            return Slot(method, 0.0)
        spacing = budget.spacing_seconds if channel is not None and budget.spacing_seconds else 0.0
        with translated(f"book {method}"):
            number, microseconds = await self._reserve(
                keys=self._bucket(method),
                args=[
                    budget.limit,
                    _window(budget),
                    budget.burst,
                    round(spacing * MICROSECONDS),
                    channel or "",
                ],
            )
        return Slot(method, float(microseconds) / MICROSECONDS, int(number))

    async def confirm(self, slot: Slot) -> Slot:
        """After the wait, right before the call: the slot, with what is still to wait (a pause that began
        meanwhile, or too many calls because others were late) or 0.0. Raises as ``reserve`` does.
        """
        budget = self._budgets.get(slot.method)
        if budget is None or not slot.number:
            return Slot(slot.method, 0.0)
        with translated(f"confirm {slot.method}"):
            microseconds = await self._confirm(
                keys=self._bucket(slot.method), args=[slot.number, budget.limit, _window(budget)]
            )
        return Slot(slot.method, float(microseconds) / MICROSECONDS, slot.number)

    async def admit(self, method: str, *, channel: str | None = None) -> float:
        """Book a slot and wait until the call may be made; return the seconds waited."""
        waited = 0.0
        slot = await self.reserve(method, channel=channel)
        while slot.seconds > 0:
            await asyncio.sleep(slot.seconds)
            waited += slot.seconds
            slot = await self.confirm(slot)
        return waited

    async def penalise(self, method: str, retry_after_seconds: float) -> None:
        """Slack answered 429: nobody calls the method for that long, and then evenly paced."""
        if method not in self._budgets:
            return
        with translated(f"pause {method}"):
            await self._penalise(keys=self._bucket(method), args=[round(retry_after_seconds * MICROSECONDS)])

    def _bucket(self, method: str) -> list[str]:
        beginning = self._keys.rate(self._app_id, self._team_id, method)
        return [f"{beginning}:slots", f"{beginning}:state", f"{beginning}:channels"]


def _window(budget: Budget) -> int:
    return round((budget.window_seconds + SLOT_LATENESS_SECONDS) * MICROSECONDS)


PRELUDE = """
-- KEYS slots (sorted set by time: the number of a booked slot, and with a "c" before it that of a call),
--      state (hash), channels (hash: channel to its next free time)
-- All times in microseconds of the server's clock.
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local function text(number) return string.format('%.0f', number) end
local function keep(microseconds)
  for number = 1, 3 do
    local life = math.ceil(microseconds / 1000)
    if redis.call('PTTL', KEYS[number]) < life then redis.call('PEXPIRE', KEYS[number], life) end
  end
end
"""

RESERVE = (
    PRELUDE
    + """
-- ARGV limit, window, burst, spacing of the channel or 0, channel. Returns {number, microseconds to wait}.
local limit, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local burst, spacing = tonumber(ARGV[3]), tonumber(ARGV[4])
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

redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. text(now - window))
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
  return redis.call('ZCOUNT', KEYS[1], '(' .. text(at - window), '(' .. text(at + window)) < limit
end

local ordered = slot
if spacing > 0 then
  slot = math.max(slot, tonumber(redis.call('HGET', KEYS[3], ARGV[5]) or 0))
end
-- A busy channel's slot lies ahead of the others' and must not hold them up: they may book before it.
slot = math.ceil(slot)
if not fits(slot) then slot = math.ceil(append(slot)) end
if slot == math.ceil(ordered) or spacing == 0 then last = slot else last = math.max(last, ordered) end

redis.call('ZADD', KEYS[1], text(slot), (slot <= now and 'c' or '') .. number)
redis.call('HSET', KEYS[2], 'number', number, 'last', text(last), 'tokens', string.format('%.6f', tokens),
           'clock', text(now), 'paused', text(paused))
if spacing > 0 then
  redis.call('HSET', KEYS[3], ARGV[5], text(slot + spacing))
  if redis.call('HLEN', KEYS[3]) % 256 == 0 then
    local channels = redis.call('HGETALL', KEYS[3])
    for place = 1, #channels, 2 do
      if tonumber(channels[place + 1]) <= now then redis.call('HDEL', KEYS[3], channels[place]) end
    end
  end
end
keep(math.max(slot + 2 * window, paused) - now)
return {number, text(slot - now)}
"""
)

CONFIRM = (
    PRELUDE
    + """
-- ARGV number, limit, window. Returns microseconds still to wait; 0: the call is made now, and counted so.
local limit, window = tonumber(ARGV[2]), tonumber(ARGV[3])
local state = redis.call('HMGET', KEYS[2], 'paused', 'clock')
local paused = tonumber(state[1] or 0)
if tonumber(state[2] or 0) - now > 1000000 then -- the server's clock was set back, as above
  redis.call('DEL', KEYS[1], KEYS[3])
  redis.call('HSET', KEYS[2], 'last', text(now), 'tokens', 1, 'clock', text(now), 'paused', 0)
  paused = 0
end
local slot = math.max(tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1]) or 0), paused)
redis.call('ZREM', KEYS[1], ARGV[1])
local member = ARGV[1]
if slot <= now then
  -- Later than booked, as others were perhaps: count what was really called in the window that ends now.
  local called = {}
  local around = redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. text(now - window), text(now), 'WITHSCORES')
  for place = 1, #around, 2 do
    if string.sub(around[place], 1, 1) == 'c' then called[#called + 1] = tonumber(around[place + 1]) end
  end
  slot = now
  if #called >= limit then slot = called[#called - limit + 1] + window else member = 'c' .. member end
end
redis.call('ZADD', KEYS[1], text(slot), member)
keep(slot + 2 * window - now)
return text(slot - now)
"""
)

PENALISE = (
    PRELUDE
    + """
-- ARGV microseconds. Those who wait keep their order and their distances, behind the pause.
local state = redis.call('HMGET', KEYS[2], 'paused', 'last')
local paused = math.max(now + tonumber(ARGV[1]), tonumber(state[1] or 0))
local waiting = redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. text(now), '+inf', 'WITHSCORES')
local shift = 0
if #waiting > 0 then shift = math.max(paused - tonumber(waiting[2]), 0) end
local last = math.max(paused, tonumber(state[2] or 0) + shift)
if shift > 0 then
  for place = 1, #waiting, 2 do
    redis.call('ZADD', KEYS[1], text(tonumber(waiting[place + 1]) + shift), waiting[place])
  end
  local channels = redis.call('HGETALL', KEYS[3])
  for place = 1, #channels, 2 do
    redis.call('HSET', KEYS[3], channels[place], text(tonumber(channels[place + 1]) + shift))
  end
end
redis.call('HSET', KEYS[2], 'paused', text(paused), 'last', text(last), 'tokens', 0)
keep(last - now + 120000000)
return 1
"""
)
