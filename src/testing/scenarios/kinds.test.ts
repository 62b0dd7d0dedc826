import { describe, expect, it } from 'vitest'
import type { Message } from '../../client/types.ts'
import type { TransportName } from '../../transports/transport.ts'
import { ALL, every, setUp, upTo, watchWire } from './set-up.ts'
import type { Options, Scene } from './set-up.ts'

const KINDS = [
  { channel: 'quotes*', kind: 'conflated', by: 'symbol' },
  { channel: 'cursors', kind: 'volatile' },
] as const

interface Quote {
  readonly symbol: string
  readonly price: number
}

const kinds = async (transport: TransportName, options: Options = {}): Promise<Scene> => {
  const scene = await setUp({ transports: [transport], hub: { kinds: KINDS }, channels: [], ...options })
  scene.client.connect()
  await scene.online(transport)
  return scene
}

/** What a subscription gets, and the gaps that it must not get. */
const listen = ({ client }: Scene, channel: string, from: 'latest' | 'earliest') => {
  const got: Message[] = []
  const gaps: unknown[] = []
  const sub = client.subscribe(channel, (message) => got.push(message), { from })
  sub.on('gap', (gap) => gaps.push(gap))
  /** The last price of each symbol. */
  const table = (): Record<string, number> =>
    Object.fromEntries(got.map(({ data }) => [(data as Quote).symbol, (data as Quote).price]))
  return { sub, got, gaps, table }
}

describe.each(ALL)('§3.14 a conflated channel over %s', (transport) => {
  it('begins with the newest of each key, and goes on with what follows', async () => {
    const scene = await kinds(transport, { messages: 5 })
    const quote = (symbol: string, price: number) => scene.network.hub.publish('quotes', { symbol, price })
    await quote('A', 1)
    for (let price = 1; price <= 20; price++) await quote('B', price)
    const { table, got, gaps } = listen(scene, 'quotes', 'earliest')
    await scene.clock.advance(100)
    expect(table()).toEqual({ A: 1, B: 20 })
    expect(got).toHaveLength(2)
    await quote('A', 2)
    await scene.clock.advance(10_000)
    expect(table()).toEqual({ A: 2, B: 20 })
    expect(got).toHaveLength(3)
    expect(gaps).toEqual([])
    scene.client.close()
  })

  it('R1–R3 under load and cuts: each key ends with its newest, offsets rise, and what a reader missed while away comes as one of each', async () => {
    const scene = await kinds(transport, { messages: 50 })
    const { clock, network, client } = scene
    network.latencyMs = () => 5 + 20 * clock.random()
    let price = 0
    const tick = (): void => {
      for (const symbol of ['A', 'B', 'C']) void network.hub.publish('quotes', { symbol, price: ++price })
    }
    const { table, got, gaps } = listen(scene, 'quotes', 'earliest')
    await every(clock, 100, 3_000, tick)
    let cuts = 0
    await every(
      clock,
      10,
      8_000,
      () => (cuts += network.cut()),
      () => cuts > 0,
    )
    expect(cuts).toBeGreaterThan(0)
    await every(clock, 100, 3_000, tick)
    client.disconnect()
    const seen = got.length
    // More than history keeps.
    await every(clock, 10, 1_000, tick)
    client.connect()
    await clock.advance(7_000)
    expect(got.length - seen).toBeLessThanOrEqual(3)
    expect(table()).toEqual({ A: price - 2, B: price - 1, C: price })
    const offsets = got.map(({ offset }) => offset)
    expect(offsets).toEqual([...new Set(offsets)].sort((a, b) => a - b))
    expect(gaps).toEqual([])
    client.close()
  })

  it('R12 after a restart of the hub begins with what is newest then, and says nothing of a gap', async () => {
    const scene = await kinds(transport)
    const { clock, network, client } = scene
    const { table, got, gaps } = listen(scene, 'quotes', 'earliest')
    await network.hub.publish('quotes', { symbol: 'A', price: 1 })
    await clock.advance(10_000)
    network.restart()
    await network.hub.publish('quotes', { symbol: 'B', price: 7 })
    await clock.advance(30_000)
    expect(table()).toEqual({ A: 1, B: 7 })
    await network.hub.publish('quotes', { symbol: 'B', price: 8 })
    await clock.advance(10_000)
    expect(got.map(({ offset }) => offset)).toEqual([1, 1, 2])
    expect(gaps).toEqual([])
    client.close()
  })

  it('refuses data without the key, and says which field it is', async () => {
    const { client, clock } = await kinds(transport)
    const refused = client.publish('quotes', { price: 1 }).catch((error: unknown) => error)
    await clock.advance(5_000)
    expect(await refused).toMatchObject({ code: 'bad-request' })
    expect(String(await refused)).toContain('"symbol"')
    client.close()
  })
})

describe.each(ALL)('§3.15 a volatile channel over %s', (transport) => {
  it('hands over what comes while one is there, and nothing of what came before or meanwhile', async () => {
    const scene = await kinds(transport)
    const { clock, network, client } = scene
    await network.hub.publish('cursors', 'before')
    const { got, gaps } = listen(scene, 'cursors', 'earliest')
    await clock.advance(100)
    // Interval polls are there only when they ask: what came between two of them is gone.
    if (transport !== 'poll') {
      await network.hub.publish('cursors', 'now')
      await clock.advance(1_000)
    }
    client.disconnect()
    await network.hub.publish('cursors', 'meanwhile')
    client.connect()
    await clock.advance(10_000)
    if (transport !== 'poll') await network.hub.publish('cursors', 'again')
    await clock.advance(1_000)
    expect(got.map(({ data }) => data)).toEqual(transport === 'poll' ? [] : ['now', 'again'])
    expect(gaps).toEqual([])
    client.close()
  })

  it('§8.10 send() goes out once and is not answered; without a link it says no', async () => {
    const scene = await kinds(transport)
    const { clock, network, client } = scene
    const wire = watchWire(clock, network)
    const { got } = listen(scene, 'log', 'latest')
    await clock.advance(6_000)
    expect(client.send('log', { x: 1 })).toBe(true)
    await clock.advance(6_000)
    expect(got.map(({ data, own }) => [data, own])).toEqual([[{ x: 1 }, true]])
    expect(wire.up.filter(({ type }) => type === 'send')).toHaveLength(1)
    expect(wire.down.filter(({ type }) => type === 'ack' || type === 'error')).toEqual([])
    network.weather = () => 'refuse'
    network.cut()
    await clock.advance(10_000)
    expect(client.send('log', { x: 2 })).toBe(false)
    network.weather = upTo(transport)
    await clock.advance(60_000)
    expect(got).toHaveLength(1)
    expect(() => client.send('log', () => 1)).toThrow(/JSON/)
    client.close()
    expect(() => client.send('log', 1)).toThrow(/closed/)
  })

  it('§8.10 over a request of its own, one at a time: what finds no room is left out', async () => {
    const { clock, network, client } = await kinds(transport)
    await clock.advance(1_000)
    network.latencyMs = () => 500
    const sent = [1, 2, 3].map((n) => client.send('log', n))
    expect(sent).toEqual(transport === 'websocket' ? [true, true, true] : [true, false, false])
    await clock.advance(3_000)
    expect(client.send('log', 4)).toBe(true)
    client.close()
  })
})
