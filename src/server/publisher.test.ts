import { describe, expect, it } from 'vitest'
import { HoldfastError } from '../base/errors.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { TestSocket, fakeEnvironment, framesOf, hello, testHub } from '../testing/test-hub.ts'
import { MemoryStore } from './memory-store.ts'
import type { Appended } from './store.ts'

class FailingStore extends MemoryStore {
  fails = 0
  override async append(...question: Parameters<MemoryStore['append']>): Promise<Appended> {
    if (this.fails-- > 0) throw new Error('down')
    return super.append(...question)
  }
}

const setUp = (authorize: Parameters<typeof testHub>[0] = {}) => {
  const clock = new FakeClock()
  const store = new FailingStore({}, fakeEnvironment(clock))
  const hub = testHub({ store, ...authorize }, clock)
  const texts = async () =>
    (await store.read('a', 'earliest', { messages: 1000, bytes: 1e9 })).messages.map(({ json }) => json)
  return { clock, store, hub, texts }
}

const publish = (sequence: number, more: object = {}) => ({
  type: 'publish',
  channel: 'a',
  sequence,
  data: sequence,
  ...more,
})
const answers = (socket: TestSocket) =>
  socket.frames.flatMap((frame) =>
    frame.type === 'ack'
      ? [`${frame.sequence} ack`]
      : frame.type === 'error'
        ? [`${frame.sequence} ${frame.code}`]
        : [],
  )

