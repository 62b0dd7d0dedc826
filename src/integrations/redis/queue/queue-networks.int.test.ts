import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { count } from '../../../testing/cluster-stores.ts'
import { POLL, QueueTrial } from '../../../testing/queue-trial.ts'
import { startRedisCluster } from '../../../testing/redis-cluster.ts'
import type { RedisCluster } from '../../../testing/redis-cluster.ts'
import { describeRedis, freePort, startRedisServer } from '../../../testing/redis-server.ts'
import { makeCertificates, tlsArgs } from '../../../testing/redis-tls.ts'
import { slotOf } from '../cluster/slots.ts'

const undo: (() => unknown)[] = []
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step()
})
const begin = (...given: ConstructorParameters<typeof QueueTrial>): QueueTrial => {
  const trial = new QueueTrial(...given)
  undo.push(() => trial.end())
  return trial
}

describeRedis('redisQueue on a Redis Cluster', () => {
  let cluster: RedisCluster
  beforeAll(async () => {
    cluster = await startRedisCluster(0)
  })
  afterAll(() => cluster.stop())
  const beginAt = (stream: string): QueueTrial =>
    begin(
      { cluster: cluster.urls },
      async (...words) => (await cluster.ownerOf(slotOf(stream))).command(...words),
      stream,
    )

  it.each(['out', 'site:{x}:out'])('the stream %s and what belongs to it lie in one slot', async (stream) => {
    const trial = beginAt(stream)
    const names = Object.values(trial.names)
    expect(new Set(names.map(slotOf)).size).toBe(1)
    trial.queue()
    await trial.add({ channel: 'a', data: 'no JSON' })
    for (const channel of ['a', 'b', 'c', 'd']) await trial.addAll(channel, 1, 5)
    await trial.isDone()
    for (const channel of ['a', 'b', 'c', 'd']) expect(await trial.texts(channel)).toEqual(count(5))
    expect(await trial.refused()).toHaveLength(1)
  })

  it('R5 R6 its slot moves to another node and back while entries come: each is published once, in order', async () => {
    const trial = beginAt('moves')
    const slot = slotOf('moves')
    const home = await cluster.ownerOf(slot)
    const away = cluster.masters.find((node) => node !== home)!
    const { queue } = trial.queue()
    await trial.addAll('a', 1, 50)
    await expect.poll(() => queue.status.published, POLL).toBeGreaterThan(0)
    await cluster.moveSlot(slot, away)
    await trial.addAll('a', 51, 100)
    await expect.poll(() => queue.status.published, POLL).toBeGreaterThan(50)
    await cluster.moveSlot(slot, home)
    await trial.addAll('a', 101, 150)
    await trial.hasAll('a', count(150))
    expect(queue.status).toMatchObject({ published: 150, refused: 0, lost: 0 })
  })
})

describeRedis('redisQueue over TLS', () => {
  it('publishes with the certificates of its options, and without them says what is missing', async () => {
    const certificates = await makeCertificates()
    undo.push(() => certificates.remove())
    const port = await freePort()
    const { ca, client, server: own } = certificates
    const server = await startRedisServer(['--save', '', ...tlsArgs(port, certificates, own, 'yes')])
    undo.push(() => server.stop())
    const url = `rediss://127.0.0.1:${port}`
    const trial = begin(
      { url, client: { socket: { tls: true, ca: ca.cert, cert: client.cert, key: client.key } } },
      (...words) => server.command(...words),
      's',
    )
    const { queue } = trial.queue()
    await queue.ready
    await trial.add({ channel: 'a', data: '1' })
    await trial.hasAll('a', ['1'])
    const bare = trial.queue({ client: { socket: { tls: true, ca: ca.cert } } })
    await expect(bare.queue.ready).rejects.toThrow('Redis wants a certificate of its clients')
  })
})
