import { LEFT_MS } from '../../server/leases.ts'
import { COMMON } from './lua-common.ts'
import { WRITE } from './lua-write.ts'

/** Those whose time is over are taken out so many at a time. */
const MOST_LAPSED = 100

/**
 * Takes out those whose lease is over, and renews, changes or ends that of one holder (PROTOCOL.md §8.14). KEYS: meta, log, newest, kept, leases,
 * ends. The hash \`leases\` has for each id the sequence and the digest of what was told, \`-\` when it left; beside them the epoch that they belong to and the
 * count of those who are there. Returns what became of it, the head, and whether something was told of the holder.
 */
export const LEASE = `${COMMON}${WRITE}
local token, notice = ARGV[6], ARGV[7]
local leaseMs, most = tonumber(ARGV[8]), tonumber(ARGV[9])
local holder, sequence, json, sender, digest, untilMs = ARGV[10], tonumber(ARGV[11]), ARGV[12], ARGV[13], ARGV[14], ARGV[15]
newest, kept = KEYS[3], KEYS[4]
local leases, ends = KEYS[5], KEYS[6]
if untilMs ~= '' and nowMs > tonumber(untilMs) then return { 'unknown' } end
open()
if redis.call('HGET', leases, '#epoch') ~= epoch then redis.call('DEL', leases, ends) end

local written = 0
local function tell(id, data, from, gone)
  written = written + 1
  local message = { id = token .. written, json = data, sender = from, publisher = id, conflationKey = id, gone = gone }
  write(message, notice)
end

local function known(id)
  local value = redis.call('HGET', leases, id)
  if not value then return nil, nil end
  local at, of = string.match(value, '^(%d+) (%S+)$')
  return tonumber(at), of
end

local function set(id, at, of, forMs)
  redis.call('HSET', leases, '#epoch', epoch, id, text(at) .. ' ' .. of)
  redis.call('ZADD', ends, text(nowMs + forMs), id)
end

local function leave(id)
  tell(id, '{"id":"' .. id .. '"}', '', '1')
  redis.call('HINCRBY', leases, '#there', -1)
end

for _, id in ipairs(redis.call('ZRANGEBYSCORE', ends, '-inf', text(nowMs), 'LIMIT', 0, ${MOST_LAPSED})) do
  local _, of = known(id)
  redis.call('ZREM', ends, id)
  redis.call('HDEL', leases, id)
  if of and of ~= '-' then leave(id) end
end

local function take()
  local at, of = known(holder)
  if sequence < 0 then sequence = at or 0 end
  if at and sequence < at then return 'leased' end
  local isThere = of and of ~= '-'
  if digest == '' then
    if not isThere then return 'leased' end
    set(holder, sequence, '-', ${LEFT_MS})
    if redis.call('ZCARD', ends) > 2 * most then
      redis.call('ZREM', ends, holder)
      redis.call('HDEL', leases, holder)
    end
    leave(holder)
    return 'leased'
  end
  if not isThere then
    if tonumber(redis.call('HGET', leases, '#there') or '0') >= most then return 'full' end
    redis.call('HINCRBY', leases, '#there', 1)
  end
  set(holder, sequence, digest, leaseMs)
  if of ~= digest then tell(holder, json, sender, '') end
  return 'leased'
end

local before = written
local taken = holder == '' and 'leased' or take()
local told = written > before
trim()
keep()
local lastMs = math.max(leaseMs, ${LEFT_MS}) * 2
redis.call('PEXPIRE', leases, lastMs)
redis.call('PEXPIRE', ends, lastMs)
return { taken, place(), told and '1' or '' }
`
