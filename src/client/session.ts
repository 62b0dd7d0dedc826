import { randomId } from '../base/clock.ts'
import type { Clock } from '../base/clock.ts'
import { HoldfastError } from '../base/errors.ts'
import type { ErrorFrame } from '../protocol/frames.ts'
import { readServerBatch } from '../protocol/validate-server-frames.ts'
import type { Link, LinkEnd, OpenRequest, Transport } from '../transports/transport.ts'
import { carrierOf, NEVER } from './connection-state.ts'
import type { ConnectionNews } from './connection-state.ts'
import type { Emitter } from './emitter.ts'
import type { Live, Session } from './live.ts'
import type { Outbox } from './outbox.ts'
import { requestOf } from './subscriptions.ts'
import type { Ask, Registry } from './subscriptions.ts'
import type { Token } from './tokens.ts'
import type { ClientEvents, TimingOptions } from './types.ts'

/** What all links of a client share. */
export interface SessionEnv extends Pick<OpenRequest, 'url' | 'timeoutMs' | 'slots'> {
  readonly clock: Clock
  readonly timing: TimingOptions
  readonly client: string
  readonly live: Live
  readonly registry: Registry
  readonly outbox: Outbox
  readonly emitter: Emitter<ClientEvents>
  /** May throw. */
  token(): Token | Promise<Token>
  /** Concerns one channel. */
  refused(frame: ErrorFrame): void
  /** The channels to ask for now: those of the registry that are not refused for now. */
  channels(of?: Pick<Registry, 'channels'>): string[]
  dispatch(news: ConnectionNews): void
  step(): void
}

export interface SessionRequest {
  /** Its number in the connection; 0 for a read that the connection knows nothing of. */
  readonly id: number
  readonly transport: Transport
  /** One short read instead of a lasting link. */
  readonly read: boolean
  /** What to ask for, at the time a hello is sent. */
  asks(): Ask[]
  /** Not called after `close()`, nor before `openSession` has returned. */
  ended(end: LinkEnd): void
}

