import { afterAll, beforeAll } from 'vitest'
import { systemClock } from '../../../base/clock.ts'
import { nodeEnvironment } from '../../../server/node-clock.ts'
import { startRedisCluster } from '../../../testing/redis-cluster.ts'
import type { RedisCluster } from '../../../testing/redis-cluster.ts'
import { describeRedis, loseTail } from '../../../testing/redis-server.ts'
import { SUITE_AGE_MS, SUITE_MESSAGES } from '../../../testing/store-fixture.ts'
import { storeSuite } from '../../../testing/store-suite.ts'
import { namesOf } from '../names.ts'
import { RedisStore } from '../redis-store.ts'
import { slotOf } from './slots.ts'

let cluster: RedisCluster
beforeAll(async () => {
  cluster = await startRedisCluster(0)
})
afterAll(() => cluster.stop())

describeRedis('Redis Cluster', () => {
  let tests = 0
  storeSuite('RedisStore over a cluster', async () => {
    let skewMs = 0
    const prefix = `suite${++tests}`
    const options = { cluster: cluster.urls, prefix, messages: SUITE_MESSAGES, ageMs: SUITE_AGE_MS }
    const store = new RedisStore(options, { ...nodeEnvironment, skewMs: () => skewMs })
    return {
      store,
      advance: async (ms) => void (skewMs += ms),
      wall: () => systemClock.wall() + skewMs,
      loseTail: async (channel, count) => {
        const names = namesOf(prefix, channel)
        await loseTail(await cluster.ownerOf(slotOf(names.log)), names, count)
      },
      delete: async (channel) => {
        const owner = await cluster.ownerOf(slotOf(namesOf(prefix, channel).log))
        const keys = (await owner.command('KEYS', `${prefix}:{${channel}}:*`)) as string[]
        await owner.command('DEL', ...keys)
      },
      close: () => store.close(),
    }
  })
})
