import { describe, expect, it } from 'vitest'
import { TestSocket, framesOf, hello, testHub } from '../testing/test-hub.ts'
import type { Answer, TestHub, TestStream } from '../testing/test-hub.ts'
import type { HubLimits } from './limits.ts'

const A = [{ channel: 'a', from: 'latest' }]
const EARLIEST = [{ channel: 'a', from: 'earliest' }]
const publish = (sequence: number) => ({ type: 'publish', channel: 'a', sequence, data: sequence })
const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n + 1)

/** A peer that plays no part in the end of its link. */
class DeafSocket extends TestSocket {
  override close(code: number, reason: string): void {
    this.closed = { code, reason }
  }
}

/** Never tells that it is closed. */
class SilentSocket extends DeafSocket {
  override destroy(): void {
    this.destroyed = true
  }
}

const opened = async (hub: TestHub, socket: TestSocket, ...frames: unknown[]): Promise<TestSocket> => {
  socket.open(hub, ...frames)
  await hub.clock.settle()
  return socket
}

/** Whether something has come of it, without waiting. */
const isSettled = async (hub: TestHub, answer: Promise<unknown>): Promise<boolean> => {
  let settled = false
  void answer.then(() => (settled = true))
  await hub.clock.settle()
  return settled
}

/** What a promise of the hub's becomes while its clock moves. */
const held = (hub: TestHub, body: unknown): Promise<Answer> => hub.ask('/poll', { body })

