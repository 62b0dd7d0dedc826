import { describe, expect, it } from 'vitest'
import { TestSocket, framesOf, hello, testHub } from '../testing/test-hub.ts'
import type { TestHub } from '../testing/test-hub.ts'

const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n + 1)
/** Ten a second, and ten at once. */
const LIMITS = { connectsPerMinute: 600 }

const stream = (hub: TestHub, token = 'ann') => hub.ask('/stream', { body: [hello({ token })] })
const open = async (hub: TestHub, token = 'ann'): Promise<TestSocket> => {
  const socket = new TestSocket().open(hub, hello({ token }))
  await hub.clock.settle()
  return socket
}

describe('S19 §9 when many come at once the hub lets them in at its own pace', () => {
  it('streams: 503, and each is told a time of its own', async () => {
    const hub = testHub({ limits: LIMITS })
    const answers = []
    for (const _ of upTo(16)) answers.push(await stream(hub))
    expect(answers.map(({ status }) => status)).toEqual([...upTo(10).map(() => 200), ...upTo(6).map(() => 503)])
    const errors = answers.slice(10).flatMap(({ frames }) => framesOf(frames, 'error'))
    expect(errors.map(({ code }) => code)).toEqual(upTo(6).map(() => 'unavailable'))
    expect(errors.map(({ retryAfterMs }) => retryAfterMs)).toEqual([100, 200, 300, 400, 500, 600])
    expect(answers.at(-1)?.headers['Retry-After']).toBe('1')
    for (const _ of upTo(6)) {
      await hub.clock.advance(100)
      expect((await stream(hub)).status).toBe(200)
    }
  })

  it('WebSockets: an error with the time after the hello, and 4503', async () => {
    const hub = testHub({ limits: LIMITS })
    for (const _ of upTo(10)) expect((await open(hub)).closed).toBeNull()
    const refused = await open(hub)
    expect(refused.closed).toEqual({ code: 4503, reason: 'unavailable' })
    expect(refused.frames).toMatchObject([{ type: 'error', code: 'unavailable', status: 503, retryAfterMs: 100 }])
    await hub.clock.advance(100)
    expect((await open(hub)).closed).toBeNull()
  })

  it('who is refused for another reason keeps nobody out', async () => {
    const hub = testHub({
      limits: { ...LIMITS, linksPerUser: 5 },
      authenticate: ({ token }) => {
        if (token === 'bad') throw new Error('no')
        return { userId: token ?? '' }
      },
    })
    for (const _ of upTo(20)) {
      expect((await stream(hub, 'bad')).status).toBe(401)
      expect((await open(hub, 'bad')).closed?.code).toBe(4401)
    }
    for (const _ of upTo(5)) expect((await stream(hub, 'ann')).status).toBe(200)
    for (const _ of upTo(20)) expect((await stream(hub, 'ann')).status).toBe(429)
    for (const _ of upTo(5)) expect((await stream(hub, 'bob')).status).toBe(200)
    expect((await stream(hub, 'eve')).status).toBe(503)
  })

  it('nobody is asked who it is while nobody is let in', async () => {
    let asked = 0
    const hub = testHub({
      limits: LIMITS,
      authenticate: () => {
        asked++
        return null
      },
    })
    for (const _ of upTo(30)) await stream(hub)
    for (const _ of upTo(30)) await open(hub)
    expect(asked).toBe(10)
  })

  it('those that have not all come at one moment do not share the last place', async () => {
    const hub = testHub({ limits: LIMITS, authenticate: () => new Promise((resolve) => setImmediate(resolve, null)) })
    const answers = await Promise.all(upTo(15).map(() => stream(hub)))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(10)
  })

  it('polls and publishes go on, and with Infinity there is no pace', async () => {
    const hub = testHub({ limits: { connectsPerMinute: 60 } })
    for (const _ of upTo(50)) await stream(hub)
    for (const _ of upTo(50)) expect((await hub.ask('/poll', { body: [hello()] })).status).toBe(200)
    expect((await hub.ask('/publish?channel=a', { body: 1 })).status).toBe(200)
    const open = testHub({ limits: { connectsPerMinute: Infinity } })
    for (const _ of upTo(2000)) expect((await stream(open)).status).toBe(200)
  })
})
