import { randomId } from '../base/clock.ts'
import type { Clock } from '../base/clock.ts'
import { HoldfastError } from '../base/errors.ts'
import type { Welcome } from '../protocol/frames.ts'
import type { LinkEnd, Slots, Transport } from '../transports/transport.ts'
import { transition } from './connection.ts'
import { carrierOf, connectDeadline, initialState, nextDue } from './connection-state.ts'
import type { ConnectionNews, ConnectionSetup, ConnectionState, Effect } from './connection-state.ts'
import type { Emitter } from './emitter.ts'
import { createTimeline } from './explain.ts'
import type { Words } from './explain.ts'
import { blame } from './ladder.ts'
import { openSession } from './session.ts'
import type { Session, SessionEnv, SessionRequest } from './session.ts'
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
  readonly slots?: Slots | undefined
  readonly words?: Words | undefined
}

export interface DriverEnv extends Parts, Pick<SessionEnv, 'registry' | 'outbox' | 'refused' | 'channels'> {
  readonly emitter: Emitter<ClientEvents>
  /** Another link carries traffic, or none. */
  carried(session: Session | undefined): void
}

/** Runs the effects of the connection: opens and drops links, and rings when something is due. */
export interface Driver {
  readonly connection: ConnectionState
  readonly state: ClientState
  /** Open links by number. */
  readonly sessions: ReadonlyMap<number, Session>
  readonly carrier: Session | undefined
  /** The newest welcome. */
  readonly hub: Welcome | null
  /** Hub time now, ms; null before the first welcome. */
  hubTime(): number | null
  dispatch(news: ConnectionNews): void
  /** The carrying link is of no more use: the hub refused the token of a request beside it. */
  refuse(end: LinkEnd): void
  /** One short read outside the ladder, or a link where no transport can read shortly. */
  read(request: Pick<SessionRequest, 'asks' | 'ended'>): Session | null
  /** Deadline of a request, ms. */
  timeoutMs(): number
  explain(): Explanation
}

export const createDriver = (env: DriverEnv): Driver => {
  const { clock, emitter, options, outbox, registry, timing, transports, url } = env
  const reader = transports.find((transport) => transport.read && transport.supported())
  const setup: ConnectionSetup = {
    timing,
    rungs: transports.map(({ duplex, proof, supported }) => ({ duplex, proof, supported: supported() })),
    sequential: options.strategy === 'sequential',
    firstRead: options.firstRead !== false && reader !== undefined,
  }
  const tokens = createTokens(options.token, clock)
  const names = transports.map(({ name }) => name)
  const timeline = createTimeline(clock, names, env.words)
  const sessions = new Map<number, Session>()
  const queue: ConnectionNews[] = []
  let connection = initialState(setup)
  let state: ClientState = { name: 'idle', transport: null }
  let hub: Welcome | null = null
  let hubAheadMs = 0
  let cancelAlarm = (): void => {}

  const carrierId = (): number => carrierOf(connection)?.id ?? 0
  const carrier = (): Session | undefined => sessions.get(carrierId())
  const timeoutMs = (): number => connectDeadline(connection, timing)

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
      const before = connection
      connection = transition(setup, before, { ...next, now: clock.now(), random: clock.random() })
      if (connection === before) continue
      trace(next, before)
      for (const effect of connection.effects) {
        trace(effect, connection)
        run(effect)
      }
      if (carrierOf(before)?.id !== carrierOf(connection)?.id) env.carried(carrier())
      announce(before)
    }
    arm()
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
    const { name, retryAtMs, lastEnd } = connection
    const transport = names[carrierOf(connection)?.rung ?? -1] ?? null
    if (name === before.name && transport === state.transport && retryAtMs === before.retryAtMs) return
    state =
      name === 'waiting'
        ? {
            name,
            transport: null,
            retryAtMs: Math.round(clock.wall() + retryAtMs - clock.now()),
            error: errorOf(lastEnd, true),
          }
        : ({ name, transport } as ClientState)
    emitter.emit('state', state)
  }

  /** Silence after which the carrying link is dead (PROTOCOL.md §7.3). Polls time their own requests. */
  const silentAt = (): number => {
    const session = carrier()
    return session?.transport.beats ? session.aliveMs + (hub?.heartbeatMs ?? 0) + timing.graceMs : Infinity
  }
  const arm = (): void => {
    cancelAlarm()
    const due = Math.min(nextDue(connection, timing), silentAt())
    if (due === Infinity) return
    cancelAlarm = clock.after(due - clock.now(), () => {
      // A timer that is late says that the page slept: bytes that wait in the queue are read first (N18).
      if (clock.now() - due > timing.lateMs) cancelAlarm = clock.after(timing.lateMs, ring)
      else ring()
    })
  }
  const ring = (): void => {
    if (silentAt() <= clock.now()) dispatch({ type: 'silent', link: carrierId() })
    dispatch({ type: 'tick' })
  }

  const time = (hubMs: number): void => {
    hubAheadMs = hubMs - clock.now()
  }
  const sessionEnv: SessionEnv = {
    ...env,
    slots: env.slots,
    client: randomId(22),
    timeoutMs,
    time,
    dispatch,
    token: () => tokens(connection.refused),
    tokenFailed(cause) {
      emitter.emit('error', new HoldfastError('token-failed', `token(): ${String(cause)}`, { cause, retryable: true }))
    },
    welcome(frame) {
      if (hub && hub.user !== frame.user) outbox.disown()
      hub = frame
      time(frame.timeMs)
    },
    alive(link) {
      const current = carrierOf(connection)
      if (current?.id === link && current.deadlineMs < Infinity) dispatch({ type: 'alive', link })
    },
  }

  const end = (link: number, ended: LinkEnd): void => {
    sessions.delete(link)
    // The hub's own no to what was asked: nothing that is tried again helps, so the application is told.
    if (ended.code === 'refused' && blame(ended) === 'transport') emitter.emit('error', errorOf(ended, false))
    dispatch({ type: 'end', link, end: ended })
  }
  const open = (id: number, rung: number): void => {
    const transport = rung < 0 ? reader : transports[rung]
    if (!transport) return
    const asks: SessionRequest['asks'] = () => env.channels().map(registry.ask)
    sessions.set(id, openSession(sessionEnv, { id, transport, read: rung < 0, asks, ended: (ended) => end(id, ended) }))
  }

  return {
    get connection() {
      return connection
    },
    get state() {
      return state
    },
    sessions,
    get carrier() {
      return carrier()
    },
    get hub() {
      return hub
    },
    hubTime: () => hub && hubAheadMs + clock.now(),
    dispatch,
    refuse(ended) {
      carrier()?.close()
      end(carrierId(), ended)
    },
    read(request) {
      const transport = reader ?? carrier()?.transport
      return transport ? openSession(sessionEnv, { id: 0, transport, read: true, ...request }) : null
    },
    timeoutMs,
    explain: () => timeline.explain(connection, state),
  }
}
