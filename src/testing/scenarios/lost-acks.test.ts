import { describe, expect, it } from 'vitest'
import { CONTENT_TYPE } from '../../protocol/frames.ts'
import type { TransportName } from '../../transports/transport.ts'
import type { Weather } from '../weather.ts'
import { ALL, publisher } from './set-up.ts'
import type { Scene } from './set-up.ts'

/** The hub gets what is published now, and its answers are lost. */
const loseAnswers = async ({ clock, network }: Scene, transport: TransportName, publish: () => void): Promise<void> => {
  network.weather = ({ path }) => (path === '/publish' ? 'lost' : 'clear')
  network.latencyMs = () => 20
  publish()
  await clock.advance(10)
  if (transport === 'websocket') expect(network.mute()).toBe(1)
  await clock.advance(20)
  network.weather = () => 'refuse'
  network.cut()
  network.latencyMs = () => 0
}

const json = (status: number, code: string): Weather => ({
  respond: () =>
    new Response(JSON.stringify([{ type: 'error', code, message: code }]), {
      status,
      headers: { 'content-type': CONTENT_TYPE },
    }),
})
const page = (status: number): Weather => ({
  respond: () => new Response('<title>No</title>', { status, headers: { 'content-type': 'text/html' } }),
})

describe('R7 a publish that was appended, whose answer is lost and whose repeat is refused, is unknown', () => {
  const back = async (scene: Scene, weather: Weather = 'clear'): Promise<void> => {
    await scene.clock.advance(3_000)
    scene.network.weather = ({ path }) => (path === '/publish' ? weather : 'clear')
    scene.client.signal('network')
    await scene.clock.advance(120_000)
  }

  it.each(ALL)('%s: forbidden', async (transport) => {
    let allowed = true
    const scene = await publisher(transport, {
      hub: { authorize: ({ action }) => action === 'subscribe' || allowed },
    })
    await loseAnswers(scene, transport, () => scene.publish('x'))
    allowed = false
    await back(scene)
    expect(scene.answers()).toEqual(['1 forbidden'])
    expect(scene.outcomes).toEqual(['x unknown'])
    expect(scene.appended()).toEqual(['x'])
    expect(scene.offsets()).toEqual([1])
  })

  it.each(ALL)('%s: unavailable until the resend time is over', async (transport) => {
    let down = false
    const scene = await publisher(transport, {
      store: (store) => ({
        read: (...all) => store.read(...all),
        watch: (...all) => store.watch(...all),
        announce: (text) => store.announce(text),
        hear: (heard) => store.hear(heard),
        close: () => store.close(),
        append: (...all) => (down ? Promise.reject(new Error('down')) : store.append(...all)),
      }),
    })
    await loseAnswers(scene, transport, () => scene.publish('x'))
    down = true
    await back(scene)
    expect(scene.answers().length).toBeGreaterThan(3)
    expect(scene.answers().length).toBeLessThan(20)
    expect(new Set(scene.answers())).toEqual(new Set(['1 unavailable']))
    expect(scene.outcomes).toEqual(['x unknown'])
    expect(scene.appended()).toEqual(['x'])
  })

  it.each(ALL)('%s: unavailable though the store has it, then forbidden', async (transport) => {
    let allowed = true
    const scene = await publisher(transport, {
      hub: { authorize: ({ action }) => action === 'subscribe' || allowed, limits: { permissionMs: 1 } },
      store: (store) => ({
        read: (...all) => store.read(...all),
        watch: (...all) => store.watch(...all),
        announce: (text) => store.announce(text),
        hear: (heard) => store.hear(heard),
        close: () => store.close(),
        append: async (...all) => {
          await store.append(...all)
          allowed = false
          throw new Error('the answer of the store is lost')
        },
      }),
    })
    scene.publish('x')
    await scene.clock.advance(60_000)
    expect(scene.answers()).toEqual(['1 unavailable', '1 forbidden'])
    expect(scene.outcomes).toEqual(['x unknown'])
    expect([scene.appended(), scene.offsets()]).toEqual([['x'], [1]])
  })

  it.each([
    ['400 of the hub', json(400, 'bad-request')],
    ['413 of the hub', json(413, 'too-large')],
    ['413 of a proxy', page(413)],
    ['429 of the hub', json(429, 'rate-limited')],
    ['403 of a proxy', page(403)],
  ] as const)('%s to the request', async (_, weather) => {
    const scene = await publisher('sse')
    await loseAnswers(scene, 'sse', () => scene.publish('x'))
    await back(scene, weather)
    expect(scene.network.connections.filter((each) => each.weather === weather).length).toBeGreaterThan(0)
    expect(scene.outcomes).toEqual(['x unknown'])
    expect(scene.appended()).toEqual(['x'])
  })
})
