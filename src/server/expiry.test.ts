import { describe, expect, it } from 'vitest'
import { HoldfastError } from '../base/errors.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { TestSocket, fakeEnvironment, framesOf, hello, testHub } from '../testing/test-hub.ts'
import type { HubOptions } from './hub-types.ts'
import { Expiry } from './expiry.ts'
import { DEFAULT_LIMITS } from './limits.ts'
import { MemoryStore } from './memory-store.ts'

const LIFE_MS = 60_000
const channels = [{ channel: 'a', from: 'latest' }]

/** A hub whose tokens say when they expire: ms from the beginning. */
const hubOf = (options: Partial<HubOptions> = {}) => {
  const clock = new FakeClock()
  const beganMs = clock.wall()
  return testHub(
    { authenticate: ({ token }) => ({ userId: 'ann', expiresMs: beganMs + Number(token) }), ...options },
    clock,
  )
}
const token = String(LIFE_MS)

const open = async (hub: ReturnType<typeof hubOf>, fields: object = {}) => {
  const socket = new TestSocket().open(hub, hello({ token, channels, ...fields }))
  const { stream } = await hub.ask('/stream', { body: [hello({ token, channels, ...fields })] })
  await hub.clock.settle()
  return { socket, stream: stream! }
}

describe('S8 a token that expires', () => {
  it('ends a WebSocket and a stream before its time, after a goodbye', async () => {
    const hub = hubOf()
    const { socket, stream } = await open(hub)
    await hub.clock.advance(LIFE_MS - 501)
    expect([socket.closed, stream.ended]).toEqual([null, false])
    await hub.clock.advance(501)
    expect(socket.closed).toEqual({ code: 1000, reason: 'goodbye' })
    expect(stream.ended).toBe(true)
    for (const { frames } of [socket, stream]) {
      const goodbyes = framesOf(frames, 'goodbye')
      expect(goodbyes.map(({ reason }) => reason)).toEqual(['renew', 'expired'])
      expect(goodbyes[0]?.retryAfterMs).toBe(0)
      // Who comes back waits until it is over: no earlier token is any good.
      expect(goodbyes[1]?.retryAfterMs).toBeGreaterThan(0)
      expect(goodbyes[1]?.retryAfterMs).toBeLessThanOrEqual(500)
    }
    expect(hub.core.links.size).toBe(0)
  })

  it('hands over nothing after its time, and everything before', async () => {
    const hub = hubOf()
    const { socket, stream } = await open(hub)
    let sent = 0
    for (; hub.clock.now() < LIFE_MS + 6_000; sent++) {
      await hub.publish('a', hub.clock.now())
      await hub.clock.advance(100)
    }
    for (const { frames } of [socket, stream]) {
      const times = framesOf(frames, 'run').flatMap(({ messages }) => messages.map(({ data }) => data as number))
      expect(times.at(-1)).toBeLessThan(LIFE_MS)
      expect(times.at(-1)).toBeGreaterThanOrEqual(LIFE_MS - 600)
      expect(times).toEqual(times.map((_, n) => n * 100))
    }
    expect(sent).toBe(660)
  })

  it('is told of once, some time before, and the link goes on', async () => {
    const hub = hubOf()
    const { socket } = await open(hub)
    await hub.clock.advance(LIFE_MS - 30_000)
    expect(socket.ofType('goodbye')).toEqual([])
    await hub.clock.advance(23_000)
    expect(socket.ofType('goodbye')).toEqual([{ type: 'goodbye', reason: 'renew', retryAfterMs: 0 }])
    await hub.publish('a', 'still')
    await hub.clock.settle()
    expect(socket.ofType('run').at(-1)?.messages[0]?.data).toBe('still')
    expect(socket.closed).toBeNull()
  })

  it('§6.3 answers a held poll with a goodbye, once, and then at its end', async () => {
    const hub = hubOf({ limits: { holdMs: 40_000 } })
    const body = () => [hello({ token, waitMs: 40_000, channels: [{ channel: 'a', from: { after: position } }] })]
    const { position } = await hub.publish('a', 1)
    await hub.clock.advance(25_000)
    const answers: { atMs: number; reasons: string[] }[] = []
    const poll = async (): Promise<void> => {
      const { status, frames } = await hub.ask('/poll', { body: body() })
      expect(status).toBe(200)
      answers.push({ atMs: hub.clock.now(), reasons: framesOf(frames, 'goodbye').map(({ reason }) => reason) })
      expect(framesOf(frames, 'run')).toMatchObject([{ channel: 'a', after: position, messages: [] }])
    }
    const first = poll()
    await hub.clock.advance(25_000)
    await first
    const second = poll()
    await hub.clock.advance(10_000)
    await second
    expect(answers.map(({ reasons }) => reasons)).toEqual([['renew'], ['expired']])
    expect(answers[0]!.atMs).toBeGreaterThanOrEqual(LIFE_MS - 30_000)
    expect(answers[1]!.atMs).toBeGreaterThanOrEqual(LIFE_MS - 500)
    const late = await hub.ask('/poll', { body: body() })
    expect([late.status, framesOf(late.frames, 'error')[0]?.code]).toEqual([401, 'unauthorized'])
  })

  it.each(['/poll', '/stream', '/publish'])('is refused with 401 by %s', async (path) => {
    const hub = hubOf()
    await hub.clock.advance(LIFE_MS)
    const publish = { type: 'publish', channel: 'a', sequence: 1, data: 1 }
    const body = [hello({ token, channels }), ...(path === '/publish' ? [publish] : [])]
    const answer = await hub.ask(path, { body })
    expect(answer.status).toBe(401)
    expect(framesOf(answer.frames, 'error')).toMatchObject([{ code: 'unauthorized', message: /expired/ }])
  })

  it('is refused with 4401 by a WebSocket', async () => {
    const hub = hubOf()
    await hub.clock.advance(LIFE_MS)
    const socket = new TestSocket().open(hub, hello({ token, channels }))
    await hub.clock.settle()
    expect(socket.closed?.code).toBe(4401)
    expect(socket.ofType('welcome')).toEqual([])
  })

  it('is measured by the wall clock: one that jumps over it ends the link, one that goes back lets it live', async () => {
    const hub = hubOf()
    const forward = await open(hub)
    hub.clock.jump(LIFE_MS)
    await hub.clock.advance(500)
    expect([forward.socket.closed?.code, forward.stream.ended]).toEqual([1000, true])
    hub.clock.jump(-LIFE_MS)
    const back = await open(hub)
    hub.clock.jump(-3_600_000)
    await hub.clock.advance(3_600_000 + LIFE_MS - 2_000)
    expect([back.socket.closed, back.stream.ended]).toEqual([null, false])
    await hub.clock.advance(2_000)
    expect([back.socket.closed?.code, back.stream.ended]).toEqual([1000, true])
  })

  it('is noticed at once after a sleep of the machine', async () => {
    const hub = hubOf()
    const { socket, stream } = await open(hub)
    hub.clock.sleep(LIFE_MS * 10)
    await hub.publish('a', 'late')
    await hub.clock.advance(0)
    expect([socket.closed?.code, stream.ended]).toEqual([1000, true])
    expect(JSON.stringify([socket.frames, stream.frames])).not.toContain('late')
  })

  it('may be a hundred years away', async () => {
    const hub = hubOf()
    const life = { token: String(100 * 365 * 86_400_000) }
    const { socket, stream } = await open(hub, life)
    await hub.clock.advance(60_000)
    expect([socket.closed, stream.ended]).toEqual([null, false])
  })

  it('waits for the answers to publishes that are owed, 2 s at most, and hands nothing over meanwhile', async () => {
    const clock = new FakeClock()
    class SlowStore extends MemoryStore {
      stuck = false
      override append(...all: Parameters<MemoryStore['append']>) {
        return this.stuck ? new Promise<never>(() => {}) : super.append(...all)
      }
    }
    const store = new SlowStore({}, fakeEnvironment(clock))
    const expiresMs = clock.wall() + LIFE_MS
    const hub = testHub({ store, authenticate: () => ({ userId: 'ann', expiresMs }) }, clock)
    const socket = new TestSocket().open(hub, hello({ channels }))
    await clock.advance(LIFE_MS - 1_000)
    store.stuck = true
    socket.send({ type: 'publish', channel: 'b', sequence: 1, data: 1 })
    await clock.advance(1_000)
    expect(socket.closed).toBeNull()
    store.stuck = false
    await hub.publish('a', 'late')
    socket.send({ type: 'subscribe', channel: 'a', from: 'earliest' })
    await clock.advance(1_999)
    expect(socket.closed?.code).toBe(1000)
    expect(JSON.stringify(socket.frames)).not.toContain('late')
  })

  it('S19 sends 10,000 clients for another one over 22 s, not in one', () => {
    const clock = new FakeClock()
    const expiresMs = clock.wall() + LIFE_MS
    const seconds = new Map<number, number>()
    for (let n = 0; n < 10_000; n++) {
      const expiry = new Expiry({ userId: 'guest', expiresMs }, `client-${n}`, { clock, limits: DEFAULT_LIMITS })
      let second = -31
      while (expiry.due(expiresMs + second * 1000)?.reason !== 'renew') second++
      seconds.set(second, (seconds.get(second) ?? 0) + 1)
    }
    expect(Math.min(...seconds.keys())).toBeGreaterThanOrEqual(-30)
    expect(Math.max(...seconds.keys())).toBeLessThanOrEqual(-7)
    expect(Math.max(...seconds.values())).toBeLessThan(600)
  })

  it.each([Number.NaN, '1', {}])('must be a number: %j is a fault of the hook', async (expiresMs) => {
    const hub = testHub({ authenticate: () => ({ userId: 'ann', expiresMs }) as never })
    expect((await hub.ask('/poll', { body: [hello()] })).status).toBe(500)
    expect(String(hub.failures[0]?.error)).toMatch(/expiresMs/)
  })
})

