"""The shared rate governor: who may call Slack when, across all replicas of an app in a workspace.

A caller books the next free slot of a bucket, waits for it, and confirms it at the moment of the call. Slots
are given in the order of booking, by the server's clock, in one atomic script, so that no replica has to know
of another:

* never more than ``limit`` slots in any sliding window;
* ``burst`` of them at once after a quiet time, then evenly paced, so that every caller sees steady progress
  instead of a rush and a long silence;
* for methods that are limited a channel, ``spacing_seconds`` between two slots of one channel; calls that
  belong to questions take them in the order of the questions, however their callers come;
* a 429 moves every booked slot behind the pause, in the same order.

The confirmation is what makes this hold on a busy machine: it counts the call at the time it is really made,
and sends a caller that is late back to wait where two windows' worth of calls would come too close.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from redis.asyncio import Redis

from bot.store.errors import translated
from bot.store.keys import PREFIX, Keys

__all__ = ["SLOT_LATENESS_SECONDS", "Budget", "Governor", "Slot"]

SLOT_LATENESS_SECONDS = 0.5
"""How much later than its confirmation a call may reach Slack (a busy loop, the network) without two windows'
worth of calls coming too close: the window is kept this much longer than Slack's."""

ORDER_SETTLE_SECONDS = 0.1
"""How old a question is before the first call for it in its channel is made: until then an older question
may still be on its way through another connection or replica. Slack's events are older than this when they
arrive, so that nothing waits for it."""

ANNOUNCED_SECONDS = 0.5
"""How long after its announcement an older question without a booked call holds up the younger ones of its
channel: its job is begun within a few milliseconds, on a busy machine within some hundred."""

LOOK_AGAIN_SECONDS = 0.02
"""How soon a caller looks again whose elder is due but late, which it lets pass for ``ANNOUNCED_SECONDS``."""

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
    """Of the booking in its bucket; 0: nothing was booked."""
    channel: str | None = None
    """For which it was booked."""


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
        self._redis = redis
        self._announce = redis.register_script(ANNOUNCE)
        self._confirm = redis.register_script(CONFIRM)
        self._penalise = redis.register_script(PENALISE)

    async def reserve(
        self, method: str, *, channel: str | None = None, asked_at: float | None = None
    ) -> Slot:
        """Book the next free slot. ``asked_at`` (unix seconds): of the question the call is the first for; in
        its channel such calls are made in this order.

        Raises ``StoreUnavailableError`` when Redis is away: without it nobody may write to Slack.
        """
        budget = self._budgets.get(method)
        if budget is None:
            return Slot(method, 0.0)
        settle = 0.0
        if asked_at is not None:
            settle = min(max(asked_at + ORDER_SETTLE_SECONDS - time.time(), 0.0), ORDER_SETTLE_SECONDS)
        return await self._book(method, budget, channel, asked_at=asked_at, settle=settle)

    async def announce(self, method: str, channel: str, asked_at: float) -> float:
        """Say that a call for the question of that time will be booked in a moment: younger ones of the
        channel let it pass. Returns the seconds that it will have to wait behind others of the channel, as
        things are now. Raises as ``reserve`` does.
        """
        budget = self._budgets.get(method)
        if budget is None or not budget.spacing_seconds:
            return 0.0
        with translated(f"announce {method}"):
            microseconds = await self._announce(
                keys=[self._line(method, channel), self._bucket(method)[2]],
                args=[
                    round(asked_at * MICROSECONDS),
                    round(ANNOUNCED_SECONDS * MICROSECONDS),
                    _spacing(budget, channel),
                    channel,
                ],
            )
        return float(microseconds) / MICROSECONDS

    async def release(self, slot: Slot) -> None:
        """Give a booked slot back that is not needed. Raises as ``reserve`` does."""
        if slot.number:
            with translated(f"release {slot.method}"):
                await self._redis.zrem(self._bucket(slot.method)[0], slot.number, f"c{slot.number}")

    async def free_now(self, method: str) -> bool:
        """Book a call to be made at once; False, and nothing booked, where it would have to wait. Raises as
        ``reserve`` does.
        """
        budget = self._budgets.get(method)
        return budget is None or (await self._book(method, budget, None, patience=0.0)).number > 0

    async def _book(
        self,
        method: str,
        budget: Budget,
        channel: str | None,
        *,
        asked_at: float | None = None,
        settle: float = 0.0,
        patience: float | None = None,
    ) -> Slot:
        spacing = _spacing(budget, channel)
        bucket = self._bucket(method)
        with translated(f"book {method}"):
            number, microseconds = await self._reserve(
                keys=[*bucket, self._line(method, channel or "-")],
                args=[
                    budget.limit,
                    _window(budget),
                    budget.burst,
                    spacing,
                    channel or "",
                    "" if asked_at is None or not spacing else round(asked_at * MICROSECONDS),
                    round(settle * MICROSECONDS) if spacing else 0,
                    -1 if patience is None else round(patience * MICROSECONDS),
                    round(ANNOUNCED_SECONDS * MICROSECONDS),
                ],
            )
        return Slot(method, float(microseconds) / MICROSECONDS, int(number), channel)

    async def confirm(self, slot: Slot) -> Slot:
        """After the wait, right before the call, which may be later than the slot: the slot, with what is
        still to wait (a pause that began meanwhile, or too many calls because others were late) or 0.0.
        Raises as ``reserve`` does.
        """
        budget = self._budgets.get(slot.method)
        if budget is None or not slot.number:
            return Slot(slot.method, 0.0)
        with translated(f"confirm {slot.method}"):
            microseconds = await self._confirm(
                keys=[*self._bucket(slot.method), self._line(slot.method, slot.channel or "-")],
                args=[
                    slot.number,
                    budget.limit,
                    _window(budget),
                    _spacing(budget, slot.channel),
                    slot.channel or "",
                    round(ANNOUNCED_SECONDS * MICROSECONDS),
                    round(LOOK_AGAIN_SECONDS * MICROSECONDS),
                ],
            )
        return replace(slot, seconds=float(microseconds) / MICROSECONDS)

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

    def _beginning(self, method: str) -> str:
        return self._keys.rate(self._app_id, self._team_id, method)

    def _line(self, method: str, channel: str) -> str:
        return f"{self._beginning(method)}:line:{channel}"

    def _bucket(self, method: str) -> list[str]:
        beginning = self._beginning(method)
        return [f"{beginning}:slots", f"{beginning}:state", f"{beginning}:channels"]


