import { randomId } from '../base/clock.ts'
import type { Clock } from '../base/clock.ts'
import { HoldfastError } from '../base/errors.ts'
import type { LinkEnd, Slots, Transport } from '../transports/transport.ts'
import { createCatchUp } from './catch-up.ts'
import { transition } from './connection.ts'
import { carrierOf, connectDeadline, initialState, nextDue } from './connection-state.ts'
import type { ConnectionNews, ConnectionSetup, ConnectionState, Effect } from './connection-state.ts'
import type { Emitter } from './emitter.ts'
import { createTimeline } from './explain.ts'
import type { Words } from './explain.ts'
import { blame } from './ladder.ts'
import type { Live } from './live.ts'
import { createOutbox } from './outbox.ts'
import { openSession } from './session.ts'
import type { SessionEnv } from './session.ts'
import { createRegistry } from './subscriptions.ts'
import type { Ask } from './subscriptions.ts'
import { createTokens } from './tokens.ts'
import type { ClientEvents, ClientState, CommonOptions, Explanation, TimingOptions } from './types.ts'

/** What the composition root gives the client, beside the application's options. */
export interface Parts {
  readonly options: CommonOptions
  readonly url: string
  readonly transports: readonly Transport[]
  readonly timing: TimingOptions
  readonly clock: Clock
  /** Where transports that keep requests open get their connections from. */
  readonly slots: Slots | undefined
  readonly words?: Words | undefined
}

export interface DriverEnv extends Parts {
  readonly emitter: Emitter<ClientEvents>
}

/** What is pumped in each step. */
export interface Part {
  /** Returns the clock at which it is to be called again. */
  pump(): number
  /** Called before the links go: the page is put away, or the application disconnects or closes. */
  parting?(): void
}

/** The running client, with all that a link of it needs. */
export interface Driver extends SessionEnv {
  readonly parts: Part[]
  /** The transport of short reads, where there is one. */
  readonly reader: Transport | undefined
  /** How to say something when the page goes. */
  readonly part: Transport['part']
  close(): void
  explain(): Explanation
}

/** The refusals that end a subscription; after any other the channel is asked for again. */
const FINAL = ['forbidden', 'bad-request', 'too-many', 'unauthorized']

