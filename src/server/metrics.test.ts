import { describe, expect, it } from 'vitest'
import { HoldfastError } from '../base/errors.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { TestSocket, fakeEnvironment, hello, testHub } from '../testing/test-hub.ts'
import { MemoryStore } from './memory-store.ts'
import type { Appended } from './store.ts'

const reading = (channel: string, from: unknown = 'latest', more: object = {}) =>
  hello({ channels: [{ channel, from }], ...more })
const publish = (sequence: number, more: object = {}) => ({
  type: 'publish',
  channel: 'a',
  sequence,
  data: sequence,
  ...more,
})

describe('hub.metrics', () => {
  it('counts links by transport, and why each ended', async () => {
    const hub = testHub({ authenticate: ({ token }) => (token === 'bad' ? Promise.reject(new Error('no')) : null) })
    const socket = new TestSocket().open(hub, hello())
    new TestSocket().open(hub, hello({ token: 'bad' }))
    const { stream } = await hub.ask('/stream?channel=a')
    await hub.ask('/poll?channel=a')
    const gone = new AbortController()
    const left = hub.ask('/poll', { body: [hello({ waitMs: 20_000 })], signal: gone.signal })
    await hub.clock.settle()
    gone.abort()
    await left
    const held = hub.ask('/poll', { body: [hello({ waitMs: 20_000 })] })
    await hub.clock.settle()
    stream?.session.gone()
    socket.session.gone()
    new TestSocket().open(hub, hello())
    await hub.clock.settle()
    const closed = hub.close()
    await hub.clock.settle()
    await held
    await closed
    expect(hub.metrics.linksOpened).toEqual({ websocket: 3, sse: 1, 'long-poll': 2, poll: 1 })
    expect(hub.metrics.linksClosed).toEqual({
      websocket: { client: 1, unauthorized: 1, goodbye: 1 },
      sse: { client: 1 },
      'long-poll': { client: 1, answered: 1 },
      poll: { answered: 1 },
    })
  })

  it('S6 a link that takes no byte ends as stalled, one that outlasts the drain as cut', async () => {
    // A publish that is never answered holds its link.
    const authorize = ({ action }: { readonly action: string }) =>
      action !== 'publish' || new Promise<boolean>(() => {})
    const hub = testHub({ authorize, limits: { stallMs: 5000, drainMs: 1000, authorizeMs: 60_000 } })
    const stuck = new TestSocket().open(hub, reading('a'))
    stuck.stuck = true
    await hub.publish('a', 'x'.repeat(60_000))
    await hub.clock.advance(10_000)
    expect(stuck.destroyed).toBe(true)
    const owed = new TestSocket().open(hub, hello())
    await hub.clock.settle()
    owed.send(publish(1))
    const closed = hub.close()
    await hub.clock.advance(1000)
    await closed
    expect(hub.metrics.linksClosed.websocket).toEqual({ stalled: 1, cut: 1 })
  })

  it('counts each message once for each reader that it is sent to, whatever the transport', async () => {
    const hub = testHub()
    new TestSocket().open(hub, reading('a'))
    new TestSocket().open(hub, reading('a'))
    await hub.ask('/stream?channel=a')
    await hub.publish('a', 1)
    await hub.publish('a', 2)
    await hub.clock.settle()
    expect(hub.metrics.messagesDelivered).toBe(6)
    await hub.ask('/poll?channel=a&since=earliest')
    expect(hub.metrics.messagesDelivered).toBe(8)
  })

  it('counts publishes by outcome, the application’s own among them', async () => {
    const hub = testHub({ authorize: ({ channel }) => channel !== 'no' })
    const socket = new TestSocket().open(hub, hello())
    await hub.clock.settle()
    socket.send(publish(1), publish(1), publish(2, { channel: 'no' }), publish(1, { data: 'other' }))
    await hub.ask('/publish?channel=a', { body: { n: 1 } })
    await hub.ask('/publish?channel=no', { body: { n: 1 } })
    await hub.publish('a', 1, { key: 'k' })
    await hub.publish('a', 1, { key: 'k' })
    await hub.publish('a', 2, { key: 'k' }).catch(() => undefined)
    await hub.publish('', 2).catch(() => undefined)
    await hub.clock.settle()
    const { publishes } = hub.metrics
    expect(Object.fromEntries(Object.entries(publishes).filter(([, count]) => count > 0))).toEqual({
      appended: 3,
      repeated: 2,
      forbidden: 2,
      conflict: 2,
    })
  })

  it('§8.7 counts publishes that are out of order', async () => {
    const clock = new FakeClock()
    class FailingStore extends MemoryStore {
      override async append(): Promise<Appended> {
        throw new Error('down')
      }
    }
    const hub = testHub({ store: new FailingStore({}, fakeEnvironment(clock)) }, clock)
    const socket = new TestSocket().open(hub, hello())
    await clock.settle()
    socket.send(publish(1), publish(2))
    await clock.settle()
    expect(hub.metrics.publishes).toMatchObject({ unavailable: 1, 'out-of-order': 1, appended: 0 })
    expect(hub.metrics.store.append).toMatchObject({ count: 1, failed: 1 })
  })

  it('counts gaps by reason and refusals by code', async () => {
    const hub = testHub({ authorize: ({ channel }) => channel !== 'no' })
    await hub.publish('a', 1)
    new TestSocket().open(hub, reading('a', { after: 'other.3.x' }))
    await hub.ask('/poll', { body: [reading('a', { after: 'other.3.x' })] })
    new TestSocket().open(hub, reading('no'))
    await hub.ask('/poll?channel=no')
    await hub.ask('/nowhere')
    await hub.ask('/', {})
    await hub.ask('/poll?channel=a', { headers: { origin: 'https://evil.example' } })
    await hub.ask('/publish', { method: 'GET' })
    await hub.clock.settle()
    expect(hub.metrics.gaps).toEqual({ epoch: 2, trimmed: 0, 'lost-tail': 0, limit: 0, expired: 0 })
    expect(hub.metrics.refusals).toMatchObject({
      forbidden: 2,
      'not-found': 1,
      'upgrade-required': 1,
      'forbidden-origin': 1,
      'method-not-allowed': 1,
    })
    expect(hub.metrics.authorize).toEqual({ refused: 1, failed: 0 })
  })

  it('§9 counts each channel over the limit of a reader', async () => {
    const hub = testHub({ limits: { channelsPerReader: 1 } })
    const channels = ['a', 'b', 'c'].map((channel) => ({ channel, from: 'latest' }))
    new TestSocket().open(hub, hello({ channels }))
    await hub.ask('/poll', { body: [hello({ channels })] })
    expect(hub.metrics.refusals['too-many']).toBe(4)
  })

  it('tells a hook that said no from one that failed', async () => {
    const hub = testHub({
      authenticate: ({ token }) => {
        if (token === 'slow') return new Promise(() => {})
        throw new Error('no')
      },
      limits: { helloMs: 500 },
    })
    await hub.ask('/poll?channel=a')
    void hub.ask('/poll?channel=a', { headers: { authorization: 'Bearer slow' } })
    await hub.clock.advance(500)
    expect(hub.metrics.authenticate).toEqual({ refused: 1, failed: 1 })
    const other = testHub({
      authorize: () => {
        throw new Error('down')
      },
    })
    await other.ask('/poll?channel=a')
    expect(other.metrics.authorize).toEqual({ refused: 0, failed: 1 })
  })

  it('times the store, in buckets that each contain those before', async () => {
    const clock = new FakeClock()
    class SlowStore extends MemoryStore {
      override async append(...question: Parameters<MemoryStore['append']>): Promise<Appended> {
        await new Promise<void>((resolve) => clock.after(30, resolve))
        return super.append(...question)
      }
    }
    const hub = testHub({ store: new SlowStore({}, fakeEnvironment(clock)) }, clock)
    const published = hub.publish('a', 1)
    await clock.advance(30)
    await published
    const { append } = hub.metrics.store
    expect(append).toMatchObject({ count: 1, failed: 0, sumMs: 30 })
    expect(append.buckets.find(({ upToMs }) => upToMs === 25)?.count).toBe(0)
    expect(append.buckets.filter(({ count }) => count === 1).map(({ upToMs }) => upToMs)).toEqual([
      50, 100, 250, 500, 1000, 2500, 5000,
    ])
  })

  it('§8.11 times handlers, and tells a no of theirs from a failure', async () => {
    const hub = testHub({ limits: { requestMs: 1000, dataBytes: 100 } })
    const answers: Readonly<Record<string, () => unknown>> = {
      good: () => 1,
      slow: () => new Promise((resolve) => hub.clock.after(30, () => resolve(1))),
      no: () => Promise.reject(new HoldfastError('conflict', 'taken')),
      broken: () => Promise.reject(new TypeError('x')),
      late: () => new Promise(() => {}),
      huge: () => 'x'.repeat(101),
    }
    hub.handle('a', ({ data }) => answers[String(data)]?.())
    const socket = new TestSocket().open(hub, hello())
    await hub.clock.settle()
    socket.send(...Object.keys(answers).map((data, n) => publish(n + 1, { data, reply: true })))
    await hub.clock.settle()
    expect([hub.inspect().requests, hub.metrics.requests.count]).toEqual([2, 4])
    await hub.clock.advance(1000)
    expect([hub.inspect().requests, hub.metrics.publishes.appended]).toEqual([0, 6])
    const { buckets, ...times } = hub.metrics.requests
    expect(times).toEqual({ count: 6, failed: 3, sumMs: 1030 })
    expect(buckets.filter(({ count }) => count === 5).map(({ upToMs }) => upToMs)).toEqual([50, 100, 250, 500])
  })

  it('S11 a code that the application made up counts as internal, and is no name of an object', async () => {
    const hub = testHub()
    hub.core.telemetry.counters.refused('__proto__')
    hub.core.telemetry.counters.published('constructor')
    expect(hub.metrics.refusals.internal).toBe(1)
    expect(hub.metrics.publishes.internal).toBe(1)
  })

  it('is a copy', async () => {
    const hub = testHub()
    const before = hub.metrics
    await hub.publish('a', 1)
    expect(before.publishes.appended).toBe(0)
    expect(hub.metrics.publishes.appended).toBe(1)
  })
})

