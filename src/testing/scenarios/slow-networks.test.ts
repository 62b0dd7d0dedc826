import { describe, expect, it } from 'vitest'
import type { TransportName } from '../../transports/transport.ts'
import { ALL, every, setUp } from './set-up.ts'
import type { Scene } from './set-up.ts'

/** Publishes of the hub and of the client every half second; all of them are judged at the end. */
const talk = ({ clock, say, fromClient }: Scene, ms: number): Promise<void> =>
  every(clock, 500, ms, () => {
    void say()
    void fromClient.publish('a')
  })

describe('R8 a slow but good WebSocket, whose first frame comes after 8 s', () => {
  /** The handshake takes 4 s of them; HTTP is quick. */
  const slow = (scene: Scene): void => {
    scene.network.latencyMs = ({ path }) => (path === '' ? 2_000 : 20)
  }

  it('at the first start: another transport carries at once, and the WebSocket within two minutes', async () => {
    const scene = await setUp()
    slow(scene)
    scene.subscribe()
    expect(await scene.until(() => scene.client.state.name === 'online')).toBeLessThan(1_000)
    expect(scene.client.state.transport).toBe('sse')
    await talk(scene, 120_000)
    expect(scene.client.state.transport).toBe('websocket')
    await scene.judge()
    // The first of them was given up: 8 s is longer than its deadline.
    expect(scene.client.explain().timeline).toMatchObject(
      expect.arrayContaining([expect.objectContaining({ kind: 'demote', transport: 'websocket' })]) as unknown[],
    )
  })

  it('after it was quick and was cut: the same, and it stays', async () => {
    const scene = await setUp()
    const { network, client } = scene
    scene.subscribe()
    await scene.online('websocket')
    await talk(scene, 20_000)
    expect(network.cut()).toBeGreaterThan(0)
    slow(scene)
    await scene.online('sse', 1_000)
    await talk(scene, 120_000)
    expect(client.state.transport).toBe('websocket')
    const sockets = () => network.connections.filter(({ path }) => path === '').length
    const before = sockets()
    await talk(scene, 300_000)
    expect([client.state.transport, sockets()]).toEqual(['websocket', before])
    await scene.judge()
  })
})

const LADDERS: readonly (readonly TransportName[])[] = [ALL, ['sse'], ['long-poll'], ['poll']]

describe('R17 a network so slow that no usual deadline fits', () => {
  it.each([10_000, 20_000].flatMap((ms) => LADDERS.map((ladder) => [ms, ladder] as const)))(
    'round trips of %i ms over %s: the deadlines grow until it connects, it stays, and nothing is lost',
    async (roundTripMs, transports) => {
      const scene = await setUp({ transports })
      const { clock, network, client } = scene
      network.latencyMs = () => roundTripMs / 2
      scene.subscribe()
      await scene.until(() => client.state.name === 'online', 120_000)
      expect(network.connections.length).toBeLessThanOrEqual(12)
      await clock.advance(60_000)
      await talk(scene, 60_000)
      await scene.judge(180_000)
      expect(client.state.name).toBe('online')
      expect(scene.offsets().length).toBe(240)
    },
  )

  it.each([30_000, 60_000].flatMap((ms) => LADDERS.map((ladder) => [ms, ladder] as const)))(
    'round trips of %i ms over %s are above the longest deadline: it does not spin, says that it waits, and is back when they are shorter',
    async (roundTripMs, transports) => {
      const scene = await setUp({ transports })
      const { clock, network, client } = scene
      network.latencyMs = () => roundTripMs / 2
      scene.subscribe()
      const states = new Set<string>()
      client.on('state', ({ name }) => states.add(name))
      await clock.advance(900_000)
      // Four at first, then one or two a minute.
      expect(network.connections.length).toBeLessThanOrEqual(35)
      expect(states).toEqual(new Set(['connecting', 'waiting']))
      network.latencyMs = () => 100
      await scene.until(() => client.state.name === 'online', 35_000)
      await talk(scene, 10_000)
      await scene.judge()
    },
  )
})