describe('S4 S5 §9 times are kept to the millisecond', () => {
  const hubWith = (limits: Partial<HubLimits>, authorize: () => boolean | Promise<boolean> = () => true): TestHub =>
    testHub({ limits, authorize })

  it('helloMs: a WebSocket without a hello is closed', async () => {
    const hub = hubWith({ helloMs: 700 })
    const socket = await opened(hub, new TestSocket())
    await hub.clock.advance(699)
    expect(socket.closed).toBeNull()
    await hub.clock.advance(1)
    expect(socket.closed?.code).toBe(4408)
  })

  it.each(['/poll', '/stream', '/publish', '/publish?channel=a'])(
    'helloMs: a body to %s that does not end',
    async (target) => {
      const hub = hubWith({ helloMs: 700 })
      const answer = hub.gateway.handle({
        method: 'POST',
        target,
        header: (name) => (name === 'content-type' ? 'application/json' : undefined),
        body: () => new Promise(() => undefined),
        signal: new AbortController().signal,
        remoteAddress: undefined,
      })
      await hub.clock.advance(699)
      expect(await isSettled(hub, answer)).toBe(false)
      await hub.clock.advance(1)
      expect((await answer).status).toBe(408)
    },
  )

  it('stallMs, sweepMs: a link that takes nothing is destroyed when it is looked at next', async () => {
    const hub = hubWith({ stallMs: 5000, sweepMs: 700 })
    const socket = new TestSocket()
    socket.stuck = true
    await opened(hub, socket, hello({ channels: A }))
    await hub.clock.advance(5599)
    expect(socket.destroyed).toBe(false)
    await hub.clock.advance(1)
    expect(socket.destroyed).toBe(true)
  })

  it('holdMs: a poll that asks for more is answered', async () => {
    const hub = hubWith({ holdMs: 3000 })
    const { position } = await hub.publish('a', 1)
    const channels = [{ channel: 'a', from: { after: position } }]
    const answer = held(hub, [hello({ waitMs: 60_000, channels })])
    await hub.clock.advance(2999)
    expect(await isSettled(hub, answer)).toBe(false)
    await hub.clock.advance(1)
    expect((await answer).status).toBe(200)
  })

  it.each([
    [undefined, 8000],
    [3999, 4000],
    [4000, 4000],
    [9000, 9000],
    [9001, 9000],
  ])(
    'heartbeatMs, heartbeatMinMs, heartbeatMaxMs: asked for a beat of %s ms the hub beats every %s ms',
    async (asked, inForce) => {
      const hub = hubWith({ heartbeatMs: 8000, heartbeatMinMs: 4000, heartbeatMaxMs: 9000 })
      const { frames } = await hub.ask('/poll', { body: [hello({ heartbeatMs: asked })] })
      expect(framesOf(frames, 'welcome')[0]?.heartbeatMs).toBe(inForce)
    },
  )

  it('secondFrameMs: the beat that proves a stream', async () => {
    const hub = hubWith({ secondFrameMs: 300 })
    const { stream } = await hub.ask('/stream', { body: [hello()] })
    await hub.clock.advance(299)
    expect(stream?.frames.map(({ type }) => type)).toEqual(['welcome'])
    await hub.clock.advance(1)
    expect(stream?.frames.map(({ type }) => type)).toEqual(['welcome', 'heartbeat'])
  })

  it('authorizeMs: an answer that does not come is "unavailable"', async () => {
    const hub = hubWith({ authorizeMs: 500 }, () => new Promise(() => undefined))
    const socket = await opened(hub, new TestSocket(), hello({ channels: A }))
    await hub.clock.advance(499)
    expect(socket.ofType('error')).toEqual([])
    await hub.clock.advance(1)
    expect(socket.ofType('error')).toMatchObject([{ code: 'unavailable', channel: 'a' }])
  })

  it('permissionMs: a reader is asked about again before a message', async () => {
    let asked = 0
    const hub = hubWith({ permissionMs: 800 }, () => ++asked > 0)
    await opened(hub, new TestSocket(), hello({ channels: A }))
    for (const [ms, times] of [
      [799, 1],
      [1, 2],
    ] as const) {
      await hub.clock.advance(ms)
      await hub.publish('a', 1)
      await hub.clock.settle()
      expect(asked).toBe(times)
    }
  })

  it('permissionWaitMs: a poll does not wait longer for a permission', async () => {
    const hub = hubWith({ permissionWaitMs: 100 }, () => new Promise(() => undefined))
    const answer = held(hub, [hello({ channels: A })])
    await hub.clock.advance(99)
    expect(await isSettled(hub, answer)).toBe(false)
    await hub.clock.advance(1)
    expect(framesOf((await answer).frames, 'run')).toMatchObject([{ channel: 'a', messages: [], more: true }])
  })

  it('closeMs: a peer that does not play its part in the end is cut off', async () => {
    const hub = hubWith({ helloMs: 100, closeMs: 900 })
    const socket = await opened(hub, new DeafSocket())
    await hub.clock.advance(100 + 899)
    expect([socket.closed?.code, socket.destroyed]).toEqual([4408, false])
    await hub.clock.advance(1)
    expect(socket.destroyed).toBe(true)
  })

  const silentSocket = (hub: TestHub): Promise<TestSocket> => opened(hub, new SilentSocket(), hello())
  const silentStream = async (hub: TestHub): Promise<TestStream> => {
    const { stream } = await hub.ask('/stream', { body: [hello()] })
    if (!stream) throw new Error('no stream')
    stream.silent = true
    return stream
  }

  describe.each([
    ['websocket', silentSocket],
    ['sse', silentStream],
  ] as const)('closeMs: a link over %s that does not tell of its end is given up', (transport, open) => {
    it('when the hub closes', async () => {
      const hub = hubWith({ closeMs: 900 })
      const link = await open(hub)
      const closed = hub.close()
      await hub.clock.advance(900)
      expect([link.destroyed, await isSettled(hub, closed), hub.inspect().links[transport]]).toEqual([true, false, 1])
      await hub.clock.advance(900)
      expect([await isSettled(hub, closed), hub.inspect().links[transport]]).toEqual([true, 0])
    })

    it('when it takes nothing', async () => {
      const hub = hubWith({ stallMs: 5000, closeMs: 2000, sweepMs: 500 })
      const link = await open(hub)
      link.stuck = true
      await hub.clock.advance(30_000)
      expect([link.destroyed, hub.inspect().links[transport]]).toEqual([true, 0])
    })
  })

  it('drainMs: who still waits for an answer is cut off', async () => {
    const hub = hubWith({ drainMs: 900, authorizeMs: 60_000 }, () => new Promise(() => undefined))
    const socket = await opened(hub, new TestSocket(), hello(), publish(1))
    const closed = hub.close()
    await hub.clock.advance(899)
    expect([await isSettled(hub, closed), socket.destroyed]).toEqual([false, false])
    await hub.clock.advance(1)
    expect([await isSettled(hub, closed), socket.destroyed]).toEqual([true, true])
  })

  it('goodbyeSpreadMs: clients that are told to go come back spread over it', async () => {
    const hub = hubWith({ goodbyeSpreadMs: 1000 })
    const sockets = await Promise.all(upTo(100).map(() => opened(hub, new TestSocket(), hello())))
    await hub.close()
    const times = sockets.map((socket) => socket.ofType('goodbye')[0]?.retryAfterMs ?? NaN)
    expect(Math.max(...times)).toBeLessThan(1000)
    for (const part of [0, 250, 500, 750]) expect(times.some((ms) => ms >= part && ms < part + 250)).toBe(true)
  })
})