describe('publishing', () => {
  it('R6 §8.7 after a refusal that can be retried all higher sequences are out of order, until it comes again', async () => {
    const { clock, store, hub, texts } = setUp()
    const socket = new TestSocket().open(hub, hello())
    await clock.settle()
    store.fails = 1
    socket.send(publish(1), publish(2), publish(3))
    await clock.settle()
    expect(answers(socket)).toEqual(['1 unavailable', '2 out-of-order', '3 out-of-order'])
    store.fails = 1
    socket.send(publish(4))
    socket.send(publish(1), publish(2), publish(3), publish(4))
    socket.send(publish(1), publish(2), publish(3), publish(4))
    await clock.settle()
    expect(answers(socket).slice(3)).toEqual([
      '4 out-of-order',
      '1 unavailable',
      ...[2, 3, 4].map((sequence) => `${sequence} out-of-order`),
      ...[1, 2, 3, 4].map((sequence) => `${sequence} ack`),
    ])
    expect(await texts()).toEqual(['1', '2', '3', '4'])
    expect(hub.failures).toMatchObject(Array(2).fill({ context: 'appending to the store' }))
  })

  it('R6 §8.7 one that was out of order and comes again first says that its client has given the refused one up', async () => {
    const { clock, store, hub, texts } = setUp()
    const socket = new TestSocket().open(hub, hello())
    await clock.settle()
    store.fails = 1
    socket.send(publish(1), publish(2))
    await clock.settle()
    socket.send(publish(2), publish(3))
    await clock.settle()
    expect(answers(socket)).toEqual(['1 unavailable', '2 out-of-order', '2 ack', '3 ack'])
    expect(await texts()).toEqual(['2', '3'])
  })

  it('§8.7 a refusal that cannot be retried holds up nothing', async () => {
    const { clock, hub } = setUp({ authorize: ({ channel }) => channel !== 'no' })
    const socket = new TestSocket().open(hub, hello(), publish(1, { channel: 'no' }), publish(2))
    await clock.settle()
    expect(answers(socket)).toEqual(['1 forbidden', '2 ack'])
  })

  it('§8.7 R6 one client is served one by one over all its links, also when permissions take different times', async () => {
    const pending: ((answer: boolean) => void)[] = []
    const { clock, hub, texts } = setUp({
      authorize: ({ channel }) => channel !== 'slow' || new Promise<boolean>((resolve) => pending.push(resolve)),
    })
    const one = new TestSocket().open(hub, hello(), publish(1, { channel: 'slow' }), publish(2))
    await clock.settle()
    const other = new TestSocket().open(hub, hello(), publish(3))
    const stranger = new TestSocket().open(hub, hello({ client: 'z'.repeat(22) }), publish(1, { data: 'stranger' }))
    await clock.settle()
    expect([answers(one), answers(other), answers(stranger)]).toEqual([[], [], ['1 ack']])
    pending[0]?.(true)
    await clock.settle()
    expect([answers(one), answers(other)]).toEqual([['1 ack', '2 ack'], ['3 ack']])
    expect(await texts()).toEqual(['"stranger"', '2', '3'])
  })

  it('§8.3 R5 a repeat over another transport resolves with the first position', async () => {
    const { clock, hub, texts } = setUp()
    const socket = new TestSocket().open(hub, hello(), publish(1))
    await clock.settle()
    const { frames } = await hub.ask('/publish', { body: [hello(), publish(1), publish(2)] })
    expect(framesOf(frames, 'ack')[0]).toEqual(socket.ofType('ack')[0])
    expect(await texts()).toEqual(['1', '2'])
    const conflict = await hub.ask('/publish', { body: [hello(), publish(1, { data: 'other' })] })
    expect(framesOf(conflict.frames, 'error')).toMatchObject([{ code: 'conflict', sequence: 1 }])
  })

  it("§8.2 S9 nobody's key looks like another user's", async () => {
    const { hub, texts } = setUp({ authenticate: ({ token }) => (token === undefined ? null : { userId: token }) })
    for (const token of ['ann', 'ben', undefined]) {
      const { frames } = await hub.ask('/publish', {
        body: [hello({ token }), publish(1), publish(2, { key: 'k', data: token ?? 0 })],
      })
      expect(framesOf(frames, 'ack')).toHaveLength(2)
    }
    await hub.publish('a', 'mine', { key: 'k' })
    expect(await texts()).toHaveLength(7)
  })

  it('R5 §8.5 past its time a publish is answered "unknown" and not appended', async () => {
    const { clock, hub, texts } = setUp()
    const { frames } = await hub.ask('/publish', { body: [hello(), publish(1, { until: clock.wall() - 1 })] })
    expect(framesOf(frames, 'error')).toMatchObject([{ code: 'unknown', sequence: 1 }])
    expect(await texts()).toEqual([])
  })

  it('a link with many publishes in flight is not read from until they are answered', async () => {
    const pending: ((answer: boolean) => void)[] = []
    const { clock, hub } = setUp({ authorize: () => new Promise<boolean>((resolve) => pending.push(resolve)) })
    const socket = new TestSocket().open(hub, hello())
    await clock.settle()
    for (let batch = 0; batch < 4; batch++)
      socket.send(...Array.from({ length: 64 }, (_, n) => publish(batch * 64 + n + 1)))
    expect(socket.paused).toBe(true)
    pending[0]?.(true)
    await clock.settle()
    expect(socket.paused).toBe(false)
    expect(answers(socket)).toHaveLength(256)
  })

  it('§9 a batch on WebSocket has 64 publishes at most', async () => {
    const { clock, hub } = setUp()
    const socket = new TestSocket().open(hub, hello(), ...Array.from({ length: 66 }, (_, n) => publish(n + 1)))
    await clock.settle()
    expect(answers(socket).filter((answer) => answer.endsWith('too-many'))).toEqual(['65 too-many', '66 too-many'])
  })

  it('§8.5 hub.publish appends nothing after its time', async () => {
    const { clock, store, hub } = setUp()
    const untilMs = clock.wall() + 1000
    await clock.advance(1000)
    await hub.publish('a', 1, { untilMs })
    await clock.advance(1)
    await expect(hub.publish('a', 2, { untilMs })).rejects.toMatchObject({ code: 'unknown', retryable: false })
    const { messages } = await store.read('a', 'earliest', { messages: 10, bytes: 1000 })
    expect(messages.map(({ json }) => json)).toEqual(['1'])
  })

  it('hub.publish tells what is wrong with its arguments', async () => {
    const { store, hub } = setUp()
    const code = (promise: Promise<unknown>) => promise.then(String, (error: unknown) => (error as HoldfastError).code)
    expect(await code(hub.publish('', 1))).toBe('invalid-argument')
    expect(await code(hub.publish('a', undefined))).toBe('invalid-argument')
    expect(await code(hub.publish('a', 1n))).toBe('invalid-argument')
    expect(await code(hub.publish('a', 1, { key: 'ä' }))).toBe('invalid-argument')
    expect(await code(hub.publish('a', 'x'.repeat(65_536)))).toBe('too-large')
    await hub.publish('a', 1, { key: 'k' })
    expect(await code(hub.publish('a', 2, { key: 'k' }))).toBe('conflict')
    expect(await code(hub.publish('a', 1, { untilMs: NaN }))).toBe('invalid-argument')
    store.fails = 1
    const error = await hub.publish('a', 1).catch((failure: unknown) => failure)
    expect(error).toBeInstanceOf(HoldfastError)
    expect(error).toMatchObject({ code: 'unavailable', retryable: true, channel: 'a' })
  })
})
