"""The Lua scripts of admission: each is one atomic step by the server's clock, and may be sent twice.

Times are microseconds. A limit below zero is none. Every key holds the same hash tag, so that one script may
touch a user's, a workspace's and the line's keys together on a cluster too.
"""

from __future__ import annotations

__all__ = ["ADMIT", "HOLD", "POSITION", "SETTLE", "TODAY"]

PRELUDE = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local function text(number) return string.format('%.0f', number) end

local function pruned(key, longest)
  -- Members by the time they expire. Where the clock was set back, none stays longer than it ever could.
  redis.call('ZREMRANGEBYSCORE', key, '-inf', text(now))
  local latest = text(now + longest)
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', key, '(' .. latest, '+inf')) do
    redis.call('ZADD', key, latest, member)
  end
  return redis.call('ZCARD', key)
end

local function prune_line(line, ready, alive, longest)
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', alive, '-inf', text(now))) do
    redis.call('ZREM', line, member)
    redis.call('ZREM', ready, member)
  end
  pruned(alive, longest)
end

local function put(key, score, member, life)
  redis.call('ZADD', key, text(score), member)
  redis.call('PEXPIRE', key, math.ceil(life / 1000))
end

local function open_day(key, length)
  -- The numbers of a day that is over are dropped when the next one is first looked at.
  local day = text(math.floor(now / length))
  if redis.call('HGET', key, 'day') ~= day then
    redis.call('DEL', key)
    redis.call('HSET', key, 'day', day)
  end
  redis.call('PEXPIRE', key, math.ceil(2 * length / 1000))
end
"""

ADMIT = (
    PRELUDE
    + """
-- KEYS turn, user places, workspace places, user hour, workspace hour, day, line, ready, alive
-- ARGV turn id; limits: user at once, workspace at once, user hour, workspace hour, tokens, micro-money;
--      lengths: window, day, wait; TTL of the decision in seconds; 1 to decide a refused turn anew
-- Returns {'admitted' or the reason of the refusal, when to come back or 0}
local known = redis.call('HMGET', KEYS[1], 'verdict', 'retry_at')
if known[1] and (known[1] == 'admitted' or ARGV[12] == '0') then return {known[1], tonumber(known[2])} end
local window, day, wait = tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10])
open_day(KEYS[6], day)
prune_line(KEYS[7], KEYS[8], KEYS[9], wait)

-- The limit that lasts longest is the one to tell: nobody comes back to be refused by another.
local reason, back = nil, -1
local function refuse(name, at)
  if at > back then reason, back = name, at end
end

for number, name in ipairs({'user_at_once', 'workspace_at_once'}) do
  local limit = tonumber(ARGV[number + 1])
  local count = pruned(KEYS[number + 1], wait)
  if limit >= 0 and count >= limit then refuse(name, 0) end
