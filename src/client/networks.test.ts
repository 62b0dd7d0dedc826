import { describe, expect, it } from 'vitest'
import { CONTENT_TYPE } from '../protocol/frames.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { visitNetwork } from '../testing/visit-network.ts'
import { createVirtualClient } from '../testing/virtual-client.ts'
import { createVirtualNetwork } from '../testing/virtual-network.ts'
import type { VirtualNetwork } from '../testing/virtual-network.ts'

/** From subscribe() to the listener getting a message that was published as soon as the subscription was ready. */
const timeToMessage = async (weather: VirtualNetwork['weather']): Promise<number> => {
  const all = visitNetwork(weather)
  const sub = all.subscribe()
  void sub.ready.then(all.say)
  const ms = await all.until(() => all.got.length > 0)
  await all.clock.advance(30_000)
  all.allInOrder()
  all.client.close()
  return ms
}

describe('R8 from subscribe() to a message published after it', () => {
  it.each([
    ['everything works', 'clear', 100],
    ['Upgrade is refused', 'refuse', 300],
    ['the WebSocket is cut at once', 'cut', 300],
    ['Upgrade is never answered', 'hang', 700],
    ['the WebSocket opens and stays mute', 'mute', 700],
  ] as const)('%s: %s within %i ms', async (_, weather, bound) => {
    expect(await timeToMessage(({ path }) => (path === '' ? weather : 'clear'))).toBeLessThanOrEqual(bound)
  })

  it.each(['refuse', 'hang', 'mute'] as const)(
    'WebSocket: %s, and responses held until they end: within 1 s',
    async (weather) => {
      expect(await timeToMessage(({ path }) => (path === '' ? weather : 'hold'))).toBeLessThanOrEqual(1_000)
    },
  )

  it('WebSocket refused and each chunk of a stream held until the next: within 1 s', async () => {
    const ms = await timeToMessage(({ path }) => (path === '' ? 'refuse' : path === '/stream' ? 'one-behind' : 'clear'))
    expect(ms).toBeLessThanOrEqual(1_000)
  })
})

describe('a link in mid-life', () => {
  it('WebSocket cut and refused from then on: messages within 300 ms, nothing lost', async () => {
    const all = visitNetwork()
    all.subscribe()
    await all.clock.advance(20_000)
    expect(all.client.state).toMatchObject({ name: 'online', transport: 'websocket' })
    all.network.weather = ({ path }) => (path === '' ? 'refuse' : 'clear')
    expect(all.network.cut()).toBe(1)
    void all.say()
    expect(await all.until(() => all.got.length === 1)).toBeLessThanOrEqual(300)
    await all.until(() => all.client.state.name === 'online')
    expect(all.client.state.transport).toBe('sse')
    all.allInOrder()
  })

  it('healed: back on WebSocket within 15 s, nothing lost or repeated on the way', async () => {
    const all = visitNetwork()
    all.subscribe()
    await all.clock.advance(20_000)
    all.network.weather = ({ path }) => (path === '' ? 'refuse' : 'clear')
    all.network.cut()
    await all.until(() => all.client.state.transport === 'sse')
    await all.clock.advance(2_000)
    all.network.weather = () => 'clear'
    const healed = all.clock.now()
    while (all.client.state.transport !== 'websocket' && all.clock.now() - healed < 15_000) {
      void all.say()
      await all.clock.advance(20)
    }
    expect(all.client.state.transport).toBe('websocket')
    await all.clock.advance(1_000)
    all.allInOrder()
  })

  it('`state` is told when it changes: not for probes that fail beside a link that works', async () => {
    const all = visitNetwork(({ path }) => (path === '' ? 'refuse' : 'clear'))
    all.subscribe()
    await all.until(() => all.client.state.transport === 'sse')
    const told: unknown[] = []
    all.client.on('state', (state) => told.push(state))
    const before = all.network.connections.length
    await all.clock.advance(120_000)
    expect(all.network.connections.length - before).toBeGreaterThanOrEqual(3)
    expect(told).toEqual([])
  })

  it.each(['a publish', 'a subscription'] as const)(
    'R8 a WebSocket on which nothing goes up any more is replaced within beat and grace of %s, while messages come down',
    async (what) => {
      const all = visitNetwork()
      all.subscribe()
      await all.clock.advance(20_000)
      expect(all.network.mute('up')).toBe(1)
      const began = all.clock.now()
      const answers: unknown[] = []
      if (what === 'a publish') void all.client.publish('b', 1).then((answer) => answers.push(answer))
      else void all.client.subscribe('b', () => undefined).ready.then((answer) => answers.push(answer))
      while (!answers.length && all.clock.now() - began < 60_000) {
        void all.say()
        await all.clock.advance(100)
      }
      expect(all.clock.now() - began).toBeLessThanOrEqual(18_000)
      await all.clock.advance(1_000)
      all.allInOrder()
      expect(all.client.state).toMatchObject({ name: 'online', transport: 'websocket' })
      expect(all.network.hub.core.links.size).toBeLessThanOrEqual(2)
    },
  )

  it('R8 an answer that takes longer is waited for longer: one replacement, one append', async () => {
    const clock = new FakeClock({ seed: 1 })
    const network = createVirtualNetwork(clock, {}, undefined, (store) => ({
      append: async (...append) => {
        await new Promise<void>((resolve) => void clock.after(20_000, resolve))
        return store.append(...append)
      },
      read: (...read) => store.read(...read),
      watch: (...watch) => store.watch(...watch),
      announce: (text) => store.announce(text),
      hear: (heard) => store.hear(heard),
      close: () => store.close(),
    }))
    const client = createVirtualClient(clock, network)
    const offsets: number[] = []
    client.subscribe('a', ({ offset }) => offsets.push(offset))
    await clock.advance(20_000)
    const before = network.connections.length
    const published = client.publish('a', 1)
    await clock.advance(60_000)
    await published
    expect(network.connections.length - before).toBe(1)
    expect(offsets).toEqual([1])
    client.close()
  })

  it('R9 a half-open WebSocket is noticed within beat and grace, and nothing is lost', async () => {
    const all = visitNetwork()
    all.subscribe()
    await all.clock.advance(20_000)
    all.network.weather = ({ path }) => (path === '' ? 'mute' : 'clear')
    expect(all.network.mute()).toBe(1)
    const from = all.clock.now()
    void all.say()
    await all.until(() => all.got.length === 1)
    // H + G + 2 s, from the last beat before.
    expect(all.clock.now() - from).toBeLessThanOrEqual(17_000)
    all.allInOrder()
  })
})

