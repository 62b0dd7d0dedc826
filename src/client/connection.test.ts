import { describe, expect, it } from 'vitest'
import { NAMES, READ, at, machine } from '../testing/connection-machine.ts'
import type { LinkEnd } from '../transports/transport.ts'
import { carrierOf, nextDue } from './connection-state.ts'
import { TIMING } from './timing.ts'

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
    expect(nextDue(m.state)).toBe(TIMING.connectMs)
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

  it('last four times as long each time when the transport hangs', () => {
    const m = at.connecting()
    m.welcome(READ)
    m.next()
    m.prove('sse')
    expect(m.next()).toBe('online, drop, give up ws, demote ws 10000')
    m.becomeStable()
    expect(m.next()).toBe('online, probe ws')
    expect(m.next()).toBe('online, drop, give up ws, demote ws 40000')
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

  it('R16 tries the same transports again when the hub is overloaded, and holds nothing against them', () => {
    const overloaded: LinkEnd = { code: 'refused', status: 503, retryAfterMs: 2_000 }
    // The handshake of a WebSocket hides why it failed; the first read tells.
    for (const [first, second] of [
      [READ, 'ws'],
      ['ws', READ],
    ] as const) {
      const m = at.connecting()
      m.end(first, first === READ ? overloaded : undefined)
      m.end(second, second === READ ? overloaded : undefined)
      expect(m.next()).toBe('connecting, carry ws')
      m.end('ws', overloaded)
      expect(m.next()).toBe('connecting, carry ws')
      expect(m.prove('ws')).toBe('online')
    }
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
    m.becomeStable()
    expect(m.send({ type: 'signal', network: false })).toBe('online, ping')
    m.send({ type: 'alive', link: m.carrier() })
    expect(nextDue(m.state)).toBe(Infinity)
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
