import { describe, expect, it } from 'vitest'
import { ALL, publisher } from './set-up.ts'

describe.each(ALL)('R5 R7 a publish whose first copy never arrived, over %s', (transport) => {
  /** It is sent into nothing, and nothing gets through until `backMs` later. */
  const swallowed = async (scene: Awaited<ReturnType<typeof publisher>>, backMs: number): Promise<void> => {
    const { clock, network, client } = scene
    network.weather = ({ path }) => (path === '/publish' ? 'hang' : 'clear')
    if (transport === 'websocket') expect(network.mute()).toBe(1)
    scene.publish('x')
    await clock.advance(100)
    network.weather = () => 'refuse'
    network.cut()
    await clock.advance(backMs - 100)
    expect(scene.appended()).toEqual([])
    network.weather = () => 'clear'
    client.signal('network')
  }

  it('is not appended when its repeat comes after `until`, and is unknown', async () => {
    const { clock, ...scene } = await publisher(transport, {
      hub: {
        // The permission takes so long that the time is over when it is there.
        authorize: ({ action }) =>
          action === 'subscribe' || new Promise((resolve) => void clock.after(1_900, () => resolve(true))),
      },
    })
    await swallowed({ clock, ...scene }, 98_800)
    await clock.advance(1_100)
    expect(scene.sent().length).toBeGreaterThan(1)
    expect(scene.outcomes).toEqual([])
    await clock.advance(60_000)
    expect([scene.answers(), scene.outcomes, scene.appended()]).toEqual([['1 unknown'], ['x unknown'], []])
  })

  it('is not appended by a hub whose clock has jumped past `until`, and is unknown', async () => {
    const scene = await publisher(transport)
    const { clock } = scene
    clock.jump(200_000)
    await swallowed(scene, 3_000)
    await clock.advance(10_000)
    expect([scene.answers(), scene.outcomes, scene.appended()]).toEqual([['1 unknown'], ['x unknown'], []])
    // What comes after it has a time of its own.
    scene.publish('y')
    await clock.advance(10_000)
    expect([scene.outcomes, scene.appended()]).toEqual([['x unknown', 'y ok'], ['y']])
  })
})

describe.each(ALL)('R5 §8.9 another user behind the next token, over %s', (transport) => {
  it('what was sent without an answer is unknown and not sent again; what was not sent yet goes on as the new user', async () => {
    let user = 'ann'
    const scene = await publisher(transport, {
      token: () => user,
      hub: { authenticate: ({ token = '' }) => ({ userId: token }) },
    })
    const { clock, network, client, store } = scene
    scene.publish('1')
    await clock.advance(1_000)
    network.weather = ({ path }) => (path === '/publish' ? 'lost' : 'clear')
    network.latencyMs = () => 20
    for (const key of ['2', '3']) scene.publish(key)
    await clock.advance(10)
    if (transport === 'websocket') expect(network.mute()).toBe(1)
    await clock.advance(20)
    network.weather = () => 'refuse'
    network.cut()
    await scene.until(() => client.state.name !== 'online')
    for (const key of ['4', '5']) scene.publish(key)
    await clock.advance(10_000)
    expect([scene.appended(), scene.outcomes]).toEqual([['1', '2', '3'], ['1 ok']])
    const before = scene.sent().length

    user = 'ben'
    network.weather = () => 'clear'
    client.signal('network')
    await clock.advance(20_000)
    expect(scene.outcomes).toEqual(['1 ok', '2 unknown', '3 unknown', '4 ok', '5 ok'])
    expect([scene.sent().slice(before), scene.appended()]).toEqual([
      [4, 5],
      ['1', '2', '3', '4', '5'],
    ])
    const { messages } = await store().read('a', 'earliest', { messages: 10, bytes: 1e6 })
    expect(messages.map(({ sender }) => sender)).toEqual(['ann', 'ann', 'ann', 'ben', 'ben'])
    expect(scene.offsets()).toEqual([1, 2, 3, 4, 5])
  })
})