/** Makes the parts, runs the effects of the connection, opens and drops links, and has the one alarm of all. */
export const createDriver = (env: DriverEnv): Driver => {
  const { clock, emitter, options, timing, transports, url } = env
  const reader = transports.find((transport) => transport.read && transport.supported())
  const setup: ConnectionSetup = {
    timing,
    abilities: transports.map(({ duplex, proof, supported }) => ({ duplex, proof, supported: supported() })),
    sequential: options.strategy === 'sequential',
    firstRead: options.firstRead !== false && reader !== undefined,
  }
  const tokens = createTokens(options.token, clock)
  const names = transports.map(({ name }) => name)
  const timeline = createTimeline(clock, names, env.words)
  const live: Live = {
    connection: initialState(setup),
    state: { name: 'idle', transport: null },
    sessions: new Map(),
    carrier: undefined,
    hub: undefined,
    hello: undefined,
    hubAheadMs: 0,
    catchUpMs: 0,
  }
  const { sessions } = live
  const queue: ConnectionNews[] = []
  /** Channels that the hub refused for now, and the clock at which they are asked for again. */
  const refused = new Map<string, number>()
  /** What waits longest for an answer on a duplex link, since when, and when that is too long. */
  let unanswered: unknown
  let askedMs = 0
  let doubtMs = Infinity
  /** What the alarm is set for. */
  let dueMs = Infinity
  let cancelAlarm = (): void => {}

  const carrierId = (): number => carrierOf(live.connection)?.id ?? 0
  const timeoutMs = (): number => connectDeadline(live.connection, timing)

  /** 401 and 403 by status or WebSocket close code; everything else is "offline". */
  const errorOf = ({ code, status = 0, detail, retryAfterMs }: LinkEnd, retryable: boolean): HoldfastError => {
    const kind = status % 1_000
    const name =
      kind === 401 ? 'unauthorized' : kind === 403 ? 'forbidden-origin' : retryable ? 'offline' : 'bad-request'
    const message = `${url}: ${[code, status, detail].filter(Boolean).join(', ')}`
    return new HoldfastError(name, message, { status: status || undefined, retryAfterMs, retryable })
  }

  const trace = (news: ConnectionNews | Effect, of: ConnectionState): void => {
    const fact = timeline.add(news, of)
    if (fact) emitter.emit('trace', fact)
  }

  const dispatch = (news: ConnectionNews): void => {
    // One that is under way takes those that it brings about.
    if (queue.push(news) > 1) return
    for (let next; (next = queue[0]); queue.shift()) {
      const before = live.connection
      const connection = transition(setup, before, { ...next, now: clock.now(), random: clock.random() })
      if (connection === before) continue
      live.connection = connection
      trace(next, before)
      for (const effect of connection.effects) {
        trace(effect, connection)
        run(effect)
      }
      announce(before)
    }
    step()
  }

  const run = (effect: Effect): void => {
    if (effect.type === 'open') open(effect.link, effect.rung)
    else if (effect.type === 'drop') {
      sessions.get(effect.link)?.close()
      sessions.delete(effect.link)
    } else if (effect.type === 'ping') sessions.get(effect.link)?.ping()
    else if (effect.type === 'stop') emitter.emit('error', errorOf(effect.end, false))
  }

  const announce = (before: ConnectionState): void => {
    const { name, retryAtMs, lastEnd } = live.connection
    live.carrier = sessions.get(carrierId())
    const transport = live.carrier?.transport.name ?? null
    const same = name === before.name && transport === live.state.transport
    if (same && (name !== 'waiting' || retryAtMs === before.retryAtMs)) return
    live.state =
      name === 'waiting'
        ? {
            name,
            transport: null,
            retryAtMs: Math.round(clock.wall() + retryAtMs - clock.now()),
            error: errorOf(lastEnd, true),
          }
        : ({ name, transport } as ClientState)
    emitter.emit('state', live.state)
  }

  /** Silence after which the carrying link is dead (PROTOCOL.md §7.3). Polls time their own requests. */
  const silentAt = (): number =>
    live.carrier?.transport.beats ? live.carrier.aliveMs + (live.hub?.heartbeatMs ?? 0) + timing.graceMs : Infinity

  /** When the way up of a duplex link is in doubt: what comes down says nothing of it, an answer does (N2). */
  const doubtAt = (): number => {
    const oldest = live.carrier?.duplex && (outbox.oldest() ?? sessionEnv.channels().find(registry.starting))
    if (oldest !== unanswered) {
      unanswered = oldest
      askedMs = clock.now()
      doubtMs = oldest ? askedMs + (live.hub?.heartbeatMs ?? 0) + timeoutMs() : Infinity
    }
    return doubtMs
  }

  const step = (): void => {
    for (const [channel, atMs] of refused) if (atMs <= clock.now()) refused.delete(channel)
    // The links serve every channel that is subscribed to; of those that can not be told only the carrying one matters.
    for (const session of sessions.values()) if (session.duplex || session === live.carrier) session.sync()
    const partsDue = Math.min(...parts.map((part) => part.pump()), ...refused.values())
    const due = Math.min(partsDue, nextDue(live.connection), silentAt(), doubtAt())
    // What is overdue must not be put off by whatever comes meanwhile.
    if (due === dueMs) return
    dueMs = due
    cancelAlarm()
    if (due === Infinity) return
    cancelAlarm = clock.after(due - clock.now(), () => {
      // A timer that is late says that the page slept: bytes that wait in the queue are read first (N18).
      if (clock.now() - due > timing.lateMs) cancelAlarm = clock.after(timing.lateMs, ring)
      else ring()
    })
  }
  const ring = (): void => {
    dueMs = Infinity
    if (silentAt() <= clock.now()) dispatch({ type: 'silent', link: carrierId() })
    if (doubtAt() <= clock.now()) {
      // It may be slow and not dead: it gets twice the time that it had.
      doubtMs += 2 * (doubtMs - askedMs)
      dispatch({ type: 'refresh' })
    }
    dispatch({ type: 'tick' })
  }

  const registry = createRegistry(live)
  const outbox = createOutbox({
    ...env,
    live,
    step,
    blocked: registry.starting,
    // The whole link has the wrong token: the ladder gets another one, and this is sent again on the next link.
    refused(ended) {
      live.carrier?.close()
      end(carrierId(), ended)
    },
  })

  const sessionEnv: SessionEnv = {
    ...env,
    client: randomId(22),
    live,
    registry,
    outbox,
    timeoutMs,
    dispatch,
    step,
    token: () => tokens(live.connection.refused),
    channels: (of = registry) => [...of.channels()].filter((channel) => !refused.has(channel)),
    refused({ channel = '', code, message, retryAfterMs = timing.connectMs }) {
      if (FINAL.includes(code))
        this.registry.end(new HoldfastError(code as HoldfastError['code'], message, { channel }), channel)
      else refused.set(channel, clock.now() + retryAfterMs)
    },
  }

  const catchUp = createCatchUp({
    ...sessionEnv,
    asks: registry.catchUps,
    open: (asks, ended, carrier) =>
      openSession(sessionEnv, {
        id: 0,
        transport: reader ?? carrier.transport,
        read: true,
        asks: () => asks,
        ended,
      }),
  })

  const parts: Part[] = [outbox, catchUp]

  const end = (link: number, ended: LinkEnd): void => {
    sessions.delete(link)
    // The hub's own no to what was asked: nothing that is tried again helps, so the application is told.
    if (ended.code === 'refused' && blame(ended) === 'transport') emitter.emit('error', errorOf(ended, false))
    dispatch({ type: 'end', link, end: ended })
  }
  const open = (id: number, rung: number): void => {
    const transport = rung < 0 ? reader : transports[rung]
    if (!transport) return
    const asks = (): Ask[] => sessionEnv.channels().map(registry.ask)
    sessions.set(id, openSession(sessionEnv, { id, transport, read: rung < 0, asks, ended: (ended) => end(id, ended) }))
  }

  return {
    ...sessionEnv,
    parts,
    reader,
    part: transports.find((transport) => transport.part)?.part,
    close() {
      catchUp.stop()
      outbox.close()
      refused.clear()
      dispatch({ type: 'close' })
      registry.end(null)
    },
    explain: () => timeline.explain(live.connection, live.state),
  }
}