def _window(budget: Budget) -> int:
    return round((budget.window_seconds + SLOT_LATENESS_SECONDS) * MICROSECONDS)


def _spacing(budget: Budget, channel: str | None) -> int:
    """Microseconds between two calls for this channel."""
    return 0 if channel is None else round((budget.spacing_seconds or 0.0) * MICROSECONDS)


PRELUDE = """
-- KEYS slots (sorted set by time: the number of a booked slot, and with a "c" before it that of a call),
--      state (hash), channels (hash: channel to its next free time, "c:<channel>" to the soonest its next
--      call may be made), and the channel's line (sorted set by the time of a question: the number of its
--      booked slot, or "a<its time>:<when it was announced>" while it is still to book)
-- All times in microseconds of the server's clock.
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local function text(number) return string.format('%.0f', number) end
local function keep(microseconds)
  for number = 1, #KEYS do
    local life = math.ceil(microseconds / 1000)
    if redis.call('PTTL', KEYS[number]) < life then redis.call('PEXPIRE', KEYS[number], life) end
  end
end
"""

RESERVE = (
    PRELUDE
    + """
-- ARGV limit, window, burst, spacing of the channel or 0, channel, time of the question or '',
--      least time to wait, most time to wait or -1, for how long an announcement holds others up
-- Returns {number, microseconds to wait}; number 0: that would be too long, and nothing was booked.
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

local settled = now + tonumber(ARGV[7])
if ARGV[6] ~= '' then
  for _, each in ipairs(redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', ARGV[6])) do
    local asked, announced = string.match(each, '^a(%d+):(%d+)$')
    if asked == ARGV[6] or (asked and tonumber(announced) + tonumber(ARGV[9]) <= now) then
      redis.call('ZREM', KEYS[4], each)
    elseif asked then
      settled = math.max(settled, tonumber(announced) + tonumber(ARGV[9]))
    end
  end
end

local ordered = slot
if spacing > 0 then
  slot = math.max(slot, settled, tonumber(redis.call('HGET', KEYS[3], ARGV[5]) or 0))
end
-- A busy channel's slot lies ahead of the others' and must not hold them up: they may book before it.
slot = math.ceil(slot)
if not fits(slot) then slot = math.ceil(append(slot)) end
local patience = tonumber(ARGV[8])
if patience >= 0 and slot - now > patience then return {0, text(slot - now)} end
if slot == math.ceil(ordered) or spacing == 0 then last = slot else last = math.max(last, ordered) end

redis.call('ZADD', KEYS[1], text(slot), (slot <= now and 'c' or '') .. number)
redis.call('HSET', KEYS[2], 'number', number, 'last', text(last), 'tokens', string.format('%.6f', tokens),
           'clock', text(now), 'paused', text(paused))
if spacing > 0 then
  redis.call('HSET', KEYS[3], ARGV[5], text(slot + spacing))
  if slot <= now then redis.call('HSET', KEYS[3], 'c:' .. ARGV[5], text(now + spacing)) end
  if redis.call('HLEN', KEYS[3]) % 256 == 0 then
    local channels = redis.call('HGETALL', KEYS[3])
    for place = 1, #channels, 2 do
      if tonumber(channels[place + 1]) <= now then redis.call('HDEL', KEYS[3], channels[place]) end
    end
  end
end
if ARGV[6] ~= '' then
  -- Those of the channel that were asked later each make way by one; they learn of it when they confirm.
  redis.call('ZADD', KEYS[4], ARGV[6], number)
  local line, times = {}, {}
  for _, each in ipairs(redis.call('ZRANGE', KEYS[4], 0, -1)) do
    local at = redis.call('ZSCORE', KEYS[1], each)
    if not at and string.sub(each, 1, 1) == 'a' then
      at = nil -- announced
    elseif not at then
      redis.call('ZREM', KEYS[4], each)
    elseif tonumber(at) > now then
      line[#line + 1] = each
      times[#times + 1] = tonumber(at)
    end
  end
  table.sort(times)
  for place, each in ipairs(line) do
    redis.call('ZADD', KEYS[1], text(times[place]), each)
    if each == tostring(number) then slot = times[place] end
  end
end
keep(math.max(slot + 2 * window, paused) - now)
return {number, text(slot - now)}
"""
)

