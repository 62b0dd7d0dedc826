import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LADDERS, numbers, setUpHistory, upTo } from '../testing/history-set-up.ts'
import { pacedFetch } from '../testing/paced-fetch.ts'
import { createVirtualClient } from '../testing/virtual-client.ts'
import type { HistoryPage } from './history-types.ts'

describe('a page that waits', () => {
  it('connects when nothing else did, and waits as long as nothing works', async () => {
    const { ask, clock, client, network } = await setUpHistory(3)
    network.weather = () => 'refuse'
    const asked = ask()
    await clock.advance(60_000)
    expect([client.state.name, asked]).toEqual(['waiting', {}])
    network.weather = () => 'clear'
    await clock.advance(35_000)
    expect(numbers(asked.page)).toEqual([1, 2, 3])
    client.close()
  })

  it('waits for connect() after disconnect(), and holds no request meanwhile', async () => {
    const { ask, clock, client, network } = await setUpHistory(3)
    client.connect()
    await clock.advance(5_000)
    network.latencyMs = () => 1_000
    const asked = ask()
    await clock.settle()
    expect([...network.open].map(({ path }) => path)).toContain('/poll')
    client.disconnect()
    await clock.settle()
    expect([...network.open].map(({ path }) => path)).not.toContain('/poll')
    await clock.advance(60_000)
    expect(asked).toEqual({})
    client.connect()
    await clock.advance(10_000)
    expect(numbers(asked.page)).toEqual([1, 2, 3])
    client.close()
  })

  it.each(['refuse', 'cut', 'lost', 'hang', 'stale'] as const)(
    'is asked for again when its read is met by: %s',
    async (bad) => {
      const { ask, answered, clock, client, network } = await setUpHistory(3)
      client.connect()
      await clock.advance(5_000)
      // What a cache could repeat.
      await answered({ limit: 1 })
      let met = 0
      network.weather = ({ path }) => (path === '/poll' && !met++ ? bad : 'clear')
      const asked = ask()
      await clock.advance(30_000)
      expect(met).toBeGreaterThan(1)
      expect(numbers(asked.page)).toEqual([1, 2, 3])
      client.close()
    },
  )

  it('gets through a line on which it takes longer than a deadline', async () => {
    const { clock, network } = await setUpHistory()
    for (let n = 1; n <= 200; n++) await network.hub.publish('a', `${n} ${'x'.repeat(1_000)}`)
    const { WebSocket } = network
    const client = createVirtualClient(clock, { ...network, WebSocket, fetch: pacedFetch(clock, network, 2_000) })
    let page: HistoryPage | undefined
    void client.history('a', { limit: 200 }).then((answer) => (page = answer))
    await clock.advance(60_000)
    expect(page?.messages.length).toBe(200)
    client.close()
  })

  it('§10.4 comes again when the hub cannot answer now, and no earlier than it is told', async () => {
    const reads: number[] = []
    let broken = true
    const { ask, clock, client } = await setUpHistory(3, {
      store: (memory) => ({
        append: (...args) => memory.append(...args),
        read: async (channel, from, limit) => {
          if (typeof from === 'object' && 'before' in from) {
            reads.push(clock.now())
            if (broken) throw new Error('the store is down')
          }
          return memory.read(channel, from, limit)
        },
        watch: (...args) => memory.watch(...args),
        announce: (text) => memory.announce(text),
        hear: (heard) => memory.hear(heard),
        close: () => memory.close(),
      }),
    })
    const asked = ask()
    await clock.advance(20_000)
    expect(asked).toEqual({})
    expect(reads.length).toBeGreaterThan(2)
    for (const [index, atMs] of reads.slice(1).entries()) expect(atMs - reads[index]!).toBeGreaterThanOrEqual(1_000)
    broken = false
    await clock.advance(30_000)
    expect(numbers(asked.page)).toEqual([1, 2, 3])
    client.close()
  })

  it('§6.3 comes again when its permission is not known in time', async () => {
    const { ask, clock, client } = await setUpHistory(3, {
      hub: { authorize: () => new Promise((resolve) => void clock.after(600, () => resolve(true))) },
      transports: ['poll'],
    })
    const asked = ask()
    await clock.advance(20_000)
    expect(numbers(asked.page)).toEqual([1, 2, 3])
    client.close()
  })

  it('ends with close(), and none begins after it', async () => {
    const { ask, clock, client, network } = await setUpHistory(3)
    network.weather = () => 'hang'
    const asked = [ask(), ask({ before: 'E.3.x' }), ask({}, 'b')]
    await clock.advance(1_000)
    client.close()
    await clock.settle()
    expect(asked.map(({ code }) => code)).toEqual(['closed', 'closed', 'closed'])
    await expect(client.history('a')).rejects.toMatchObject({ code: 'closed' })
    await clock.advance(60_000)
    expect([clock.pending, network.open.size]).toEqual([0, 0])
  })
})

