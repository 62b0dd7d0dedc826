import type { Clock } from '../base/clock.ts'
import { HoldfastError } from '../base/errors.ts'
import type { ErrorCode } from '../base/errors.ts'
import { bytesOf, isChannelName } from '../protocol/channel-name.ts'
import type { Ack, ErrorFrame, Publish, Welcome } from '../protocol/frames.ts'
import type { LinkEnd } from '../transports/transport.ts'
import { retryDelay } from './backoff.ts'
import { blame } from './ladder.ts'
import type { Carrier, Standing } from './live.ts'
import type { CommonOptions, Published, PublishOptions, TimingOptions } from './types.ts'

/** Most publishes of one batch (PROTOCOL.md §9). */
const MAX_BATCH = 64
/** Before the first welcome: the smallest that PROTOCOL.md §9 has. */
const LIMITS: Pick<Welcome, 'maxDataBytes' | 'maxBatchBytes'> = { maxDataBytes: 65_536, maxBatchBytes: 262_144 }
const DEFAULT_TIMEOUT_MS = 300_000
/** The codes after which the same may work later. */
const LATER = ['rate-limited', 'unavailable', 'internal', 'timeout', 'outbox-full']

interface Item {
  /** What is sent. Its `until` is hub time, set at the first send and unchanged since (PROTOCOL.md §8.5). */
  readonly frame: Omit<Publish, 'key' | 'until' | 'reply'> & {
    readonly key: string | undefined
    readonly reply: boolean | undefined
    until: number
  }
  readonly bytes: number
  readonly signal: AbortSignal | undefined
  /** The carrier has it, and may still answer. */
  inFlight: boolean
  /** How many of the copies that were sent may have been appended. */
  copies: number
  /** Clock at which it is given up. */
  giveUpMs: number
  /** Settle the promise. */
  resolve(published: Published): void
  reject(error: HoldfastError): void
}

export interface OutboxEnv {
  readonly clock: Clock
  readonly timing: TimingOptions
  readonly options: Pick<CommonOptions, 'maxOutbox'>
  readonly live: Standing & { readonly hub: typeof LIMITS | undefined }
  /** True while a publish to the channel must wait for an own subscription. */
  blocked(channel: string): boolean
  /** `/publish` answered 401 or 403. */
  refused(end: LinkEnd): void
  step(): void
}

export interface Outbox {
  publish(channel: string, data: unknown, options: PublishOptions): Promise<Published>
  /** Sends it now or not at all (PROTOCOL.md §8.10): false when there is no link, or none with room. */
  send(channel: string, data: unknown): boolean
  /** A publish in JSON text that is not kept here, and whose answer nobody waits for. It has its place among the others. */
  single(channel: string, data: unknown): string
  ack(frame: Ack): void
  refuse(frame: ErrorFrame): void
  /** Sends what may be sent, and gives up what is too old; returns the clock at which it is to be called again. */
  pump(): number
  /** The oldest publish that was sent and has no answer. */
  oldest(): unknown
  /** The user is another one: what was sent can not be sent again (PROTOCOL.md §8.9). */
  disown(): void
  close(): void
}