describe('what authenticate throws', () => {
  const answer = async (error: unknown) => {
    const hub = testHub({
      authenticate: () => {
        throw error
      },
    })
    const { status, headers, frames } = await hub.ask('/poll', { body: [hello({ token: 't' })] })
    return { status, headers, error: framesOf(frames, 'error')[0], failures: hub.failures }
  }

  it('§10 is 401 without its text', async () => {
    const { status, error } = await answer(new Error('row 7 of users'))
    expect([status, error?.message]).toEqual([401, 'the token was refused'])
  })

  it('§10 is passed on where it is a HoldfastError: unauthorized with its text', async () => {
    const { status, error, failures } = await answer(new HoldfastError('unauthorized', 'log in again'))
    expect([status, error?.code, error?.message]).toEqual([401, 'unauthorized', 'log in again'])
    expect(failures).toEqual([])
  })

  it('§10 is passed on where it is a HoldfastError: unavailable as 503, and reported', async () => {
    const { status, headers, error, failures } = await answer(new HoldfastError('unavailable', 'no keys now'))
    expect([status, error?.code, error?.message]).toEqual([503, 'unavailable', 'no keys now'])
    expect(headers['Retry-After']).toBe('1')
    expect(failures).toMatchObject([{ context: 'authenticate' }])
  })

  it('§10 is 401 where it is a HoldfastError of another code', async () => {
    expect((await answer(new HoldfastError('not-found', 'secret'))).error?.message).toBe('the token was refused')
  })
})
