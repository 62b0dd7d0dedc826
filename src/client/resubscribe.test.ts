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

describe('a stream', () => {
  it('R26 is opened anew for each channel that comes later, not for the first alone', async () => {
    const clock = new FakeClock()
    const network = createVirtualNetwork(clock)
    const client = createVirtualClient(clock, network, { transports: ['sse'] })
    const got: string[] = []
    for (const channel of ['a', 'b', 'c']) {
      client.subscribe(channel, ({ data }) => got.push(`${channel} ${String(data)}`))
      await clock.advance(5_000)
    }
    for (const channel of ['a', 'b', 'c']) await network.hub.publish(channel, 1)
    await clock.advance(1_000)
    expect(got).toEqual(['a 1', 'b 1', 'c 1'])
  })
})

describe('a reader', () => {
  it('goes on when its buffer filled up in the middle of catching up', async () => {
    const clock = new FakeClock()
    const network = createVirtualNetwork(clock)
    const client = createVirtualClient(clock, network)
    for (let n = 1; n <= 30; n++) await network.hub.publish('a', n)
    const got: unknown[] = []
    const read = async (): Promise<void> => {
      for await (const item of client.read('a', { from: 'earliest', maxBuffered: 4 })) {
        if (item.type === 'message') got.push(item.data)
        await new Promise<void>((resolve) => clock.after(10, resolve))
      }
    }
    void read()
    await clock.advance(20_000)
    expect(got).toEqual(Array.from({ length: 30 }, (_, index) => index + 1))
  })
})

it('R21 a listener whose promise rejects is reported', async () => {
  const clock = new FakeClock()
  const network = createVirtualNetwork(clock)
  const client = createVirtualClient(clock, network)
  const codes: string[] = []
  client.on('error', ({ code }) => codes.push(code))
  const listener = (): Promise<void> => Promise.reject(new Error('async'))
  // oxlint-disable-next-line typescript/no-misused-promises -- applications do this
  client.subscribe('a', listener)
  await clock.advance(1_000)
  await network.hub.publish('a', 1)
  await clock.advance(1_000)
  expect(codes).toEqual(['listener-failed'])
})
