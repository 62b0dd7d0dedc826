import { CHUNK, COMMON } from './lua-common.ts'
import { WRITE } from './lua-write.ts'

/**
 * Checks the window of keys, appends, and tells of it: all or nothing (PROTOCOL.md §8.3–8.5).
 * KEYS: meta, log; newest, kept for a conflated channel; values, sequenced, plain, last where there is a key. Returns what became of it, and where.
 */
export const APPEND = `${COMMON}${WRITE}
local json, id, sender, publisher = ARGV[6], ARGV[7], ARGV[8], ARGV[9]
local kind, field, client, sequence, digest = ARGV[10], ARGV[11], ARGV[12], tonumber(ARGV[13]), ARGV[14]
local untilMs, windowMs, mostKeys, mostClients = ARGV[15], tonumber(ARGV[16]), tonumber(ARGV[17]), tonumber(ARGV[18])
local notice, keeping, conflationKey, gone = ARGV[19], ARGV[20], ARGV[21], ARGV[22]
local first = 2
if keeping == 'newest' then
  newest, kept, first = KEYS[3], KEYS[4], 4
end
local values, sequenced, plain, last = KEYS[first + 1], KEYS[first + 2], KEYS[first + 3], KEYS[first + 4]
local sinceUs = nowUs - windowMs * 1000

local function forget(set, prefix, members)
  for _, member in ipairs(members) do
    redis.call('ZREM', set, member)
    redis.call('HDEL', values, prefix .. member)
  end
end

local function expire(set, prefix)
  forget(set, prefix, redis.call('ZRANGEBYSCORE', set, '-inf', '(' .. text(sinceUs), 'LIMIT', 0, ${CHUNK}))
end

local function known(set, prefix, member)
  local at = redis.call('ZSCORE', set, member)
  if at and tonumber(at) >= sinceUs then return redis.call('HGET', values, prefix .. member) end
end

local function remember(set, prefix, member, value)
  redis.call('ZADD', set, text(nowUs), member)
  redis.call('HSET', values, prefix .. member, value)
  redis.call('PEXPIRE', set, windowMs * 2)
  redis.call('PEXPIRE', values, windowMs * 2)
end

local function verdict()
  if kind == '' then return end
  expire(sequenced, 's')
  expire(plain, 'k')
  expire(last, 'l')
  local set = kind == 's' and sequenced or plain
  local value = known(set, kind, field)
  if value then
    local place, of = string.match(value, '^(%S+) (%S+)$')
    return of == digest and { 'repeat', place } or { 'conflict' }
  end
  if kind == 'k' then
    if redis.call('ZCARD', plain) >= mostClients then return { 'full' } end
    return
  end
  local newest = known(last, 'l', client)
  if newest and sequence <= tonumber(newest) then return { 'unknown' } end
  if not newest and redis.call('ZCARD', last) >= mostClients then return { 'full' } end
end

local refused = verdict()
if refused then return refused end
if untilMs ~= '' and nowMs > tonumber(untilMs) then return { 'unknown' } end
open()
write({
  id = id, json = json, sender = sender, publisher = publisher, keeping = keeping, conflationKey = conflationKey, gone = gone
}, notice)
trim()
keep()
local at = place()
if kind == 's' then
  remember(sequenced, 's', field, at .. ' ' .. digest)
  remember(last, 'l', client, text(sequence))
  if redis.call('ZCARD', sequenced) > mostKeys then forget(sequenced, 's', redis.call('ZRANGE', sequenced, 0, 0)) end
elseif kind == 'k' then
  remember(plain, 'k', field, at .. ' ' .. digest)
end
return { 'appended', at }
`
