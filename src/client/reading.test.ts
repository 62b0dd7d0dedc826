import { expect, it } from 'vitest'
import { FakeClock } from '../testing/fake-clock.ts'
import { createVirtualClient } from '../testing/virtual-client.ts'
import { createVirtualNetwork } from '../testing/virtual-network.ts'

it.each([8, 256])(
  'R22 read() of 1,000 missed messages with room for %i, and a consumer that takes 10 ms for each: goes on by itself',
  async (maxBuffered) => {
    const clock = new FakeClock()
    const network = createVirtualNetwork(clock)
    for (let i = 1; i <= 1_000; i++) await network.hub.publish('a', i)
    const client = createVirtualClient(clock, network)
    let got = 0
    void (async () => {
      for await (const item of client.read('a', { from: 'earliest', maxBuffered })) {
        got += Number(item.type === 'message')
        await new Promise<void>((go) => void clock.after(10, go))
      }
    })()
    await clock.advance(60_000)
    expect(got).toBe(1_000)
    client.close()
  },
)