describe('hub.inspect', () => {
  it('shows links, unsent bytes, tails and the channels with the most readers', async () => {
    const hub = testHub()
    const stuck = new TestSocket().open(hub, reading('a'))
    stuck.stuck = true
    new TestSocket().open(hub, hello({ channels: ['a', 'b'].map((channel) => ({ channel, from: 'latest' })) }))
    await hub.ask('/stream?channel=a')
    await hub.ask('/poll?channel=quiet')
    void hub.ask('/poll', { body: [hello({ waitMs: 20_000 })] })
    await hub.clock.settle()
    await hub.publish('a', 'hi')
    await hub.clock.settle()
    const seen = hub.inspect()
    expect(seen).toMatchObject({
      status: 'ready',
      links: { websocket: 2, sse: 1, 'long-poll': 1, poll: 0 },
      tails: { held: 3, idle: 1, messages: 1 },
      channels: [
        { channel: 'a', readers: 3, messages: 1 },
        { channel: 'b', readers: 1, messages: 0 },
      ],
    })
    expect(seen.unsentBytes).toBeGreaterThan(0)
    expect(seen.tails.bytes).toBeGreaterThan(0)
    expect(hub.inspect({ channels: 1 }).channels).toHaveLength(1)
    void hub.close()
    expect(hub.inspect().status).toBe('draining')
  })

  it('lists a thousand channels at most', async () => {
    const hub = testHub({ limits: { channelsPerReader: 2000 } })
    const socket = new TestSocket().open(hub, hello())
    await hub.clock.settle()
    for (let n = 0; n < 1010; n += 202) {
      socket.send(
        ...Array.from({ length: 202 }, (_, at) => ({ type: 'subscribe', channel: `c${n + at}`, from: 'latest' })),
      )
    }
    await hub.clock.settle()
    expect(hub.inspect({ channels: 5000 }).channels).toHaveLength(1000)
    expect(() => hub.inspect({ channels: -1 })).toThrow('must be a whole number')
  })
})
