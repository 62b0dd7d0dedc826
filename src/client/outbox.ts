import type { Clock } from '../base/clock.ts'
import { HoldfastError } from '../base/errors.ts'
import type { ErrorCode } from '../base/errors.ts'
import { bytesOf, isChannelName } from '../protocol/channel-name.ts'
import type { Ack, ErrorFrame, Publish } from '../protocol/frames.ts'
import type { LinkEnd } from '../transports/transport.ts'
import { retryDelay } from './backoff.ts'
import { blame } from './ladder.ts'
import type { Published, PublishOptions, TimingOptions } from './types.ts'

/** Most publishes of one batch (PROTOCOL.md §9). */
const MAX_BATCH = 64
const DEFAULT_TIMEOUT_MS = 300_000
/** The codes after which the same may work later. */
const LATER = new Set(['rate-limited', 'unavailable', 'internal', 'timeout', 'outbox-full', 'aborted', 'closed'])

/** What the outbox needs of the link that carries traffic. */
export interface Carrier {
  /** Several batches may be on their way; else one request at a time (PROTOCOL.md §8.8). */
  readonly duplex: boolean
  /** Sends frames in JSON text as one batch; rejects with a `LinkEnd`. */
  send(frames: readonly string[]): Promise<void>
}

interface Item {
  /** What is sent. Its `until` is hub time, set at the first send and unchanged since (PROTOCOL.md §8.5). */
  readonly frame: Omit<Publish, 'key' | 'until'> & { readonly key: string | undefined; until: number }
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
  readonly max: number
  /** Hub time now, ms; null before the first welcome. */
  hubTime(): number | null
  /** The largest that the hub takes. */
  limits(): { readonly maxDataBytes: number; readonly maxBatchBytes: number }
  /** Clock before which no request may start (PROTOCOL.md §10.4). */
  notBeforeMs(): number
  /** True while a publish to the channel must wait for an own subscription. */
  blocked(channel: string): boolean
  /** `/publish` answered 401 or 403. */
  refused(end: LinkEnd): void
}

export interface Outbox {
  readonly size: number
  publish(channel: string, data: unknown, options: PublishOptions): Promise<Published>
  /** Another link carries traffic: everything without an answer is sent on it first, oldest first. */
  attach(carrier: Carrier | null): void
  ack(frame: Ack): void
  refuse(frame: ErrorFrame): void
  /** Sends what may be sent. */
  pump(): void
  /** The user is another one: what was sent can not be sent again (PROTOCOL.md §8.9). */
  disown(): void
  close(): void
}

