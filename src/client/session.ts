import type { Clock } from '../base/clock.ts'
import { randomId } from '../base/clock.ts'
import type { Ack, ErrorFrame, GapFrame, Hello, Run, Welcome } from '../protocol/frames.ts'
import { readServerBatch } from '../protocol/validate-server-frames.ts'
import type { LinkEnd, OpenRequest, Slots, Transport } from '../transports/transport.ts'
import type { Carrier } from './outbox.ts'
import { requestOf } from './subscriptions.ts'
import type { Ask } from './subscriptions.ts'
import type { TimingOptions } from './types.ts'

/** Requests of one link that may be answered at the same time: a poll and a publish. */
const MAX_NONCES = 4

/** What all links of a client share. */
export interface SessionEnv {
  readonly clock: Clock
  readonly timing: TimingOptions
  readonly url: string
  readonly client: string
  readonly slots: Slots | undefined
  timeoutMs(): number
}

/** What one link tells. Nothing is called after `close()` or `end`. */
export interface SessionHandlers {
  /** `first`: of this link. Every welcome tells the hub's clock. */
  welcome(frame: Welcome, first: boolean): void
  time(hubMs: number): void
  /** The proof of PROTOCOL.md §4.5 is complete. */
  proven(): void
  run(ask: Ask, frame: Run): void
  gap(ask: Ask, frame: GapFrame): void
  ack(frame: Ack): void
  /** Concerns one publish or one channel. */
  refused(frame: ErrorFrame): void
  goodbye(retryAfterMs: number): void
  alive(): void
  end(end: LinkEnd): void
}

/** One link with the frames understood. */
export interface Session extends Carrier {
  /** The channels that its newest hello or subscribe frames asked for. */
  readonly asked: ReadonlyMap<string, Ask>
  /** Clock of the newest sign of life. */
  readonly aliveMs: number
  subscribe(ask: Ask): void
  unsubscribe(channel: string): void
  /** Forgets that a channel was asked for, so that it is asked for again. */
  forget(channel: string): void
  ping(): void
  close(): void
}

export interface SessionRequest {
  readonly transport: Transport
  /** One short poll instead of a lasting link. */
  readonly read: boolean
  readonly token: string | null
  /** What to ask for, at the time a hello is sent. */
  asks(): Ask[]
  readonly on: SessionHandlers
}

