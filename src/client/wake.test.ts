import { describe, expect, it } from 'vitest'
import { FakeClock } from '../testing/fake-clock.ts'
import { createVirtualClient } from '../testing/virtual-client.ts'
import { createVirtualNetwork } from '../testing/virtual-network.ts'
import type { TransportName } from '../transports/transport.ts'
import type { FactKind } from './types.ts'

const ALL: readonly TransportName[] = ['websocket', 'sse', 'long-poll', 'poll']
const STREAMS: readonly TransportName[] = ['sse', 'long-poll']

/** A client that reads `a` over one transport and has been online for 20 s. */
const setUp = async (transport: TransportName) => {
  const clock = new FakeClock()
  let aheadMs = 0
  const { now, random, after } = clock
  /** The device's own clock: what it says of the time of day may jump. */
  const device = { now, random, after, wall: () => clock.wall() + aheadMs }
  const network = createVirtualNetwork(clock)
  const client = createVirtualClient(device, network, { transports: [transport] })
  const got: unknown[] = []
  const gaps: string[] = []
  const states: string[] = []
  client.subscribe('a', ({ data }) => got.push(data)).on('gap', ({ reason }) => gaps.push(reason))
  await clock.advance(20_000)
  client.on('state', ({ name }) => states.push(name))
  expect(client.state).toEqual({ name: 'online', transport })
  let said = 0
  const say = () => network.hub.publish('a', ++said)
  const facts = (...kinds: FactKind[]) => client.explain().timeline.filter(({ kind }) => kinds.includes(kind))
  const all = () => {
    expect(got).toEqual(Array.from({ length: said }, (_, index) => index + 1))
    expect(gaps).toEqual([])
  }
  const opened = () => facts('open').length
  const jump = (ms: number): void => void (aheadMs += ms)
  return { jump, clock, network, client, got, gaps, states, say, facts, all, opened }
}

describe('R10 the page becomes visible', () => {
  it.each(STREAMS)('%s that gave a sign of life just now: nothing is done', async (transport) => {
    const { clock, client, say, opened, network } = await setUp(transport)
    await say()
    await clock.advance(100)
    const before = [opened(), network.connections.length]
    client.signal('visible')
    await clock.advance(100)
    expect([opened(), network.connections.length]).toEqual(before)
  })

  it('a WebSocket is asked, and kept when it answers', async () => {
    const { clock, client, opened, states } = await setUp('websocket')
    const before = opened()
    for (let i = 0; i < 20; i++) {
      client.signal('visible')
      await clock.advance(3_000)
    }
    expect([opened(), states]).toEqual([before, []])
  })

  it('a WebSocket that is mute is given up within 3 s, and nothing is lost', async () => {
    const { clock, client, network, say, all, got } = await setUp('websocket')
    network.mute()
    await say()
    client.signal('visible')
    await clock.advance(3_000)
    expect(got).toEqual([1])
    all()
  })

  it('R26 an old stream is opened anew, and the hub has one link again within 1 s', async () => {
    const { clock, client, network, say, all, opened, states } = await setUp('sse')
    await say()
    await clock.advance(5_000)
    const before = opened()
    client.signal('visible')
    await clock.advance(1_000)
    expect(opened()).toBe(before + 1)
    expect(network.hub.core.links.size).toBe(1)
    await say()
    await clock.advance(1_000)
    expect(states).toEqual([])
    all()
  })

  it.each(ALL)(
    '%s: signals of every kind, ten a second, lose and repeat nothing and stay within the limits',
    async (name) => {
      const { clock, client, network, say, all } = await setUp(name)
      const before = network.connections.length
      for (let i = 0; i < 100; i++) {
        client.signal(i % 2 ? 'visible' : 'network')
        void say()
        await clock.advance(100)
      }
      await clock.advance(10_000)
      all()
      expect(client.state.transport).toBe(name)
      // A held poll is asked again for each message; what a signal opens comes on top of that.
      expect(network.connections.length - before).toBeLessThan(350)
    },
  )
})

describe('N20 the back/forward cache', () => {
  it.each(ALL)('%s: hidden it holds nothing, shown it goes on from its position without a gap', async (transport) => {
    const { clock, client, network, say, all, got } = await setUp(transport)
    await say()
    await clock.advance(6_000)
    client.signal('hide')
    await clock.advance(120_000)
    expect([clock.pending, network.hub.core.links.size, client.state.name]).toEqual([0, 0, 'idle'])
    await say()
    await say()
    await clock.advance(600_000)
    client.signal('show')
    await clock.advance(3_000)
    expect(got).toHaveLength(3)
    all()
  })

  it('a client that was idle before stays idle', async () => {
    const { clock, client } = await setUp('websocket')
    client.disconnect()
    client.signal('hide')
    client.signal('show')
    await clock.advance(10_000)
    expect(client.state.name).toBe('idle')
  })

  it('after close() signals do nothing', async () => {
    const { clock, client, network } = await setUp('websocket')
    client.close()
    const before = network.connections.length
    for (const signal of ['hide', 'show', 'visible', 'network'] as const) client.signal(signal)
    await clock.advance(60_000)
    expect([client.state.name, network.connections.length]).toEqual(['closed', before])
  })
})

describe('R10 a frozen page', () => {
  it.each(ALL.flatMap((name) => [1_000, 10_000, 100_000].map((ms) => [name, ms] as const)))(
    '%s, frozen for %i ms: what came meanwhile is there within 3 s of waking, once and without a gap',
    async (transport, ms) => {
      const { clock, client, say, all, got } = await setUp(transport)
      clock.sleep(ms)
      void say()
      void say()
      client.signal('visible')
      await clock.advance(3_000 + (transport === 'poll' && ms < 2_000 ? 6_000 : 0))
      expect(got).toEqual([1, 2])
      await clock.advance(30_000)
      all()
    },
  )

  it('N18 bytes that waited in the queue are read before a link counts as dead', async () => {
    const { clock, opened, states, facts } = await setUp('websocket')
    const before = opened()
    clock.sleep(100_000)
    // The hub's beat is late by as much as the client's alarm: both run now, the alarm with 1 s of patience.
    await clock.advance(5_000)
    expect([opened(), states, facts('silent')]).toEqual([before, [], []])
  })
})

describe('a device whose clock jumps', () => {
  it.each(ALL)('%s: a day forward and a day back drop nothing, and no link', async (transport) => {
    const { clock, client, say, all, states, jump } = await setUp(transport)
    for (const ms of [86_400_000, -2 * 86_400_000, 86_400_000]) {
      jump(ms)
      await say()
      const published = client.publish('b', ms)
      await clock.advance(20_000)
      await expect(published).resolves.toMatchObject({ id: expect.any(String) as string })
    }
    all()
    expect(states).toEqual([])
  })
})

describe('R9 a hidden page whose timers run once a minute', () => {
  it.each(ALL)('%s for an hour: no false alarm, nothing lost', async (transport) => {
    const { clock, client, say, all, states, facts } = await setUp(transport)
    for (let minute = 0; minute < 60; minute++) {
      clock.sleep(58_000)
      void say()
      await clock.advance(2_000)
    }
    client.signal('visible')
    await clock.advance(10_000)
    all()
    expect(facts('silent', 'demote')).toEqual([])
    expect(states).toEqual([])
  })
})
