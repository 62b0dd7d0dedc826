import { COMMON } from './lua-common.ts'

/**
 * One page of a log (PROTOCOL.md §3.10–3.16). KEYS: meta, log; newest, kept for a conflated channel, and without them it says that it is one.
 * Returns epoch, reason of a gap or '', offset and id that the messages follow, '1' when there is more, and the entries: offset and fields.
 */
export const READ = `${COMMON}
local from, place, offset, id = ARGV[6], ARGV[7], tonumber(ARGV[8]), ARGV[9]
local messages, bytes = tonumber(ARGV[10]), tonumber(ARGV[11])

local function entryAt(stream, at)
  local key = text(at) .. '-0'
  return redis.call('XRANGE', stream, key, key)[1]
end

-- The id of what is kept, where a reader may go on from. It is another one since a key was forgotten: who stands there from before that has to be told
-- by a gap. From the newest that left the log anybody goes on.
local gone
local function keptId(offset, fields)
  gone = gone or redis.call('HGET', meta, 'gone') or ''
  return (gone == '' or offset == base) and fields[2] or fields[2] .. '-' .. gone
end

local function idAt(at)
  if at == base then return baseId end
  if at == head then return headId end
  return entryAt(log, at)[2][2]
end

local function sizeOf(fields)
  local sender = field(fields, 's')
  return #fields[6] + #fields[2] + 112 + (sender and 16 + #sender or 0)
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
    if before then
      local at = tonumber(string.match(before[1], '^%d+'))
      return at, keptId(at, before[2]), ''
    end
    return 0, '0', ''
  end
  if place == epoch then
    if offset == 0 then return 0, '0', '' end
    local known = offset < base and entryAt(kept, offset)
    if known and keptId(offset, known[2]) == id then return offset, id, '' end
  end
  local at, itsId, gap = start()
  if gap ~= '' then return 0, '0', gap end
  return at, itsId, ''
end

open()
if isConflated() then
  if not KEYS[3] then return { 'conflated' } end
  newest, kept = KEYS[3], KEYS[4]
end
trim()
keep()
local page, size, full = {}, 0, false

-- A page of history is read from its end, newest first, and one entry more: that which it follows.
local older
local function back(stream, below)
  while not older do
    local count = math.min(messages - #page + 1, 16)
    local entries = redis.call('XREVRANGE', stream, text(math.max(0, below - 1)) .. '-0', '-', 'COUNT', count)
    for _, entry in ipairs(entries) do
      local fields = entry[2]
      local offsetText = string.match(entry[1], '^%d+')
      size = size + sizeOf(fields)
      if #page == messages or (size > bytes and #page > 0) then
        older = { offsetText, fields[2] }
        return
      end
      below = tonumber(offsetText)
      page[#page + 1] = { offsetText, fields }
    end
    if #entries < count then return end
  end
end

local function pageOfHistory()
  local oldest = newest and { '0', '0' } or { text(base), baseId }
  -- Whether a place before the history of a conflated channel is known does not matter: nobody waits for what is missing there.
  if from == 'before' and not (newest and place == epoch and offset < base) then
    local to, toId, gap = start()
    if gap ~= '' then
      if not newest then oldest = { text(to), toId } end
      return { epoch, gap, oldest[1], oldest[2], '0', {} }
    end
  end
  local below = from == 'end' and head + 1 or offset
  back(log, below)
  if kept then back(kept, math.min(below, base + 1)) end
  local found = {}
  for n = #page, 1, -1 do found[#found + 1] = page[n] end
  local follows = older or oldest
  return { epoch, '', follows[1], follows[2], older and '1' or '0', found }
end

if from == 'before' or from == 'end' then return pageOfHistory() end
local after, afterId, gap
if newest then after, afterId, gap = startOfNewest() else after, afterId, gap = start() end
local at = after

local function fill(stream)
  while not full and at < head and #page < messages do
    local count = math.min(messages - #page, 16)
    local entries = redis.call('XRANGE', stream, text(at + 1) .. '-0', '+', 'COUNT', count)
    for _, entry in ipairs(entries) do
      local fields = entry[2]
      size = size + sizeOf(fields)
      full = size > bytes and #page > 0
      if full then return end
      local offsetText = string.match(entry[1], '^%d+')
      at = tonumber(offsetText)
      if stream == kept then fields[2] = keptId(at, fields) end
      page[#page + 1] = { offsetText, fields }
    end
    if #entries < count then return end
  end
end

if from ~= 'latest' then
  if kept and after < base then fill(kept) end
  fill(log)
end
local more = from ~= 'latest' and at < head
return { epoch, gap, text(after), afterId, more and '1' or '0', page }
`
