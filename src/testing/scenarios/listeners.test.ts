import { describe, expect, it } from 'vitest'
import type { Message, Subscription } from '../../client/types.ts'
import type { TransportName } from '../../transports/transport.ts'
import { ALL, setUp, watchWire } from './set-up.ts'
import type { Scene } from './set-up.ts'

/** What a listener may do, and to whom: itself, and the other subscription to its channel. */
type React = (scene: Scene, own: Subscription, other: Subscription) => void

/** Two subscriptions to `a`; the first does something at the third of five messages that come in one run. */
const inBatch = async (transport: TransportName, react: React) => {
  const scene = await setUp({ transports: [transport], channels: ['a', 'b'] })
  const { clock, network, client, historian, say } = scene
  const got: Record<'own' | 'other', number[]> = { own: [], other: [] }
  const onOwn = ({ offset }: Message): void => {
    got.own.push(offset)
    if (offset === 3) react(scene, own, other)
  }
  const own = historian.subscribe(client, 'a', {}, onOwn)
  const other = historian.subscribe(client, 'a', {}, ({ offset }) => got.other.push(offset))
  await scene.online(transport)
  await clock.advance(3_000)
  const { down } = watchWire(clock, network)
  const links = network.connections.length
  await say(5)
  await clock.advance(10_000)
  // R24: they came together.
  const runs = down.map(({ messages }) => (messages as unknown[] | undefined)?.length)
  expect(runs).toContain(5)
  return { ...scene, got, links, own, other }
}

describe.each(ALL)('R15 inside a listener, in the middle of a batch of %s', (transport) => {
  const ALL_FIVE = [1, 2, 3, 4, 5]

  it('it ends itself: it gets no more, the other gets all', async () => {
    const scene = await inBatch(transport, (_, own) => own.unsubscribe())
    await scene.say()
    await scene.judge()
    expect(scene.got).toEqual({ own: [1, 2, 3], other: [...ALL_FIVE, 6] })
  })

  it('it ends the other: the other gets nothing after that', async () => {
    const scene = await inBatch(transport, (_, _own, other) => other.unsubscribe())
    await scene.say()
    await scene.judge()
    expect(scene.got).toEqual({ own: [...ALL_FIVE, 6], other: [] })
  })

  it('it ends the last of the channel, and all of it stops', async () => {
    const scene = await inBatch(transport, (_, own, other) => {
      own.unsubscribe()
      other.unsubscribe()
    })
    await scene.say()
    await scene.judge()
    expect(scene.got).toEqual({ own: [1, 2, 3], other: [] })
  })

  it.each(['latest', 'earliest'] as const)(
    'it subscribes to the same channel from %s: nobody misses or repeats anything',
    async (from) => {
      const scene = await inBatch(transport, ({ historian, client }) => historian.subscribe(client, 'a', { from }))
      await scene.judge()
      await scene.say()
      await scene.judge()
      expect(scene.got).toEqual({ own: [...ALL_FIVE, 6], other: [...ALL_FIVE, 6] })
      expect(scene.ofType('subscribe')).toHaveLength(3)
    },
  )

  it('it ends itself and subscribes anew from where it stood: the new one gets the rest', async () => {
    const scene = await inBatch(transport, ({ historian, client }, own) => {
      own.unsubscribe()
      historian.subscribe(client, 'a', { from: { after: own.position ?? '' } })
    })
    await scene.judge()
    const [, , anew] = scene.ofType('subscribe')
    expect(anew?.position.offset).toBe(3)
    expect(
      scene.ofType('deliver').flatMap(({ sub, position }) => (sub === anew?.sub ? [position.offset] : [])),
    ).toEqual([4, 5])
  })

  it('it ends itself and subscribes anew from latest: the new one is at the head', async () => {
    const scene = await inBatch(transport, ({ historian, client }, own) => {
      own.unsubscribe()
      historian.subscribe(client, 'a')
    })
    await scene.judge()
    expect(scene.ofType('subscribe')).toHaveLength(3)
    expect(scene.got).toEqual({ own: [1, 2, 3], other: ALL_FIVE })
  })

  it('it subscribes to another channel: that one begins, and nobody misses anything', async () => {
    const scene = await inBatch(transport, ({ historian, client }) => historian.subscribe(client, 'b'))
    await scene.say(2, 'b')
    await scene.judge()
    expect(scene.got).toEqual({ own: ALL_FIVE, other: ALL_FIVE })
    expect(scene.offsets()).toHaveLength(12)
  })

  it('it calls close(): nothing after that, to anybody', async () => {
    const scene = await inBatch(transport, ({ client }) => client.close())
    await scene.say()
    await scene.judge(60_000)
    expect(scene.got).toEqual({ own: [1, 2, 3], other: [] })
    expect([scene.client.state.name, scene.network.hub.core.links.size]).toEqual(['closed', 0])
  })

  it('it calls connect(): nothing happens', async () => {
    const scene = await inBatch(transport, ({ client }) => client.connect())
    await scene.judge()
    expect(scene.got).toEqual({ own: ALL_FIVE, other: ALL_FIVE })
    expect(scene.client.explain().timeline.filter(({ kind }) => kind === 'proven')).toHaveLength(1)
  })

  it('it calls disconnect() and connect(): nobody misses or repeats anything', async () => {
    const scene = await inBatch(transport, ({ client }) => {
      client.disconnect()
      client.connect()
    })
    await scene.judge()
    expect(scene.got).toEqual({ own: ALL_FIVE, other: ALL_FIVE })
    expect(scene.client.explain().timeline.filter(({ kind }) => kind === 'proven')).toHaveLength(2)
  })

  it('it calls disconnect(), subscribes from latest and calls connect(): the new one gets nothing that is older', async () => {
    const scene = await inBatch(transport, ({ client, historian }) => {
      client.disconnect()
      historian.subscribe(client, 'a')
      client.connect()
    })
    await scene.say()
    await scene.judge()
    const [, , late] = scene.ofType('subscribe')
    expect(late?.position.offset).toBe(5)
    expect(scene.got).toEqual({ own: [...ALL_FIVE, 6], other: [...ALL_FIVE, 6] })
  })

  it('it publishes: that is appended once, and all get it behind the batch', async () => {
    const scene = await inBatch(transport, ({ fromClient }) => void fromClient.publish('a'))
    await scene.judge()
    expect(scene.got).toEqual({ own: [...ALL_FIVE, 6], other: [...ALL_FIVE, 6] })
    expect(scene.ofType('append')).toHaveLength(6)
  })

  it('R21 it throws: that is reported, and the rest of the batch is handed over, to itself and to the other', async () => {
    const scene = await inBatch(transport, () => {
      throw new Error('mine')
    })
    await scene.judge()
    expect(scene.got).toEqual({ own: ALL_FIVE, other: ALL_FIVE })
    expect(scene.errors).toEqual(['listener-failed'])
  })
})
