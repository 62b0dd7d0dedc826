import { expect, it } from 'vitest'
import { FakeClock } from '../fake-clock.ts'
import { mostInASecond } from '../most-in-a-second.ts'
import { createVirtualClient } from '../virtual-client.ts'
import { createVirtualNetwork } from '../virtual-network.ts'

/** A full run has as many readers as the clause says, and other transports. Of few readers the luckiest second has more. */
const full = Boolean(process.env['FULL'])
/** All are let in in so many seconds, and a first part of them at once. */
const PACE_S = 10

it.each([
  ['websocket', full ? 1_000 : 400, 100, 0.25, 'any'],
  // Who has met the dead hub twice comes again within two seconds (decision 3).
  ['websocket', full ? 500 : 200, 1_000, full ? 0.4 : 0.45, 'any'],
  ['websocket', full ? 500 : 200, 1_000, 0.25, 'its own'],
  ...(full
    ? ([
        ['sse', 500, 100, 0.3, 'any'],
        ['sse', 500, 1_000, 0.25, 'its own'],
        ['long-poll', 300, 100, 0.3, 'any'],
      ] as const)
    : []),
] as const)(
  'S19 over %s: a hub with %d readers is killed, and back after %d ms: %d of them at most are let in in any second, at %s pace, and all within 15 s',
  async (transport, count, downMs, share, pace) => {
    const clock = new FakeClock({ seed: 1 })
    const connectsPerMinute = pace === 'any' ? Infinity : (60 * count) / PACE_S
    const network = createVirtualNetwork(clock, { limits: { connectsPerMinute } })
    network.latencyMs = () => 20
    const cameMs: number[] = []
    const clients = Array.from({ length: count }, () => {
      const client = createVirtualClient(clock, network, { transports: [transport], firstRead: false })
      client.subscribe('a', () => undefined)
      client.on('trace', ({ kind }) => {
        if (kind === 'proven') cameMs.push(clock.now())
      })
      return client
    })
    const online = (): number => clients.filter(({ state }) => state.name === 'online').length
    await clock.advance(30_000)
    expect(online()).toBe(count)

    const killed = network.connections.length
    cameMs.length = 0
    network.weather = () => 'refuse'
    network.restart()
    await clock.advance(downMs)
    // The first try is at once, for most outages are over as soon as they are noticed.
    expect(network.connections.length - killed).toBeGreaterThanOrEqual(count)
    expect(online()).toBe(0)

    network.weather = () => 'clear'
    await clock.advance(15_000)
    expect(online()).toBe(count)
    expect(cameMs.length).toBeGreaterThanOrEqual(count)
    expect(mostInASecond(cameMs)).toBeLessThanOrEqual(count * share)
    for (const client of clients) client.close()
  },
  120_000,
)
