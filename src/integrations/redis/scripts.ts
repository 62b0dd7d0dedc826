import { createHash } from 'node:crypto'
import { MOST_KEYS } from '../../server/newest-of-each.ts'

/** How many of the oldest are looked at in one go: a bound for what one command may cost. */
const CHUNK = 100

/**
 * What both scripts begin with. `open` finds the log or begins a new life of it, `trim` takes off what history does not keep.
 * The log is a stream whose ids are `<offset>-0`: it holds the offsets above `base` up to `head`, without a hole. Where it does not, Redis
 * has lost or evicted a part, and only another epoch tells the readers so.
 */
const COMMON = `
local meta, log, newest, kept = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local skewMs, newEpoch, most, ageMs, idleMs = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5]
local time = redis.call('TIME')
local nowUs = tonumber(time[1]) * 1000000 + tonumber(time[2]) + skewMs * 1000
local nowMs = math.floor(nowUs / 1000)
local epoch, head, headId, base, baseId

local function text(number)
  return string.format('%.0f', number)
end

local function open()
  local found = redis.call('HMGET', meta, 'epoch', 'head', 'headId', 'base', 'baseId')
  if found[1] then
    epoch, head, headId, base, baseId = found[1], tonumber(found[2]), found[3], tonumber(found[4]), found[5]
    if redis.call('XLEN', log) == head - base then return end
  end
  epoch, head, headId, base, baseId = newEpoch, 0, '0', 0, '0'
  redis.call('DEL', log, newest, kept)
  redis.call('HSET', meta, 'epoch', epoch, 'head', 0, 'headId', '0', 'base', 0, 'baseId', '0')
end

local function field(fields, name)
  for n = 7, #fields, 2 do
    if fields[n] == name then return fields[n + 1] end
  end
end

-- Of a conflated channel the newest of each key is kept beyond the log.
local function keepNewest(count)
  for _, entry in ipairs(redis.call('XRANGE', log, '-', '+', 'COUNT', count)) do
    local fields = entry[2]
    local key = field(fields, 'k')
    if key and redis.call('HGET', newest, key) .. '-0' == entry[1] then
      if field(fields, 'g') then redis.call('HDEL', newest, key) else redis.call('XADD', kept, entry[1], unpack(fields)) end
    end
  end
  if redis.call('XLEN', kept) > ${MOST_KEYS} then
    for _, entry in ipairs(redis.call('XRANGE', kept, '-', '+', 'COUNT', redis.call('XLEN', kept) - ${MOST_KEYS})) do
      redis.call('HDEL', newest, field(entry[2], 'k'))
      redis.call('XDEL', kept, entry[1])
    end
  end
end

local function drop(count)
  if redis.call('EXISTS', newest) == 1 then keepNewest(count) end
  base = base + count
  local at = text(base) .. '-0'
  baseId = redis.call('XRANGE', log, at, at)[1][2][2]
  redis.call('XTRIM', log, 'MINID', text(base + 1) .. '-0')
  redis.call('HSET', meta, 'base', text(base), 'baseId', baseId)
end

local function trim()
  if head - base > most then drop(head - base - most) end
  local since = nowMs - ageMs
  local chunk = 1
  while base < head do
    local old = 0
    local entries = redis.call('XRANGE', log, '-', '+', 'COUNT', chunk)
    for _, entry in ipairs(entries) do
      if tonumber(entry[2][4]) >= since then break end
      old = old + 1
    end
    if old > 0 then drop(old) end
    if old < chunk then return end
    chunk = ${CHUNK}
  end
end

local function keep()
  for _, name in ipairs({ meta, log, newest, kept }) do
    redis.call('PEXPIRE', name, idleMs)
  end
end
`

/**
 * Checks the window of keys, appends, and tells of it: all or nothing (PROTOCOL.md §8.3–8.5).
 * KEYS: meta, log, newest, kept, values, sequenced, plain, last. Returns what became of it, and where.
 */
