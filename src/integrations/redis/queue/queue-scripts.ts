import { script } from '../scripts.ts'
import { MOST_BYTES } from './queue-entry.ts'
import { GROUP } from './queue-names.ts'

/** One for all: who reads next begins with what the one before has not done. */
const CONSUMER = 'relay'
/** Of an entry that is put aside: most bytes of its data, and of each other field that is kept. */
const KEPT_BYTES = 65_536
const KEPT_NAME_BYTES = 256
/** Entries that are kept aside. */
const MOST_REFUSED = 1000

/** Of an entry's fields the last with this name, and their bytes. */
const FIELDS = `
local function field(fields, name)
  local found
  for n = 1, #fields - 1, 2 do
    if fields[n] == name then found = fields[n + 1] end
  end
  return found
end
`

/**
 * Takes or renews the lease of the one that reads, and reads for it, in one step: whoever has lost the lease gets nothing any more.
 * KEYS: lease, stream. ARGV: holder, how long, what to read, from where, how many, idle time of what is taken over from others of the group, how
 * many entries the holder has in hand.
 * Returns `held` when another one has the lease; else `new` when it was nobody's, and nothing is read; or `mine`. Then the time, entries, where to
 * go on, ids of entries that are gone, how many there are, the time of the oldest, and ids of what was handed out before what is new and is not done:
 * if not all, more than the holder has.
 */
const TAKE = `
local lease, stream = KEYS[1], KEYS[2]
local me, leaseMs, what, from, count, idleMs, inHand = unpack(ARGV)
local time = redis.call('TIME')
local nowMs = string.format('%.0f', tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000))
${FIELDS}
local function reply(state, entries, next, gone, begun)
  local oldest = redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)[1]
  local oldestMs = oldest and string.match(oldest[1], '^%d+') or ''
  return { state, nowMs, entries, next, gone, tostring(redis.call('XLEN', stream)), oldestMs, begun or {} }
end

local function isError(answer)
  return type(answer) == 'table' and answer.err ~= nil
end

local holder = redis.call('GET', lease)
if holder and holder ~= me then return reply('held', {}, '', {}) end
if not holder then
  -- Entries are removed when they are done: whoever else reads the stream would miss them.
  if redis.call('EXISTS', stream) == 1 then
    for _, group in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
      if group[2] ~= '${GROUP}' then return redis.error_reply('OTHERGROUP ' .. group[2]) end
    end
  end
  redis.call('SET', lease, me, 'PX', leaseMs)
  return reply('new', {}, '', {})
end
-- Not SET, which a full Redis refuses.
redis.call('PEXPIRE', lease, leaseMs)
if what == 'nothing' then return reply('mine', {}, '', {}) end

local function read()
  if what == 'others' then
    return redis.pcall('XAUTOCLAIM', stream, '${GROUP}', '${CONSUMER}', idleMs, from, 'COUNT', count)
  end
  local after = what == 'mine' and from or '>'
  return redis.pcall('XREADGROUP', 'GROUP', '${GROUP}', '${CONSUMER}', 'COUNT', count, 'STREAMS', stream, after)
end

local begun = {}
if what == 'new' then
  local pending = redis.pcall('XPENDING', stream, '${GROUP}', '-', '+', inHand + 1, '${CONSUMER}')
  for n = 1, #pending do begun[n] = pending[n][1] end
end
local answer = read()
if isError(answer) and string.find(answer.err, 'NOGROUP', 1, true) then
  redis.call('XGROUP', 'CREATE', stream, '${GROUP}', '0', 'MKSTREAM')
  answer = read()
end
if isError(answer) then return answer end
local found, next, gone = {}, '', {}
if what == 'others' then
  found, next, gone = answer[2], answer[1], answer[3] or {}
elseif answer then
  found = answer[1][2]
end
local entries = {}
for _, entry in ipairs(found) do
  if entry and entry[2] then
    local bytes = 0
    for _, text in ipairs(entry[2]) do bytes = bytes + #text end
    if bytes > ${MOST_BYTES} then
      local channel = string.sub(field(entry[2], 'channel') or '', 1, ${KEPT_NAME_BYTES})
      entry = { entry[1], { 'channel', channel }, tostring(bytes) }
    end
    entries[#entries + 1] = entry
  elseif entry then
    gone[#gone + 1] = entry[1]
  end
  if entry and what == 'mine' then next = entry[1] end
end
return reply('mine', entries, next, gone, begun)
`

/** KEYS: stream. ARGV: ids. */
const DONE = `
redis.call('XACK', KEYS[1], '${GROUP}', unpack(ARGV))
redis.call('XDEL', KEYS[1], unpack(ARGV))
return ''
`

/**
 * Puts an entry aside that can never be published, once.
 * KEYS: stream, that of the refused. ARGV: id, code, reason.
 */
const REFUSE = `
local stream, aside = KEYS[1], KEYS[2]
local id, code, reason = unpack(ARGV)
${FIELDS}
local pending = redis.call('XPENDING', stream, '${GROUP}', id, id, 1)
if #pending == 0 then return '' end
local entry = redis.call('XRANGE', stream, id, id)[1]
local fields = entry and entry[2] or {}
local copy = { 'entry', id, 'code', code, 'reason', reason }
for _, name in ipairs({ 'channel', 'key', 'data' }) do
  local text = field(fields, name)
  if text then
    copy[#copy + 1] = name
    copy[#copy + 1] = string.sub(text, 1, name == 'data' and ${KEPT_BYTES} or ${KEPT_NAME_BYTES})
  end
end
redis.call('XADD', aside, 'MAXLEN', ${MOST_REFUSED}, '*', unpack(copy))
redis.call('XACK', stream, '${GROUP}', id)
redis.call('XDEL', stream, id)
return ''
`

/** KEYS: lease. ARGV: holder. */
const RELEASE = `
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return ''
`

export const takeScript = script(TAKE)
export const doneScript = script(DONE)
export const refuseScript = script(REFUSE)
export const releaseScript = script(RELEASE)
