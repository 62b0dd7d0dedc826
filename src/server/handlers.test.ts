import { describe, expect, it } from 'vitest'
import { HoldfastError } from '../base/errors.ts'
import { repliesOf } from '../protocol/frames.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { Handlers } from './handlers.ts'
import type { Handler } from './handlers.ts'
import { limitsOf } from './limits.ts'
import { MemoryStore } from './memory-store.ts'
import { createHub } from './hub.ts'
import { Telemetry } from './telemetry.ts'

const setUp = () => {
  const clock = new FakeClock()
  const limits = limitsOf({ requestMs: 1000, requests: 2, dataBytes: 100 })
  const environment = { clock, token: () => Math.random().toString(36).slice(2) }
  const store = new MemoryStore({}, environment)
  const reports: string[] = []
  const telemetry = new Telemetry(undefined, clock)
  const report = (error: unknown): void => void reports.push(String(error))
  const handlers = new Handlers({ store, clock, limits, report, telemetry })
  const run = (handler: Handler, id = 'm1'): void =>
    handlers.run(handler, { channel: 'a', data: 1, user: null, id }, 'tag')
  const replies = async (): Promise<unknown[]> => {
    await clock.settle()
    const { messages } = await store.read(repliesOf('tag'), 'earliest', { messages: 100, bytes: 1e6 })
    return messages.map(({ json }) => JSON.parse(json) as unknown)
  }
  return { clock, handlers, reports, run, replies, store }
}

describe('§8.11 §8.12 handlers', () => {
  it('are found by pattern, the first that fits, until they are taken out', () => {
    const { handlers } = setUp()
    const [first, second] = [(): number => 1, (): number => 2]
    const remove = handlers.add('orders:*', first)
    handlers.add('*', second)
    handlers.add('of:{userId}', first)
    expect(handlers.find('orders:7', null)).toBe(first)
    expect(handlers.find('else', null)).toBe(second)
    remove()
    remove()
    expect(handlers.find('orders:7', null)).toBe(second)
  })

  it.each([
    ['', () => 1, 'the pattern must be a text'],
    ['a', 'x', 'the handler must be a function'],
  ])('%j with %s is refused', (channel, handler, why) => {
    const hub = createHub({ authorize: () => true })
    expect(() => hub.handle(channel, handler as Handler)).toThrow(`holdfast: hub.handle: ${why}`)
  })

  it('answers with data, nothing as null, and errors by code', async () => {
    const { run, replies, reports } = setUp()
    run(() => ({ x: 1 }), 'm1')
    run(() => undefined, 'm2')
    expect(await replies()).toEqual([
      { id: 'm1', data: { x: 1 } },
      { id: 'm2', data: null },
    ])
    run(() => {
      throw new HoldfastError('conflict', 'taken')
    }, 'm3')
    run(() => () => 1, 'm4')
    expect((await replies()).slice(2)).toMatchObject([
      { id: 'm3', error: { code: 'conflict', message: 'taken' } },
      { id: 'm4', error: { code: 'internal' } },
    ])
    expect(reports).toEqual(['TypeError: the answer of the handler of "a" has no JSON'])
  })

  it('dataBytes: an answer at the limit is handed over, one past it is refused', async () => {
    const { run, replies } = setUp()
    run(() => 'x'.repeat(98), 'm1')
    run(() => 'x'.repeat(99), 'm2')
    expect(await replies()).toMatchObject([{ data: 'x'.repeat(98) }, { error: { code: 'too-large' } }])
  })

  it('requestMs: at the limit it may answer, past it the signal is aborted and the answer is a timeout', async () => {
    const { clock, run, replies, handlers } = setUp()
    const after =
      (ms: number): Handler =>
      () =>
        new Promise((resolve) => clock.after(ms, () => resolve(ms)))
    let signal: AbortSignal | undefined
    run(after(999), 'm1')
    run((request) => {
      signal = request.signal
      return after(1001)(request)
    }, 'm2')
    await clock.advance(999)
    expect(signal?.aborted).toBe(false)
    await clock.advance(1)
    expect(signal?.aborted).toBe(true)
    expect(await replies()).toMatchObject([
      { id: 'm1', data: 999 },
      { id: 'm2', error: { code: 'timeout' } },
    ])
    await handlers.settled()
  })

  it('requests: as many as the limit run, one more is refused for now', async () => {
    const { clock, run, handlers } = setUp()
    const forever: Handler = () => new Promise(() => undefined)
    run(forever)
    expect(handlers.refuse()).toBeNull()
    run(forever)
    expect(handlers.refuse()).toMatchObject({ code: 'unavailable', retryAfterMs: 1000 })
    await clock.advance(1000)
    expect(handlers.refuse()).toBeNull()
  })

  it('an answer that the store does not take is reported', async () => {
    const { run, reports, store, clock } = setUp()
    store.append = () => Promise.reject(new Error('full'))
    run(() => 1)
    await clock.settle()
    expect(reports).toEqual(['Error: full'])
  })
})