/** Publishes in their order: bounded, sent again over whatever works, each with one outcome (PROTOCOL.md §8). */
export const createOutbox = (env: OutboxEnv): Outbox => {
  const { clock, timing, live, step } = env
  const { maxOutbox = 1_000 } = env.options
  let items: Item[] = []
  let carrier: Carrier | undefined
  let nextSequence = 1
  /** What is on its way without an answer to come. */
  let sends = 0
  /** A batch is being handed over; on a carrier that is not duplex: answered. */
  let busy = false
  /** Publishes of the next batch at most. */
  let most = MAX_BATCH
  let failures = 0
  let notBeforeMs = 0

  /** Hub time from when on a publish that is sent now is not appended (PROTOCOL.md §8.5). */
  const untilMs = (): number => Math.round(clock.now() + live.hubAheadMs + timing.resendMs)

  const failure = (code: string, channel: string, why: string, status?: number): HoldfastError =>
    new HoldfastError(code as ErrorCode, `publish to ${channel}: ${why}`, {
      channel,
      status,
      retryable: LATER.includes(code),
    })

  const remove = (item: Item): void => {
    items = items.filter((each) => each !== item)
    // The listener is the same for all items of a signal.
    if (!items.some(({ signal }) => signal === item.signal)) item.signal?.removeEventListener('abort', step)
  }
  const reject = (item: Item, code: string, why = code, status?: number): void => {
    remove(item)
    if (item.copies) {
      code = 'unknown'
      why += '; it may have been appended'
    }
    item.reject(failure(code, item.frame.channel, why, status))
  }

  const backOff = (retryAfterMs = 0): void => {
    const delay = Math.max(retryDelay(++failures, clock.random(), timing), retryAfterMs)
    notBeforeMs = Math.max(notBeforeMs, clock.now() + delay)
  }

  /** The next batch: in order, nothing overtakes what is not sent yet. */
  const nextBatch = (limits: typeof LIMITS): Item[] => {
    const batch: Item[] = []
    let room = limits.maxBatchBytes - 16_384
    // When all are in flight, the last of them is left.
    const rest = items.slice(items.findIndex((item) => !item.inFlight))
    // After a refusal nothing is sent until every answer of this link is in: else a later publish would overtake (§8.7).
    if (rest.some((item) => item.inFlight)) return batch
    for (const item of rest) {
      room -= item.bytes + 1_024
      if (batch.length === most || env.blocked(item.frame.channel) || (room < 0 && batch.length)) break
      if (!item.frame.until) {
        item.frame.until = untilMs()
        item.giveUpMs = Math.min(item.giveUpMs, clock.now() + timing.resendMs)
      }
      item.inFlight = true
      item.copies++
      batch.push(item)
    }
    return batch
  }

  const send = async (on: Carrier, batch: readonly Item[]): Promise<void> => {
    busy = true
    let end: LinkEnd | undefined
    try {
      await on.send(batch.map(({ frame }) => JSON.stringify(frame)))
      // On a duplex link the answers are still to come; else one without a word on a publish is none.
      if (!on.duplex && batch.some(({ inFlight }) => inFlight)) end = { code: 'foreign' }
    } catch (cause) {
      end = cause as LinkEnd
    }
    if (carrier !== on) return
    busy = false
    // An answer of the hub with an error status refused the whole request; anything else may have been appended.
    const cause = end?.code === 'refused' ? blame(end) : null
    // Too large for the hub, or for a box before it that takes less: half as many may pass.
    const tooLarge = end?.status === 413
    most = tooLarge ? Math.ceil(batch.length / 2) : Math.min(MAX_BATCH, 2 * most)
    for (const item of batch) {
      if (!end || !item.inFlight) continue
      item.inFlight = false
      if (cause || tooLarge) item.copies--
      if (tooLarge) {
        if (batch.length === 1) reject(item, 'too-large', end.detail, 413)
      } else if (cause === 'transport') reject(item, 'bad-request', end.detail, end.status)
    }
    if (end && !tooLarge && cause !== 'transport') backOff(end.retryAfterMs)
    if (end && cause === 'auth') env.refused(end)
    step()
  }

  const answered = (sequence: number | undefined): Item | undefined =>
    items.find(({ frame }) => frame.sequence === sequence)

  const check = (fine: boolean, channel: string, why: string, code: ErrorCode = 'invalid-argument'): void => {
    if (!fine) throw failure(code, channel, why)
  }
  /** What a publish is about, as it is now: what becomes of `data` later is not sent. Throws when it can not be sent. */
  const contentOf = (channel: string, data: unknown): { readonly bytes: number; readonly copy: unknown } => {
    let json = ''
    let copy: unknown
    try {
      json = JSON.stringify(data)
      // Throws where there is no JSON of it, as of a function.
      copy = JSON.parse(json)
    } catch (cause) {
      check(false, channel, `data is not JSON: ${String(cause)}`)
    }
    const bytes = bytesOf(json)
    const { maxDataBytes } = live.hub ?? LIMITS
    check(isChannelName(channel), channel, 'not a channel name')
    check(bytes <= maxDataBytes, channel, `data has ${bytes} bytes, the hub takes ${maxDataBytes}`, 'too-large')
    return { bytes, copy }
  }

  return {
    send(channel, data) {
      const frame = { type: 'send', channel, data: contentOf(channel, data).copy }
      const on = live.carrier
      // Over HTTP each is a request: one at a time. A WebSocket says itself how much waits in it.
      if (!on || (on.duplex ? on.full : sends)) return false
      sends++
      const sent = (): unknown => sends--
      on.send([JSON.stringify(frame)]).then(sent, sent)
      return true
    },
    publish: (channel, data, { key, signal, reply, timeoutMs = DEFAULT_TIMEOUT_MS }) =>
      new Promise((resolve, rejectPromise) => {
        const { bytes, copy } = contentOf(channel, data)
        check(/^[!-~]{1,128}$/.test(key ?? '-'), channel, 'key: 1 to 128 visible ASCII characters')
        check(items.length < maxOutbox, channel, `${maxOutbox} publishes wait already`, 'outbox-full')
        items.push({
          frame: { type: 'publish', channel, sequence: nextSequence++, until: 0, key, reply, data: copy },
          bytes,
          signal,
          inFlight: false,
          copies: 0,
          giveUpMs: clock.now() + timeoutMs,
          resolve,
          reject: rejectPromise,
        })
        signal?.addEventListener('abort', step)
        // After the caller's turn: what one turn publishes leaves as one batch, without a timer.
        void Promise.resolve().then(step)
      }),
    single: (channel, data) =>
      JSON.stringify({ type: 'publish', channel, sequence: nextSequence++, until: untilMs(), data }),
    ack({ sequence, position, id }) {
      const item = answered(sequence)
      if (!item) return
      failures = 0
      remove(item)
      item.resolve({ position, id })
    },
    refuse({ sequence, code, message, retryAfterMs }) {
      const item = answered(sequence)
      if (!item?.inFlight) return
      item.inFlight = false
      // The store may have taken it and failed to say so; a repeat with the same key is harmless.
      if (code !== 'internal' && code !== 'unavailable') item.copies--
      if (LATER.includes(code)) backOff(retryAfterMs)
      else if (code !== 'out-of-order') reject(item, code, `${code}, ${message}`)
    },
    pump() {
      const now = clock.now()
      if (carrier !== live.carrier) {
        // Everything without an answer is sent on it first, oldest first.
        carrier = live.carrier
        busy = false
        for (const item of items) item.inFlight = false
      }
      for (const item of items) {
        if (item.signal?.aborted) reject(item, 'aborted')
        else if (!(now < item.giveUpMs)) reject(item, 'timeout')
      }
      // After a pause of our own, and of the hub's where each batch is a request.
      const openAtMs = carrier?.duplex ? notBeforeMs : Math.max(notBeforeMs, live.connection.notBeforeMs)
      if (carrier && live.hub && !busy && openAtMs <= now) {
        const batch = nextBatch(live.hub)
        if (batch.length) void send(carrier, batch)
      }
      const openMs = items.length && openAtMs > now ? openAtMs : Infinity
      return items.reduce((least, { giveUpMs }) => Math.min(least, giveUpMs), openMs)
    },
    oldest: () => items.find(({ inFlight }) => inFlight),
    disown() {
      for (const item of items) if (item.copies) reject(item, 'unknown', 'the user changed')
    },
    close() {
      for (const item of items) reject(item, 'closed')
    },
  }
}
