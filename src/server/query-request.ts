import type { ChannelRequest, Start } from '../protocol/frames.ts'
import { parsePosition } from '../protocol/position.ts'
import { isNonce, readChannel } from '../protocol/validate-client-frames.ts'
import { refusal } from './frame-text.ts'
import type { HubLimits } from './limits.ts'

/** What a `GET /poll` or `GET /stream` asks for. */
export interface QueryRequest {
  readonly nonce: string
  readonly waitMs: number
  readonly channels: readonly ChannelRequest[]
}

/**
 * Reads the query of PROTOCOL.md §6.7. A stream may have a Last-Event-ID.
 * @throws HoldfastError `bad-request` or `too-many` that names the parameter
 */
export const readQuery = (
  path: string,
  query: URLSearchParams,
  lastEventId: string | undefined,
  limits: HubLimits,
): QueryRequest => {
  const names = query.getAll('channel')
  if (names.length === 0) throw bad('channel', 'must name a channel: ?channel=a')
  if (names.length > limits.channelsPerUrl) {
    throw refusal('too-many', `a query may name ${limits.channelsPerUrl} channels at most`, { field: 'channel' })
  }
  const channels = names.map((name) => readChannel(name, 'channel'))
  if (new Set(channels).size < channels.length) throw bad('channel', 'must not name a channel twice')
  // An empty Last-Event-ID is what an EventSource sends that has none.
  const resumed = lastEventId !== undefined && lastEventId !== ''
  const since = resumed ? lastEventId : (single(query, 'since') ?? 'latest')
  const before = single(query, 'before')
  const starts = readSince(since, channels.length, resumed ? 'Last-Event-ID' : 'since')
  if (before !== undefined && (path !== '/poll' || starts.length > 1)) {
    throw bad('before', 'has its place in /poll, with one channel')
  }
  const nonce = single(query, 'nonce') ?? ''
  if (nonce !== '' && !isNonce(nonce)) throw bad('nonce', 'must be 1 to 64 characters of A–Z a–z 0–9 _ -')
  return {
    nonce,
    waitMs: readWait(single(query, 'wait')),
    channels: channels.map((channel, index) => {
      const start = starts[index] ?? 'latest'
      return { channel, from: before === undefined ? start : pageBefore(before, start) }
    }),
  }
}

const bad = (field: string, what: string) => refusal('bad-request', `${field} ${what}`, { field })

/** @throws HoldfastError when the parameter is there more than once */
export const single = (query: URLSearchParams, name: string): string | undefined => {
  const values = query.getAll(name)
  if (values.length > 1) throw bad(name, 'must stand in the query once')
  return values[0]
}

const readSince = (since: string, count: number, field: string): readonly Start[] => {
  const parts = since.split('~', count + 1)
  const wanted = 'must be "latest", "earliest", "last:20", or the positions of the channels in their order, joined by ~'
  if (parts.length === 1) {
    const word = readWord(since)
    if (word) return new Array<Start>(count).fill(word)
  }
  if (parts.length !== count) throw bad(field, wanted)
  return parts.map((part) => {
    const start = parsePosition(part) ? { after: part } : readWord(part)
    if (!start) throw bad(field, wanted)
    return start
  })
}

/** A page of history (PROTOCOL.md §3.16). */
const pageBefore = (before: string, start: Start): Start => {
  if (typeof start !== 'object' || !('last' in start)) throw bad('before', 'goes with since=last:20')
  if (before !== 'end' && !parsePosition(before)) throw bad('before', 'must be a position or "end"')
  return { last: start.last, before }
}

const readWord = (text: string): Start | null => {
  if (text === 'latest' || text === 'earliest') return text
  const last = /^last:(0|[1-9]\d{0,4})$/.exec(text)?.[1]
  return last === undefined || Number(last) > 10_000 ? null : { last: Number(last) }
}

const readWait = (text: string | undefined): number => {
  if (text === undefined) return 0
  if (!/^\d{1,9}$/.test(text)) throw bad('wait', 'must be a whole number of milliseconds, 0 or more')
  return Number(text)
}
