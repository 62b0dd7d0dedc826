/**
 * What scripts that append share, after `COMMON`; before it stands which command publishes. `write` puts one message at the head of a log that is
 * open, tells of it and returns its place. Texts that are '' are left out; `sender` has a `+` before it, for a user may be called ''.
 */
export const WRITE = `
-- What stayed as the head, though nothing more is to be known of its key.
local function forgetHead()
  local last = redis.call('XREVRANGE', kept, '+', '-', 'COUNT', 1)[1]
  if last and last[1] == text(head) .. '-0' and field(last[2], 'g') then forget(field(last[2], 'k'), last[1]) end
end

local function write(given, notice)
  local after = { epoch = epoch, offset = text(head), id = headId }
  local timeMs = text(nowMs)
  local at = head + 1
  local entry = { 'i', given.id, 't', timeMs, 'd', given.json }
  local message = { id = given.id, timeMs = timeMs }
  if given.sender ~= '' then
    message.sender = string.sub(given.sender, 2)
    entry[#entry + 1] = 's'
    entry[#entry + 1] = message.sender
  end
  if given.publisher ~= '' then
    message.publisher = given.publisher
    entry[#entry + 1] = 'p'
    entry[#entry + 1] = given.publisher
  end
  if newest then
    if not isConflated() then
      redis.call('DEL', newest, kept)
      redis.call('HSET', meta, 'conflated', epoch)
    end
    forgetHead()
    message.conflationKey = given.conflationKey
    entry[#entry + 1] = 'k'
    entry[#entry + 1] = given.conflationKey
    if given.gone ~= '' then
      message.gone = true
      entry[#entry + 1] = 'g'
      entry[#entry + 1] = given.gone
    end
    local before = redis.call('HGET', newest, given.conflationKey)
    if before and tonumber(before) <= base then redis.call('XDEL', kept, before .. '-0') end
    redis.call('HSET', newest, given.conflationKey, text(at))
  end
  head, headId = at, given.id
  if given.keeping == 'none' then
    redis.call('DEL', log)
    base, baseId = head, headId
    redis.call('HSET', meta, 'base', text(base), 'baseId', baseId)
  else
    redis.call('XADD', log, text(head) .. '-0', unpack(entry))
  end
  redis.call('HSET', meta, 'head', text(head), 'headId', headId)
  redis.call(publish, notice, cjson.encode({ after = after, message = message }) .. '\\n' .. given.json)
end

local function place()
  return epoch .. '.' .. text(head) .. '.' .. headId
end
`
