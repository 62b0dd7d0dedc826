import { HoldfastError, isHoldfastError } from '../base/errors.ts'
import { formatPosition } from '../protocol/position.ts'
import { OWN } from '../protocol/frames.ts'
import { refusal } from './frame-text.ts'
import { keepOf, keyWanted } from './channel-kinds.ts'
import type { KindOf } from './channel-kinds.ts'
import { isPublishKey, readChannel } from '../protocol/validate-client-frames.ts'
import type { HubLimits } from './limits.ts'
import type { Appended, Store } from './store.ts'
import type { Telemetry } from './telemetry.ts'

/** Keys that the application uses live apart from all users'. */
const APPLICATION = '\u0000application'

export interface OwnPublish {
  readonly channel: string
  readonly data: unknown
  readonly key: string | undefined
  readonly untilMs?: number | undefined
}

interface OwnContext {
  readonly store: Store
  readonly kindOf: KindOf
  readonly limits: Pick<HubLimits, 'dataBytes'>
  readonly telemetry: Telemetry
}

/** What the application itself publishes: checked as its own argument, not as a peer's request. */
export const publishOwn = async (
  context: OwnContext,
  publish: OwnPublish,
): Promise<{ readonly position: string; readonly id: string }> => {
  const { telemetry } = context
  try {
    const { place, duplicate } = await append(context, publish)
    telemetry.published(duplicate ? 'repeated' : 'appended')
    return { position: formatPosition(place), id: place.id }
  } catch (error) {
    // A bad argument is a mistake of the caller, and was no publish.
    if (isHoldfastError(error) && error.code !== 'invalid-argument') telemetry.publishRefused(error, publish)
    throw error
  }
}

const append = async (
  { store, kindOf, limits: { dataBytes } }: OwnContext,
  { channel, data, key, untilMs }: OwnPublish,
): Promise<Extract<Appended, { readonly kind: 'appended' }>> => {
  const json = jsonOf(channel, data)
  checkChannel(channel)
  if (key !== undefined && !isPublishKey(key)) {
    throw new HoldfastError('invalid-argument', 'key must be 1 to 128 visible ASCII characters', { field: 'key' })
  }
  if (untilMs !== undefined && !Number.isFinite(untilMs)) {
    throw new HoldfastError('invalid-argument', 'untilMs must be milliseconds since 1970', { field: 'untilMs' })
  }
  const bytes = Buffer.byteLength(json)
  if (bytes > dataBytes) {
    const message = `the data has ${bytes} bytes of JSON; one message may have ${dataBytes} at most`
    throw new HoldfastError('too-large', message, { channel })
  }
  const kind = kindOf(channel)
  const keep = keepOf(kind, data)
  if (!keep) throw new HoldfastError('invalid-argument', keyWanted(kind), { field: 'data', channel })
  let appended: Appended
  try {
    appended = await store.append(channel, {
      json,
      keep,
      ...(key === undefined ? {} : { key: { userId: APPLICATION, key } }),
      ...(untilMs === undefined ? {} : { untilMs }),
    })
  } catch (cause) {
    const message = 'the store did not take the message, or did not say so; publish it again later, with the same `key`'
    throw new HoldfastError('unavailable', message, { channel, retryable: true, cause })
  }
  if (appended.kind === 'appended') return appended
  if (appended.kind === 'full') {
    throw new HoldfastError('unavailable', 'no more keys can be remembered now', { channel, retryable: true })
  }
  const message =
    appended.kind === 'conflict'
      ? 'this key was used with other data'
      : 'its `untilMs` is over, by the clock of the store'
  throw new HoldfastError(appended.kind, message, { channel })
}

const checkChannel = (channel: unknown): void => {
  try {
    if (readChannel(channel, 'channel').startsWith(OWN)) {
      throw refusal('forbidden', `names that begin with ${OWN} are the hub's own`)
    }
  } catch (cause) {
    throw new HoldfastError('invalid-argument', isHoldfastError(cause) ? cause.message : 'a bad name', {
      field: 'channel',
    })
  }
}

const jsonOf = (channel: string, data: unknown): string => {
  let json: string | undefined
  let cause: unknown
  try {
    json = JSON.stringify(data)
  } catch (error) {
    cause = error
  }
  if (json !== undefined) return json
  throw new HoldfastError('invalid-argument', 'the data has no JSON', { field: 'data', channel, cause })
}
