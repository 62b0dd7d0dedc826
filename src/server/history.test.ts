import { describe, expect, it } from 'vitest'
import type { ServerFrame } from '../protocol/frames.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { TestSocket, fakeEnvironment, framesOf, hello, testHub } from '../testing/test-hub.ts'
import type { TestHub } from '../testing/test-hub.ts'
import type { HubOptions } from './hub-types.ts'
import { MemoryStore } from './memory-store.ts'

/** A hub with nine messages in `a`, and where each of them stands. */
const setUp = async (options: Partial<HubOptions> = {}, data: (n: number) => unknown = (n) => n) => {
  const clock = new FakeClock()
  const store = new MemoryStore({}, fakeEnvironment(clock))
  const hub = testHub({ store, ...options }, clock)
  const positions: string[] = ['']
  for (let n = 1; n <= 9; n++) positions.push((await hub.publish('a', data(n))).position)
  return { hub, store, clock, positions }
}

const page = (before: string | undefined, last = 3, channel = 'a') => ({ channel, from: { last, before }, ref: 7 })
const numbers = (frames: readonly ServerFrame[]): unknown[] =>
  framesOf(frames, 'run').flatMap(({ messages }) => messages.map(({ data }) => data))
const without = (frames: readonly ServerFrame[], ...types: string[]): ServerFrame[] =>
  frames.filter(({ type }) => !types.includes(type))

/** Asks over each transport; the frames that answer, without those of the link itself. */
const ASKING: readonly (readonly [string, (hub: TestHub, request: object) => Promise<readonly ServerFrame[]>])[] = [
  [
    'a poll',
    async (hub, request) => (await hub.ask('/poll', { body: [hello({ channels: [request] })] })).frames.slice(1),
  ],
  [
    'a held poll',
    async (hub, request) =>
      (await hub.ask('/poll', { body: [hello({ waitMs: 20_000, channels: [request] })] })).frames.slice(1),
  ],
  [
    'a stream',
    async (hub, request) => {
      const { stream } = await hub.ask('/stream', { body: [hello({ channels: [request] })] })
      await hub.clock.advance(1000)
      await hub.publish('a', 'news')
      await hub.clock.settle()
      return without(stream!.frames, 'welcome', 'heartbeat')
    },
  ],
  [
    'a hello on a WebSocket',
    async (hub, request) => {
      const socket = new TestSocket().open(hub, hello({ channels: [request] }))
      await hub.clock.settle()
      await hub.publish('a', 'news')
      await hub.clock.settle()
      return without(socket.frames, 'welcome')
    },
  ],
  [
    'a subscribe frame',
    async (hub, request) => {
      const socket = new TestSocket().open(hub, hello())
      await hub.clock.settle()
      socket.send({ type: 'subscribe', ...request })
      await hub.clock.settle()
      await hub.publish('a', 'news')
      await hub.clock.settle()
      return without(socket.frames, 'welcome')
    },
  ],
]