describe('a hub that gives no way in', () => {
  it('dies 100 ms after each accept: at most 8 connections in 30 s, median of 1,000 seeds', async () => {
    const counts: number[] = []
    for (let seed = 1; seed <= 1_000; seed++) {
      const all = visitNetwork(() => ({ diesAfterMs: 100, answers: false }), {}, seed)
      all.subscribe()
      await all.clock.advance(30_000)
      counts.push(all.network.connections.length)
      all.client.close()
    }
    counts.sort((a, b) => a - b)
    expect(counts[500]).toBeLessThanOrEqual(8)
    expect(counts.at(-1)).toBeLessThanOrEqual(10)
  }, 60_000)

  it.each([1, 300, 600, 900, 3_000])(
    'dies %i ms after each accept: never more than 11 connections in 30 s',
    async (ms) => {
      for (let seed = 1; seed <= 50; seed++) {
        const all = visitNetwork(() => ({ diesAfterMs: ms, answers: false }), {}, seed)
        all.subscribe()
        await all.clock.advance(30_000)
        // One race of four transports and a first read, and the six single tries that fit if each pause is the shortest.
        expect(all.network.connections.length).toBeLessThanOrEqual(5 + 6)
        all.client.close()
      }
    },
  )

  it('answers, and dies 100 ms after each accept: what can be had comes over polls, nothing lost', async () => {
    const all = visitNetwork(() => ({ diesAfterMs: 100, answers: true }))
    all.subscribe()
    await all.clock.advance(1_000)
    for (let i = 0; i < 60; i++) {
      void all.say()
      await all.clock.advance(500)
    }
    await all.clock.advance(30_000)
    all.allInOrder()
  })

  it('503 with Retry-After: 2: no request starts before it has passed', async () => {
    const respond = () =>
      new Response('[{"type":"error","code":"unavailable","message":"busy"}]', {
        status: 503,
        headers: { 'content-type': CONTENT_TYPE, 'retry-after': '2' },
      })
    const all = visitNetwork(({ path }) => (path === '' ? 'refuse' : { respond }))
    all.subscribe()
    await all.clock.advance(20_000)
    const times = all.network.connections.map(({ atMs }) => atMs)
    expect(times.filter((atMs) => atMs > 0 && atMs < 2_000)).toEqual([])
    all.network.weather = () => 'clear'
    expect(await all.until(() => all.client.state.name === 'online')).toBeLessThan(35_000)
  })

  it('a captive portal: by the back-off, and at once on a signal', async () => {
    const respond = () => new Response('<html><title>Log in</title>', { headers: { 'content-type': 'text/html' } })
    const all = visitNetwork(({ path }) => (path === '' ? 'refuse' : { respond }))
    all.subscribe()
    await all.until(() => all.client.state.name === 'waiting')
    expect(all.client.explain().summary).toContain('Log in')
    await all.clock.advance(60_000)
    expect(all.network.connections.length).toBeLessThan(15)
    all.network.weather = () => 'clear'
    all.client.signal('network')
    expect(await all.until(() => all.client.state.name === 'online')).toBeLessThan(1_100)
  })

  it('everything down: waiting, then online by itself', async () => {
    const all = visitNetwork(() => 'refuse')
    all.subscribe()
    expect(await all.until(() => all.client.state.name === 'waiting')).toBeLessThan(20_000)
    await all.clock.advance(60_000)
    all.network.weather = () => 'clear'
    void all.say()
    expect(await all.until(() => all.client.state.name === 'online')).toBeLessThan(35_000)
  })
})

describe('a restart of the hub', () => {
  it('R12 gives each subscription one gap, then every message of the new epoch from offset 1', async () => {
    const all = visitNetwork()
    all.subscribe()
    await all.clock.advance(1_000)
    void all.say()
    await all.clock.advance(20_000)
    all.network.restart()
    await all.clock.settle()
    for (let i = 0; i < 3; i++) void all.network.hub.publish('a', `new ${i}`)
    await all.clock.advance(10_000)
    expect(all.gaps).toEqual(['epoch'])
    expect(all.got).toEqual([1, 'new 0', 'new 1', 'new 2'])
  })
})
