import { randomId } from '../base/clock.ts'
import type { Clock } from '../base/clock.ts'
import { HoldfastError } from '../base/errors.ts'
import type { Welcome } from '../protocol/frames.ts'
import type { LinkEnd, Slots, Transport } from '../transports/transport.ts'
import { transition } from './connection.ts'
import { blame } from './ladder.ts'
import { carrierOf, connectDeadline, initialState, nextDue } from './connection-state.ts'
import type { ConnectionNews, ConnectionSetup, ConnectionState, Effect } from './connection-state.ts'
import { openSession } from './session.ts'
import type { Session, SessionHandlers } from './session.ts'
import type { Ask } from './subscriptions.ts'
import { createTokens } from './tokens.ts'
import type { ClientState, CommonOptions, TimingOptions } from './types.ts'

export interface DriverEnv {
  readonly options: CommonOptions
  readonly url: string
  readonly transports: readonly Transport[]
  readonly timing: TimingOptions
  readonly clock: Clock
  readonly slots?: Slots | undefined
  /** What a link asks for when its hello is sent. */
  asks(): Ask[]
  /** What every link does with the frames that are not about the link itself. */
  readonly frames: Pick<SessionHandlers, 'run' | 'gap' | 'ack' | 'refused' | 'time'>
  welcome(frame: Welcome): void
  /** Another link carries traffic, or none. */
  carrier(session: Session | null): void
  state(state: ClientState): void
  /** An event before, or an effect after its transition. */
  trace(news: ConnectionNews | Effect, before: ConnectionState): void
  error(error: HoldfastError): void
}

/** Runs the effects of the connection: opens and drops links, and rings when something is due. */
export interface Driver {
  readonly connection: ConnectionState
  readonly state: ClientState
  /** Open links by number; null while their token is awaited. */
  readonly sessions: ReadonlyMap<number, Session | null>
  readonly carrier: Session | null
  /** Number of the carrying link; 0 without one. */
  readonly carrierId: number
  readonly carrierTransport: Transport | null
  dispatch(news: ConnectionNews): void
  /** One short read outside the ladder, or a link where no transport can read shortly. Null when there is no token. */
  read(asks: readonly Ask[], on: Pick<SessionHandlers, 'run' | 'gap' | 'end'>): Promise<Session | null>
  /** Deadline of a request, ms. */
  timeoutMs(): number
}

/** 401 and 403 by status or WebSocket close code; everything else is "offline". */
const errorOf = (url: string, { code, status, detail, retryAfterMs }: LinkEnd, retryable: boolean): HoldfastError => {
  const kind = (status ?? 0) % 1_000
  const name = kind === 401 ? 'unauthorized' : kind === 403 ? 'forbidden-origin' : retryable ? 'offline' : 'bad-request'
  return new HoldfastError(name, `${url}: ${[code, status, detail].filter(Boolean).join(', ')}`, {
    status,
    retryAfterMs,
    retryable,
  })
}

