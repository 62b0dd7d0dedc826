import { HoldfastError } from '../base/errors.ts'
import type { ChannelRequest, ClientFrame, Hello, Publish, Start } from './frames.ts'
import { parsePosition } from './position.ts'
import { isChannelName } from './channel-name.ts'
import { kindOf, nestsDeeper, utf8Length } from './text.ts'

/** The counts of PROTOCOL.md §9 that reading a batch needs. */
export interface FrameLimits {
  readonly framesPerBatch: number
  readonly channelsPerReader: number
  readonly tokenBytes: number
  readonly jsonDepth: number
}

type Fields = Readonly<Record<string, unknown>>

const badRequest = (message: string, field?: string): HoldfastError =>
  new HoldfastError('bad-request', message, { status: 400, field })

const tooMany = (message: string, field?: string): HoldfastError =>
  new HoldfastError('too-many', message, { status: 400, field })

const wrong = (field: string, value: unknown, expected: string): HoldfastError =>
  badRequest(`${field} must be ${expected}${value === undefined ? '; it is missing' : `, not ${kindOf(value)}`}`, field)

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/**
 * Parses JSON that nests at most `depth` deep. The depth is checked before anything is built.
 * @throws HoldfastError `bad-request`
 */
export const parseJson = (text: string, depth: number): unknown => {
  if (nestsDeeper(text, depth)) throw badRequest(`JSON may nest ${depth} deep at most`)
  try {
    return JSON.parse(text)
  } catch {
    throw badRequest('this is not JSON')
  }
}

/**
 * The frames of a batch, each still unchecked (PROTOCOL.md §1.4).
 * @throws HoldfastError `bad-request`, or `too-many` for the count of frames
 */
export const readBatch = (text: string, limits: FrameLimits): readonly unknown[] => {
  const batch = parseJson(text, limits.jsonDepth)
  if (!Array.isArray(batch)) throw badRequest(`a batch must be an array of frames, not ${kindOf(batch)}`)
  if (batch.length === 0) throw badRequest('a batch must have at least one frame')
  if (batch.length > limits.framesPerBatch) {
    throw tooMany(`a batch may have ${limits.framesPerBatch} frames at most, not ${batch.length}`)
  }
  return batch
}

/**
 * One frame with every field checked; null for a type that is not known (PROTOCOL.md §1.8).
 * @throws HoldfastError whose `field` is the path inside the frame
 */
export const readClientFrame = (value: unknown, limits: FrameLimits): ClientFrame | null => {
  if (!isFields(value)) throw badRequest(`a frame must be an object, not ${kindOf(value)}`)
  switch (value['type']) {
    case 'hello':
      return readHello(value, limits)
    case 'subscribe':
      return { type: 'subscribe', ...readChannelRequest(value, '') }
    case 'unsubscribe':
      return { type: 'unsubscribe', channel: readChannel(value['channel'], 'channel') }
    case 'publish':
      return readPublish(value)
    case 'send': {
      const { channel, data } = value
      if (data === undefined) throw wrong('data', data, 'any JSON value')
      return { type: 'send', channel: readChannel(channel, 'channel'), data }
    }
    case 'ping':
      return { type: 'ping' }
    default:
      if (typeof value['type'] !== 'string') throw wrong('type', value['type'], 'a string')
      return null
  }
}

/** What an error about a frame that could not be read concerns, as far as it can be told (PROTOCOL.md §10.1); null: it has no answer (§8.10). */
export const concernOf = (value: unknown): { channel?: string; ref?: number; sequence?: number } | null => {
  if (!isFields(value)) return {}
  const { type, channel, ref, sequence } = value
  if (type === 'publish') return isCount(sequence, 1) ? { sequence } : {}
  if (type === 'send') return null
  return {
    ...(typeof channel === 'string' && isChannelName(channel) ? { channel } : {}),
    ...(Number.isFinite(ref) ? { ref: ref as number } : {}),
  }
}

const isCount = (value: unknown, least: number, most = Number.MAX_SAFE_INTEGER): value is number =>
  Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most

const readHello = (fields: Fields, limits: FrameLimits): Hello => {
  const { protocol, nonce, client, token, channels } = fields
  if (protocol !== 1) throw wrong('protocol', protocol, '1, the version this hub speaks')
  if (typeof nonce !== 'string' || !isNonce(nonce)) {
    throw wrong('nonce', nonce, '1 to 64 characters of A–Z a–z 0–9 _ -')
  }
  if (typeof client !== 'string' || !/^[\w-]{22}$/.test(client)) {
    throw wrong('client', client, '22 characters of A–Z a–z 0–9 _ -')
  }
  const heartbeatMs = readDuration(fields['heartbeatMs'], 'heartbeatMs')
  const waitMs = readDuration(fields['waitMs'], 'waitMs')
  return {
    type: 'hello',
    protocol,
    nonce,
    client,
    ...(token === undefined ? {} : { token: readToken(token, limits) }),
    ...(heartbeatMs === undefined ? {} : { heartbeatMs }),
    ...(waitMs === undefined ? {} : { waitMs }),
    ...(channels === undefined ? {} : { channels: readChannels(channels, limits) }),
  }
}

