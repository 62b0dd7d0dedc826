import { describe, expect, it } from 'vitest'
import { FakeClock } from '../testing/fake-clock.ts'
import { createVirtualClient } from '../testing/virtual-client.ts'
import { createVirtualNetwork } from '../testing/virtual-network.ts'
import type { TransportName } from '../transports/transport.ts'

describe.each<TransportName>(['websocket', 'sse', 'long-poll', 'poll'])('over %s', (transport) => {
  it('§3.8 a channel that was left and is subscribed to again starts anew', async () => {
    const clock = new FakeClock()
    const network = createVirtualNetwork(clock)
    const client = createVirtualClient(clock, network, { transports: [transport] })
    client.subscribe('other', () => undefined)
    const first = client.subscribe('a', () => undefined)
    await clock.advance(10_000)
    first.unsubscribe()
    await network.hub.publish('a', 'missed on purpose')
    const got: unknown[] = []
    const again = client.subscribe('a', ({ data }) => got.push(data))
    await clock.advance(2_000)
    expect(again.state.name).toBe('live')
    await network.hub.publish('a', 'heard')
    await clock.advance(10_000)
    expect(got).toEqual(['heard'])
  })
})
