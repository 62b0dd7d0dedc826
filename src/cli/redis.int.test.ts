import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import * as redis from '../integrations/redis.ts'
import { Program, publish, read } from '../testing/program.ts'
import { startRedisCluster } from '../testing/redis-cluster.ts'
import type { RedisCluster } from '../testing/redis-cluster.ts'
import { describeRedis } from '../testing/redis-server.ts'

const running: Program[] = []
afterEach(async () => {
  for (const program of running.splice(0)) await program.kill()
})
const start = (...args: string[]): Program => {
  const program = new Program(['--dev', '--port', '0', ...args], {}, async () => redis)
  running.push(program)
  return program
}

describeRedis('holdfast serve on Redis', () => {
  let cluster: RedisCluster
  beforeAll(async () => {
    cluster = await startRedisCluster(0)
  })
  afterAll(() => cluster.stop())

  it('R14 R25 several on one cluster are one site', async () => {
    const nodes = cluster.urls.join(',')
    const [a, b] = [start('--redis-cluster', nodes), start('--redis-cluster', cluster.urls[1]!)]
    const [urlA, urlB] = [await a.url(), await b.url()]
    for (const channel of ['a', 'b', 'c', 'd']) {
      expect((await publish(urlA, channel)).status).toBe(200)
      const frames = await read(urlB, channel)
      expect(frames).toContainEqual(
        expect.objectContaining({ messages: [expect.objectContaining({ data: { n: 1 } })] }),
      )
    }
    expect((await fetch(`${urlA}/health`)).status).toBe(200)
    expect(await a.stop()).toBe(0)
  })

  it('a node of a cluster as the one Redis is one line, and 1', async () => {
    const messages: string[] = []
    for (const url of cluster.urls) {
      const program = start('--redis-url', url)
      const outcome = await Promise.race([program.code, program.url()])
      if (outcome === 1) messages.push(program.err)
    }
    // One of the three has the slot that is looked at first.
    expect(messages).toHaveLength(2)
    for (const message of messages) {
      expect(message).toMatch(
        /^holdfast: Redis at redis:\/\/127\.0\.0\.1:\d+ cannot be used: "this Redis is a node of a cluster.*\n$/,
      )
    }
  })
})