/** True for a nonce of PROTOCOL.md §4.2. */
export const isNonce = (text: string): boolean => /^[\w-]{1,64}$/.test(text)

const readToken = (token: unknown, { tokenBytes }: FrameLimits): string => {
  if (typeof token !== 'string') throw wrong('token', token, 'a string')
  if (utf8Length(token) > tokenBytes) throw badRequest(`token may have ${tokenBytes} bytes at most`, 'token')
  return token
}

const readDuration = (value: unknown, field: string): number | undefined => {
  if (value === undefined) return undefined
  if (typeof value !== 'number' || !(value >= 0)) throw wrong(field, value, 'a number of milliseconds, 0 or more')
  return value
}

const readChannels = (value: unknown, { channelsPerReader }: FrameLimits): readonly ChannelRequest[] => {
  if (!Array.isArray(value)) throw wrong('channels', value, 'an array of channel requests')
  // Those over the limit are refused one by one, so that the others go on; far over it nothing is read.
  const most = 8 * channelsPerReader
  if (value.length > most) {
    throw tooMany(`a hello may name ${most} channels at most, not ${value.length}`, 'channels')
  }
  return value.map((request: unknown, index) => {
    const path = `channels[${index}]`
    if (!isFields(request)) throw wrong(path, request, 'a channel request')
    return readChannelRequest(request, `${path}.`)
  })
}

const readChannelRequest = (fields: Fields, path: string): ChannelRequest => {
  const { ref, limit } = fields
  if (ref !== undefined && (typeof ref !== 'number' || !Number.isFinite(ref)))
    throw wrong(`${path}ref`, ref, 'a number')
  if (limit !== undefined && !isCount(limit, 1, 10_000)) {
    throw wrong(`${path}limit`, limit, 'a whole number from 1 to 10,000')
  }
  return {
    channel: readChannel(fields['channel'], `${path}channel`),
    from: readStart(fields['from'], `${path}from`),
    ...(ref === undefined ? {} : { ref }),
    ...(limit === undefined ? {} : { limit }),
  }
}

/** @throws HoldfastError that names `field` */
export const readChannel = (value: unknown, field: string): string => {
  if (typeof value !== 'string') throw wrong(field, value, 'a channel name')
  if (isChannelName(value)) return value
  throw wrong(field, value, '1 to 256 bytes of UTF-8 without control characters and lone surrogates')
}

const START = '"latest", "earliest", { "last": n }, { "last": n, "before": position } or { "after": position }'

const readStart = (value: unknown, path: string): Start => {
  if (value === 'latest' || value === 'earliest') return value
  if (!isFields(value)) throw wrong(path, value, START)
  const { last, after, before } = value
  if (after !== undefined) return { after: readPosition(after, `${path}.after`) }
  if (last === undefined) throw badRequest(`${path} must be ${START}`, path)
  if (!isCount(last, 0, 10_000)) throw wrong(`${path}.last`, last, 'a whole number from 0 to 10,000')
  if (before === undefined) return { last }
  return { last, before: before === 'end' ? before : readPosition(before, `${path}.before`, ' or "end"') }
}

/** @throws HoldfastError that names `field` */
const readPosition = (value: unknown, field: string, or = ''): string => {
  if (typeof value === 'string' && parsePosition(value)) return value
  throw wrong(field, value, `a position (epoch.offset.id)${or}`)
}

const readPublish = (fields: Fields): Publish => {
  const { channel, sequence, until, key, reply, data } = fields
  if (!isCount(sequence, 1)) throw wrong('sequence', sequence, 'a whole number from 1 to 2^53 − 1')
  if (until !== undefined && (typeof until !== 'number' || !Number.isFinite(until))) {
    throw wrong('until', until, 'a time in milliseconds since 1970')
  }
  if (key !== undefined && (typeof key !== 'string' || !isPublishKey(key))) {
    throw wrong('key', key, '1 to 128 visible ASCII characters')
  }
  if (reply !== undefined && typeof reply !== 'boolean') throw wrong('reply', reply, 'true or false')
  if (data === undefined) throw wrong('data', data, 'any JSON value')
  return {
    type: 'publish',
    channel: readChannel(channel, 'channel'),
    sequence,
    data,
    ...(until === undefined ? {} : { until }),
    ...(key === undefined ? {} : { key }),
    ...(reply ? { reply } : {}),
  }
}

/** True for a key of PROTOCOL.md §6.6: 1 to 128 visible ASCII characters. */
export const isPublishKey = (text: string): boolean => /^[\x21-\x7e]{1,128}$/.test(text)
