import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { parsePosition } from '../../protocol/position.ts'
import { nodeEnvironment } from '../../server/node-clock.ts'
import type { Notice } from '../../server/store.ts'
import { describeRedis, errorsOf, startRedisServer } from '../../testing/redis-server.ts'
import type { RedisServer } from '../../testing/redis-server.ts'
import { startTcpGate } from '../../testing/tcp-gate.ts'
import type { TcpGate } from '../../testing/tcp-gate.ts'
import { namesOf } from './names.ts'
import type { RedisStoreOptions } from './options.ts'
import { RedisStore } from './redis-store.ts'

const ALL = { messages: 1000, bytes: 1_000_000 }
const POLL = { timeout: 20_000, interval: 10 }

let server: RedisServer
let gate: TcpGate
beforeAll(async () => {
  server = await startRedisServer()
  gate = await startTcpGate(server.port)
})
afterAll(async () => {
  await gate.close()
  await server.stop()
})

const undo: (() => unknown)[] = []
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step()
})

let tests = 0
const open = (options: RedisStoreOptions = {}) => {
  const prefix = `t${++tests}`
  const failures: string[] = []
  const store = new RedisStore(
    {
      url: server.url,
      prefix,
      onError: ({ context, error }) => failures.push(`${context}: ${String(error)}`),
      ...options,
    },
    nodeEnvironment,
  )
  undo.push(() => store.close())
  const texts = async (channel: string) => (await store.read(channel, 'earliest', ALL)).messages.map(({ json }) => json)
  return { store, prefix: options.prefix ?? prefix, failures, texts }
}
const throughGate = () => open({ url: `redis://127.0.0.1:${gate.port}`, commandMs: 300 })
const watched = async ({ store }: ReturnType<typeof open>, channel = 'a') => {
  const heard: (Notice | null)[] = []
  await store.watch(channel, (notice) => heard.push(notice))
  return heard
}
const jsonOf = (heard: readonly (Notice | null)[]) => heard.map((notice) => notice?.message.json)

