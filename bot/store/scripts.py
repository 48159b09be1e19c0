"""The Lua scripts of the turn store: each is one atomic step, and each may be sent twice without harm.

A client whose connection breaks after sending does not know whether the script ran, and sends it again.
Every script that writes for a run takes that run's fence and refuses when a newer run owns the turn.
"""

from __future__ import annotations

__all__ = [
    "BEGIN",
    "CHECKPOINT",
    "CLAIM",
    "FINISH",
    "FORGIVE",
    "HAND_OVER",
    "LANE",
    "NEXT",
    "RECALL",
    "RECORD",
    "REMEMBER",
    "STOP",
    "UNLIST",
]

CLAIM = """
-- KEYS seen, record, inbox, lane, settling
-- ARGV turn id, nonce of this call, turn JSON, name for a new lane, TTLs of seen, record, inbox,
--      microsecond it was asked in, milliseconds to settle or 0
-- Returns {1 new | 0 duplicate, lane or ''}
local taken_by = redis.call('GET', KEYS[1])
local new = not taken_by or taken_by == ARGV[2]
if not taken_by then
  local clock = redis.call('TIME')
  redis.call('HSET', KEYS[2], 'taken', string.format('%.0f', clock[1] * 1000000 + clock[2]))
  redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[5])
  redis.call('HSET', KEYS[2], 'turn', ARGV[3], 'state', 'waiting', 'fence', 0, 'attempts', 0)
  redis.call('EXPIRE', KEYS[2], ARGV[6])
  redis.call('ZADD', KEYS[3], ARGV[8], ARGV[1])
  redis.call('EXPIRE', KEYS[3], ARGV[7])
  if ARGV[9] ~= '0' then redis.call('SET', KEYS[5], 1, 'NX', 'PX', ARGV[9]) end
end
if redis.call('EXISTS', KEYS[3]) == 0 then return {new and 1 or 0, ''} end
redis.call('SET', KEYS[4], ARGV[4], 'NX', 'EX', ARGV[7])
return {new and 1 or 0, redis.call('GET', KEYS[4])}
"""
"""Takes a turn once, queues it behind its thread, and names the job that must work on the thread.
The lane is closed only together with an empty inbox (``NEXT``), so a push never meets a job that is
leaving."""

LANE = """
-- KEYS inbox, lane; ARGV name for a new lane, TTL
if redis.call('EXISTS', KEYS[1]) == 0 then return '' end
redis.call('SET', KEYS[2], ARGV[1], 'NX', 'EX', ARGV[2])
return redis.call('GET', KEYS[2])
"""
"""For the sweep: the job that must work on this thread, or '' when nothing waits in it."""

NEXT = """
-- KEYS inbox, lane, settling; ARGV my lane, TTL, milliseconds that a thread settles
-- Returns {the head of the inbox, milliseconds to wait before it is begun}, or nil when this job has
-- nothing to do any more.
local lane = redis.call('GET', KEYS[2])
if lane and lane ~= ARGV[1] then return nil end
local head = redis.call('ZRANGE', KEYS[1], 0, 0)[1]
if not head then
  redis.call('DEL', KEYS[2])
  return nil
end
redis.call('SET', KEYS[2], ARGV[1], 'EX', ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[2])
local settles = math.max(redis.call('PTTL', KEYS[3]), 0)
if settles > tonumber(ARGV[3]) then
  -- The server's clock was set back: it would wait for as long as that.
  redis.call('DEL', KEYS[3])
  settles = 0
end
return {head, settles}
"""

BEGIN = """
-- KEYS record, running, document, checkpoints, inbox
-- ARGV turn id, TTL, other threads this process is at, most runs that are excused
-- Returns {fence, attempt, bytes of the document, microseconds since the turn was taken, 1 when no run before
-- is known}, or nil when the turn is over or forgotten.
local state = redis.call('HGET', KEYS[1], 'state')
if state ~= 'waiting' and state ~= 'running' then return nil end
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local record = redis.call('HMGET', KEYS[1], 'taken', 'fence', 'attempts', 'company')
local taken, before, attempt, company = unpack(record)
-- By the clock, not counted: a server that crashed may have forgotten a run that still thinks it owns this.
local fence = string.format('%.0f', math.max(tonumber(before) + 1, now))
redis.call('HSET', KEYS[1], 'fence', fence)
local died_with_others = state == 'running' and tonumber(company or 0) > 0
if not died_with_others or redis.call('HINCRBY', KEYS[1], 'excused', 1) > tonumber(ARGV[4]) then
  attempt = redis.call('HINCRBY', KEYS[1], 'attempts', 1)
end
redis.call('HSET', KEYS[1], 'state', 'running', 'company', ARGV[3])
redis.call('ZADD', KEYS[5], 'XX', 0, ARGV[1]) -- whatever older question comes now, this one is finished first
redis.call('SET', KEYS[2], ARGV[1], 'EX', ARGV[2])
for _, key in ipairs({KEYS[1], KEYS[3], KEYS[4]}) do redis.call('EXPIRE', key, ARGV[2]) end
local age = string.format('%.0f', now - tonumber(taken or 0))
return {fence, tonumber(attempt), redis.call('STRLEN', KEYS[3]), age, tonumber(before) == 0 and 1 or 0}
"""

