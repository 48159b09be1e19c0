"""The Lua scripts of the briefing store: each is one atomic step, and each may be sent twice without harm.

All keys of one app's briefings share a hash tag: a few hundred small records, and a run's end and the next
run's beginning are one step.
"""

from __future__ import annotations

__all__ = ["BEGIN", "FINISH", "KEEP", "RECORD", "REMOVE", "SAVE", "TAKE"]

_ARM = """
-- Enters a briefing into the timetable, or takes it out where it has no due time.
local function arm(timetable, dues, id, due, look_at, capacity, lead)
  if due == '' then
    redis.call('ZREM', timetable, id)
    redis.call('ZREM', dues, id)
    return
  end
  redis.call('ZADD', dues, due, id)
  local others = redis.call('ZCOUNT', dues, tonumber(due) - 30, tonumber(due) + 30) - 1
  local early = math.floor(others / tonumber(capacity)) * tonumber(lead)
  redis.call('ZADD', timetable, string.format('%.3f', tonumber(look_at) - early), id)
end
"""
"""Where many share a minute each handful of them begins its preparation one preparation before the last,
so that all are ready together."""

SAVE = (
    _ARM
    + """
-- KEYS briefing, timetable, dues, all
-- ARGV id, JSON, revision, due or '', time to look at it, TTL, capacity, seconds a preparation takes
-- Returns 1, or 0 when a later revision is stored. With a due time, the briefing is armed for it.
local stored = tonumber(redis.call('HGET', KEYS[1], 'revision') or 0)
if stored > tonumber(ARGV[3]) then return 0 end
redis.call('HSET', KEYS[1], 'data', ARGV[2], 'revision', ARGV[3], 'due', ARGV[4])
redis.call('SADD', KEYS[4], ARGV[1])
arm(KEYS[2], KEYS[3], ARGV[1], ARGV[4], ARGV[5], ARGV[7], ARGV[8])
for _, key in ipairs(KEYS) do redis.call('EXPIRE', key, ARGV[6]) end
return 1
"""
)
"""Keeps a briefing and enters it into the timetable."""

REMOVE = """
-- KEYS briefing, timetable, dues, runs, all, reported; ARGV id. Returns 1 when there was such a briefing.
local there = redis.call('DEL', KEYS[1])
redis.call('DEL', KEYS[4], KEYS[6])
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('ZREM', KEYS[3], ARGV[1])
redis.call('SREM', KEYS[5], ARGV[1])
return there
"""

TAKE = """
-- KEYS timetable; ARGV now, look again at, most. Returns the ids that are this caller's to attend to.
local ids = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[3])
for _, id in ipairs(ids) do redis.call('ZADD', KEYS[1], 'XX', ARGV[2], id) end
return ids
"""
"""The timetable's score is when somebody must look at a briefing: whoever takes it moves that on by a lease,
so that it comes back by itself when its owner dies."""

BEGIN = """
-- KEYS run, runs, preparations; ARGV due, TTL
-- Returns {fence, {seconds of the last preparations}, fields…}, or nil when the run is over.
local state = redis.call('HGET', KEYS[1], 'state')
if state and state ~= 'preparing' then return nil end
local fence = redis.call('HINCRBY', KEYS[1], 'fence', 1)
redis.call('HINCRBY', KEYS[1], 'attempts', 1)
redis.call('HSET', KEYS[1], 'state', 'preparing', 'due', ARGV[1])
redis.call('ZADD', KEYS[2], ARGV[1], ARGV[1])
for _, key in ipairs(KEYS) do redis.call('EXPIRE', key, ARGV[2]) end
local answer = redis.call('HGETALL', KEYS[1])
table.insert(answer, 1, redis.call('LRANGE', KEYS[3], 0, -1))
table.insert(answer, 1, fence)
return answer
"""

RECORD = """
-- KEYS run; ARGV fence, TTL, field, value, … Returns 1, or 0 when fenced.
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], unpack(ARGV, 3))
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 1
"""

KEEP = """
-- KEYS run, timetable; ARGV fence, id, look again at, 1 to give the attempt back
-- Returns 1, or 0 when fenced.
-- A run that is over has armed the next one: that time must not be moved.
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[1] then return 0 end
if redis.call('HGET', KEYS[1], 'state') ~= 'preparing' then return 1 end
redis.call('ZADD', KEYS[2], 'XX', ARGV[3], ARGV[2])
if ARGV[4] == '1' then redis.call('HINCRBY', KEYS[1], 'attempts', -1) end
return 1
"""

FINISH = (
    _ARM
    + """
-- KEYS run, timetable, dues, briefing, runs, all, preparations
-- ARGV fence, id, revision, state, reason, finished at, next due or '', time to look at it, TTL,
--      most runs kept, capacity, seconds a preparation takes, seconds this one took or '', preparations kept,
--      ts of the items
-- Returns 1, or 0 when fenced. A briefing that was changed meanwhile is armed by whoever changed it.
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'state', ARGV[4], 'reason', ARGV[5], 'finished_at', ARGV[6], 'items_ts', ARGV[15])
if ARGV[13] ~= '' then
  redis.call('LPUSH', KEYS[7], ARGV[13])
  redis.call('LTRIM', KEYS[7], 0, ARGV[14] - 1)
end
redis.call('HDEL', KEYS[1], 'content')
if redis.call('HGET', KEYS[4], 'revision') == ARGV[3] then
  redis.call('HSET', KEYS[4], 'due', ARGV[7])
  arm(KEYS[2], KEYS[3], ARGV[2], ARGV[7], ARGV[8], ARGV[11], ARGV[12])
end
redis.call('ZREMRANGEBYRANK', KEYS[5], 0, -1 - ARGV[10])
for _, key in ipairs(KEYS) do redis.call('EXPIRE', key, ARGV[9]) end
return 1
"""
)