export const createDriver = (env: DriverEnv): Driver => {
  const { clock, options, timing, transports, url } = env
  const reader = transports.find((transport) => transport.read && transport.supported())
  const setup: ConnectionSetup = {
    timing,
    rungs: transports.map(({ duplex, proof, supported }) => ({ duplex, proof, supported: supported() })),
    sequential: options.strategy === 'sequential',
    firstRead: options.firstRead !== false && reader !== undefined,
  }
  const tokens = createTokens(options.token, clock)
  const sessions = new Map<number, Session | null>()
  const queue: ConnectionNews[] = []
  let connection = initialState(setup)
  let state: ClientState = { name: 'idle', transport: null }
  let dispatching = false
  let beatMs = timing.heartbeatMs
  let cancelAlarm = (): void => {}

  const timeoutMs = (): number => connectDeadline(connection, timing)
  const sessionEnv = { clock, timing, url, client: randomId(22), slots: env.slots, timeoutMs }
  const carrier = (): Session | null => sessions.get(carrierOf(connection)?.id ?? 0) ?? null
  const carrierTransport = (): Transport | null => transports[carrierOf(connection)?.rung ?? -1] ?? null

  const dispatch = (news: ConnectionNews): void => {
    queue.push(news)
    if (dispatching) return
    dispatching = true
    for (let next = queue.shift(); next; next = queue.shift()) {
      const before = connection
      connection = transition(setup, before, { ...next, now: clock.now(), random: clock.random() })
      if (connection === before) continue
      env.trace(next, before)
      for (const effect of connection.effects) {
        env.trace(effect, connection)
        run(effect)
      }
      if (carrierOf(connection)?.id !== carrierOf(before)?.id) env.carrier(carrier())
      announce()
    }
    dispatching = false
    arm()
  }

  const run = (effect: Effect): void => {
    switch (effect.type) {
      case 'open':
        openLink(effect.link, effect.rung)
        break
      case 'drop':
        sessions.get(effect.link)?.close()
        sessions.delete(effect.link)
        break
      case 'ping':
        sessions.get(effect.link)?.ping()
        break
      case 'stop':
        env.error(errorOf(url, effect.end, false))
        break
      // The others are for `explain()` alone.
      case 'demote':
      case 'end':
      case 'wait':
    }
  }

  const announce = (): void => {
    const { name } = connection
    const transport = carrierTransport()
    if (name === 'waiting') {
      const retryAtMs = Math.round(clock.wall() + connection.retryAtMs - clock.now())
      if (state.name === name && Math.abs(state.retryAtMs - retryAtMs) < 2) return
      state = { name, transport: null, retryAtMs, error: errorOf(url, connection.lastEnd, true) }
    } else if (name === 'online' && transport) {
      if (state.transport === transport.name) return
      state = { name, transport: transport.name }
    } else {
      if (state.name === name) return
      state = { name: name as 'idle' | 'connecting' | 'closed', transport: null }
    }
    env.state(state)
  }

  /** Silence after which the carrying link is dead (PROTOCOL.md §7.3). Polls time their own requests. */
  const silentAt = (): number => {
    const session = carrier()
    return session && carrierTransport()?.beats ? session.aliveMs + beatMs + timing.graceMs : Infinity
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
    if (silentAt() <= clock.now()) dispatch({ type: 'silent', link: carrierOf(connection)?.id ?? 0 })
    dispatch({ type: 'tick' })
  }

  /** Calls `use` at once when the token is there already, so that nothing is lost to a turn of the event loop. */
  const withToken = (use: (token: string | null) => void, failed: () => void): void => {
    const onError = (cause: unknown): void => {
      env.error(new HoldfastError('token-failed', `token(): ${String(cause)}`, { cause, retryable: true }))
      failed()
    }
    try {
      const token = tokens(connection.refused)
      if (token instanceof Promise) token.then(use, onError)
      else use(token)
    } catch (cause) {
      onError(cause)
    }
  }

  const openLink = (link: number, rung: number): void => {
    const transport = rung < 0 ? reader : transports[rung]
    sessions.set(link, null)
    const end = (ended: LinkEnd): void => {
      sessions.delete(link)
      // The hub's own no to what was asked: nothing that is tried again helps, so the application is told.
      if (ended.code === 'refused' && blame(ended) === 'transport') env.error(errorOf(url, ended, false))
      dispatch({ type: 'end', link, end: ended })
    }
    withToken(
      (token) => {
        // It may have been dropped while the token was awaited (R19).
        if (!transport || !sessions.has(link)) return
        const on: SessionHandlers = {
          ...env.frames,
          welcome(frame, first) {
            beatMs = frame.heartbeatMs
            env.welcome(frame)
            if (first) dispatch({ type: 'welcome', link })
          },
          proven() {
            dispatch({ type: 'proven', link })
          },
          goodbye(retryAfterMs) {
            dispatch({ type: 'goodbye', link, retryAfterMs })
          },
          alive() {
            const current = carrierOf(connection)
            if (current?.id === link && current.deadlineMs < Infinity) dispatch({ type: 'alive', link })
          },
          end,
        }
        sessions.set(link, openSession(sessionEnv, { transport, read: rung < 0, token, asks: env.asks, on }))
      },
      () => {
        end({ code: 'failed', detail: 'token' })
      },
    )
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
    get carrierId() {
      return carrierOf(connection)?.id ?? 0
    },
    get carrierTransport() {
      return carrierTransport()
    },
    dispatch,
    timeoutMs,
    read: (asks, on) =>
      new Promise((resolve) => {
        const transport = reader ?? carrierTransport()
        const ignore = (): void => {}
        const handlers = { ...env.frames, ...on, welcome: env.welcome, proven: ignore, goodbye: ignore, alive: ignore }
        const none = (): void => {
          resolve(null)
        }
        if (!transport) none()
        else {
          withToken((token) => {
            resolve(openSession(sessionEnv, { transport, read: true, token, asks: () => [...asks], on: handlers }))
          }, none)
        }
      }),
  }
}