describe.each(ASKING)('§3.16 a page of history by %s', (_, ask) => {
  it('is one run that ends before the place, and nothing follows it', async () => {
    const { hub, positions } = await setUp()
    const frames = await ask(hub, page(positions[6]))
    expect(frames).toMatchObject([{ type: 'run', channel: 'a', after: positions[2], ref: 7, more: true }])
    expect(numbers(frames)).toEqual([3, 4, 5])
  })

  it('begins at the end of the log, and says when there is nothing older', async () => {
    const { hub, positions } = await setUp()
    expect(numbers(await ask(hub, page('end', 2)))).toEqual([8, 9])
    const [oldest] = framesOf(await ask(hub, page(positions[3], 2)), 'run')
    expect(oldest?.messages.map(({ offset }) => offset)).toEqual([1, 2])
    expect(oldest).not.toHaveProperty('more')
  })

  it('keeps the newest where a limit is over', async () => {
    const { hub, positions } = await setUp()
    expect(numbers(await ask(hub, { ...page(positions[8], 5), limit: 2 }))).toEqual([6, 7])
    const big = await setUp({ limits: { answerBytes: 20_000 } }, (n) => String(n).repeat(15_000))
    expect(numbers(await ask(big.hub, page('end', 5)))).toEqual(['9'.repeat(15_000)])
  })

  it('§3.9 from a place that is none is a gap from there, and an empty run behind it', async () => {
    const { hub, positions } = await setUp()
    const before = positions[9]!.replace(/\.9\..*/, '.9.other')
    expect(await ask(hub, page(before))).toEqual([
      { type: 'gap', channel: 'a', from: before, to: positions[9], reason: 'lost-tail', ref: 7 },
      { type: 'run', channel: 'a', after: positions[9], ref: 7, messages: [] },
    ])
    // Nothing was missed: it is none of the gaps that tell of a history which is too short.
    expect(hub.metrics.gaps['lost-tail']).toBe(0)
  })

  it('§3.17 of a conflated channel has what is superseded too, and of a volatile one nothing', async () => {
    const kinds = [
      { channel: 'a', kind: 'conflated' },
      { channel: 'cursor', kind: 'volatile' },
    ] as const
    const { hub, positions } = await setUp({ kinds })
    const frames = await ask(hub, page(positions[6]))
    expect(frames).toMatchObject([{ type: 'run', kind: 'conflated', after: positions[2], ref: 7, more: true }])
    expect(numbers(frames)).toEqual([3, 4, 5])
    const { position } = await hub.publish('cursor', 1)
    const { position: head } = await hub.publish('cursor', 2)
    for (const before of ['end', position, head, 'other.3.x']) {
      expect(await ask(hub, page(before, 3, 'cursor'))).toEqual([
        { type: 'run', channel: 'cursor', kind: 'volatile', after: head, ref: 7, messages: [] },
      ])
    }
  })

  it('S10 needs the permission to subscribe, whatever the position', async () => {
    const { hub, positions } = await setUp({ authorize: ({ action }) => action !== 'subscribe' })
    for (const before of ['end', positions[5]!]) {
      expect(await ask(hub, page(before))).toMatchObject([{ type: 'error', code: 'forbidden', channel: 'a', ref: 7 }])
    }
  })

  it('leaves nothing at the hub', async () => {
    const { hub } = await setUp()
    await ask(hub, page('end'))
    for (const { readers } of hub.inspect().channels) expect(readers).toBe(0)
  })
})

