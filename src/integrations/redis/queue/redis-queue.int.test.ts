import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { count } from '../../../testing/cluster-stores.ts'
import { POLL, QueueTrial, latch } from '../../../testing/queue-trial.ts'
import { describeRedis, startRedisServer } from '../../../testing/redis-server.ts'
import type { RedisServer } from '../../../testing/redis-server.ts'
import type { RedisLink } from '../link.ts'
import { doneScript, takeScript } from './queue-scripts.ts'
import { redisQueue } from '../../redis.ts'
import { createHub } from '../../../server/hub.ts'

/** The shortest: for who is gone without a word. */
const leaseMs = 1000

let server: RedisServer
beforeAll(async () => {
  server = await startRedisServer()
})
afterAll(() => server.stop())

let trial: QueueTrial
let tests = 0
const begin = (): QueueTrial => {
  trial = new QueueTrial({ url: server.url }, (...words) => server.command(...words), `q${++tests}`)
  return trial
}
afterEach(() => trial.end())

/** The same link, but for one script: `failing` decides before it is run, `deaf` loses its answer. */
const tapped =
  (sha: string, failing: () => boolean, deaf: (answer: string) => boolean = () => false) =>
  (link: RedisLink): RedisLink => ({
    run: async (script, keys, args) => {
      if (script.sha === sha && failing()) throw new Error('the way to Redis is cut')
      const answer = await link.run(script, keys, args)
      if (script.sha === sha && deaf(JSON.stringify(answer))) throw new Error('the answer is lost')
      return answer
    },
    ping: () => link.ping(),
    announce: (...given) => link.announce(...given),
    hear: (...given) => link.hear(...given),
    subscribe: (...given) => link.subscribe(...given),
    close: () => link.close(),
  })

/** A queue that loses Redis as soon as something was published, before it can say so. */
const cutOncePublished = () => {
  const way = { isCut: false }
  const { queue } = trial.queue({
    leaseMs,
    tap: (link) => tapped(takeScript.sha, () => way.isCut)(tapped(doneScript.sha, () => way.isCut)(link)),
    through: (hub) => ({
      ...hub,
      publish: async (...given) => {
        await hub.publish(...given)
        way.isCut = true
      },
    }),
  })
  return { queue, way }
}