describe('S4 §9 what is held is bounded', () => {
  const filled = async (limits: Partial<HubLimits>, count: number, data: unknown): Promise<TestHub> => {
    const hub = testHub({ limits })
    for (const _ of upTo(count)) await hub.publish('a', data)
    return hub
  }
  const page = async (hub: TestHub): Promise<{ count: number; more: boolean }> => {
    const { frames } = await hub.ask('/poll', { body: [hello({ channels: EARLIEST })] })
    const [run] = framesOf(frames, 'run')
    return { count: run?.messages.length ?? NaN, more: run?.more === true }
  }

  it('messagesPerPage: one more begins another page', async () => {
    expect(await page(await filled({ messagesPerPage: 3 }, 3, 1))).toEqual({ count: 3, more: false })
    expect(await page(await filled({ messagesPerPage: 3 }, 4, 1))).toEqual({ count: 3, more: true })
  })

  it('answerBytes: what does not fit begins another answer', async () => {
    const data = 'x'.repeat(10_000)
    expect(await page(await filled({ answerBytes: 32_768 }, 3, data))).toEqual({ count: 3, more: false })
    expect(await page(await filled({ answerBytes: 32_768 }, 4, data))).toEqual({ count: 3, more: true })
  })

  it('highWaterBytes: what waits for a slow reader is a mark and one message', async () => {
    const hub = testHub({ limits: { highWaterBytes: 10_000 } })
    const socket = await opened(hub, new TestSocket(), hello({ channels: A }))
    socket.stuck = true
    for (const n of upTo(100)) {
      await hub.publish('a', `${n} ${'x'.repeat(1000)}`)
      await hub.clock.settle()
    }
    expect(socket.buffered()).toBeGreaterThan(10_000)
    expect(socket.buffered()).toBeLessThan(10_000 + 1300)
  })

  it('publishesInFlight: at it the link is not read from', async () => {
    const hub = testHub({ limits: { publishesInFlight: 3 }, authorize: () => new Promise(() => undefined) })
    const socket = await opened(hub, new TestSocket(), hello())
    socket.send(publish(1), publish(2))
    expect(socket.paused).toBe(false)
    socket.send(publish(3))
    expect(socket.paused).toBe(true)
  })

  it('permissions: of more the oldest answer is forgotten', async () => {
    const asked: string[] = []
    const authorize = ({ channel }: { readonly channel: string }): boolean => asked.push(channel) > 0
    const hub = testHub({ limits: { permissions: 2 }, authorize })
    for (const channel of ['a', 'b', 'a', 'c', 'b', 'a']) await hub.ask(`/poll?channel=${channel}`)
    expect(asked).toEqual(['a', 'b', 'c', 'a'])
  })

  it('links: one more of any kind is told to come later, and none is thrown out', async () => {
    const hub = testHub({ limits: { links: 2 } })
    const first = await opened(hub, new TestSocket(), hello())
    const second = await hub.ask('/stream', { body: [hello()] })
    for (const target of ['/stream', '/poll']) {
      const { status, headers } = await hub.ask(target, { body: [hello()] })
      expect([status, Number(headers['Retry-After']) > 0]).toEqual([503, true])
    }
    expect([first.closed, second.stream?.ended, hub.health.links]).toEqual([null, false, 2])
    first.session.gone()
    expect((await hub.ask('/poll', { body: [hello()] })).status).toBe(200)
  })
})
