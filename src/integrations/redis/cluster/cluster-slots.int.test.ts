import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { ALL, ClusterStores, Load, POLL, count, jsonOf, slotOfChannel } from '../../../testing/cluster-stores.ts'
import { startRedisCluster } from '../../../testing/redis-cluster.ts'
import type { RedisCluster, RedisClusterNode } from '../../../testing/redis-cluster.ts'
import { describeRedis, errorsOf } from '../../../testing/redis-server.ts'
import { slotOf } from './slots.ts'

let cluster: RedisCluster
let stores: ClusterStores
let first: RedisClusterNode, second: RedisClusterNode, third: RedisClusterNode
beforeAll(async () => {
  cluster = await startRedisCluster(0)
  stores = new ClusterStores(cluster)
  ;[first, second, third] = cluster.masters as [RedisClusterNode, RedisClusterNode, RedisClusterNode]
})
afterEach(() => stores.end())
afterAll(() => cluster.stop())

describeRedis('RedisStore while slots move', () => {
  it('S20 R5 R6 R14 under load all is appended once and in order, and heard of again', async () => {
    const a = stores.open()
    const b = stores.open({ prefix: a.prefix })
    const channel = await stores.channelAt(first)
    const heard = await b.watched(channel)
    const load = new Load(a, channel)
    await load.goesOn()
    const before = await errorsOf(first, 'TRYAGAIN')
    const moving = () => expect.poll(() => errorsOf(first, 'TRYAGAIN'), POLL).toBeGreaterThan(before)
    await cluster.moveSlot(slotOfChannel(channel), second, { moving })
    await load.goesOn()
    await expect.poll(() => heard.includes(null), POLL).toBe(true)
    const since = heard.length
    await expect.poll(() => heard.length, POLL).toBeGreaterThan(since)
    await cluster.moveSlot(slotOfChannel(channel), first)
    await load.goesOn()
    await load.stop()
    expect(await b.texts(channel)).toEqual(count(load.acked).slice(-1000))
    for (const node of [first, second]) expect(await errorsOf(node, 'MOVED')).toBeGreaterThan(0)
    expect([a.refusals, a.failures, b.failures]).toEqual([[], [], []])
  })

  it('R6 what is under way goes where it is asked to, in order', async () => {
    const { store, texts } = stores.open()
    const channel = await stores.channelAt(first)
    await store.append(channel, { json: '1' })
    const before = await errorsOf(first, 'ASK')
    let last = 1
    const append = (upTo: number) => Promise.all(count(upTo).map(() => store.append(channel, { json: String(++last) })))
    let meanwhile: Promise<unknown> = Promise.resolve()
    const gone = async () => {
      await append(20)
      meanwhile = append(10)
    }
    await cluster.moveSlot(slotOfChannel(channel), second, { gone })
    await append(10)
    await meanwhile
    expect(await errorsOf(first, 'ASK')).toBeGreaterThan(before)
    expect(await texts(channel)).toEqual(count(last))
    await cluster.moveSlot(slotOfChannel(channel), first)
  })

  it('a watch that is ended does not come back', async () => {
    const one = stores.open()
    const channel = await stores.channelAt(first)
    const heard: unknown[] = []
    const end = await one.store.watch(channel, (notice) => heard.push(notice))
    end()
    const again = await one.watched(channel)
    await cluster.moveSlot(slotOfChannel(channel), third)
    await expect.poll(() => again, POLL).toEqual([null])
    await one.store.append(channel, { json: '1' })
    await expect.poll(() => jsonOf(again), POLL).toEqual([undefined, '1'])
    expect(heard).toEqual([])
    await cluster.moveSlot(slotOfChannel(channel), first)
    await expect.poll(() => again.length, POLL).toBe(3)
    await one.store.append(channel, { json: '2' })
    await expect.poll(() => jsonOf(again).at(-1), POLL).toBe('2')
  })

  it('announcements are heard wherever their slot goes', async () => {
    const [a, b] = [stores.open({ prefix: 'moving' }), stores.open({ prefix: 'moving' })]
    const heard: string[] = []
    await b.store.hear((text) => heard.push(text))
    const slot = slotOf('moving:announcements')
    const from = await cluster.ownerOf(slot)
    await a.store.announce('before')
    await cluster.moveSlot(slot, from === second ? third : second, { moving: () => a.store.announce('meanwhile') })
    await a.store.announce('after')
    await expect.poll(() => heard, POLL).toEqual(['before', 'meanwhile', 'after'])
    await cluster.moveSlot(slot, from)
  })

  it('R14 all who watch one slot hear again, also while others begin and end to watch', async () => {
    const one = stores.open()
    const slot = slotOfChannel(await stores.channelAt(first))
    const channels: string[] = []
    for (let n = 0; channels.length < 12; n++) if (slotOfChannel(`s${n}`) === slot) channels.push(`s${n}`)
    const elsewhere = Array.from({ length: 40 }, (_, n) => `e${n}`).filter((name) => slotOfChannel(name) !== slot)
    for (const [round, target] of [second, first, second, first].entries()) {
      const heard = await Promise.all(channels.map((channel) => one.watched(channel)))
      const unrest = { isOver: false }
      const watching = (async () => {
        while (!unrest.isOver) {
          const ends = await Promise.all(elsewhere.map((channel) => one.store.watch(channel, () => {})))
          for (const end of ends) end()
        }
      })()
      await cluster.moveSlot(slot, target)
      // The next look at a log, at the latest, shows that its slot has moved.
      await Promise.all(channels.map((channel) => one.store.read(channel, 'latest', ALL)))
      await expect.poll(() => heard.every((notices) => notices.includes(null)), POLL).toBe(true)
      unrest.isOver = true
      await watching
      const json = String(round)
      await Promise.all(channels.map((channel) => one.store.append(channel, { json })))
      await expect.poll(() => heard.map((notices) => jsonOf(notices).at(-1)), POLL).toEqual(channels.map(() => json))
    }
  })
})
