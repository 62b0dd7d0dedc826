import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import * as metrics from '../integrations/metrics.ts'
import * as redis from '../integrations/redis.ts'
import type { QueueStatus } from '../integrations/redis.ts'
import { buildHubProgram } from '../testing/many-nodes/build-hub-program.ts'
import { HubProcess } from '../testing/many-nodes/hub-process.ts'
import { Program, fileFolder, publish, read } from '../testing/program.ts'
import { describeRedis, freePort, startRedisServer } from '../testing/redis-server.ts'
import type { RedisServer } from '../testing/redis-server.ts'

const POLL = { timeout: 20_000, interval: 20 }

let server: RedisServer
beforeAll(async () => {
  server = await startRedisServer()
})
afterAll(() => server.stop())
const undo: (() => unknown)[] = []
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step()
  await server.command('FLUSHALL')
})

const start = (...args: string[]): Program => {
  const load = async (subpath: string) => (subpath === 'metrics' ? metrics : redis)
  const program = new Program(['--dev', '--port', '0', '--redis-url', server.url, ...args], {}, load)
  undo.push(() => program.kill())
  return program
}
const add = (channel: string, data: string, ...more: string[]) =>
  server.command('XADD', 'outbound', '*', 'channel', channel, 'data', data, ...more)
const dataOf = async (url: string, channel: string): Promise<unknown[]> => {
  const frames = await read(url, channel)
  return frames.flatMap(({ messages = [] }) => (messages as { data: unknown }[]).map(({ data }) => data))
}
const waiting = () => server.command('XLEN', 'outbound')

describeRedis('holdfast serve --redis-queue', () => {
  it('publishes what a back end adds to the stream, and says what it did', async () => {
    const program = start('--redis-queue', 'outbound', '--metrics-port', '0')
    const url = await program.url()
    expect(await program.said('queue.reading')).toMatchObject({ level: 'info', stream: 'outbound', reading: true })
    await add('orders:7', '{"state":"paid"}', 'key', 'order-7-paid')
    await add('orders:7', '{"state":"paid"}', 'key', 'order-7-paid')
    await add('orders:7', 'paid')
    await add('orders:7', '{"state":"sent"}')
    await expect.poll(waiting, POLL).toBe(0)
    expect(await dataOf(url, 'orders:7')).toEqual([{ state: 'paid' }, { state: 'sent' }])
    expect(await program.said('queue.refused')).toMatchObject({
      level: 'warn',
      channel: 'orders:7',
      code: 'bad-request',
    })
    const at = String((await program.said('serve.listening'))['metrics'])
    const text = await (await fetch(at)).text()
    for (const line of [
      'holdfast_queue_published_total 3',
      'holdfast_queue_refused_total 1',
      'holdfast_queue_lost_total 0',
      'holdfast_queue_retries_total 0',
      'holdfast_queue_reading 1',
      'holdfast_queue_held 0',
      'holdfast_queue_waiting 0',
      'holdfast_queue_lag_seconds 0',
      'holdfast_publishes_total{outcome="repeated"} 1',
    ]) {
      expect(text.split('\n')).toContain(line)
    }
    const { queue } = (await (await fetch(at.replace('/metrics', '/inspect'))).json()) as { queue: QueueStatus }
    expect(queue).toMatchObject({ isReading: true, published: 3, refused: 1 })
    expect(await program.stop()).toBe(0)
    expect(program.lines.map(({ event }) => event)).toContain('queue.reading')
    expect(await server.command('EXISTS', '{outbound}:holdfast:lease')).toBe(0)
  })

  it('says the same of an entry as of a call', async () => {
    const program = start('--redis-queue', 'outbound')
    const url = await program.url()
    const bad: readonly (readonly [string, unknown])[] = [
      ['', 1],
      ['x'.repeat(257), 1],
      ['$a', 1],
      ['a', 'x'.repeat(70_000)],
      ['a', JSON.parse(`${'['.repeat(40)}${']'.repeat(40)}`)],
    ]
    for (const [channel, data] of bad) {
      await server.command('DEL', '{outbound}:holdfast:refused')
      await add(channel, JSON.stringify(data))
      await expect.poll(waiting, POLL).toBe(0)
      const [[, fields]] = (await server.command('XRANGE', '{outbound}:holdfast:refused', '-', '+')) as [
        [string, string[]],
      ]
      const code = fields[fields.indexOf('code') + 1]
      const answer = await publish(url, encodeURIComponent(channel), undefined, data)
      const frames = (await answer.json()) as { readonly code?: string }[]
      expect([channel.slice(0, 2), frames.find((frame) => frame.code)?.code]).toEqual([channel.slice(0, 2), code])
    }
  })

  it('what cannot be is one line, and 1', async () => {
    await server.command('SET', 'outbound', 'x')
    const program = start('--redis-queue', 'outbound')
    expect(await program.code).toBe(1)
    expect(program.err).toMatch(
      /^holdfast: redisQueue outbound cannot be used: "the key outbound in Redis is no stream: .*\n$/,
    )
  })

  it('R5 R6 processes that are killed: every entry is published once, in order', async () => {
    const program = await buildHubProgram()
    undo.push(program.remove)
    const { write, remove } = fileFolder()
    undo.push(remove)
    const startProcess = async (): Promise<HubProcess> => {
      const port = await freePort()
      const config = write(`${port}.json`, {
        anonymous: 'all',
        port,
        redisUrl: server.url,
        redisQueue: 'outbound',
        metricsPort: 0,
      })
      const hub = await HubProcess.start(program.file, config, port, 2000)
      undo.push(() => hub.close())
      return hub
    }
    const hubs = [await startProcess(), await startProcess()]
    const statusOf = async (hub: HubProcess) => ((await hub.inspect()) as unknown as { queue: QueueStatus }).queue
    const reader = async (): Promise<HubProcess | undefined> => {
      for (const hub of hubs) if ((await statusOf(hub)).isReading) return hub
      return undefined
    }
    let added = 0
    let isOver = false as boolean
    const adding = (async () => {
      while (!isOver) await add('a', String(++added))
    })()
    for (let kills = 0; kills < 2; kills++) {
      await expect.poll(reader, POLL).toBeDefined()
      const victim = (await reader())!
      await expect.poll(async () => (await statusOf(victim)).published, POLL).toBeGreaterThan(50)
      expect(await victim.end('SIGKILL')).toMatchObject({ signal: 'SIGKILL' })
      expect(Number(await waiting())).toBeGreaterThan(0)
      await victim.start()
    }
    isOver = true
    await adding
    await expect.poll(waiting, POLL).toBe(0)
    // An offset is the number of appends so far.
    const store = redis.redisStore({ url: server.url })
    undo.push(() => store.close())
    const { messages } = await store.read('a', { last: 1000 }, { messages: 1000, bytes: 1e7 })
    expect(messages.length).toBeGreaterThan(50)
    expect(messages.at(-1)?.offset).toBe(added)
    expect(messages.filter(({ offset, json }) => String(offset) !== json)).toEqual([])
  }, 120_000)
})