/** Publishes in their order: bounded, sent again over whatever works, each with one outcome (PROTOCOL.md §8). */
export const createOutbox = (env: OutboxEnv): Outbox => {
  const { clock, timing } = env
  let items: Item[] = []
  let carrier: Carrier | null = null
  let nextSequence = 1
  /** A batch is being handed over; on a carrier that is not duplex: answered. */
  let busy = false
  let failures = 0
  let notBeforeMs = 0
  let cancelAlarm = (): void => {}

  const failure = (code: string, channel: string, why: string, status?: number): HoldfastError =>
    new HoldfastError(code as ErrorCode, `publish to ${channel}: ${why}`, {
      channel,
      status,
      retryable: LATER.has(code),
    })

  const remove = (item: Item): void => {
    items = items.filter((each) => each !== item)
    // The listener is the same for all items of a signal.
    if (!items.some(({ signal }) => signal === item.signal)) item.signal?.removeEventListener('abort', pump)
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
  const nextBatch = (hubTime: number): Item[] => {
    const batch: Item[] = []
    let room = env.limits().maxBatchBytes - 16_384
    // When all are in flight, the last of them is left.
    const rest = items.slice(items.findIndex((item) => !item.inFlight))
    // After a refusal nothing is sent until every answer of this link is in: else a later publish would overtake (§8.7).
    if (rest.some((item) => item.inFlight)) return batch
    for (const item of rest) {
      room -= item.bytes + 1_024
      if (batch.length === MAX_BATCH || env.blocked(item.frame.channel) || (room < 0 && batch.length)) break
      if (!item.frame.until) {
        item.frame.until = Math.round(hubTime + timing.resendMs)
        item.giveUpMs = Math.min(item.giveUpMs, clock.now() + timing.resendMs)
      }
      item.inFlight = true
      item.copies++
      batch.push(item)
    }
    return batch
  }

  const send = (on: Carrier, batch: readonly Item[]): void => {
    const over = (unanswered: readonly Item[], end?: LinkEnd): void => {
      if (carrier !== on) return
      busy = false
      // An answer of the hub with an error status refused the whole request; anything else may have been appended.
      const cause = end?.code === 'refused' ? blame(end) : null
      for (const item of unanswered) {
        if (!item.inFlight) continue
        item.inFlight = false
        if (cause) item.copies--
        if (cause === 'transport') reject(item, 'bad-request', end?.detail, end?.status)
      }
      if (end && cause !== 'transport') backOff(end.retryAfterMs)
      if (end && cause === 'auth') env.refused(end)
      pump()
    }
    busy = true
    on.send(batch.map(({ frame }) => JSON.stringify(frame))).then(
      () => {
        over(on.duplex ? [] : batch)
      },
      (end: unknown) => {
        over(batch, end as LinkEnd)
      },
    )
  }

  const pump = (): void => {
    const now = clock.now()
    for (const item of items) {
      if (item.signal?.aborted) reject(item, 'aborted')
      else if (!(now < item.giveUpMs)) reject(item, 'timeout')
    }
    // After a pause of our own, and of the hub's where each batch is a request.
    const openAtMs = carrier?.duplex ? notBeforeMs : Math.max(notBeforeMs, env.notBeforeMs())
    const hubTime = env.hubTime()
    if (carrier && hubTime && !busy && openAtMs <= now) {
      const batch = nextBatch(hubTime)
      if (batch.length) send(carrier, batch)
    }
    cancelAlarm()
    const due = items.reduce((least, { giveUpMs }) => Math.min(least, giveUpMs), openAtMs > now ? openAtMs : Infinity)
    if (items.length) cancelAlarm = clock.after(due - now, pump)
  }

  const answered = (sequence: number | undefined): Item | undefined =>
    items.find(({ frame }) => frame.sequence === sequence)

  return {
    get size() {
      return items.length
    },
    publish: (channel, data, { key, signal, timeoutMs = DEFAULT_TIMEOUT_MS }) =>
      new Promise((resolve, rejectPromise) => {
        const check = (fine: boolean, why: string, code: ErrorCode = 'invalid-argument'): void => {
          if (!fine) throw failure(code, channel, why)
        }
        let json = ''
        let copy: unknown
        try {
          json = JSON.stringify(data)
          // Throws where there is no JSON of it, as of a function.
          copy = JSON.parse(json)
        } catch (cause) {
          check(false, `data is not JSON: ${String(cause)}`)
        }
        const bytes = bytesOf(json)
        const { maxDataBytes } = env.limits()
        check(isChannelName(channel), 'not a channel name')
        check(/^[!-~]{1,128}$/.test(key ?? '-'), 'key: 1 to 128 visible ASCII characters')
        check(items.length < env.max, `${env.max} publishes wait already`, 'outbox-full')
        check(bytes <= maxDataBytes, `data has ${bytes} bytes, the hub takes ${maxDataBytes}`, 'too-large')
        items.push({
          frame: { type: 'publish', channel, sequence: nextSequence++, until: 0, key, data: copy },
          bytes,
          signal,
          inFlight: false,
          copies: 0,
          giveUpMs: clock.now() + timeoutMs,
          resolve,
          reject: rejectPromise,
        })
        signal?.addEventListener('abort', pump)
        // After the caller's turn: what one turn publishes leaves as one batch, without a timer.
        void Promise.resolve().then(pump)
      }),
    attach(next) {
      carrier = next
      busy = false
      for (const item of items) item.inFlight = false
      pump()
    },
    ack({ sequence, position, id }) {
      const item = answered(sequence)
      if (!item) return
      failures = 0
      remove(item)
      item.resolve({ position, id })
      pump()
    },
    refuse({ sequence, code, message, retryAfterMs }) {
      const item = answered(sequence)
      if (!item?.inFlight) return
      item.inFlight = false
      // The store may have taken it and failed to say so; a repeat with the same key is harmless.
      if (code !== 'internal' && code !== 'unavailable') item.copies--
      if (LATER.has(code)) backOff(retryAfterMs)
      else if (code !== 'out-of-order') reject(item, code, `${code}, ${message}`)
      pump()
    },
    pump,
    disown() {
      for (const item of items) if (item.copies) reject(item, 'unknown', 'the user changed')
    },
    close() {
      for (const item of items) reject(item, 'closed')
      cancelAlarm()
    },
  }
}