end
for number, name in ipairs({'user_hour', 'workspace_hour'}) do
  local key, limit = KEYS[number + 3], tonumber(ARGV[number + 3])
  redis.call('ZREMRANGEBYSCORE', key, '-inf', text(now - window))
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', key, '(' .. text(now), '+inf')) do
    redis.call('ZADD', key, text(now), member) -- the clock was set back
  end
  local over = redis.call('ZCARD', key) - limit
  if limit >= 0 and over >= 0 then
    local leaves = redis.call('ZRANGE', key, over, over, 'WITHSCORES')[2]
    refuse(name, tonumber(leaves) + window)
  end
end
for number, name in ipairs({'tokens', 'money'}) do
  local limit = tonumber(ARGV[number + 5])
  local spent = tonumber(redis.call('HGET', KEYS[6], name) or 0)
  if limit >= 0 and spent >= limit then refuse(name .. '_day', (math.floor(now / day) + 1) * day) end
end

redis.call('HSET', KEYS[1], 'verdict', reason or 'admitted', 'retry_at', text(math.max(back, 0)))
redis.call('EXPIRE', KEYS[1], ARGV[11])
if reason then
  redis.call('HINCRBY', KEYS[6], 'refused', 1)
  return {reason, back}
end
redis.call('HSET', KEYS[1], 'arrived', text(now))
redis.call('HINCRBY', KEYS[6], 'turns', 1)
for number = 2, 3 do put(KEYS[number], now + wait, ARGV[1], wait) end
for number = 4, 5 do put(KEYS[number], now, ARGV[1], window) end
put(KEYS[7], now, ARGV[1], wait)
put(KEYS[9], now + wait, ARGV[1], wait)
return {'admitted', 0}
"""
)
"""Decides once for a turn, and says the same ever after, unless a refused person presses a button again.
The hour counts what was taken in, so a refusal does not postpone the next chance."""

HOLD = (
    PRELUDE
    + """
-- KEYS turn, user places, workspace places, line, ready, alive, seats
-- ARGV turn id, ceiling, how long a seat is held, how long a waiting turn counts as ready, wait, TTL
-- Returns 0 with a seat, else the position in line from 1
if redis.call('HGET', KEYS[1], 'over') then return 0 end
local ceiling, held, asks = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local wait = tonumber(ARGV[5])
redis.call('HSETNX', KEYS[1], 'arrived', text(now))
redis.call('EXPIRE', KEYS[1], ARGV[6])
local arrived = tonumber(redis.call('HGET', KEYS[1], 'arrived'))
for number = 2, 3 do put(KEYS[number], now + held, ARGV[1], wait) end
prune_line(KEYS[4], KEYS[5], KEYS[6], wait)
local free = ceiling - pruned(KEYS[7], held)

if not redis.call('ZSCORE', KEYS[7], ARGV[1]) then
  put(KEYS[4], arrived, ARGV[1], wait)
  put(KEYS[5], arrived, ARGV[1], wait)
  -- Only turns that a worker asks for compete: one behind another of its thread leaves no seat empty.
  if ceiling >= 0 and redis.call('ZRANK', KEYS[5], ARGV[1]) >= free then
    put(KEYS[6], now + asks, ARGV[1], wait)
    return math.max(1, redis.call('ZRANK', KEYS[4], ARGV[1]) + 1 - math.max(0, free))
  end
  for number = 4, 6 do redis.call('ZREM', KEYS[number], ARGV[1]) end
end
put(KEYS[7], now + held, ARGV[1], wait)
return 0
"""
)
"""A worker's word that a turn is alive: keeps its places, and takes a seat when it is next in line."""

POSITION = (
    PRELUDE
    + """
-- KEYS line, ready, alive, seats; ARGV turn id, ceiling, how long a seat is held, wait
-- Returns the position in line from 1; 0: it does not wait
local ceiling = tonumber(ARGV[2])
prune_line(KEYS[1], KEYS[2], KEYS[3], tonumber(ARGV[4]))
local rank = redis.call('ZRANK', KEYS[1], ARGV[1])
if ceiling < 0 or not rank then return 0 end
return math.max(0, rank + 1 - math.max(0, ceiling - pruned(KEYS[4], tonumber(ARGV[3]))))
"""
)

SETTLE = (
    PRELUDE
    + """
-- KEYS turn, day, user places, workspace places, line, ready, alive, seats, user hour, workspace hour
-- ARGV turn id, name of the charge or '', tokens, micro-money or -1 without a price,
--      1 when the turn is over, 1 to forget it in the hours, length of the day, TTL
if ARGV[2] ~= '' and redis.call('HSETNX', KEYS[1], 'charged:' .. ARGV[2], ARGV[3]) == 1 then
  open_day(KEYS[2], tonumber(ARGV[7]))
  redis.call('HINCRBY', KEYS[2], 'tokens', ARGV[3])
  if tonumber(ARGV[4]) >= 0 then
    redis.call('HINCRBY', KEYS[2], 'money', ARGV[4])
  else
    redis.call('HINCRBY', KEYS[2], 'unpriced', ARGV[3])
  end
end
if ARGV[5] == '1' then
  redis.call('HSET', KEYS[1], 'over', 1)
  for number = 3, 8 do redis.call('ZREM', KEYS[number], ARGV[1]) end
end
if ARGV[6] == '1' then
  for number = 9, 10 do redis.call('ZREM', KEYS[number], ARGV[1]) end
end
redis.call('EXPIRE', KEYS[1], ARGV[8])
return 1
"""
)
"""Charges each named piece of work once, and frees the turn's places when it is over."""

TODAY = (
    PRELUDE
    + """
-- KEYS day, workspace places, workspace hour; ARGV length of the day, wait, window
-- Returns {day, tokens, micro-money, unpriced tokens, turns, refused, at once, in the last hour}
local length = tonumber(ARGV[1])
open_day(KEYS[1], length)
local spent = redis.call('HMGET', KEYS[1], 'tokens', 'money', 'unpriced', 'turns', 'refused')
local answer = {math.floor(now / length)}
for number = 1, 5 do answer[number + 1] = tonumber(spent[number] or 0) end
answer[7] = pruned(KEYS[2], tonumber(ARGV[2]))
answer[8] = redis.call('ZCOUNT', KEYS[3], '(' .. text(now - tonumber(ARGV[3])), '+inf')
return answer
"""
)