/** Opens a link. Never throws; nothing is told before it returns. */
export const openSession = (env: SessionEnv, { transport, read, token, asks, on }: SessionRequest): Session => {
  const { clock, timing } = env
  /** Nonces without an answer yet, and whether they belong to a held request. */
  const nonces = new Map<string, boolean>()
  let asked = new Map<string, Ask>()
  let welcomed = false
  let proven = false
  let more = false
  let sent = false
  let closed = false
  let aliveMs = clock.now()

  const hello = (channels: readonly Ask[] | null, waitMs?: number): string => {
    const nonce = randomId(12)
    nonces.set(nonce, !!waitMs)
    if (nonces.size > MAX_NONCES)
      for (const oldest of nonces.keys()) if (nonces.size > MAX_NONCES) nonces.delete(oldest)
    const frame: Hello = {
      type: 'hello',
      protocol: 1,
      nonce,
      client: env.client,
      ...(token === null ? {} : { token }),
      ...(channels && { heartbeatMs: timing.heartbeatMs, channels: channels.map(requestOf) }),
      ...(waitMs && { waitMs }),
    }
    return JSON.stringify(frame)
  }

  const close = (): void => {
    closed = true
    link.close()
  }
  const isClosed = (): boolean => closed
  const fail = (end: LinkEnd): void => {
    close()
    on.end(end)
  }

  const onWelcome = (frame: Welcome, held: boolean): void => {
    const first = !welcomed
    welcomed = true
    on.welcome(frame, first)
    // A held poll that was cut is followed by one that is not held: its answer proves nothing (§4.5).
    if (transport.proof === 'welcome' || (held && transport.proof === 'answer')) prove()
  }
  const prove = (): void => {
    if (proven || closed || read) return
    proven = true
    on.proven()
  }

  const onError = (frame: ErrorFrame): void => {
    if (frame.sequence !== undefined || frame.channel !== undefined) {
      on.refused(frame)
      return
    }
    const { status, message, retryAfterMs } = frame
    fail({
      code: 'refused',
      status,
      detail: message,
      retryAfterMs,
    })
  }

  const onAlive = (): void => {
    aliveMs = clock.now()
    on.alive()
  }

  const onData = (batch: string, answer?: true): void => {
    if (!answer) onAlive()
    const frames = readServerBatch(batch)
    const [first] = frames ?? []
    // An answer counts as the hub's only with a valid first frame; a foreign nonce is a cache's or another attempt's (§4.3).
    const held = first?.type === 'welcome' && nonces.get(first.nonce)
    if (first?.type === 'welcome') {
      if (!nonces.delete(first.nonce)) {
        if (!welcomed) fail({ code: 'foreign', detail: 'nonce' })
        return
      }
    } else if (!frames || (!welcomed && first?.type !== 'error')) {
      fail({ code: 'foreign', detail: batch.slice(0, 200) })
      return
    }
    if (!answer) more = false
    for (const frame of frames ?? []) {
      // A frame may have brought about the end of this link.
      if (isClosed()) return
      const ask = 'channel' in frame ? asked.get(frame.channel) : undefined
      switch (frame.type) {
        case 'welcome':
          if (answer) on.welcome(frame, false)
          else onWelcome(frame, held === true)
          break
        case 'heartbeat':
          if (frame.timeMs) on.time(frame.timeMs)
          if (transport.proof === 'heartbeat') prove()
          break
        case 'run':
          more ||= frame.more === true
          if (ask) on.run(ask, frame)
          break
        case 'gap':
          if (ask) on.gap(ask, frame)
          break
        case 'ack':
          on.ack(frame)
          break
        case 'error':
          onError(frame)
          break
        case 'goodbye':
          on.goodbye(frame.retryAfterMs)
          break
      }
    }
  }

  const request: OpenRequest = {
    url: env.url,
    clock,
    timing,
    slots: env.slots,
    timeoutMs: env.timeoutMs,
    more: () => more,
    hello(waitMs) {
      const list = asks()
      asked = new Map(list.map((ask) => [ask.channel, ask]))
      sent = true
      return `[${hello(list, waitMs)}]`
    },
  }
  const open = read && transport.read ? transport.read : transport.open
  const link = open(request, {
    data: onData,
    alive: onAlive,
    end(end) {
      closed = true
      const [error] = (end.batch === undefined ? null : readServerBatch(end.batch)) ?? []
      on.end(error?.type === 'error' ? { ...end, detail: error.message } : end)
    },
  })

  const sendNow = (frame: object): void => {
    // A link that can not send is about to say so itself.
    if (sent) link.send(JSON.stringify([frame])).catch(() => undefined)
  }

  return {
    duplex: transport.duplex,
    get asked() {
      return asked
    },
    get aliveMs() {
      return aliveMs
    },
    send: (frames) => link.send(`[${[...(transport.duplex ? [] : [hello(null)]), ...frames].join(',')}]`),
    subscribe(ask) {
      if (!sent) return
      asked.set(ask.channel, ask)
      sendNow({ type: 'subscribe', ...requestOf(ask) })
    },
    unsubscribe(channel) {
      // Where nothing can be said it is filtered here, and asked for anew if somebody comes again.
      asked.delete(channel)
      if (transport.duplex) sendNow({ type: 'unsubscribe', channel })
    },
    forget(channel) {
      asked.delete(channel)
    },
    ping() {
      sendNow({ type: 'ping' })
    },
    close,
  }
}