/** Opens a link, as soon as there is a token. Never throws. */
export const openSession = (env: SessionEnv, { id, transport, read, asks, ended }: SessionRequest): Session => {
  const { clock, live, outbox, registry } = env
  const { duplex, proof } = transport
  /** All nonces of the link begin with it. */
  const nonce = randomId(12)
  let nonces = 0
  let token: Token = null
  let link: Link | undefined
  let asked = new Map<string, Ask>()
  let held = false
  let more = false
  let welcomed = false
  let proven = false
  let closed = false
  let aliveMs = clock.now()

  const hello = (channels?: Ask[], waitMs = 0): string =>
    JSON.stringify({
      type: 'hello',
      protocol: 1,
      nonce: `${nonce}${nonces++}`,
      client: env.client,
      token: token ?? undefined,
      heartbeatMs: env.timing.heartbeatMs,
      channels: channels?.map(requestOf),
      ...(waitMs && { waitMs }),
    })

  const close = (): void => {
    closed = true
    link?.close()
  }
  const end = (reason: LinkEnd): void => {
    if (closed) return
    close()
    ended(reason)
  }

  const sendNow = (frame: object): void => {
    // A link that can not send is about to say so itself.
    link?.send(JSON.stringify([frame])).catch(() => undefined)
  }

  const prove = (by: Transport['proof']): void => {
    if (proven || by !== proof) return
    proven = true
    env.dispatch({ type: 'proven', link: id })
  }

  const alive = (): void => {
    aliveMs = clock.now()
    // Only where something waits for it.
    const awaited = carrierOf(live.connection)
    if (awaited?.id === id && awaited.deadlineMs < NEVER) env.dispatch({ type: 'alive', link: id })
  }
  const time = (hubMs: number): void => {
    live.hubAheadMs = hubMs - clock.now()
  }

  const data = (batch: string, answer?: true): void => {
    if (!answer) alive()
    const frames = readServerBatch(batch)
    const first = frames?.[0]
    // An answer counts as the hub's only with a valid first frame; a foreign nonce is a cache's or another attempt's (§4.3).
    const ours = first?.type === 'welcome' ? first.nonce.startsWith(nonce) : welcomed || first?.type === 'error'
    if (!frames || !ours) {
      if (!frames || !welcomed) end({ code: 'foreign', detail: batch.slice(0, 200) })
      return
    }
    if (!answer) more = false
    for (const frame of frames) {
      // A frame may have brought about the end of this link.
      if (closed) return
      const ask = 'channel' in frame ? asked.get(frame.channel ?? '') : undefined
      switch (frame.type) {
        case 'welcome':
          if (live.hub && live.hub.user !== frame.user) outbox.disown()
          live.hub = frame
          live.hello = () => hello()
          time(frame.timeMs)
          if (answer) break
          if (!welcomed) env.dispatch({ type: 'welcome', link: id })
          welcomed = true
          prove('welcome')
          // A held poll that was cut is followed by one that is not held: its answer proves nothing (§4.5).
          if (held) prove('answer')
          break
        case 'heartbeat':
          if (frame.timeMs) time(frame.timeMs)
          prove('heartbeat')
          break
        case 'run':
          more ||= !!frame.more
          if (ask) registry.run(ask, frame)
          break
        case 'gap':
          if (ask) registry.gap(ask, frame)
          break
        case 'ack':
          outbox.ack(frame)
          break
        case 'error':
          if (frame.sequence !== undefined) outbox.refuse(frame)
          else if (frame.channel !== undefined) {
            asked.delete(frame.channel)
            env.refused(frame)
          } else end({ code: 'refused', status: frame.status, detail: frame.message, retryAfterMs: frame.retryAfterMs })
          break
        case 'goodbye':
          env.dispatch({ type: 'goodbye', link: id, retryAfterMs: frame.retryAfterMs })
      }
    }
    if (read && [...asked.values()].every(({ done }) => done)) end({ code: 'done' })
    env.step()
  }

  const request: OpenRequest = {
    ...env,
    more: () => more,
    hello(waitMs) {
      const list = asks()
      asked = new Map(list.map((ask) => [ask.channel, ask]))
      held = !!waitMs
      return `[${hello(list, waitMs)}]`
    },
  }

  /** At once when the token is there already, so that nothing is lost to a turn of the event loop. */
  const open = async (): Promise<void> => {
    try {
      const given = env.token()
      token = given instanceof Promise ? await given : given
      // It may have been dropped while the token was awaited (R19).
      if (closed) return
      link = (read && transport.read ? transport.read : transport.open)(request, {
        data,
        alive,
        end,
      })
    } catch (cause) {
      await Promise.resolve()
      const message = `token(): ${String(cause)}`
      env.emitter.emit('error', new HoldfastError('token-failed', message, { cause, retryable: true }))
      end({ code: 'failed', detail: 'token' })
    }
  }
  void open()

  return {
    transport,
    duplex,
    get aliveMs() {
      return aliveMs
    },
    get full() {
      return !!link?.full
    },
    send: async (frames) => link?.send(`[${[...(duplex ? [] : [hello()]), ...frames].join()}]`),
    sync() {
      // Before the hello nothing can be sent, and the hello asks for all.
      for (const channel of asked.keys()) {
        if (registry.has(channel)) continue
        asked.delete(channel)
        // Where nothing can be said it is filtered here, and asked for anew if somebody comes again.
        if (duplex) sendNow({ type: 'unsubscribe', channel })
      }
      for (const channel of env.channels()) {
        if (asked.has(channel)) continue
        const ask = registry.ask(channel)
        asked.set(channel, ask)
        if (duplex) sendNow({ type: 'subscribe', ...requestOf(ask) })
        else {
          // Read at once, and part of the next request; a stream or held poll is opened anew for it (model 1.4).
          registry.late(channel)
          if (proof !== 'welcome') env.dispatch({ type: 'refresh' })
        }
      }
    },
    ping() {
      sendNow({ type: 'ping' })
    },
    close,
  }
}