CHECKPOINT = """
-- KEYS record, checkpoints; ARGV fence, TTL, checkpoint key, JSON. Returns 1, or 0 when fenced.
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[1] then return 0 end
local before = redis.call('HSTRLEN', KEYS[2], ARGV[3])
redis.call('HSET', KEYS[2], ARGV[3], ARGV[4])
if before == 0 or (string.sub(ARGV[3], 1, 8) == 'section-' and #ARGV[4] > before) then
  redis.call('HSET', KEYS[1], 'attempts', 1, 'excused', 0) -- a step further than any run before
end
redis.call('EXPIRE', KEYS[2], ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 1
"""

RECORD = """
-- KEYS record, document; ARGV fence, TTL, byte offset, text, then field, value, …
-- Returns 1; 0 when fenced; -1 when the document is shorter than the offset.
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[1] then return 0 end
local offset, text = tonumber(ARGV[3]), ARGV[4]
if #text > 0 then
  local have = redis.call('STRLEN', KEYS[2])
  if have < offset then return -1 end
  if have == offset then
    redis.call('APPEND', KEYS[2], text)
  else -- sent before without an answer: put the same bytes in the same place, and nothing after them
    local kept = ''
    if offset > 0 then kept = redis.call('GETRANGE', KEYS[2], 0, offset - 1) end
    redis.call('SET', KEYS[2], kept .. text)
  end
end
if #ARGV > 4 then redis.call('HSET', KEYS[1], unpack(ARGV, 5)) end
redis.call('EXPIRE', KEYS[1], ARGV[2])
redis.call('EXPIRE', KEYS[2], ARGV[2])
return 1
"""

FINISH = """
-- KEYS record, inbox, running, document, checkpoints
-- ARGV fence, turn id, outcome, reason, TTL of the record, TTL of finished work
-- Returns 1, or 0 when fenced.
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'state', ARGV[3], 'reason', ARGV[4])
redis.call('ZREM', KEYS[2], ARGV[2])
if redis.call('GET', KEYS[3]) == ARGV[2] then redis.call('DEL', KEYS[3]) end
redis.call('EXPIRE', KEYS[1], ARGV[5])
redis.call('EXPIRE', KEYS[4], ARGV[6])
redis.call('EXPIRE', KEYS[5], ARGV[6])
return 1
"""

HAND_OVER = """
-- KEYS record; ARGV fence, TTL, 1 to give the attempt back, reason. Returns 1, or 0 when fenced.
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[1] then return 0 end
if redis.call('HGET', KEYS[1], 'state') == 'running' then -- else it was sent before
  if ARGV[3] == '1' then redis.call('HINCRBY', KEYS[1], 'attempts', -1) end
  redis.call('HSET', KEYS[1], 'state', 'waiting', 'reason', ARGV[4])
end
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 1
"""

FORGIVE = """
-- KEYS record; ARGV fence of a run that lost the turn although its process lives, most that are forgiven
local state = redis.call('HGET', KEYS[1], 'state')
if state ~= 'waiting' and state ~= 'running' then return 0 end
if redis.call('HGET', KEYS[1], 'forgiven_run') == ARGV[1] then return 0 end -- sent before
if tonumber(redis.call('HGET', KEYS[1], 'forgiven') or 0) >= tonumber(ARGV[2]) then return 0 end
if tonumber(redis.call('HGET', KEYS[1], 'attempts')) <= 1 then return 0 end
redis.call('HSET', KEYS[1], 'forgiven_run', ARGV[1])
redis.call('HINCRBY', KEYS[1], 'forgiven', 1)
return redis.call('HINCRBY', KEYS[1], 'attempts', -1)
"""
"""Gives an attempt back."""

STOP = """
-- KEYS record; ARGV user. Returns 1 when the turn was waiting or running, else 0.
local state = redis.call('HGET', KEYS[1], 'state')
if state ~= 'waiting' and state ~= 'running' then return 0 end
redis.call('HSETNX', KEYS[1], 'stopped_by', ARGV[1])
return 1
"""

UNLIST = """
-- KEYS open threads; ARGV address, the score it was found with
local score = redis.call('ZSCORE', KEYS[1], ARGV[1])
if score and tonumber(score) == tonumber(ARGV[2]) then redis.call('ZREM', KEYS[1], ARGV[1]) end
return 1
"""
"""Takes a thread off the list unless a turn came into it since it was looked at."""

RECALL = """
-- KEYS record, words, exchanges, assessments; ARGV fence, turn id, exchange, TTL
-- Returns {all words, all exchanges, all assessments}, or nil when fenced.
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[1] then return nil end
redis.call('HSETNX', KEYS[3], ARGV[2], ARGV[3])
redis.call('EXPIRE', KEYS[3], ARGV[4])
return {redis.call('HGETALL', KEYS[2]), redis.call('HGETALL', KEYS[3]), redis.call('HGETALL', KEYS[4])}
"""
"""Notes a question of a thread and reads the thread. Of a thread that was forgotten, the records of its turns
are gone too: their fences keep anything of it from coming back, here as in ``REMEMBER``."""

REMEMBER = """
-- KEYS record, exchanges, assessments
-- ARGV fence, turn id, exchange, TTL, id of the assessment's turn, assessment, TTL
-- Returns 1, or 0 when fenced.
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[2], ARGV[2], ARGV[3])
redis.call('EXPIRE', KEYS[2], ARGV[4])
redis.call('HSET', KEYS[3], ARGV[5], ARGV[6])
redis.call('EXPIRE', KEYS[3], ARGV[7])
return 1
"""
