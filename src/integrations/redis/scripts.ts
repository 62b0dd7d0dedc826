import { createHash } from 'node:crypto'

/** How many of the oldest are looked at in one go: a bound for what one command may cost. */
const CHUNK = 100

/**
 * What both scripts begin with. `open` finds the log or begins a new life of it, `trim` takes off what history does not keep.
 * The log is a stream whose ids are `<offset>-0`: it holds the offsets above `base` up to `head`, without a hole. Where it does not, Redis
 * has lost or evicted a part, and only another epoch tells the readers so.
 */
const COMMON = `
local meta, log = KEYS[1], KEYS[2]
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
  redis.call('DEL', log)
  redis.call('HSET', meta, 'epoch', epoch, 'head', 0, 'headId', '0', 'base', 0, 'baseId', '0')
end

local function drop(count)
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
  redis.call('PEXPIRE', meta, idleMs)
  redis.call('PEXPIRE', log, idleMs)
end
`

/**
 * Checks the window of keys, appends, and tells of it: all or nothing (PROTOCOL.md §8.3–8.5).
 * KEYS: meta, log, values, sequenced, plain, last. Returns what became of it, and where.
 */
const APPEND = `${COMMON}
local values, sequenced, plain, last = KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local json, id, sender, publisher = ARGV[6], ARGV[7], ARGV[8], ARGV[9]
local kind, field, client, sequence, digest = ARGV[10], ARGV[11], ARGV[12], tonumber(ARGV[13]), ARGV[14]
local untilMs, windowMs, mostKeys, mostClients = ARGV[15], tonumber(ARGV[16]), tonumber(ARGV[17]), tonumber(ARGV[18])
local notice = ARGV[19]
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
redis.call('XADD', log, text(head) .. '-0', unpack(entry))
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
redis.call(publish, notice, cjson.encode({ after = after, message = message }) .. '\\n' .. json)
return { 'appended', place }
`

/**
 * One page of a log (PROTOCOL.md §3.10–3.12). KEYS: meta, log.
 * Returns epoch, reason of a gap or '', offset and id that the messages follow, '1' when there is more, and the entries.
 */
const READ = `${COMMON}
local from, place, offset, id = ARGV[6], ARGV[7], tonumber(ARGV[8]), ARGV[9]
local messages, bytes = tonumber(ARGV[10]), tonumber(ARGV[11])

local function idAt(at)
  if at == base then return baseId end
  if at == head then return headId end
  local key = text(at) .. '-0'
  return redis.call('XRANGE', log, key, key)[1][2][2]
end

local function start()
  if from == 'latest' then return head, '' end
  if from == 'earliest' then return base, '' end
  if from == 'last' then return math.max(base, head - offset), '' end
  if place ~= epoch then return base, 'epoch' end
  if offset < base then return base, 'trimmed' end
  if offset > head or idAt(offset) ~= id then return head, 'lost-tail' end
  return offset, ''
end

open()
trim()
keep()
local after, gap = start()
local page = {}
local at, size = after, 0
while at < head and #page < messages and from ~= 'latest' do
  local count = math.min(messages - #page, 16)
  local full = false
  for _, entry in ipairs(redis.call('XRANGE', log, text(at + 1) .. '-0', '+', 'COUNT', count)) do
    local fields = entry[2]
    size = size + #fields[6] + #fields[2] + 112
    for n = 7, #fields, 2 do
      if fields[n] == 's' then size = size + 16 + #fields[n + 1] end
    end
    full = size > bytes and #page > 0
    if full then break end
    at = at + 1
    page[#page + 1] = fields
  end
  if full then break end
end
local more = from ~= 'latest' and at < head
return { epoch, gap, text(after), idAt(after), more and '1' or '0', page }
`

export interface Script {
  readonly lua: string
  /** What Redis knows it by once it was loaded. */
  readonly sha: string
}

const script = (lua: string): Script => ({ lua, sha: createHash('sha1').update(lua).digest('hex') })

/** `SPUBLISH`, in a cluster: the notice stays with the nodes that have the slot of the channel. */
export const appendScript = (publish: 'PUBLISH' | 'SPUBLISH'): Script =>
  script(`local publish = '${publish}'\n${APPEND}`)
export const readScript = script(READ)