CONFIRM = (
    PRELUDE
    + """
-- ARGV number, limit, window, spacing of the channel or 0, channel, for how long a late elder is let pass,
--      how soon to look again
-- Returns microseconds still to wait; 0: the call is made now, and counted so.
local limit, window, spacing = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local state = redis.call('HMGET', KEYS[2], 'paused', 'clock')
local paused = tonumber(state[1] or 0)
if tonumber(state[2] or 0) - now > 1000000 then -- the server's clock was set back, as above
  redis.call('DEL', KEYS[1], KEYS[3])
  redis.call('HSET', KEYS[2], 'last', text(now), 'tokens', 1, 'clock', text(now), 'paused', 0)
  paused = 0
end
local slot = math.max(tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1]) or 0), paused)
redis.call('ZREM', KEYS[1], ARGV[1], 'c' .. ARGV[1])
local member = ARGV[1]
if slot <= now and spacing > 0 then
  -- Others of the channel were late: not too close behind them, and not before an elder.
  slot = math.max(slot, tonumber(redis.call('HGET', KEYS[3], 'c:' .. ARGV[5]) or 0))
  local mine = redis.call('ZSCORE', KEYS[4], ARGV[1])
  for _, each in ipairs(mine and redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', '(' .. mine) or {}) do
    local at = tonumber(redis.call('ZSCORE', KEYS[1], each) or 0)
    if at > now then
      slot = math.max(slot, at + spacing)
    elseif at > now - tonumber(ARGV[6]) then
      slot = math.max(slot, now + tonumber(ARGV[7]))
    end
  end
end
if slot <= now then
  -- Later than booked, as others were perhaps: count what was really called in the window that ends now.
  local called = {}
  local around = redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. text(now - window), text(now), 'WITHSCORES')
  for place = 1, #around, 2 do
    if string.sub(around[place], 1, 1) == 'c' then called[#called + 1] = tonumber(around[place + 1]) end
  end
  slot = now
  if #called >= limit then
    slot = called[#called - limit + 1] + window
  else
    member = 'c' .. member
    if spacing > 0 then
      redis.call('ZREM', KEYS[4], ARGV[1])
      redis.call('HSET', KEYS[3], 'c:' .. ARGV[5], text(now + spacing))
    end
  end
end
redis.call('ZADD', KEYS[1], text(slot), member)
keep(slot + 2 * window - now)
return text(slot - now)
"""
)

ANNOUNCE = """
-- KEYS the channel's line, channels; ARGV time of the question, for how long it holds others up, spacing,
-- channel. Returns microseconds until a call booked after all that are known could be made.
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local wait = math.max(tonumber(redis.call('HGET', KEYS[2], ARGV[4]) or 0) - now, 0)
for _, each in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local announced = tonumber(string.match(each, '^a%d+:(%d+)$'))
  if announced and announced + tonumber(ARGV[2]) > now then wait = wait + tonumber(ARGV[3]) end
end
redis.call('ZADD', KEYS[1], ARGV[1], 'a' .. ARGV[1] .. ':' .. string.format('%.0f', now))
local life = math.ceil(tonumber(ARGV[2]) / 1000)
if redis.call('PTTL', KEYS[1]) < life then redis.call('PEXPIRE', KEYS[1], life) end
return string.format('%.0f', wait)
"""

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
