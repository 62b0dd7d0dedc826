import { describe, expect, it } from 'vitest'
import type { HubLimits } from '../../server/limits.ts'
import type { TransportName } from '../../transports/transport.ts'
import { FakeClock } from '../fake-clock.ts'
import { createVirtualClient } from '../virtual-client.ts'
import type { VirtualClient } from '../virtual-client.ts'
import { createVirtualNetwork } from '../virtual-network.ts'
import type { VirtualNetwork } from '../virtual-network.ts'

const TRANSPORTS: readonly TransportName[] = ['websocket', 'sse', 'long-poll', 'poll']
const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n + 1)

interface Setting {
  readonly clock: FakeClock
  readonly network: VirtualNetwork
  readonly client: VirtualClient
  /** Frames of the code `rate-limited` that came down. */
  readonly refusals: () => number
}

/** A client of one user at a hub with low rates. */
const start = (name: TransportName, limits: Partial<HubLimits>): Setting => {
  const clock = new FakeClock({ seed: 7 })
  const network = createVirtualNetwork(clock, { limits, authenticate: () => ({ userId: 'ann' }) })
  let count = 0
  network.latencyMs = () => 20
  network.tap = (text, way) => {
    if (way === 'down') count += text.split('"rate-limited"').length - 1
  }
  const client = createVirtualClient(clock, network, { transports: [name] })
  return { clock, network, client, refusals: () => count }
}

describe.each(TRANSPORTS)('S7 a page over %s that meets a rate recovers by itself and loses nothing', (name) => {
  // A request over HTTP is no link that lasts: there it is the user's rate that is met.
  it.each(name === 'websocket' ? ['Link', 'User'] : ['User'])(
    'R6 a burst of publishes, over the rate by %s',
    async (scope) => {
      const { clock, client, network, refusals } = start(name, {
        [`publishesPerMinutePer${scope}`]: 600,
        rateBurstMs: 1000,
      })
      const got: unknown[] = []
      client.subscribe('a', ({ data }) => got.push(data), { from: 'earliest' })
      await clock.advance(2000)
      const acked: unknown[] = []
      for (const n of upTo(200)) void client.publish('a', n).then(() => acked.push(n))
      await clock.advance(80_000)
      expect(acked).toEqual(upTo(200))
      expect(refusals()).toBeGreaterThan(0)
      const stored: unknown[] = []
      const reader = createVirtualClient(clock, network, { transports: ['websocket'] })
      reader.subscribe('a', ({ data }) => stored.push(data), { from: 'earliest' })
      await clock.advance(10_000)
      expect(stored).toEqual(upTo(200))
      expect(got).toEqual(upTo(200))
      client.close()
      reader.close()
    },
  )

  it('100 subscriptions, one in each turn', async () => {
    const { clock, client, network, refusals } = start(name, {
      subscribesPerMinutePerLink: 300,
      connectsPerMinutePerUser: 30,
      pollsPerMinutePerUser: 120,
      rateBurstMs: 5000,
    })
    await clock.advance(3000)
    const channels = upTo(100).map((n) => `c${n}`)
    await Promise.all(channels.map((channel) => network.hub.publish(channel, 'before')))
    const got = new Map<string, unknown[]>()
    for (const channel of channels) {
      const messages: unknown[] = []
      got.set(channel, messages)
      client.subscribe(channel, ({ data }) => messages.push(data), { from: 'earliest' })
      await clock.advance(5)
    }
    await clock.advance(120_000)
    await Promise.all(channels.map((channel) => network.hub.publish(channel, 'after')))
    await clock.advance(60_000)
    expect(Object.fromEntries(got)).toEqual(Object.fromEntries(channels.map((each) => [each, ['before', 'after']])))
    expect(refusals()).toBeGreaterThan(0)
    expect(client.state.name).toBe('online')
    client.close()
  })

  it('new links, over and over', async () => {
    const { clock, client, network, refusals } = start(name, {
      connectsPerMinutePerUser: 12,
      // A held poll needs four at once to begin with.
      pollsPerMinutePerUser: name === 'poll' ? 20 : 60,
      rateBurstMs: 5000,
    })
    const got: unknown[] = []
    client.subscribe('a', ({ data }) => got.push(data), { from: 'earliest' })
    for (const n of upTo(30)) {
      await clock.advance(400)
      network.cut()
      await network.hub.publish('a', n)
    }
    await clock.advance(60_000)
    expect(got).toEqual(upTo(30))
    expect(refusals()).toBeGreaterThan(0)
    expect(client.state.name).toBe('online')
    client.close()
  })
})

describe('S7 a page that meets a rate stays on its transport', () => {
  it('over all transports a burst of publishes does not cost it the WebSocket', async () => {
    const clock = new FakeClock({ seed: 7 })
    const network = createVirtualNetwork(clock, { limits: { publishesPerMinutePerLink: 600, rateBurstMs: 1000 } })
    const client = createVirtualClient(clock, network)
    const states: unknown[] = []
    const got: unknown[] = []
    client.subscribe('a', ({ data }) => got.push(data), { from: 'earliest' })
    await clock.advance(2000)
    client.on('state', ({ name, transport }) => states.push([name, transport]))
    for (const n of upTo(100)) void client.publish('a', n)
    await clock.advance(60_000)
    expect(got).toEqual(upTo(100))
    expect(states).toEqual([])
    expect(client.state.transport).toBe('websocket')
    client.close()
  })
})
