import { MOST_KEYS } from '../../server/newest-of-each.ts'

/** How many of the oldest are looked at in one go: a bound for what one command may cost. */
export const CHUNK = 100

/**
 * What both scripts begin with. `open` finds the log or begins a new life of it, `trim` takes off what history does not keep.
 * The log is a stream whose ids are `<offset>-0`: it holds the offsets above `base` up to `head`, without a hole. Where it does not, Redis
 * has lost or evicted a part, and only another epoch tells the readers so.
 */
export const COMMON = `
local meta, log = KEYS[1], KEYS[2]
-- Of a conflated channel alone: a key that is not there keeps a script from running while its slot moves.
local newest, kept
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

local function field(fields, name)
  for n = 7, #fields, 2 do
    if fields[n] == name then return fields[n + 1] end
  end
end

-- There is nothing more to be known of a key. From now on the places of what is kept have other ids.
local function forget(key, id)
  redis.call('HDEL', newest, key)
  redis.call('XDEL', kept, id)
  redis.call('HINCRBY', meta, 'gone', 1)
end

-- Of a conflated channel the newest of each key is kept beyond the log.
local function keepNewest(count)
  for _, entry in ipairs(redis.call('XRANGE', log, '-', '+', 'COUNT', count)) do
    local fields = entry[2]
    local key = field(fields, 'k')
    if key and redis.call('HGET', newest, key) .. '-0' == entry[1] then
      -- The head stays, whatever it is: readers have to come to it.
      if field(fields, 'g') and entry[1] ~= text(head) .. '-0' then
        forget(key, entry[1])
      else
        redis.call('XADD', kept, entry[1], unpack(fields))
      end
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
  if newest then keepNewest(count) end
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

-- Whether what lies in the two keys is of this life of the log.
local function isConflated()
  return redis.call('HGET', meta, 'conflated') == epoch
end
`