const APPEND = `${COMMON}
local values, sequenced, plain, last = KEYS[5], KEYS[6], KEYS[7], KEYS[8]
local json, id, sender, publisher = ARGV[6], ARGV[7], ARGV[8], ARGV[9]
local kind, field, client, sequence, digest = ARGV[10], ARGV[11], ARGV[12], tonumber(ARGV[13]), ARGV[14]
local untilMs, windowMs, mostKeys, mostClients = ARGV[15], tonumber(ARGV[16]), tonumber(ARGV[17]), tonumber(ARGV[18])
local notice, keeping, conflationKey, gone = ARGV[19], ARGV[20], ARGV[21], ARGV[22]
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
local after = { epoch = epoch, offset = text(head), id = headId }
head, headId = head + 1, id
local timeMs = text(nowMs)
local entry = { 'i', id, 't', timeMs, 'd', json }
local message = { id = id, timeMs = timeMs }
if sender ~= '' then
  message.sender = string.sub(sender, 2)
  entry[#entry + 1] = 's'
  entry[#entry + 1] = message.sender
end
if publisher ~= '' then
  message.publisher = publisher
  entry[#entry + 1] = 'p'
  entry[#entry + 1] = publisher
end
if keeping == 'newest' then
  message.conflationKey = conflationKey
  entry[#entry + 1] = 'k'
  entry[#entry + 1] = conflationKey
  if gone ~= '' then
    message.gone = true
    entry[#entry + 1] = 'g'
    entry[#entry + 1] = gone
  end
  local before = redis.call('HGET', newest, conflationKey)
  if before and tonumber(before) <= base then redis.call('XDEL', kept, before .. '-0') end
  redis.call('HSET', newest, conflationKey, text(head))
end
if keeping == 'none' then
  redis.call('DEL', log)
  base, baseId = head, headId
  redis.call('HSET', meta, 'base', text(base), 'baseId', baseId)
else
  redis.call('XADD', log, text(head) .. '-0', unpack(entry))
end
redis.call('HSET', meta, 'head', text(head), 'headId', headId)
trim()
keep()
local place = epoch .. '.' .. text(head) .. '.' .. id
if kind == 's' then
  remember(sequenced, 's', field, place .. ' ' .. digest)
  remember(last, 'l', client, text(sequence))
  if redis.call('ZCARD', sequenced) > mostKeys then forget(sequenced, 's', redis.call('ZRANGE', sequenced, 0, 0)) end
elseif kind == 'k' then
  remember(plain, 'k', field, place .. ' ' .. digest)
end
redis.call('PUBLISH', notice, cjson.encode({ after = after, message = message }) .. '\\n' .. json)
return { 'appended', place }
`

/**
 * One page of a log (PROTOCOL.md §3.10–3.14). KEYS: meta, log, newest, kept.
 * Returns epoch, reason of a gap or '', offset and id that the messages follow, '1' when there is more, and the entries: offset and fields.
 */
const READ = `${COMMON}
local from, place, offset, id = ARGV[6], ARGV[7], tonumber(ARGV[8]), ARGV[9]
local messages, bytes = tonumber(ARGV[10]), tonumber(ARGV[11])

local function entryAt(stream, at)
  local key = text(at) .. '-0'
  return redis.call('XRANGE', stream, key, key)[1]
end

local function idAt(at)
  if at == base then return baseId end
  if at == head then return headId end
  return entryAt(log, at)[2][2]
end

local function start()
  if from == 'latest' then return head, headId, '' end
  if from == 'earliest' then return base, baseId, '' end
  if from == 'last' then
    local at = math.max(base, head - offset)
    return at, idAt(at), ''
  end
  if place ~= epoch then return base, baseId, 'epoch' end
  if offset < base then return base, baseId, 'trimmed' end
  if offset > head or idAt(offset) ~= id then return head, headId, 'lost-tail' end
  return offset, id, ''
end

-- Where what is kept beyond the log comes before it, and a reader who cannot go on begins there.
local function startOfNewest()
  if from == 'latest' then return head, headId, '' end
  if from == 'earliest' then return 0, '0', '' end
  if from == 'last' then
    if offset == 0 then return head, headId, '' end
    if head - offset >= base then return head - offset, idAt(head - offset), '' end
    local before = redis.call('XREVRANGE', kept, '+', '-', 'COUNT', offset - (head - base) + 1)[offset - (head - base) + 1]
    if before then return tonumber(string.match(before[1], '^%d+')), before[2][2], '' end
    return 0, '0', ''
  end
  if place == epoch then
    if offset == 0 then return 0, '0', '' end
    local known = offset < base and entryAt(kept, offset)
    if known and known[2][2] == id then return offset, id, '' end
  end
  local at, itsId, gap = start()
  if gap ~= '' then return 0, '0', gap end
  return at, itsId, ''
end

open()
trim()
keep()
local after, afterId, gap
if redis.call('EXISTS', newest) == 1 then after, afterId, gap = startOfNewest() else after, afterId, gap = start() end
local page = {}
local at, size, full = after, 0, false

local function fill(stream)
  while not full and at < head and #page < messages do
    local count = math.min(messages - #page, 16)
    local entries = redis.call('XRANGE', stream, text(at + 1) .. '-0', '+', 'COUNT', count)
    for _, entry in ipairs(entries) do
      local fields = entry[2]
      size = size + #fields[6] + #fields[2] + 112
      local sender = field(fields, 's')
      if sender then size = size + 16 + #sender end
      full = size > bytes and #page > 0
      if full then return end
      local offsetText = string.match(entry[1], '^%d+')
      at = tonumber(offsetText)
      page[#page + 1] = { offsetText, fields }
    end
    if #entries < count then return end
  end
end

if from ~= 'latest' then
  if after < base then fill(kept) end
  fill(log)
end
local more = from ~= 'latest' and at < head
return { epoch, gap, text(after), afterId, more and '1' or '0', page }
`

export interface Script {
  readonly lua: string
  /** What Redis knows it by once it was loaded. */
  readonly sha: string
}

const script = (lua: string): Script => ({ lua, sha: createHash('sha1').update(lua).digest('hex') })

export const appendScript = script(APPEND)
export const readScript = script(READ)