describeRedis('RedisStore and its Redis', () => {
  it('a Redis that hangs up now in one way, now in another is said once for each', async () => {
    let times = 0
    const gruff = createServer((socket) => {
      socket.on('error', () => undefined)
      // There are two connections.
      if (times++ % 4 < 2) socket.destroy()
      else socket.resetAndDestroy()
    })
    gruff.listen(0, '127.0.0.1')
    await once(gruff, 'listening')
    undo.push(() => gruff.close())
    const { failures } = open({ url: `redis://127.0.0.1:${(gruff.address() as AddressInfo).port}`, commandMs: 300 })
    await expect.poll(() => times, POLL).toBeGreaterThan(16)
    expect(failures.join()).toContain('ECONNRESET')
    expect(failures.join()).toContain('Socket closed unexpectedly')
    expect(new Set(failures).size).toBe(failures.length)
  })

  it('S20 R14 what one hub appends another reads and hears of, with the place it follows', async () => {
    const a = open()
    const b = open({ prefix: a.prefix })
    const heard = await watched(b)
    await a.store.append('a', { json: '{"n":1}', sender: 'ann\n"', publisher: 'p' })
    await a.store.append('a', { json: '"😀\\n"' })
    await expect.poll(() => heard.length, POLL).toBe(2)
    const { messages, after } = await b.store.read('a', 'earliest', ALL)
    expect(heard[0]).toEqual({ after, message: messages[0] })
    expect(heard[1]?.message).toEqual(messages[1])
    expect(messages[0]).toMatchObject({ offset: 1, json: '{"n":1}', sender: 'ann\n"', publisher: 'p' })
  })

  it('announces to all stores of one prefix, and to no other', async () => {
    const a = open()
    const [b, c] = [open({ prefix: a.prefix }), open()]
    const heard: string[] = []
    await b.store.hear((text) => heard.push(`b ${text}`))
    await a.store.hear((text) => heard.push(`a ${text}`))
    await c.store.hear((text) => heard.push(`c ${text}`))
    await a.store.announce('one')
    await expect.poll(() => [...heard].sort(), POLL).toEqual(['a one', 'b one'])
  })

  it.each(['a}b', '{a}', '*', 'a:meta', 'ä ö/ü', '%7B', 'x'.repeat(256)])(
    'S20 the channel %j has names of its own, in one hash slot',
    async (channel) => {
      const { store, prefix, texts } = open()
      await store.append('other', { json: '0' })
      await store.append(channel, { json: '1', key: { userId: '', client: 'c', sequence: 1 } })
      expect(await texts(channel)).toEqual(['1'])
      const names = (await server.command('KEYS', `${prefix}:*`)) as string[]
      const own = names.filter((name) => !name.includes('{other}'))
      expect(own.length).toBe(5)
      expect(new Set(own.map((name) => /\{([^{}]+)\}/.exec(name)?.[1]))).toHaveProperty('size', 1)
    },
  )

  it('§3.12 a page of large messages ends at its bytes', async () => {
    const { store } = open()
    const json = JSON.stringify('x'.repeat(60_000))
    for (let n = 0; n < 40; n++) await store.append('a', { json })
    const page = await store.read('a', 'earliest', { messages: 1000, bytes: 262_144 })
    expect([page.messages.length, page.more]).toEqual([4, true])
  })

  it('S20 Redis away: an append is refused in time, and taken when Redis is back', async () => {
    const one = throughGate()
    await one.store.append('a', { json: '1' })
    expect(gate.shut()).toBeGreaterThan(0)
    await expect(one.store.append('a', { json: '2' })).rejects.toThrow(
      /could not be reached within 300 ms|[Ss]ocket|clos/,
    )
    await expect(one.store.check()).rejects.toThrow('Redis could not be reached within 300 ms')
    await expect(one.store.read('a', 'latest', ALL)).rejects.toThrow('Redis could not be reached within 300 ms')
    gate.open()
    // One that was not answered in time may have been appended: its repeat has the same key.
    const key = { userId: '', client: 'c', sequence: 1 }
    await expect
      .poll(() => one.store.append('a', { json: '3', key }).catch(() => null), POLL)
      .toMatchObject({ kind: 'appended' })
    await one.store.check()
    expect(await one.texts('a')).toEqual(['1', '3'])
    expect(one.failures.join()).toContain('the connection to Redis')
  })

  it('S20 R5 Redis mute: an append is given up in time, and its repeat is appended once', async () => {
    const one = throughGate()
    const request = { json: '1', key: { userId: 'ann', client: 'c', sequence: 1 } }
    await one.store.append('a', { json: '0' })
    server.pause()
    await expect(one.store.append('a', request)).rejects.toThrow('Redis did not answer within 300 ms')
    server.resume()
    await expect.poll(() => one.store.append('a', request).catch(() => null), POLL).toMatchObject({ duplicate: true })
    expect(await one.texts('a')).toEqual(['0', '1'])
  })

  it('R14 a watch that lost its connection is told so, and hears again', async () => {
    const one = open()
    const heard = await watched(one)
    expect(Number(await server.command('CLIENT', 'KILL', 'TYPE', 'pubsub'))).toBeGreaterThan(0)
    await expect.poll(() => heard, POLL).toEqual([null])
    await one.store.append('a', { json: '1' })
    await expect.poll(() => jsonOf(heard), POLL).toEqual([undefined, '1'])
  })

  it('a watch that is ended while Redis is away stays ended', async () => {
    const one = throughGate()
    const heard: unknown[] = []
    const end = await one.store.watch('a', (notice) => heard.push(notice))
    gate.shut()
    end()
    gate.open()
    await expect
      .poll(() => one.store.append('a', { json: '1' }).catch(() => null), POLL)
      .toMatchObject({ kind: 'appended' })
    const other = await watched(one, 'b')
    await one.store.append('b', { json: '2' })
    await expect.poll(() => jsonOf(other), POLL).toContain('2')
    expect(heard).toEqual([])
  })

  it('R6 Redis knows the scripts before any other command: what is appended at once keeps its order', async () => {
    const before = await errorsOf(server, 'NOSCRIPT')
    for (let round = 0; round < 20; round++) {
      await server.command('SCRIPT', 'FLUSH')
      const { store, texts } = open()
      await store.announce('it is connected')
      const appends = Array.from({ length: 20 }, async (_, n) => {
        // Each in a turn of its own, so that answers come in between.
        for (let turn = 0; turn < n * 3; turn++) await new Promise((resolve) => setImmediate(resolve))
        await store.append('a', { json: String(n) })
      })
      await Promise.all(appends)
      expect(await texts('a')).toEqual(Array.from({ length: 20 }, (_, n) => String(n)))
      await store.close()
    }
    expect(await errorsOf(server, 'NOSCRIPT')).toBe(before)
  })

  it('knows its scripts again when Redis forgot them', async () => {
    const { store, texts } = open()
    await store.append('a', { json: '1' })
    await server.command('SCRIPT', 'FLUSH')
    await store.append('a', { json: '2' })
    expect(await texts('a')).toEqual(['1', '2'])
  })

  it.each(['log', 'meta'] as const)('R12 %s was evicted: another epoch, and a gap', async (part) => {
    const { store, prefix } = open()
    const appended = await store.append('a', { json: '1' })
    const place = parsePosition('place' in appended ? `${appended.place.epoch}.1.${appended.place.id}` : '')
    await server.command('DEL', namesOf(prefix, 'a')[part])
    const page = await store.read('a', { after: place! }, ALL)
    expect(page).toMatchObject({ gap: { reason: 'epoch', to: { offset: 0 } }, messages: [] })
    expect(page.after.epoch).not.toBe(place?.epoch)
  })

  it('without memory an append is refused and reading goes on', async () => {
    const { store, texts } = open()
    await store.append('a', { json: '1' })
    await server.command('CONFIG', 'SET', 'maxmemory', '1')
    undo.push(() => server.command('CONFIG', 'SET', 'maxmemory', '0'))
    await expect(store.append('a', { json: '2' })).rejects.toThrow('OOM')
    expect(await texts('a')).toEqual(['1'])
    await server.command('CONFIG', 'SET', 'maxmemory', '0')
    await store.append('a', { json: '3' })
    expect(await texts('a')).toEqual(['1', '3'])
  })

  it('what nobody uses any more goes by itself', async () => {
    const { store, prefix } = open({ idleMs: 86_400_000 })
    await store.append('a', { json: '1', key: { userId: '', key: 'k' } })
    const names = (await server.command('KEYS', `${prefix}:*`)) as string[]
    expect(names.length).toBe(4)
    for (const name of names) {
      const leftMs = Number(await server.command('PTTL', name))
      expect(leftMs, name).toBeGreaterThan(0)
      expect(leftMs, name).toBeLessThanOrEqual(name.endsWith('keys') || name.endsWith('plain') ? 240_000 : 86_400_000)
    }
  })

  it('a wrong password is told once, without the password', async () => {
    await server.command('CONFIG', 'SET', 'requirepass', 'right')
    undo.push(async () => {
      const client = open({ url: server.url.replace('//', '//:right@') })
      await client.store.append('a', { json: '1' })
    })
    const { store, failures } = open({ url: server.url.replace('//', '//:secret@'), commandMs: 1500 })
    await expect(store.append('a', { json: '1' })).rejects.toThrow()
    expect(failures.join()).toContain('WRONGPASS')
    expect(failures.join()).not.toContain('secret')
  })

  it.each([
    [{ url: 'localhost:6379' }, 'url must be a redis:// or rediss:// address'],
    [{ url: 'http://x' }, 'url must be'],
    [{ prefix: 'a b' }, 'prefix must be'],
    [{ prefix: '{x}' }, 'prefix must be'],
    [{ messages: 0 }, 'messages must be a positive whole number, not 0'],
    [{ ageMs: NaN }, 'ageMs must be a positive whole number, not NaN'],
  ])('refuses the options %j', (options, text) => {
    expect(() => new RedisStore(options, nodeEnvironment)).toThrow(text)
  })
})