describe('§3.16 beside what else a link has', () => {
  it('ends what the link had of the channel, as unsubscribe does; other channels go on', async () => {
    const { hub, positions } = await setUp()
    const others = ['a', 'b'].map((channel) => ({ channel, from: 'latest' }))
    const socket = new TestSocket().open(hub, hello({ channels: others }))
    await hub.clock.settle()
    socket.send({ type: 'subscribe', ...page(positions[3]) })
    await hub.clock.settle()
    await hub.publish('a', 'of a')
    await hub.publish('b', 'of b')
    await hub.clock.settle()
    expect(numbers(socket.frames)).toEqual([1, 2, 'of b'])
    // It can be had again.
    socket.send({ type: 'subscribe', channel: 'a', from: { last: 1 } })
    await hub.clock.settle()
    expect(numbers(socket.frames).at(-1)).toBe('of a')
  })

  it('pages do not count against the channels of a link once they are answered', async () => {
    const { hub } = await setUp({ limits: { channelsPerReader: 2 } })
    const socket = new TestSocket().open(hub, hello())
    await hub.clock.settle()
    for (const channel of ['a', 'b', 'c', 'd']) {
      socket.send({ type: 'subscribe', ...page('end', 1, channel) })
      await hub.clock.settle()
    }
    expect(socket.ofType('run').map(({ channel }) => channel)).toEqual(['a', 'b', 'c', 'd'])
    expect(socket.ofType('error')).toEqual([])
  })

  it('a page that an answer has no room for is not told in parts: it is to be asked for again', async () => {
    const { hub } = await setUp({ limits: { answerBytes: 40_000 } }, (n) => String(n).repeat(7000))
    for (const channel of ['b', 'c']) for (let n = 1; n <= 9; n++) await hub.publish(channel, String(n).repeat(7000))
    const channels = ['a', 'b', 'c'].map((channel) => page('end', 9, channel))
    const { frames } = await hub.ask('/poll', { body: [hello({ channels })] })
    const runs = framesOf(frames, 'run')
    const told = runs.filter(({ messages }) => messages.length > 0)
    expect(told).toHaveLength(2)
    for (const { messages } of told) expect(messages.map(({ offset }) => offset)).toEqual([8, 9])
    const { channel } = runs.find(({ messages }) => messages.length === 0)!
    expect(runs).toContainEqual({ type: 'run', channel, ref: 7, messages: [], more: true })
  })

  it('§4.8 S8 a permission that was revoked while the store was read is asked for again', async () => {
    let allowed = true
    const answers: (() => void)[] = []
    const { hub, store } = await setUp({
      authenticate: () => ({ userId: 'ann' }),
      authorize: () => allowed,
    })
    const read = store.read.bind(store)
    store.read = async (channel, from, limit) => {
      const found = await read(channel, from, limit)
      if (typeof from === 'object' && 'before' in from) await new Promise<void>((resolve) => void answers.push(resolve))
      return found
    }
    const socket = new TestSocket().open(hub, hello({ channels: [page('end')] }))
    const polled = hub.ask('/poll', { body: [hello({ channels: [page('end')] })] })
    await hub.clock.settle()
    allowed = false
    await hub.revoke({ userId: 'ann', channel: 'a' })
    expect(answers).toHaveLength(2)
    for (const answer of answers) answer()
    await hub.clock.settle()
    for (const frames of [socket.frames, (await polled).frames]) {
      expect(numbers(frames)).toEqual([])
      expect(framesOf(frames, 'error')).toMatchObject([{ code: 'forbidden', channel: 'a' }])
    }
  })

  it('a store that fails is "unavailable", and the link goes on', async () => {
    const { hub, store } = await setUp()
    const read = store.read.bind(store)
    store.read = async (channel, from, limit) => {
      if (typeof from === 'object' && 'before' in from) throw new Error('the store is down')
      return read(channel, from, limit)
    }
    for (const [, ask] of ASKING) {
      const [error] = await ask(hub, page('end'))
      expect(error).toMatchObject({ type: 'error', code: 'unavailable', channel: 'a', ref: 7, retryAfterMs: 1000 })
    }
  })

  it('those who ask for the same page at once cost one read of the store', async () => {
    const { hub, store, positions } = await setUp()
    const read = store.read.bind(store)
    let reads = 0
    store.read = (channel, from, limit) => {
      if (typeof from === 'object' && 'before' in from) reads++
      return read(channel, from, limit)
    }
    const body = [hello({ channels: [page(positions[5])] })]
    const answers = await Promise.all([1, 2, 3].map(() => hub.ask('/poll', { body })))
    for (const { frames } of answers) expect(numbers(frames)).toEqual([2, 3, 4])
    expect(reads).toBe(1)
  })
})

describe('§6.7 GET /poll with before', () => {
  it('has the page', async () => {
    const { hub, positions } = await setUp()
    const target = `/poll?channel=a&since=last:2&before=${positions[4]}`
    expect(numbers((await hub.ask(target)).frames)).toEqual([2, 3])
    expect(numbers((await hub.ask('/poll?channel=a&since=last:2&before=end')).frames)).toEqual([8, 9])
  })

  it.each([
    ['/poll?channel=a&since=last:2&before=', 'no position'],
    ['/poll?channel=a&since=last:2&before=E.1', 'half a position'],
    ['/poll?channel=a&since=last:2&before=latest', 'a word'],
    ['/poll?channel=a&since=last:2&before=end&before=end', 'two'],
    ['/poll?channel=a&before=end', 'no since'],
    ['/poll?channel=a&since=earliest&before=end', 'another since'],
    ['/poll?channel=a&since=E.1.x&before=end', 'a position as since'],
    ['/poll?channel=a&channel=b&since=last:2&before=end', 'two channels'],
    ['/stream?channel=a&since=last:2&before=end', 'a stream'],
  ])('refuses %s: %s', async (target) => {
    const { hub } = await setUp()
    const { status, frames } = await hub.ask(target)
    expect(status).toBe(400)
    expect(frames).toMatchObject([{ type: 'error', code: 'bad-request', field: 'before' }])
  })
})
