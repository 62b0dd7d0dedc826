import { afterAll, beforeAll, expect, it } from 'vitest'
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

  it('§3.16 a page of history is read in several pieces, and has every message once', async () => {
    const store = new RedisStore({ url: server.url, prefix: 'pieces' }, nodeEnvironment)
    for (let n = 1; n <= 50; n++) await store.append('a', { json: String(n) })
    const { messages: all } = await store.read('a', 'earliest', { messages: 1000, bytes: 1_000_000 })
    const place = { epoch: (await store.read('a', 'latest', { messages: 1, bytes: 1 })).after.epoch, ...all[41]! }
    for (const last of [15, 16, 17, 32, 33, 41, 42]) {
      const limit = { messages: 1000, bytes: 1_000_000 }
      const page = await store.read('a', { last, before: place }, limit)
      expect(page.messages).toEqual(all.slice(Math.max(0, 41 - last), 41))
      expect(page.more).toBe(last < 41)
      expect((await store.read('a', { last, before: 'end' }, limit)).messages).toEqual(all.slice(50 - last))
    }
    await store.close()
  })
})
