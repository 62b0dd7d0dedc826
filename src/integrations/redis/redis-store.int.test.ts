import { afterAll, beforeAll } from 'vitest'
import { systemClock } from '../../base/clock.ts'
import { nodeEnvironment } from '../../server/node-clock.ts'
import { describeRedis, loseTail, startRedisServer } from '../../testing/redis-server.ts'
import type { RedisServer } from '../../testing/redis-server.ts'
import { SUITE_AGE_MS, SUITE_MESSAGES } from '../../testing/store-fixture.ts'
import { storeSuite } from '../../testing/store-suite.ts'
import { namesOf } from './names.ts'
import { RedisStore } from './redis-store.ts'

let server: RedisServer
beforeAll(async () => {
  server = await startRedisServer()
})
afterAll(() => server.stop())

describeRedis('Redis', () => {
  let tests = 0
  storeSuite('RedisStore', async () => {
    let skewMs = 0
    const prefix = `suite${++tests}`
    const options = { url: server.url, prefix, messages: SUITE_MESSAGES, ageMs: SUITE_AGE_MS }
    const store = new RedisStore(options, { ...nodeEnvironment, skewMs: () => skewMs })
    return {
      store,
      advance: async (ms) => void (skewMs += ms),
      wall: () => systemClock.wall() + skewMs,
      loseTail: (channel, count) => loseTail(server, namesOf(prefix, channel), count),
      delete: async (channel) => {
        const keys = (await server.command('KEYS', `${prefix}:{${channel}}:*`)) as string[]
        await server.command('DEL', ...keys)
      },
      close: () => store.close(),
    }
  })
})
