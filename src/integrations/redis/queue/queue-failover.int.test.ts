import { afterEach, expect, it } from 'vitest'
import { count } from '../../../testing/cluster-stores.ts'
import { FailoverTrial } from '../../../testing/failover-trial.ts'
import { POLL } from '../../../testing/queue-trial.ts'
import { describeRedis } from '../../../testing/redis-server.ts'

const undo: (() => unknown)[] = []
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step()
})
const start = async (...given: Parameters<typeof FailoverTrial.start>) => {
  const over = await FailoverTrial.start(...given)
  undo.push(() => over.end())
  return over
}

/** How a queue meets a failover, and how long it waits for an answer: a question fails, or none does. */
const MEETS = [
  ['notices it', true, 200],
  ['does not notice it', false, 2000],
] as const

describeRedis('redisQueue and a failover that loses the newest', () => {
  it.each(MEETS)(
    'R5 acknowledgements are lost: a queue that %s is handed the entries again, and each is there once',
    async (_, isNoticed, commandMs) => {
      const over = await start()
      const { pair, trial, dones } = over
      const { queue, hub } = over.queue(commandMs)
      dones.shut()
      await trial.addAll('a', 1, 3)
      await expect.poll(() => queue.status.published, POLL).toBe(3)
      await pair.part()
      dones.open()
      await trial.isDone()
      await expect.poll(() => queue.status.held, POLL).toBe(0)
      expect(await over.held(pair.server, 'a')).toEqual({ waiting: [], pending: 0, logs: [count(3)] })
      expect(await over.held(pair.replica, 'a')).toEqual({ waiting: count(3), pending: 3, logs: [count(3)] })
      await over.failOver(queue, isNoticed)
      await trial.hasAll('a', count(3))
      expect(hub.metrics.publishes).toMatchObject({ appended: 3, repeated: 3 })
      expect(queue.status.retried > 0).toBe(isNoticed)
    },
  )

  it.each(MEETS)(
    'R6 R13 messages and acknowledgements are lost: a queue that %s publishes again, before what is newer, and readers get a gap',
    async (_, isNoticed, commandMs) => {
      const over = await start()
      const { pair, trial, publishes } = over
      const { queue } = over.queue(commandMs)
      const got = await over.reader('a')
      await trial.addAll('a', 1, 1)
      await trial.isDone()
      publishes.shut()
      await trial.addAll('a', 2, 3)
      await trial.addAll('b', 1, 1)
      await expect.poll(() => queue.status.held, POLL).toBe(3)
      await pair.part()
      // The log of this channel begins here.
      const late = await over.reader('b')
      publishes.open()
      await trial.isDone()
      await expect.poll(() => [got.length, late.length, queue.status.held], POLL).toEqual([3, 1, 0])
      expect(await over.held(pair.server, 'a', 'b')).toEqual({ waiting: [], pending: 0, logs: [count(3), ['1']] })
      expect(await over.held(pair.replica, 'a', 'b')).toEqual({
        waiting: ['2', '3', '1'],
        pending: 3,
        logs: [['1'], []],
      })
      await over.failOver(queue, isNoticed, async () => {
        await trial.addAll('a', 4, 4)
        await trial.addAll('b', 2, 2)
      })
      await trial.hasAll('a', count(4))
      expect(await trial.texts('b')).toEqual(count(2))
      expect(queue.status.retried > 0).toBe(isNoticed)
      await expect.poll(() => got, POLL).toContainEqual('lost-tail')
      await expect.poll(() => late, POLL).toEqual([1, 'epoch', 1, 2])
      await trial.addAll('a', 5, 5)
      await expect.poll(() => got.at(-1), POLL).toBe(5)
      expect(got.slice(0, 4)).toEqual([1, 2, 3, 'lost-tail'])
    },
  )

  it('R13 a message is lost that was appended in the lost tail and is acknowledged after it: whoever had it gets a gap', async () => {
    const over = await start()
    const { pair, trial, dones, publishes } = over
    const { queue } = over.queue()
    const got = await over.reader('a')
    await trial.addAll('a', 1, 1)
    await trial.isDone()
    publishes.shut()
    await trial.addAll('a', 2, 2)
    await expect.poll(() => queue.status.held, POLL).toBe(1)
    await pair.part()
    dones.shut()
    publishes.open()
    await expect.poll(() => [got, dones.waiting], POLL).toEqual([[1, 2], 1])
    expect(await over.held(pair.server, 'a')).toEqual({ waiting: ['2'], pending: 1, logs: [['1', '2']] })
    expect(await over.held(pair.replica, 'a')).toEqual({ waiting: ['2'], pending: 1, logs: [['1']] })
    await over.failOver(queue, false)
    dones.open()
    await trial.hasAll('a', ['1'])
    await expect.poll(() => got, POLL).toEqual([1, 2, 'lost-tail'])
    await trial.addAll('a', 3, 3)
    await trial.hasAll('a', ['1', '3'])
    await expect.poll(() => got, POLL).toEqual([1, 2, 'lost-tail', 3])
  })

  it('R13 a store fails over without its queue: it loses what it lacks, and nothing that was not published yet', async () => {
    const over = await start('queue')
    const { pair, trial } = over
    const { queue } = over.queue()
    const got = await over.reader('a')
    await trial.addAll('a', 1, 1)
    await trial.isDone()
    await pair.part()
    await trial.addAll('a', 2, 2)
    await trial.isDone()
    await expect.poll(() => got, POLL).toEqual([1, 2])
    expect(await over.logOf(pair.replica, 'a')).toEqual(['1'])
    expect(await pair.kill()).toBeGreaterThan(0)
    await trial.addAll('a', 3, 3)
    await expect.poll(() => queue.status.retried, POLL).toBeGreaterThan(0)
    await pair.promote()
    pair.open()
    await trial.hasAll('a', ['1', '3'])
    await expect.poll(() => got.slice(0, 3), POLL).toEqual([1, 2, 'lost-tail'])
  })

  it('an entry survives that WAIT 1 has confirmed; another one is gone, and is published when it is added again', async () => {
    const over = await start()
    const { pair, trial, takes } = over
    takes.shut()
    const { queue } = over.queue()
    const add = async (n: number, patienceMs: string): Promise<unknown> => {
      await trial.add({ channel: 'a', data: String(n), key: `order-${n}` })
      return pair.command('WAIT', '1', patienceMs)
    }
    for (const n of [1, 2]) expect(await add(n, '20000')).toBe(1)
    await pair.part()
    expect(await add(3, '1')).toBe(0)
    expect((await over.held(pair.server)).waiting).toEqual(count(3))
    expect((await over.held(pair.replica)).waiting).toEqual(count(2))
    await over.failOver(queue, false)
    await trial.hasAll('a', count(2))
    await add(3, '1')
    await trial.hasAll('a', count(3))
  })

  it.each([true, false])(
    'R6 the group was created in the lost tail: it is created again, and nothing is skipped (the lease is lost too: %s)',
    async (isLeaseLost) => {
      const over = await start()
      const { pair, trial, takes } = over
      await trial.addAll('a', 1, 5)
      takes.shut()
      const { queue } = over.queue()
      await over.asks()
      if (!isLeaseLost) {
        // The first question takes the lease and reads nothing.
        takes.open()
        takes.shut()
        await queue.ready
        await over.asks()
      }
      await pair.part()
      takes.open()
      await trial.hasAll('a', count(5))
      await expect.poll(() => queue.status.held, POLL).toBe(0)
      expect(await over.held(pair.server, 'a')).toEqual({ waiting: [], pending: 0, logs: [count(5)] })
      expect(await over.held(pair.replica, 'a')).toEqual({ waiting: count(5), pending: null, logs: [[]] })
      expect(await pair.replica.command('EXISTS', trial.names.lease)).toBe(isLeaseLost ? 0 : 1)
      await over.failOver(queue, false, () => trial.addAll('a', 6, 7))
      await trial.hasAll('a', count(7))
      expect(queue.status.retried).toBe(0)
    },
  )

  it('R5 the lease is lost and another hub asks first: both have the entries, and each is there once', async () => {
    const over = await start()
    const { pair, trial, takes, publishes } = over
    await trial.addAll('a', 1, 3)
    await pair.part()
    publishes.shut()
    const first = over.queue()
    await expect.poll(() => first.queue.status.held, POLL).toBe(3)
    takes.shut()
    await over.asks()
    expect(await pair.replica.command('EXISTS', trial.names.lease)).toBe(0)
    expect(await pair.kill()).toBeGreaterThan(0)
    await pair.promote()
    pair.open()
    const second = trial.queue({ url: pair.url })
    await trial.hasAll('a', count(3))
    publishes.open()
    await expect.poll(() => first.hub.metrics.publishes.repeated, POLL).toBe(3)
    takes.open()
    await expect.poll(() => first.queue.status, POLL).toMatchObject({ isReading: false, held: 0 })
    expect(second.queue.status).toMatchObject({ isReading: true, published: 3 })
    expect(await trial.texts('a')).toEqual(count(3))
  })

  it('R5 R6 a queue fails over without its store: everything is there once, also what a back end adds again', async () => {
    const over = await start('store')
    const { pair, trial, dones } = over
    const { queue, hub } = over.queue()
    const add = async (from: number, upTo: number): Promise<void> => {
      for (let n = from; n <= upTo; n++) await trial.add({ channel: 'a', data: String(n), key: `order-${n}` })
    }
    dones.shut()
    await add(1, 30)
    await expect.poll(() => queue.status.published, POLL).toBe(30)
    await pair.part()
    dones.open()
    await add(31, 60)
    await expect.poll(() => queue.status.published, POLL).toBeGreaterThan(45)
    expect(await pair.kill()).toBeGreaterThan(0)
    expect(await over.held(pair.replica)).toEqual({ waiting: count(30), pending: 30, logs: [] })
    await pair.promote()
    pair.open()
    await add(31, 60)
    await trial.hasAll('a', count(60))
    expect(hub.metrics.publishes).toMatchObject({ appended: 60, conflict: 0 })
    expect(hub.metrics.publishes.repeated).toBeGreaterThanOrEqual(30)
  })

  it('R5 whatever is under way: what the replica has of queue and logs is there, and once', async () => {
    const over = await start()
    const { pair, trial } = over
    const { queue } = over.queue()
    const channels = ['a', 'b', 'c']
    const add = async (from: number, upTo: number): Promise<void> => {
      for (let n = from; n <= upTo; n++)
        for (const channel of channels) await trial.add({ channel, data: `"${channel}${n}"` })
    }
    await add(1, 40)
    await expect.poll(() => queue.status.published, POLL).toBeGreaterThan(20)
    await pair.part()
    const { published } = queue.status
    await add(41, 60)
    await expect.poll(() => queue.status.published, POLL).toBeGreaterThan(published + 20)
    const before = await over.held(pair.server, ...channels)
    expect(await pair.kill()).toBeGreaterThan(0)
    const left = await over.held(pair.replica, ...channels)
    expect(left.waiting).not.toContain('"a60"')
    expect(left.logs.flat().length).toBeLessThan(before.logs.flat().length)
    await pair.promote()
    pair.open()
    await add(61, 65)
    await trial.isDone()
    const found = (await Promise.all(channels.map((channel) => trial.texts(channel)))).flat()
    expect(new Set(found).size).toBe(found.length)
    expect(found).toEqual(expect.arrayContaining([...left.waiting, ...left.logs.flat(), '"c65"']))
  })
})
