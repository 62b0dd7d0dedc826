import type { Clock } from '../base/clock.ts'
import { HoldfastError } from '../base/errors.ts'
import { isChannelName } from '../protocol/channel-name.ts'
import type { Ack, ErrorFrame } from '../protocol/frames.ts'
import type { LinkEnd } from '../transports/transport.ts'
import { retryDelay } from './backoff.ts'
import { blame } from './ladder.ts'
import type { Published, PublishOptions, TimingOptions } from './types.ts'

/** Most publishes of one batch (PROTOCOL.md §9). */
const MAX_BATCH = 64
const DEFAULT_TIMEOUT_MS = 300_000

/** What the outbox needs of the link that carries traffic. */
export interface Carrier {
  /** Several batches may be on their way; else one request at a time (PROTOCOL.md §8.8). */
  readonly duplex: boolean
  /** Sends frames in JSON text as one batch; rejects with a `LinkEnd`. */
  send(frames: readonly string[]): Promise<void>
}

interface Item {
  readonly channel: string
  readonly sequence: number
  readonly json: string
  readonly key: string | undefined
  readonly bytes: number
  /** The carrier on which it waits for its answer. */
  on: Carrier | null
  /** A copy was sent whose answer can not come any more: it may have been appended. */
  lost: boolean
  /** Clock at which it is given up; `untilMs` is hub time, set at the first send and unchanged since. */
  giveUpMs: number
  untilMs: number
  /** Settle the promise; one of them is called, once. */
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

const utf8 = new TextEncoder()

/** Publishes in their order: bounded, sent again over whatever works, each with one outcome (PROTOCOL.md §8). */
export const createOutbox = (env: OutboxEnv): Outbox => {
  const { clock, timing } = env
  let items: Item[] = []
  let carrier: Carrier | null = null
  let nextSequence = 1
  /** A request is in flight on a carrier that is not duplex. */
  let busy = false
  let failures = 0
  let notBeforeMs = 0
  let cancelAlarm = (): void => {}

  const remove = (item: Item): void => {
    items = items.filter((each) => each !== item)
  }
  const reject = (item: Item, code: 'unknown' | 'timeout' | 'aborted' | 'closed', why: string): void => {
    remove(item)
    const sent = item.lost || item.on
    const message = `publish to ${item.channel}: ${why}${sent ? '; it was sent and may have been appended' : '; it was not sent'}`
    item.reject(new HoldfastError(sent ? 'unknown' : code, message, { channel: item.channel, retryable: !sent }))
  }

  /** When the next frames may go: after a pause of our own, and of the hub's where each is a request. */
  const openAtMs = (): number => (carrier?.duplex ? notBeforeMs : Math.max(notBeforeMs, env.notBeforeMs()))
  const arm = (): void => {
    cancelAlarm()
    const gate = openAtMs()
    let due = items.some((item) => !item.on) && gate > clock.now() ? gate : Infinity
    for (const item of items) due = Math.min(due, item.giveUpMs)
    if (due < Infinity) {
      cancelAlarm = clock.after(due - clock.now(), () => {
        for (const item of items) if (item.giveUpMs <= clock.now()) reject(item, 'timeout', 'no answer in time')
        pump()
      })
    }
  }

  const backOff = (retryAfterMs: number | undefined): void => {
    failures++
    const delay = Math.max(retryDelay(failures, clock.random(), timing), retryAfterMs ?? 0)
    notBeforeMs = Math.max(notBeforeMs, clock.now() + delay)
  }

  const frameOf = ({ channel, sequence, untilMs, key, json }: Item): string =>
    `{"type":"publish","channel":${JSON.stringify(channel)},"sequence":${sequence},"until":${untilMs}` +
    `${key === undefined ? '' : `,"key":${JSON.stringify(key)}`},"data":${json}}`

  /** The next batch: in order, nothing overtakes what is not sent yet. */
  const nextBatch = (hubTime: number): Item[] => {
    const batch: Item[] = []
    const limits = env.limits()
    let room = limits.maxBatchBytes - 16_384
    for (const item of items) {
      if (item.on) continue
      if (batch.length === MAX_BATCH || env.blocked(item.channel)) break
      room -= item.bytes + 1_024
      if (room < 0 && batch.length) break
      if (!item.untilMs) {
        item.untilMs = Math.round(hubTime + timing.resendMs)
        item.giveUpMs = Math.min(item.giveUpMs, clock.now() + timing.resendMs)
      }
      batch.push(item)
    }
    return batch
  }

  const onSendFailed = (batch: readonly Item[], end: LinkEnd): void => {
    const cause = blame(end)
    // An answer of the hub with an error status refused the whole request; anything else may have been appended.
    const certain = end.code === 'refused'
    for (const item of batch) {
      if (!items.includes(item)) continue
      item.on = null
      if (!certain) item.lost = true
    }
    if (certain && cause === 'transport') {
      for (const item of batch) if (items.includes(item)) refuseItem(item, 'bad-request', end.detail, end.status)
      return
    }
    backOff(end.retryAfterMs)
    if (certain && cause === 'auth') env.refused(end)
  }

  const refuseItem = (item: Item, code: string, why = '', status?: number): void => {
    remove(item)
    const sent = item.lost
    item.reject(
      new HoldfastError(
        (sent ? 'unknown' : code) as HoldfastError['code'],
        `publish to ${item.channel} was refused (${code}) ${why}${sent ? '; an earlier copy may have been appended' : ''}`,
        { channel: item.channel, status },
      ),
    )
  }

  const pump = (): void => {
    const hubTime = env.hubTime()
    const on = carrier
    // After a refusal nothing is sent until every answer of this link is in: else a later publish would overtake (§8.7).
    const waiting = openAtMs() > clock.now()
    while (on && hubTime !== null && !busy && !waiting) {
      const first = items.findIndex((item) => !item.on)
      if (first < 0 || items.slice(first).some((item) => item.on)) break
      const batch = nextBatch(hubTime)
      if (!batch.length) break
      for (const item of batch) item.on = on
      busy = !on.duplex
      on.send(batch.map(frameOf)).then(
        () => {
          if (carrier !== on || on.duplex) return
          busy = false
          // Answered, but without a word on these: nothing is known of them.
          for (const item of batch) if (item.on === on) [item.on, item.lost] = [null, true]
          pump()
        },
        (end: unknown) => {
          if (carrier !== on) return
          busy = false
          onSendFailed(batch, end as LinkEnd)
          pump()
        },
      )
    }
    arm()
  }

  const answered = (sequence: number): Item | undefined => items.find((item) => item.sequence === sequence)

  return {
    get size() {
      return items.length
    },
    publish(channel, data, { key, signal, timeoutMs = DEFAULT_TIMEOUT_MS }) {
      let json: string | undefined
      let why = 'undefined, a function or a symbol'
      try {
        json = JSON.stringify(data)
      } catch (cause) {
        why = String(cause)
      }
      const fail = (
        code: 'invalid-argument' | 'outbox-full' | 'aborted' | 'too-large',
        message: string,
      ): Promise<never> =>
        Promise.reject(
          new HoldfastError(code, `publish to ${channel}: ${message}`, { channel, retryable: code === 'outbox-full' }),
        )
      if (json === undefined) return fail('invalid-argument', `data is not JSON: ${why}`)
      if (!isChannelName(channel)) return fail('invalid-argument', 'not a channel name')
      if (key !== undefined && !/^[!-~]{1,128}$/.test(key))
        return fail('invalid-argument', 'key: 1 to 128 visible ASCII characters')
      if (signal?.aborted) return fail('aborted', 'the signal was aborted before')
      if (items.length >= env.max) return fail('outbox-full', `${env.max} publishes wait for an answer already`)
      const bytes = utf8.encode(json).length
      const most = env.limits().maxDataBytes
      if (bytes > most) return fail('too-large', `data has ${bytes} bytes, the hub takes ${most}`)
      return new Promise((resolve, rejectPromise) => {
        const onAbort = (): void => {
          reject(item, 'aborted', 'the signal was aborted')
          arm()
        }
        const forget = (): void => signal?.removeEventListener('abort', onAbort)
        const item: Item = {
          channel,
          sequence: nextSequence++,
          json,
          key,
          bytes,
          on: null,
          lost: false,
          giveUpMs: clock.now() + timeoutMs,
          untilMs: 0,
          resolve(published) {
            forget()
            resolve(published)
          },
          reject(error) {
            forget()
            rejectPromise(error)
          },
        }
        signal?.addEventListener('abort', onAbort)
        items.push(item)
        // After the caller's turn: what one turn publishes leaves as one batch, without a timer.
        void Promise.resolve().then(pump)
      })
    },
    attach(next) {
      if (next === carrier) return
      carrier = next
      busy = false
      for (const item of items) if (item.on) [item.on, item.lost] = [null, true]
      if (next) pump()
    },
    ack({ sequence = -1, position, id }) {
      const item = answered(sequence)
      if (!item) return
      failures = 0
      remove(item)
      item.resolve({ position, id })
      pump()
    },
    refuse({ sequence = -1, code, message, retryAfterMs }) {
      const item = answered(sequence)
      if (!item) return
      if (code === 'out-of-order') item.on = null
      else if (code === 'rate-limited' || code === 'unavailable' || code === 'internal' || code === 'timeout') {
        item.on = null
        // The store may have taken it and failed to say so; a repeat with the same key is harmless.
        item.lost ||= code === 'internal' || code === 'unavailable'
        backOff(retryAfterMs)
      } else refuseItem(item, code, message)
      pump()
    },
    pump,
    disown() {
      for (const item of items) if (item.lost || item.on) reject(item, 'unknown', 'the user is another one now')
    },
    close() {
      for (const item of items) reject(item, 'closed', 'the client was closed')
      cancelAlarm()
    },
  }
}
