import { describe, expect, it } from 'vitest'
import type { LinkEnd } from '../transports/transport.ts'
import { carrierOf, initialState, nextDue } from './connection-state.ts'
import type { ConnectionNews, ConnectionSetup, ConnectionState, Effect } from './connection-state.ts'
import { transition } from './connection.ts'
import { TIMING } from './timing.ts'
import type { ClientState } from './types.ts'

const NAMES = ['ws', 'sse', 'lp', 'poll']

const setup: ConnectionSetup = {
  timing: TIMING,
  rungs: [
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
const machine = (overrides: Partial<ConnectionSetup> = {}) => {
  const own = { ...setup, ...overrides }
  let state = initialState(own)
  let now = 0
  let random = 0.5
  const starts: number[] = []
  const send = (news: ConnectionNews): string => {
    const before = state
    state = transition(own, before, { ...news, now, random })
    if (state.starts !== before.starts) starts.push(now)
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
      now = nextDue(state, TIMING)
      return send({ type: 'tick' })
    },
    sleep(ms: number) {
      now += ms
    },
  }
}

const READ = 'read'
const at: Record<ClientState['name'], () => ReturnType<typeof machine>> = {
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

/** What each event does in each state: a missing cell does not compile. */
const TABLE: Record<ClientState['name'], Record<ConnectionNews['type'], string>> = {
  idle: {
    connect: 'connecting, read, carry ws',
    disconnect: 'idle',
    close: 'closed',
    tick: 'idle',
    refresh: 'idle',
    signal: 'idle',
    welcome: 'nothing',
    proven: 'nothing',
    alive: 'nothing',
    silent: 'nothing',
    end: 'nothing',
    goodbye: 'nothing',
  },
  connecting: {
    connect: 'connecting',
    disconnect: 'idle, drop, drop',
    close: 'closed, drop, drop',
    tick: 'connecting',
    refresh: 'connecting',
    signal: 'connecting',
    welcome: 'connecting',
    proven: 'online',
    alive: 'connecting',
    silent: 'connecting, drop, give up ws, carry sse',
    end: 'connecting',
    goodbye: 'connecting',
  },
  online: {
    connect: 'online',
    disconnect: 'idle, drop',
    close: 'closed, drop',
    tick: 'online',
    refresh: 'online, replace ws',
    signal: 'online, ping',
    welcome: 'online',
    proven: 'online',
    alive: 'online',
    silent: 'connecting, drop, give up ws, carry sse',
    end: 'connecting, carry sse',
    goodbye: 'online, replace ws',
  },
  waiting: {
    connect: 'connecting, read, carry ws',
    disconnect: 'idle',
    close: 'closed',
    tick: 'waiting',
    refresh: 'waiting',
    signal: 'connecting, read, carry ws',
    welcome: 'nothing',
    proven: 'nothing',
    alive: 'nothing',
    silent: 'nothing',
    end: 'nothing',
    goodbye: 'nothing',
  },
  closed: {
    connect: 'nothing',
    disconnect: 'nothing',
    close: 'nothing',
    tick: 'nothing',
    refresh: 'nothing',
    signal: 'nothing',
    welcome: 'nothing',
    proven: 'nothing',
    alive: 'nothing',
    silent: 'nothing',
    end: 'nothing',
    goodbye: 'nothing',
  },
}

const OF_LINKS = new Set(['welcome', 'proven', 'alive', 'silent', 'end', 'goodbye'])

describe('the truth table of the connection', () => {
  for (const [name, row] of Object.entries(TABLE)) {
    for (const [type, expected] of Object.entries(row)) {
      it(`${name} on ${type}: ${expected}`, () => {
        const m = at[name as ClientState['name']]()
        expect(m.state.name).toBe(name)
        const link = m.carrier() === 99 ? (m.state.links.at(-1)?.id ?? 1) : m.carrier()
        const facts = { end: { code: 'failed' }, network: true, retryAfterMs: 0 }
        expect(m.send({ type, ...(OF_LINKS.has(type) && { link }), ...facts } as unknown as ConnectionNews)).toBe(expected)
      })
    }
  }
})

describe('a race', () => {
  it('§2 starts the first read beside the preferred transport, and the next after a head start', () => {
    const m = machine()
    expect(m.send({ type: 'connect' })).toBe('connecting, read, carry ws')
    expect(m.next()).toBe('connecting, carry sse')
    expect(m.now).toBe(TIMING.headStartMs)
    expect(m.next()).toBe('connecting, carry lp')
  })

  it('starts the next transport at once when the first read says that only WebSocket is blocked', () => {
    const m = at.connecting()
    expect(m.end('ws')).toBe('connecting')
    expect(m.welcome(READ)).toBe('connecting, carry sse')
  })

  it('waits for the first read after an unexplained WebSocket failure, for a head start at most', () => {
    const m = at.connecting()
    m.end('ws')
    expect(m.next()).toBe('connecting, carry sse')
    expect(m.now).toBe(TIMING.headStartMs)
  })

  it('goes no further down when plain HTTP fails too: that is an outage', () => {
    const m = at.connecting()
    m.end(READ)
    // One more try at once, of the next transport alone; nothing is demoted.
    expect(m.end('ws')).toBe('connecting, carry sse')
    expect(m.end('sse')).toBe('waiting, wait 2500')
    expect(m.state.rungs.every((rung) => rung.untilMs === 0)).toBe(true)
  })

  it('demotes what failed only when another transport is proven', () => {
    const m = at.connecting()
    m.end('ws')
    m.welcome(READ)
    expect(m.prove('sse')).toBe('online, demote ws 10000')
  })

  it('lets a better transport that is still opening take over when it is proven', () => {
    const m = at.connecting()
    m.welcome(READ)
    m.next()
    expect(m.prove('sse')).toBe('online')
    expect(m.prove('ws')).toBe('online, drop')
    expect(NAMES[carrierOf(m.state)?.rung ?? -1]).toBe('ws')
  })

  it('sequential: starts the next transport only when the one before has failed', () => {
    const m = machine({ sequential: true, firstRead: false })
    m.send({ type: 'connect' })
    expect(nextDue(m.state, TIMING)).toBe(TIMING.connectMs)
    expect(m.end('ws', { code: 'blocked' })).toBe('connecting, carry sse')
  })
})

describe('verdicts', () => {
  it('expire: a demoted transport is probed, doubled each time, up to the maximum', () => {
    const m = at.connecting()
    m.end('ws')
    m.welcome(READ)
    m.prove('sse')
    expect(m.next()).toBe('online, probe ws')
    expect(m.now).toBe(10_000)
    expect(m.end('ws')).toBe('online, demote ws 20000')
    expect(m.next()).toBe('online, probe ws')
    expect(m.end('ws')).toBe('online, demote ws 40000')
    for (let i = 0; i < 10; i++) {
      m.next()
      m.end('ws')
    }
    expect((m.state.rungs[0]?.untilMs ?? 0) - m.now).toBe(TIMING.maxProbationMs)
  })

  it('are cleared by a network change, and the better transport is probed at once', () => {
    const m = at.connecting()
    m.end('ws')
    m.welcome(READ)
    m.prove('sse')
    expect(m.send({ type: 'signal', network: true })).toBe('online, replace sse, probe ws')
  })

  it('are never written for 401, 403 or a server error', () => {
    for (const status of [401, 403, 429, 503]) {
      const m = at.connecting()
      m.end(READ, { code: 'refused', status })
      m.end('ws')
      expect(m.state.rungs.every((rung) => rung.untilMs === 0)).toBe(true)
    }
  })
})

describe('the back-off', () => {
  it('§10.4 starts nothing before Retry-After has passed', () => {
    const m = at.connecting()
    m.end(READ, { code: 'refused', status: 503, retryAfterMs: 2_000 })
    expect(m.end('ws')).toBe('waiting, wait 2000')
    m.sleep(1_999)
    expect(m.send({ type: 'signal', network: true })).toBe('waiting, wait 1')
    expect(m.next()).toBe('connecting, read, carry ws')
    expect(m.now).toBe(2_000)
  })

  it('asks for one new token after 401, then stops', () => {
    const m = at.connecting()
    const end: LinkEnd = { code: 'refused', status: 401 }
    expect(m.end(READ, end)).toBe('connecting, drop, read, carry ws')
    expect(m.state.refused).toBe(true)
    expect(m.end(READ, end)).toBe('idle, drop, stop')
  })

  it('is reset only by a link that was stable', () => {
    const m = at.online()
    m.sleep(TIMING.stableMs - 1)
    expect(m.cut()).toBe('connecting, carry sse')
    m.prove('sse')
    expect(m.state.failures).toBe(1)
    m.sleep(TIMING.stableMs)
    m.send({ type: 'tick' })
    expect(m.state.failures).toBe(0)
  })

  it('races again at once when a stable link is cut', () => {
    const m = at.online()
    m.sleep(TIMING.stableMs)
    expect(m.cut()).toBe('connecting, read, carry ws')
  })

  it('starts 3 rounds in a second and 20 in a minute at most, whatever is sent', () => {
    const m = at.connecting()
    m.random = 0
    for (let i = 0; i < 200; i++) {
      for (const name of [READ, ...NAMES]) m.end(name)
      m.send({ type: 'signal', network: true })
      if (m.state.name === 'waiting') m.next()
    }
    const { starts } = m
    const within = (ms: number): number =>
      Math.max(...starts.map((start) => starts.filter((other) => other >= start && other < start + ms).length))
    expect(within(1_000)).toBe(3)
    expect(within(60_000)).toBe(20)
  })
})

describe('a wake', () => {
  it('asks a duplex link and keeps it when it answers', () => {
    const m = at.online()
    expect(m.send({ type: 'signal', network: false })).toBe('online, ping')
    m.send({ type: 'alive', link: m.carrier() })
    expect(nextDue(m.state, TIMING)).toBe(Infinity)
  })

  it('drops a duplex link that does not answer, and races', () => {
    const m = at.online()
    m.sleep(TIMING.stableMs)
    m.send({ type: 'signal', network: false })
    expect(m.next()).toBe('connecting, drop, give up ws, read, carry ws')
  })

  it('R26 opens a stream anew and drops the old one once the new one is proven', () => {
    const m = at.connecting()
    m.end('ws')
    m.welcome(READ)
    m.prove('sse')
    expect(m.send({ type: 'signal', network: false })).toBe('online, replace sse')
    expect(m.prove('sse')).toBe('online, drop')
  })
})