describe('a signal', () => {
  it('that has aborted asks for nothing', async () => {
    const { ask, clock, client, network } = await setUpHistory(3)
    client.connect()
    await clock.advance(5_000)
    const before = network.connections.length
    const asked = ask({ signal: AbortSignal.abort() })
    await clock.advance(5_000)
    expect([asked.code, network.connections.length]).toEqual(['aborted', before])
    client.close()
  })

  it('ends the request, and those who come next do not wait', async () => {
    const { ask, clock, client, network } = await setUpHistory(3)
    client.connect()
    await clock.advance(5_000)
    let hung = 0
    network.weather = ({ path }) => (path === '/poll' && !hung++ ? 'hang' : 'clear')
    const stop = new AbortController()
    const asked = ask({ signal: stop.signal })
    await clock.advance(100)
    expect(hung).toBe(1)
    stop.abort()
    const next = ask({ limit: 1 })
    await clock.advance(100)
    expect([asked.code, numbers(next.page)]).toEqual(['aborted', [3]])
    expect([...network.open].filter(({ path }) => path === '/poll')).toEqual([])
    client.close()
  })

  it('that aborts after the answer changes nothing, and no listener is left on it', async () => {
    const { answered, client } = await setUpHistory(3)
    const stop = new AbortController()
    let listeners = 0
    const { signal } = stop
    const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)]
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners++
      add(...args)
    }
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners--
      remove(...args)
    }
    expect(numbers(await answered({ signal }))).toEqual([1, 2, 3])
    expect(listeners).toBe(0)
    stop.abort()
    client.close()
  })
})

describe('many pages at once', () => {
  it.each(LADDERS)('of %s are read one request after the other, and each is answered', async (...transports) => {
    const { ask, clock, client, network, positions } = await setUpHistory(9, { transports })
    const channels = upTo(150).map((n) => `c${n}`)
    for (const channel of channels) await network.hub.publish(channel, channel)
    client.connect()
    await clock.advance(20_000)
    network.latencyMs = () => 20
    const own = network.open.size
    const pages = [
      ...channels.map((channel) => [[channel], ask({}, channel)] as const),
      ...upTo(5).map((limit) => [upTo(9).slice(-limit), ask({ limit })] as const),
      // One page holds the places of others.
      ...[9, 3, 6].map((n) => [upTo(n - 1), ask({ before: positions[n]! })] as const),
      ...[9, 9].map((n) => [[], ask({ before: positions[n]!.replace(/^/, 'other') })] as const),
    ]
    let most = 0
    for (let waited = 0; waited < 20_000; waited += 10) {
      await clock.advance(10)
      most = Math.max(most, network.open.size)
    }
    expect(pages.filter(([, { page }]) => !page)).toEqual([])
    for (const [expected, { page }] of pages) expect(numbers(page)).toEqual(expected)
    // A WebSocket needs some time to close; the next one is open then.
    expect(most).toBeLessThanOrEqual(own + (transports.join() === 'websocket' ? 2 : 1))
    client.close()
  })
})

describe('R1–R3 in a network that fails', () => {
  it('pages are whole and follow each other without a hole, whatever their size and what is published meanwhile', async () => {
    const weathers = ['clear', 'clear', 'refuse', 'cut', 'lost', 'stale', 'twice', 'hold', 'one-behind'] as const
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...LADDERS),
        fc.integer({ min: 1, max: 40 }),
        fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 4 }),
        fc.array(fc.constantFrom(...weathers), { minLength: 1, maxLength: 30 }),
        async (transports, count, limits, sky) => {
          const { answered, client, clock, network, say } = await setUpHistory(count, { transports })
          client.connect()
          await clock.advance(20_000)
          let at = 0
          network.weather = ({ path }) => (path === '/poll' ? (sky[at++] ?? 'clear') : 'clear')
          const read: unknown[] = []
          for (let before: string | undefined, more = true, turn = 0; more; turn++) {
            const limit = limits[turn % limits.length] ?? 1
            const page: HistoryPage = await answered({ limit, ...(before && { before }) })
            expect(page.messages.length).toBeLessThanOrEqual(limit)
            read.unshift(...(numbers(page) ?? []))
            before = page.messages[0]?.position
            more = page.more
            await say(count + turn + 1)
          }
          expect(read).toEqual(upTo(count))
          client.close()
        },
      ),
      { numRuns: 40, seed: 1 },
    )
  }, 60_000)
})
