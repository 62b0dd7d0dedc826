import { describe, expect, it } from 'vitest'
import { ALL, every, publisher } from './set-up.ts'
import type { Scene } from './set-up.ts'

/** Others publish 1,000 messages a second to `a`, ten at a time, past the network and with keys of their own. */
const others = async ({ clock, network }: Scene, ms: number): Promise<void> => {
  let sequence = 0
  await every(clock, 10, ms, () => {
    const publishes = Array.from({ length: 10 }, () => {
      sequence++
      return { type: 'publish', channel: 'a', sequence, data: { key: `other:${sequence}` } }
    })
    const hello = { type: 'hello', protocol: 1, nonce: `n${sequence}`, client: 'o'.repeat(22) }
    void network.hub.fetch(
      new Request('http://hub.test/realtime/publish', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify([hello, ...publishes]),
      }),
    )
  })
}

describe('R5 the window of keys', () => {
  it.each(ALL)(
    '%s: a repeat whose key 1,000 messages a second pushed out is refused as unknown, never appended',
    async (transport) => {
      const scene = await publisher(transport)
      const { clock, network, client } = scene
      network.weather = ({ path }) => (path === '/publish' ? 'lost' : 'clear')
      network.latencyMs = () => 20
      scene.publish('x')
      await clock.advance(10)
      if (transport === 'websocket') expect(network.mute()).toBe(1)
      await clock.advance(20)
      network.weather = () => 'refuse'
      network.cut()
      expect(scene.appended()).toEqual(['x'])
      await others(scene, 10_100)
      expect(scene.appended()).toHaveLength(10_101)
      network.weather = () => 'clear'
      client.signal('network')
      await clock.advance(5_000)
      expect([scene.answers(), scene.outcomes]).toEqual([['1 unknown'], ['x unknown']])
      expect(scene.appended().filter((key) => key === 'x')).toHaveLength(1)
      // What comes after it is published as ever.
      scene.publish('y')
      await clock.advance(5_000)
      expect(scene.outcomes).toEqual(['x unknown', 'y ok'])
      await scene.until(() => scene.offsets().length === 10_102)
      expect(scene.offsets()).toEqual(Array.from({ length: 10_102 }, (_, index) => index + 1))
      expect(scene.gaps()).toEqual([])
    },
    60_000,
  )

  it('full of other clients it refuses a new one for now, appends nothing of it, and takes it when there is room', async () => {
    const scene = await publisher('websocket')
    const { clock, store } = scene
    for (let n = 0; n < 50_000; n++) {
      const key = { userId: '', client: `c${n}`, sequence: 1 }
      await store().append('b', { json: '{"key":"other"}', key })
    }
    scene.publish('x', 'b')
    await clock.advance(60_000)
    expect([new Set(scene.answers()), scene.outcomes, scene.appended()]).toEqual([new Set(['1 unavailable']), [], []])
    // Two minutes after they published, the others are forgotten; the one that waited too long is unknown by then.
    await clock.advance(61_000)
    scene.publish('y', 'b')
    await clock.advance(10_000)
    expect([scene.outcomes, scene.appended()]).toEqual([['x unknown', 'y ok'], ['y']])
  }, 60_000)
})
