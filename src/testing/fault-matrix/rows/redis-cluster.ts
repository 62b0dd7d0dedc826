import { expect } from 'vitest'
import { namesOf } from '../../../integrations/redis/names.ts'
import { slotOfChannel } from '../../cluster-stores.ts'
import { errorsOf, hasAll } from '../../redis-server.ts'
import { ClusteredRedis } from '../clustered-redis.ts'
import { PREFIX } from '../redis-log.ts'
import type { Row } from '../row.ts'
import { casesIn, cutAll, cutNotices, loseTail, moreThan } from './redis-strikes.ts'
import type { Strike } from './redis-strikes.ts'

/** A master dies when its replica has all. Fires as often as something is appended in its place. */
const failOver: Strike = async (cell, redis) => {
  const pair = await redis.site.pair()
  await cell.flow(10)
  await redis.freeze(pair.server)
  await hasAll(pair)
  const lost = await redis.failOver(pair)
  expect([...lost.values()]).toEqual([0])
  const [channel = ''] = lost.keys()
  const before = await redis.countOf(channel)
  await moreThan(before, () => redis.countOf(channel))
  return (await redis.countOf(channel)) - before
}

/** A slot goes to another master while messages flow. Fires as often as the one that had it sends on. */
const moveSlot: Strike = async (cell, redis) => {
  const { site } = redis
  if (!(site instanceof ClusteredRedis)) throw new Error('only a cluster has slots')
  const { cluster } = site
  const from = await site.serverOf('a')
  const to = cluster.masters.find((master) => master !== from)
  if (!to) throw new Error('a cluster has several masters')
  // What has a key that is not there waits while its slot moves: here the log is there.
  await moreThan(0, () => redis.countOf('a'))
  const arrived = async (): Promise<number> => {
    const [, length] = await Promise.all([to.command('ASKING'), to.command('XLEN', namesOf(PREFIX, 'a').log)])
    return Number(length)
  }
  // All keys are there and the slot is not: hubs have to ask, and are served.
  const gone = async (): Promise<void> => moreThan(await arrived(), arrived)
  await cluster.moveSlot(slotOfChannel('a'), to, { moving: () => cell.flow(10), gone })
  await moreThan(0, () => errorsOf(from, 'MOVED'))
  const asked = await errorsOf(from, 'ASK')
  expect(asked).toBeGreaterThan(0)
  return asked + (await errorsOf(from, 'MOVED'))
}

const inCluster = casesIn(() => ClusteredRedis.start())

/** In the gate each under another column. */
export const redisCluster: Row = {
  id: 'F35',
  what: 'three hubs, and nodes of their Redis Cluster fail',
  gate: false,
  cases: [
    inCluster('a master dies, and its replica has all', failOver, { gate: ['W'] }),
    inCluster('a master dies, and its replica lacks its last messages', loseTail, { gaps: 'any', gate: ['S'] }),
    inCluster('a slot moves to another master', moveSlot, { gate: ['L'] }),
    inCluster('all hubs are cut from one master', cutAll, { gate: ['P'] }),
    inCluster('notices are cut at all nodes', cutNotices, { gate: ['A'] }),
  ],
}
