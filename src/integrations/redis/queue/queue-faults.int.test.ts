import { createClient } from 'redis'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { MemoryStore } from '../../../server/memory-store.ts'
import { nodeEnvironment } from '../../../server/node-clock.ts'
import type { Store } from '../../../server/store.ts'
import { createHub } from '../../../server/hub.ts'
import { count } from '../../../testing/cluster-stores.ts'
import { POLL, QueueTrial } from '../../../testing/queue-trial.ts'
import { describeRedis, startRedisServer } from '../../../testing/redis-server.ts'
import type { RedisServer } from '../../../testing/redis-server.ts'
import { startTcpGate } from '../../../testing/tcp-gate.ts'

let server: RedisServer
let trial: QueueTrial
beforeEach(async () => {
  server = await startRedisServer(['--save', '', '--appendonly', 'yes', '--appendfsync', 'no'])
  trial = new QueueTrial({ url: server.url }, (...words) => server.command(...words), 's')
})
afterEach(async () => {
  await trial.end()
  await server.stop()
})

const failed = () => trial.said('queue.failed').map(({ error }) => (error as { readonly message: string }).message)

describeRedis('redisQueue and what is wrong', () => {
  it('entries that can never be published are put aside, each with its reason, and hold nobody up', async () => {
    const deep = `${'['.repeat(33)}${']'.repeat(33)}`
    const bad: readonly (readonly [Readonly<Record<string, string>>, string, string])[] = [
      [{ data: '1' }, 'bad-request', 'the entry has no field `channel`'],
      [{ channel: 'a' }, 'bad-request', 'the entry has no field `data`'],
      [{ channel: 'a', data: '{n:1}' }, 'bad-request', 'the field `data`: this is not JSON'],
      [{ channel: 'a', data: '' }, 'bad-request', 'the field `data`: this is not JSON'],
      [{ channel: 'a', data: deep }, 'bad-request', 'the field `data`: JSON may nest 32 deep at most'],
      [{ channel: '', data: '1' }, 'bad-request', 'channel'],
      [{ channel: 'a\r\nb', data: '1' }, 'bad-request', 'channel'],
      [{ channel: 'x'.repeat(257), data: '1' }, 'bad-request', 'channel'],
      [{ channel: '$answers', data: '1' }, 'forbidden', 'names that begin with $'],
      [{ channel: 'a', data: '1', key: 'two words' }, 'bad-request', 'key must be'],
      [{ channel: 'a', data: '1', key: '' }, 'bad-request', 'key must be'],
      [{ channel: 'a', data: JSON.stringify('x'.repeat(65_535)) }, 'too-large', '65537 bytes of JSON'],
      [{ channel: 'a', data: JSON.stringify('x'.repeat(1_100_000)) }, 'too-large', 'the entry has 1100014 bytes'],
      [{ channel: 'a', data: '1', rest: 'x'.repeat(1_100_000) }, 'too-large', 'the entry has'],
    ]
    const { queue } = trial.queue()
    await queue.ready
    await trial.add({ channel: 'a', data: '"first"' })
    const ids: string[] = []
    for (const [fields] of bad) ids.push(await trial.add(fields))
    ids.push(String(await server.command('XADD', 's', '*', 'channel', 'a', 'channel', 'b', 'data', '1')))
    await trial.add({ channel: 'a', data: '"last"' })
    await trial.hasAll('a', ['"first"', '"last"'])
    const refused = await trial.refused()
    // Side by side over channels, so in whatever order.
    for (const [n, [, code, reason]] of bad.entries()) {
      const found = refused.find(({ entry }) => entry === ids[n])
      expect(found?.['code'], reason).toBe(code)
      expect(found?.['reason']).toContain(reason)
    }
    expect(refused.find(({ entry }) => entry === ids.at(-1))?.['reason']).toBe('the field `channel` stands there twice')
    expect(refused).toHaveLength(ids.length)
    expect(queue.status).toMatchObject({ published: 2, refused: ids.length, retried: 0 })
    expect(Math.max(...refused.map(({ data = '' }) => data.length))).toBe(65_536)
    expect(trial.said('queue.refused')).toHaveLength(ids.length)
    expect(JSON.stringify(trial.said('queue.refused'))).not.toMatch(/[\r\n]/)
  })

  it('at most 1000 are kept aside', async () => {
    const { queue } = trial.queue()
    await Promise.all(Array.from({ length: 1100 }, (_, n) => trial.add({ channel: 'a', data: `no JSON ${n}` })))
    await expect.poll(() => queue.status.refused, POLL).toBe(1100)
    const refused = await trial.refused()
    expect([refused.length, refused[0]?.['data'], refused.at(-1)?.['data']]).toEqual([
      1000,
      'no JSON 100',
      'no JSON 1099',
    ])
  })

  it('data comes through as it is', async () => {
    const data = ['{"__proto__":{"x":1},"constructor":null}', '"\\r\\n\\u0000😀"', 'null', '[1e3,-0.5]']
    trial.queue()
    for (const json of data) await trial.add({ channel: 'ä ö/ü{}', data: json, ['__proto__']: 'x' })
    await trial.hasAll('ä ö/ü{}', [data[0]!, '"\\r\\n\\u0000😀"', 'null', '[1000,-0.5]'])
  })

  it('the stream comes later, goes, and comes again; so does the group', async () => {
    const { queue } = trial.queue()
    await queue.ready
    expect(queue.status).toMatchObject({ isReading: true, waiting: 0 })
    await trial.add({ channel: 'a', data: '1' })
    await trial.hasAll('a', ['1'])
    await server.command('DEL', 's')
    await trial.add({ channel: 'a', data: '2' })
    await trial.hasAll('a', ['1', '2'])
    await server.command('XGROUP', 'DESTROY', 's', 'holdfast')
    await trial.add({ channel: 'a', data: '3' })
    await trial.hasAll('a', ['1', '2', '3'])
    await server.command('FLUSHALL')
    await trial.add({ channel: 'a', data: '4' })
    await trial.hasAll('a', ['4'])
    expect(queue.status).toMatchObject({ published: 4, retried: 0, lost: 0 })
  })

  it('Redis dies and comes back: what was added before and after is published once, in order', async () => {
    const { queue, hub } = trial.queue({ commandMs: 300 })
    await trial.addAll('a', 1, 200)
    await expect.poll(() => queue.status.published, POLL).toBeGreaterThan(20)
    await server.restart()
    expect(queue.status.published).toBeLessThan(200)
    await trial.addAll('a', 201, 210)
    await trial.hasAll('a', count(210))
    expect(queue.status.retried).toBeGreaterThan(0)
    expect(hub.metrics.publishes.appended + hub.metrics.publishes.repeated).toBeGreaterThanOrEqual(210)
  })

  it('Redis mute: nothing is lost, and the order is kept', async () => {
    const { queue } = trial.queue({ commandMs: 300 })
    await trial.addAll('a', 1, 200)
    await expect.poll(() => queue.status.published, POLL).toBeGreaterThan(20)
    server.pause()
    await expect.poll(() => queue.status.retried, POLL).toBeGreaterThan(1)
    server.resume()
    await trial.addAll('a', 201, 210)
    await trial.hasAll('a', count(210))
  })

  it('a store that takes nothing for a while is asked again, and nothing is overtaken', async () => {
    let failures = 0
    const memory = new MemoryStore({}, nodeEnvironment)
    const store: Store = {
      append: async (...given) => {
        if (++failures <= 3) throw new Error('full')
        return memory.append(...given)
      },
      read: (...given) => memory.read(...given),
      watch: (...given) => memory.watch(...given),
      announce: (text) => memory.announce(text),
      hear: (heard) => memory.hear(heard),
      close: () => memory.close(),
    }
    const hub = createHub({ authorize: () => true, store })
    trial.onEnd(() => hub.close())
    const { queue } = trial.queue({ hub, through: () => hub })
    await trial.addAll('a', 1, 5)
    await trial.isDone()
    const { messages } = await memory.read('a', 'earliest', { messages: 10, bytes: 10_000 })
    expect(messages.map(({ json }) => json)).toEqual(count(5))
    expect(queue.status).toMatchObject({ published: 5, refused: 0, retried: 3 })
    expect(failed()).toEqual([expect.stringContaining('the store did not take the message')])
  })

  it('each cause of an outage is said once, and again in the next one; a channel that works beside it ends none', async () => {
    let broken = 0
    const { queue } = trial.queue({
      through: (hub) => ({
        ...hub,
        publish: async (channel, ...given) => {
          if (channel === 'a' && broken > 0) throw new Error(broken-- % 2 ? 'full' : 'gone')
          // It is held until the other one has failed: one such success for each.
          await expect.poll(() => channel === 'a' || broken < 4, POLL).toBe(true)
          return hub.publish(channel, ...given)
        },
      }),
    })
    for (const outage of [1, 2]) {
      broken = 4
      await trial.addAll('a', outage, outage)
      await trial.addAll('b', 1, 20)
      await trial.isDone()
      expect(broken).toBe(0)
      expect(failed()).toEqual(count(outage).flatMap(() => ['gone', 'full']))
    }
    expect(queue.status).toMatchObject({ published: 42, retried: 8 })
  })

  it('entries that somebody removed before they were published are named', async () => {
    const held: (() => void)[] = []
    const first = trial.queue({
      drainMs: 10,
      through: (hub) => ({ ...hub, publish: () => new Promise((resolve) => held.push(() => resolve(null))) }),
    })
    await first.queue.ready
    const ids = [await trial.add({ channel: 'a', data: '1' }), await trial.add({ channel: 'a', data: '2' })]
    await expect.poll(() => first.queue.status.held, POLL).toBe(2)
    await server.command('XDEL', 's', ids[0]!)
    await first.queue.close()
    const { queue } = trial.queue()
    await trial.hasAll('a', ['2'])
    expect(queue.status).toMatchObject({ lost: 1, published: 1 })
    expect(trial.said('queue.lost')).toEqual([{ event: 'queue.lost', stream: 's', entry: ids[0] }])
    await expect.poll(() => trial.pending(), POLL).toEqual([])
    for (const release of held) release()
  })

  it('what another consumer of the group has left is taken over, before what is new', async () => {
    await server.command('XGROUP', 'CREATE', 's', 'holdfast', '0', 'MKSTREAM')
    await trial.addAll('a', 1, 3)
    await server.command('XREADGROUP', 'GROUP', 'holdfast', 'somebody', 'COUNT', '2', 'STREAMS', 's', '>')
    for (const id of await trial.pending())
      await server.command('XCLAIM', 's', 'holdfast', 'somebody', '0', id, 'IDLE', '31000')
    expect(await trial.pending()).toHaveLength(2)
    trial.queue()
    await trial.hasAll('a', count(3))
    expect(await trial.pending()).toEqual([])
  })

  it('another kind of key under that name is told with what to do, and it goes on when it is gone', async () => {
    await server.command('SET', 's', 'x')
    const { queue, failures } = trial.queue()
    const message = 'the key s in Redis is no stream: give the queue another name, or remove what is there'
    await expect(queue.ready).rejects.toThrow(message)
    await expect.poll(() => queue.status.retried, POLL).toBeGreaterThan(2)
    expect(failed()).toEqual([expect.stringContaining(message)])
    expect(failures).toHaveLength(1)
    await server.command('DEL', 's')
    await trial.add({ channel: 'a', data: '1' })
    await trial.hasAll('a', ['1'])
  })

  it('a stream that somebody else reads too is not touched', async () => {
    await trial.add({ channel: 'a', data: '1' })
    await server.command('XGROUP', 'CREATE', 's', 'billing', '0')
    const { queue } = trial.queue()
    await expect(queue.ready).rejects.toThrow('the stream s has a consumer group beside holdfast')
    expect(await trial.length()).toBe(1)
    await server.command('XGROUP', 'DESTROY', 's', 'billing')
    await trial.hasAll('a', ['1'])
  })

  it('a user without the rights is told which; with them it works', async () => {
    const rights = ['+@read', '+@write', '+@connection', '+eval', '+evalsha', '+script|load', '+time']
    const user = (...words: string[]) => server.command('ACL', 'SETUSER', 'relay', 'reset', 'on', '>pa55', ...words)
    const url = server.url.replace('//', '//relay:pa55@')
    const needed = `it needs ~s ~{s}:holdfast:* ${rights.join(' ')}`
    for (const few of [
      ['~s', ...rights],
      ['~*', '+@read', ...rights.slice(2)],
      ['~*', '+@connection'],
    ]) {
      await user(...few)
      const { queue } = trial.queue({ url })
      await expect(queue.ready, few.join(' ')).rejects.toThrow(needed)
      await queue.close()
    }
    await user('~s', '~{s}:holdfast:*', ...rights)
    const { queue } = trial.queue({ url })
    await queue.ready
    await server.command('ACL', 'SETUSER', 'shop', 'on', '>pa55', '~s', '+@connection', '+xadd')
    const shop = createClient({ url: server.url.replace('//', '//shop:pa55@') })
    trial.onEnd(() => shop.destroy())
    await shop.connect()
    await shop.xAdd('s', '*', { channel: 'a', data: '1' })
    await trial.add({ channel: 'a', data: 'no JSON' })
    await trial.hasAll('a', ['1'])
    expect(await trial.refused()).toHaveLength(1)
    expect(failed().join()).not.toContain('pa55')
  })

  it('Redis away at the start: it says so, and begins when it is there', async () => {
    const gate = await startTcpGate(server.port)
    trial.onEnd(() => gate.close())
    gate.shut()
    const { queue } = trial.queue({ url: `redis://127.0.0.1:${gate.port}`, commandMs: 200 })
    await expect(queue.ready).rejects.toThrow('Redis could not be reached within 200 ms')
    gate.open()
    await trial.add({ channel: 'a', data: '1' })
    await trial.hasAll('a', ['1'])
  })
})