describeRedis('redisQueue', () => {
  it('publishes what is in the stream and what is added, and removes it', async () => {
    const { add, hasAll } = bound(begin())
    await add({ channel: 'a', data: '{"n":1}' })
    const { queue, hub } = trial.queue()
    await queue.ready
    await add({ channel: 'a', data: '{ "n" : 2 }', trace: 'the application’s own' })
    await hasAll('a', ['{"n":1}', '{"n":2}'])
    expect(hub.metrics.publishes.appended).toBe(2)
    expect(queue.status).toMatchObject({ isReading: true, published: 2, refused: 0, lost: 0, retried: 0 })
    await expect.poll(() => queue.status, POLL).toMatchObject({ held: 0, waiting: 0, lagMs: 0 })
  })

  it('R6 keeps the order of each channel over hubs that come and go', async () => {
    const { add } = bound(begin())
    const channels = ['a', 'b', 'c']
    let isOver = false as boolean
    const added = (async () => {
      for (let n = 1; n <= 300; n++) for (const channel of channels) await add({ channel, data: String(n) })
      isOver = true
    })()
    let current = trial.queue()
    const all = [current]
    while (!isOver) {
      await expect.poll(() => current.queue.status.published, POLL).toBeGreaterThan(20)
      const next = trial.queue()
      all.push(next)
      await current.hub.close()
      expect(current.queue.status).toMatchObject({ isReading: false, held: 0 })
      current = next
    }
    await added
    await trial.isDone()
    for (const channel of channels) expect(await trial.texts(channel)).toEqual(count(300))
    const published = all.map(({ queue }) => queue.status.published)
    expect(published.filter((some) => some > 0).length).toBeGreaterThan(2)
    // Handed over in good order: nothing was done twice.
    expect(published.reduce((sum, some) => sum + some, 0)).toBe(900)
  })

  it('of several hubs one reads; when it closes another one does, and begins with what is left', async () => {
    begin()
    const held = latch()
    const first = trial.queue({
      drainMs: 50,
      leaseMs: 3000,
      through: (hub) => ({ ...hub, publish: () => held.opened }),
    })
    await expect.poll(() => first.queue.status.isReading, POLL).toBe(true)
    const second = trial.queue()
    await second.queue.ready
    await trial.addAll('a', 1, 5)
    await expect.poll(() => first.queue.status.held, POLL).toBe(5)
    await expect.poll(() => second.queue.status, POLL).toMatchObject({ isReading: false, waiting: 5 })
    // For longer than one lease.
    await expect.poll(() => second.queue.status.lagMs, POLL).toBeGreaterThan(4500)
    expect(trial.said('queue.reading')).toHaveLength(1)
    await first.queue.close()
    await trial.hasAll('a', count(5))
    expect(second.queue.status.published).toBe(5)
    held.open()
    expect(trial.said('queue.reading').map(({ reading }) => reading)).toEqual([true, false, true])
  })

  it('R5 a relay that dies between publish and ack: the next one publishes again, and it is there once', async () => {
    begin()
    const { queue } = cutOncePublished()
    await queue.ready
    const id = await trial.add({ channel: 'a', data: '1' })
    await expect.poll(() => queue.status.published, POLL).toBe(1)
    expect(await trial.texts('a')).toEqual(['1'])
    expect(await trial.pending()).toEqual([id])
    const next = trial.queue()
    await trial.hasAll('a', ['1'])
    expect(next.hub.metrics.publishes).toMatchObject({ appended: 0, repeated: 1 })
  })

  it.each([false, true])(
    'R5 what was held up while another one read is not published any more, though its key is forgotten (the first answer after that is lost: %s)',
    async (isLost) => {
      begin()
      let isCut = false
      let lost = 0
      const held = latch()
      const late: Promise<unknown>[] = []
      const slow = trial.queue({
        // Longer than it waits before it asks again.
        leaseMs: isLost ? 3000 : leaseMs,
        tap: tapped(
          takeScript.sha,
          () => isCut,
          (answer) => isLost && late.length > 0 && answer.startsWith('["new"') && ++lost === 1,
        ),
        through: (hub) => ({
          ...hub,
          publish: async (...given) => {
            // Once: what is tried again comes here too.
            isCut ||= late.length === 0
            await held.opened
            late.push(hub.publish(...given))
            await late.at(-1)
          },
        }),
      })
      await slow.queue.ready
      await trial.addAll('a', 1, 3)
      await expect.poll(() => isCut, POLL).toBe(true)
      const other = trial.queue()
      await trial.hasAll('a', count(3))
      await trial.forgetKeys('a')
      held.open()
      await expect.poll(() => late.length, POLL).toBeGreaterThan(0)
      await expect(late[0]).rejects.toMatchObject({ code: 'unknown' })
      await other.hub.close()
      isCut = false
      await trial.add({ channel: 'b', data: '4' })
      await trial.hasAll('b', ['4'])
      expect(lost).toBe(isLost ? 1 : 0)
      // Whatever it still had in hand has been tried again, or was let go.
      await expect.poll(() => slow.queue.status.held, POLL).toBe(0)
      expect(slow.queue.status).toMatchObject({ isReading: true, published: 1, refused: 0 })
      expect(await trial.texts('a')).toEqual(count(3))
    },
  )

  it('R5 what it has published itself it does not publish again, though it could not say so for long', async () => {
    begin()
    const { queue, way } = cutOncePublished()
    await queue.ready
    await trial.add({ channel: 'a', data: '1' })
    await expect.poll(() => way.isCut, POLL).toBe(true)
    await expect.poll(() => server.command('EXISTS', trial.names.lease), POLL).toBe(0)
    await trial.forgetKeys('a')
    way.isCut = false
    await trial.hasAll('a', ['1'])
    expect(queue.status).toMatchObject({ published: 1, isReading: true })
    expect(queue.status.retried).toBeGreaterThan(0)
  })

  it('R6 entries that were handed out in an answer that was lost come first', async () => {
    begin()
    let lost = 0
    await trial.addAll('a', 1, 100)
    const { queue } = trial.queue({
      tap: tapped(
        takeScript.sha,
        () => false,
        (answer) => answer.includes('"channel"') && ++lost === 1,
      ),
    })
    await trial.hasAll('a', count(100))
    expect(lost).toBeGreaterThan(1)
    expect(queue.status).toMatchObject({ published: 100, retried: 1 })
  })

  it('R5 an entry that is added again with its key is published once; with other data it is put aside', async () => {
    const { add } = bound(begin())
    const { queue, hub } = trial.queue()
    await queue.ready
    await add({ channel: 'a', data: '1', key: 'order-7' })
    await add({ channel: 'a', data: '1', key: 'order-7' })
    const id = await add({ channel: 'a', data: '2', key: 'order-7' })
    await add({ channel: 'a', data: '3' })
    await trial.hasAll('a', ['1', '3'])
    expect(hub.metrics.publishes).toMatchObject({ appended: 2, repeated: 1, conflict: 1 })
    expect(await trial.refused()).toEqual([
      expect.objectContaining({ entry: id, code: 'conflict', channel: 'a', key: 'order-7', data: '2' }),
    ])
  })

  it('closes with its hub, and can be closed twice', async () => {
    begin()
    const { queue, hub } = trial.queue()
    await queue.ready
    await trial.addAll('a', 1, 20)
    await hub.close()
    const published = queue.status.published
    expect(await trial.texts('a')).toEqual(count(published))
    expect(await trial.length()).toBe(20 - published)
    expect(await server.command('EXISTS', trial.names.lease)).toBe(0)
    await queue.close()
  })

  it.each([
    [{ stream: '' }, 'stream must be 1 to 80 of'],
    [{ stream: 'a b' }, 'stream must be'],
    [{ stream: '{a}{b}' }, 'stream must be'],
    [{ stream: 'x'.repeat(81) }, 'stream must be'],
    [{ hub: {} }, 'hub must be a hub of createHub'],
    [{ leaseMs: 999 }, 'leaseMs must be 1000 to 60000, not 999'],
    [{ drainMs: 0 }, 'drainMs must be a positive whole number'],
    [{ url: 'localhost' }, 'redisQueue: url must be'],
  ])('refuses the options %j', (options, text) => {
    begin()
    const hub = createHub({ authorize: () => true })
    expect(() => redisQueue({ hub, stream: 's', url: server.url, ...(options as object) })).toThrow(text)
  })
})

/** Methods that are called often. */
const bound = (of: QueueTrial) => ({ add: of.add.bind(of), hasAll: of.hasAll.bind(of) })
