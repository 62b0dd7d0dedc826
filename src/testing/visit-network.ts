import { expect } from 'vitest'
import type { CommonOptions } from '../client/types.ts'
import type { TransportName } from '../transports/transport.ts'
import { FakeClock } from './fake-clock.ts'
import { createVirtualClient } from './virtual-client.ts'
import { createVirtualNetwork } from './virtual-network.ts'
import type { VirtualNetwork } from './virtual-network.ts'

type Options = Partial<CommonOptions> & { readonly transports?: readonly TransportName[] }

/** A client on a network, one subscription, and what its listener got. */
export const visitNetwork = (weather: VirtualNetwork['weather'] = () => 'clear', options: Options = {}, seed = 1) => {
  const clock = new FakeClock({ seed })
  const network = createVirtualNetwork(clock)
  network.weather = weather
  const client = createVirtualClient(clock, network, options)
  const got: unknown[] = []
  const gotAt: number[] = []
  const gaps: string[] = []
  let sent = 0
  const subscribe = () => {
    const sub = client.subscribe('a', ({ data }) => {
      got.push(data)
      gotAt.push(clock.now())
    })
    sub.on('gap', ({ reason }) => gaps.push(reason))
    return sub
  }
  /** Publishes the next number through the hub. */
  const say = () => network.hub.publish('a', ++sent)
  /** Advances in steps of 10 ms until it is true; how long that took. */
  const until = async (done: () => boolean, mostMs = 60_000): Promise<number> => {
    const from = clock.now()
    await clock.settle()
    while (!done() && clock.now() - from < mostMs) await clock.advance(10)
    return done() ? clock.now() - from : Infinity
  }
  const allInOrder = () => {
    expect(got).toEqual(Array.from({ length: sent }, (_, index) => index + 1))
  }
  return { clock, network, client, got, gotAt, gaps, subscribe, say, until, allInOrder, sent: () => sent }
}
