import { describe, expect, it } from 'vitest'
import { CLIENT, TestSocket, framesOf, hello, testHub } from '../testing/test-hub.ts'
import type { Answer, Asked, TestHub } from '../testing/test-hub.ts'
import type { HubLimits } from './limits.ts'

const A = [{ channel: 'a', from: 'latest' }]
const publish = (sequence: number) => ({ type: 'publish', channel: 'a', sequence, data: sequence })
const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n + 1)

/** Tokens are the names of users. */
const limited = (limits: Partial<HubLimits>): TestHub =>
  testHub({ limits, trustProxy: 1, authenticate: ({ token }) => (token === undefined ? null : { userId: token }) })

/** A request of one address and user. */
const from = (address: string, token?: string): Asked => ({
  headers: { 'x-forwarded-for': address, ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
})

/** What the answer is, and when to come again. */
const told = ({ status, headers, frames }: Answer): unknown[] => {
  const [error] = framesOf(frames, 'error')
  return status === 200 ? [200] : [status, error?.code, headers['Retry-After'], error?.retryAfterMs]
}

type Send = (hub: TestHub, asked: Asked) => Promise<Answer>
const send =
  (target: string, body?: unknown): Send =>
  (hub, asked) =>
    hub.ask(target, body === undefined ? asked : { ...asked, body })

describe('S7 §9 over a rate an HTTP request is answered 429, with the time to wait', () => {
  const ways: readonly (readonly [string, Send, keyof HubLimits, keyof HubLimits])[] = [
    ['POST /stream', send('/stream', [hello()]), 'connectsPerMinutePerAddress', 'connectsPerMinutePerUser'],
    ['GET /stream', send('/stream?channel=a'), 'connectsPerMinutePerAddress', 'connectsPerMinutePerUser'],
    ['POST /poll', send('/poll', [hello()]), 'pollsPerMinutePerAddress', 'pollsPerMinutePerUser'],
    ['GET /poll', send('/poll?channel=a'), 'pollsPerMinutePerAddress', 'pollsPerMinutePerUser'],
    [
      'POST /publish',
      send('/publish', [hello(), publish(1)]),
      'publishesPerMinutePerAddress',
      'publishesPerMinutePerUser',
    ],
    ['bare /publish', send('/publish?channel=a', 1), 'publishesPerMinutePerAddress', 'publishesPerMinutePerUser'],
  ]

  it.each(ways)('%s by address', async (_way, ask, perAddress) => {
    const hub = limited({ [perAddress]: 60, rateBurstMs: 3000 })
    for (const _ of upTo(3)) expect(told(await ask(hub, from('192.0.2.7')))).toEqual([200])
    const refused = told(await ask(hub, from('192.0.2.7')))
    expect(refused.slice(0, 2)).toEqual([429, 'rate-limited'])
    expect(Number(refused[2]) * 1000).toBeGreaterThanOrEqual(Number(refused[3]))
    // Another one beside it is not touched; a user changes nothing.
    expect(told(await ask(hub, from('192.0.2.8')))).toEqual([200])
    expect(told(await ask(hub, from('192.0.2.7', 'ann')))[0]).toBe(429)
    await hub.clock.advance(Number(refused[3]))
    expect(told(await ask(hub, from('192.0.2.7')))).toEqual([200])
  })

  it.each(ways)('%s by user, wherever he is', async (_way, ask, _perAddress, perUser) => {
    const hub = limited({ [perUser]: 60, rateBurstMs: 3000 })
    for (const n of upTo(3)) expect(told(await ask(hub, from(`192.0.2.${n}`, 'ann')))).toEqual([200])
    expect(told(await ask(hub, from('192.0.2.4', 'ann'))).slice(0, 2)).toEqual([429, 'rate-limited'])
    expect(told(await ask(hub, from('192.0.2.4', 'bob')))).toEqual([200])
    for (const _ of upTo(9)) expect(told(await ask(hub, from('192.0.2.4')))).toEqual([200])
  })

  it('with Infinity there is no rate', async () => {
    const hub = limited({ pollsPerMinutePerAddress: Infinity, rateBurstMs: 1 })
    for (const _ of upTo(200)) expect(told(await hub.ask('/poll', { body: [hello()] }))).toEqual([200])
  })

  it('however many addresses come, no more than rateKeys are remembered, and one over its rate is not forgotten', async () => {
    const hub = limited({ pollsPerMinutePerAddress: 60, rateBurstMs: 3000, rateKeys: 8 })
    const poll = async (address: string): Promise<number> =>
      (await hub.ask('/poll', { ...from(address), body: [hello()] })).status
    for (const _ of upTo(3)) expect(await poll('192.0.2.7')).toBe(200)
    for (const n of upTo(100)) expect(await poll(`198.51.100.${n}`)).toBe(200)
    expect(await poll('192.0.2.7')).toBe(429)
  })

  it('the publishes of a batch are counted one by one; those over the rate are refused in the answer', async () => {
    const hub = limited({ publishesPerMinutePerUser: 60, rateBurstMs: 3000 })
    const answer = await hub.ask('/publish', { ...from('192.0.2.1', 'ann'), body: [hello(), ...upTo(5).map(publish)] })
    expect(answer.status).toBe(200)
    expect(framesOf(answer.frames, 'ack').map(({ sequence }) => sequence)).toEqual([1, 2, 3])
    expect(framesOf(answer.frames, 'error')).toMatchObject([
      { code: 'rate-limited', status: 429, sequence: 4, retryAfterMs: 1500 },
      { code: 'out-of-order', sequence: 5 },
    ])
  })

  it('what the application publishes has no rate', async () => {
    const hub = limited({ publishesPerMinutePerUser: 1, publishesPerMinutePerAddress: 1, publishesPerMinutePerLink: 1 })
    const all = await Promise.all(upTo(100).map((n) => hub.publish('a', n)))
    expect(all).toHaveLength(100)
  })
})

describe('S7 §9 over a rate a frame on a WebSocket is refused, and the link goes on', () => {
  const request = { url: '/', header: () => undefined, remoteAddress: '192.0.2.7' }

  it.each(['publishesPerMinutePerLink', 'publishesPerMinutePerUser', 'publishesPerMinutePerAddress'] as const)(
    '%s: those behind are out of order',
    async (limit) => {
      const hub = limited({ [limit]: 60, rateBurstMs: 3000 })
      const socket = new TestSocket(request).open(hub, hello({ token: 'ann' }))
      await hub.clock.settle()
      socket.send(...upTo(5).map(publish))
      await hub.clock.settle()
      expect(socket.ofType('ack').map(({ sequence }) => sequence)).toEqual([1, 2, 3])
      expect(socket.ofType('error')).toMatchObject([
        { code: 'rate-limited', sequence: 4, retryAfterMs: 1500 },
        { code: 'out-of-order', sequence: 5 },
      ])
      await hub.clock.advance(1500)
      socket.send(publish(4))
      await hub.clock.settle()
      expect(socket.ofType('ack')).toHaveLength(4)
      expect(socket.closed).toBeNull()
    },
  )

  it.each(['subscribesPerMinutePerLink', 'subscribesPerMinutePerUser', 'subscribesPerMinutePerAddress'] as const)(
    '%s: each is told a time of its own',
    async (limit) => {
      const hub = limited({ [limit]: 60, rateBurstMs: 3000 })
      const socket = new TestSocket(request).open(hub, hello({ token: 'ann', channels: A }))
      await hub.clock.settle()
      socket.send(...upTo(6).map((n) => ({ type: 'subscribe', channel: `c${n}`, from: 'latest', ref: n })))
      await hub.clock.settle()
      expect(socket.ofType('run').map(({ channel }) => channel)).toEqual(['a', 'c1', 'c2', 'c3'])
      expect(socket.ofType('error')).toMatchObject([
        { type: 'error', code: 'rate-limited', status: 429, channel: 'c4', ref: 4, retryAfterMs: 1000 },
        { code: 'rate-limited', channel: 'c5', ref: 5, retryAfterMs: 2000 },
        { code: 'rate-limited', channel: 'c6', ref: 6, retryAfterMs: 3000 },
      ])
      expect(socket.closed).toBeNull()
    },
  )

  it('new links of one user: an error, and 4429', async () => {
    const hub = limited({ connectsPerMinutePerUser: 60, rateBurstMs: 3000 })
    const open = async (token: string): Promise<TestSocket> => {
      const socket = new TestSocket().open(hub, hello({ token }))
      await hub.clock.settle()
      return socket
    }
    for (const _ of upTo(3)) expect((await open('ann')).closed).toBeNull()
    const refused = await open('ann')
    expect(refused.closed?.code).toBe(4429)
    expect(refused.frames).toMatchObject([{ type: 'error', code: 'rate-limited', retryAfterMs: 1000 }])
    expect((await open('bob')).closed).toBeNull()
  })

  it('one that does not wait is closed with 4429', async () => {
    const hub = limited({ publishesPerMinutePerLink: 60, rateBurstMs: 1000, refusalsPerMinutePerLink: 50 })
    const rash = new TestSocket().open(hub, hello({ token: 'ann' }))
    const other = new TestSocket().open(hub, hello({ token: 'bob', client: CLIENT.replace('0', '1') }))
    await hub.clock.settle()
    let sent = 0
    while (!rash.closed && sent < 200) {
      rash.send(publish(++sent))
      await hub.clock.settle()
    }
    expect([sent, rash.closed]).toEqual([52, { code: 4429, reason: 'rate-limited' }])
    expect(rash.ofType('error').at(-1)).toMatchObject({ code: 'rate-limited', retryAfterMs: 30_000 })
    expect(rash.ofType('error').at(-1)).not.toHaveProperty('sequence')
    expect(other.closed).toBeNull()
  })

  it('so is one that subscribes again and again', async () => {
    const hub = limited({ subscribesPerMinutePerLink: 60, rateBurstMs: 1000, refusalsPerMinutePerLink: 50 })
    const rash = new TestSocket().open(hub, hello())
    await hub.clock.settle()
    for (const _ of upTo(52)) if (!rash.closed) rash.send({ type: 'subscribe', ...A[0] })
    expect(rash.closed?.code).toBe(4429)
  })

  it.each([
    ['a frame that is none', [null]],
    ['a frame with a bad field', [{ type: 'subscribe', channel: '' }]],
    ['too many publishes', upTo(65).map((n) => publish(n))],
  ])('so is one that sends %s again and again', async (_title, batch) => {
    const hub = limited({ refusalsPerMinutePerLink: 50 })
    const rash = new TestSocket().open(hub, hello())
    await hub.clock.settle()
    for (const n of upTo(51)) {
      expect([n, rash.closed]).toEqual([n, null])
      rash.send(...batch)
      await hub.clock.settle()
    }
    expect(rash.closed?.code).toBe(4429)
  })
})

describe('S7 §9 links of one user or address', () => {
  const polls = (hub: TestHub, asked: Asked) => hub.ask('/poll', { ...asked, body: [hello()] })

  it.each(['linksPerAddress', 'linksPerUser'] as const)('%s: one more is refused, none is thrown out', async (name) => {
    const hub = limited({ [name]: 3 })
    const ann = from('192.0.2.7', 'ann')
    const streams = await Promise.all(upTo(3).map(() => hub.ask('/stream?channel=a', ann)))
    expect(streams.map(({ status }) => status)).toEqual([200, 200, 200])
    for (const asked of [await hub.ask('/stream?channel=a', ann), await polls(hub, ann)]) {
      expect(told(asked).slice(0, 2)).toEqual([429, 'rate-limited'])
      expect(Number(asked.headers['Retry-After'])).toBeGreaterThanOrEqual(1)
    }
    expect((await polls(hub, from('192.0.2.8', 'bob'))).status).toBe(200)
    expect(hub.health.links).toBe(3)
    streams[0]?.stream?.session.gone()
    expect((await polls(hub, ann)).status).toBe(200)
    expect((await polls(hub, ann)).status).toBe(200)
  })

  it('requests that come together do not share the last place', async () => {
    const hub = limited({ linksPerAddress: 3 })
    const held = { body: [hello({ channels: A.map((a) => ({ ...a, from: { after: 'x.0.0' } })), waitMs: 20_000 })] }
    const streams = upTo(10).map(() => hub.ask('/stream', { body: [hello()], ...from('192.0.2.7') }))
    const statuses = (await Promise.all(streams)).map(({ status }) => status)
    expect(statuses.filter((status) => status === 200)).toHaveLength(3)
    expect((await hub.ask('/poll', { ...held, ...from('192.0.2.7') })).status).toBe(429)
  })

  it('a stream whose client is gone before it begins leaves its place', async () => {
    const hub = limited({ linksPerAddress: 1 })
    const gone = new AbortController()
    const request = {
      method: 'POST',
      target: '/stream',
      header: (name: string) => ({ 'content-type': 'text/plain', 'x-forwarded-for': '192.0.2.7' })[name],
      body: async () => ({ kind: 'text', text: JSON.stringify([hello()]) }) as const,
      signal: gone.signal,
      remoteAddress: undefined,
    }
    expect((await hub.gateway.handle(request)).status).toBe(200)
    expect((await hub.gateway.handle(request)).status).toBe(429)
    gone.abort()
    expect((await hub.gateway.handle({ ...request, signal: new AbortController().signal })).status).toBe(200)
  })

  it('a WebSocket over the cap of its user gets an error and 4429, and leaves its place when it ends', async () => {
    const hub = limited({ linksPerUser: 2 })
    const open = async (): Promise<TestSocket> => {
      const socket = new TestSocket().open(hub, hello({ token: 'ann' }))
      await hub.clock.settle()
      return socket
    }
    const [first, second] = [await open(), await open()]
    expect((await open()).closed).toEqual({ code: 4429, reason: 'rate-limited' })
    expect([first.closed, second.closed]).toEqual([null, null])
    first.session.gone()
    expect((await open()).closed).toBeNull()
  })
})
