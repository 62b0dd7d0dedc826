import { expect, it } from 'vitest'
import { FakeClock } from '../fake-clock.ts'
import { mostInASecond } from '../most-in-a-second.ts'
import { createVirtualClient } from '../virtual-client.ts'
import { createVirtualNetwork } from '../virtual-network.ts'

/** A full run has as many readers as the clause says, and other transports. Of few readers the luckiest second has more. */
const full = Boolean(process.env['FULL'])

it.each([
  ['websocket', full ? 1_000 : 400, 100, 0.25],
  // Who has met the dead hub twice comes again within two seconds (decision 3).
  ['websocket', full ? 500 : 200, 1_000, 0.4],
  ...(full
    ? ([
        ['sse', 500, 100, 0.25],
        ['long-poll', 300, 100, 0.3],
      ] as const)
    : []),
] as const)(
  'S19 over %s: a hub with %d readers is killed, and back after %d ms: %d of them at most connect in any second, and all within 10 s',
  async (transport, count, downMs, share) => {
    const clock = new FakeClock({ seed: 1 })
    const network = createVirtualNetwork(clock)
    network.latencyMs = () => 20
    const clients = Array.from({ length: count }, () => {
      const client = createVirtualClient(clock, network, { transports: [transport], firstRead: false })
      client.subscribe('a', () => undefined)
      return client
    })
    const online = (): number => clients.filter(({ state }) => state.name === 'online').length
    await clock.advance(3_000)
    expect(online()).toBe(count)

    const killed = network.connections.length
    network.weather = () => 'refuse'
    network.restart()
    await clock.advance(downMs)
    // The first try is at once, for most outages are over as soon as they are noticed.
    expect(network.connections.length - killed).toBeGreaterThanOrEqual(count)
    expect(online()).toBe(0)

    const back = network.connections.length
    network.weather = () => 'clear'
    await clock.advance(10_000)
    expect(online()).toBe(count)
    const opened = network.connections.slice(back).filter(({ held }) => !held)
    expect(mostInASecond(opened.map(({ atMs }) => atMs))).toBeLessThanOrEqual(count * share)
    for (const client of clients) client.close()
  },
  120_000,
)
