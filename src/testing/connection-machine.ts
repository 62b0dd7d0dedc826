import type { LinkEnd } from '../transports/transport.ts'
import { carrierOf, initialState, NEVER, nextDue } from '../client/connection-state.ts'
import type { ConnectionNews, ConnectionSetup, ConnectionState, Effect } from '../client/connection-state.ts'
import { transition } from '../client/connection.ts'
import { TIMING } from '../client/timing.ts'
import type { ClientState } from '../client/types.ts'

export const NAMES = ['ws', 'sse', 'lp', 'poll']

const setup: ConnectionSetup = {
  timing: TIMING,
  abilities: [
    { supported: true, duplex: true, proof: 'welcome' },
    { supported: true, duplex: false, proof: 'heartbeat' },
    { supported: true, duplex: false, proof: 'answer' },
    { supported: true, duplex: false, proof: 'welcome' },
  ],
  sequential: false,
  firstRead: true,
}

const inWords = (effect: Effect): string => {
  const name = 'rung' in effect ? (NAMES[effect.rung] ?? 'read') : ''
  switch (effect.type) {
    case 'open':
      return effect.purpose === 'read' ? 'read' : `${effect.purpose} ${name}`
    case 'end':
      return `give up ${name}`
    case 'demote':
      return `demote ${name} ${effect.ms}`
    case 'wait':
      return `wait ${effect.ms}`
    default:
      return effect.type
  }
}

/** The machine, its time, and what it did last. */
export const machine = (overrides: Partial<ConnectionSetup> = {}) => {
  const own = { ...setup, ...overrides }
  let state = initialState(own)
  let now = 0
  let random = 0.5
  const starts: number[] = []
  const send = (news: ConnectionNews): string => {
    const before = state
    state = transition(own, before, { ...news, now, random })
    if (String(state.starts) !== String(before.starts)) starts.push(now)
    return state === before ? 'nothing' : [state.name, ...state.effects.map(inWords)].join(', ')
  }
  const linkOf = (name: string): number => {
    const rung = NAMES.indexOf(name)
    return state.links.find((link) => link.rung === rung && link.phase !== 'proven')?.id ?? 99
  }
  return {
    send,
    /** When each round so far began. */
    starts,
    get state(): ConnectionState {
      return state
    },
    set random(value: number) {
      random = value
    },
    get now() {
      return now
    },
    carrier: () => carrierOf(state)?.id ?? 99,
    end: (name: string, end: LinkEnd = { code: 'failed' }) => send({ type: 'end', link: linkOf(name), end }),
    cut: () => send({ type: 'end', link: carrierOf(state)?.id ?? 99, end: { code: 'cut', status: 1006 } }),
    welcome: (name: string) => send({ type: 'welcome', link: linkOf(name) }),
    prove(name: string) {
      const link = linkOf(name)
      send({ type: 'welcome', link })
      return send({ type: 'proven', link })
    },
    /** Moves to the next thing that is due and says what came of it. */
    next(): string {
      now = nextDue(state)
      return send({ type: 'tick' })
    },
    sleep(ms: number) {
      now += ms
    },
    /** Moves to when the carrying link has lived long enough. */
    becomeStable() {
      now = (carrierOf(state)?.sinceMs ?? NEVER) + TIMING.stableMs
      send({ type: 'tick' })
    },
  }
}

export const READ = 'read'
export const at: Record<ClientState['name'], () => ReturnType<typeof machine>> = {
  idle: () => machine(),
  connecting() {
    const m = machine()
    m.send({ type: 'connect' })
    return m
  },
  online() {
    const m = at.connecting()
    m.welcome(READ)
    m.prove('ws')
    return m
  },
  waiting() {
    const m = at.connecting()
    m.end(READ)
    m.end('ws')
    m.end('sse')
    return m
  },
  closed() {
    const m = at.online()
    m.send({ type: 'close' })
    return m
  },
}
