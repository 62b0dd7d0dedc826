import { describe, expect, it } from 'vitest'
import { FakeClock } from '../testing/fake-clock.ts'
import { matching } from '../testing/matchers.ts'
import { fakeEnvironment, hello, testHub } from '../testing/test-hub.ts'
import { MemoryStore } from './memory-store.ts'
import type { Store } from './store.ts'

describe('POST /publish', () => {
  const publish = (sequence: number, data: unknown = sequence, channel = 'a') => ({
    type: 'publish',
    channel,
    sequence,
    data,
  })

  it('§6.5 answers the welcome and an ack or error for each, in order', async () => {
    const hub = testHub({ authorize: ({ channel }) => channel !== 'no' })
    const { status, frames } = await hub.ask('/publish', {
      body: [
        hello(),
        publish(1),
        publish(2, 2, 'no'),
        { type: 'publish', channel: '', sequence: 3, data: 3 },
        publish(4),
      ],
    })
    expect(status).toBe(200)
    expect(frames).toMatchObject([
      { type: 'welcome', nonce: 'nonce-1' },
      { type: 'ack', sequence: 1 },
      { type: 'error', code: 'forbidden', sequence: 2 },
      { type: 'error', code: 'bad-request', sequence: 3, field: 'channel' },
      { type: 'ack', sequence: 4 },
    ])
  })

  it('§6.5 §9 takes 64 publishes, and refuses 65', async () => {
    const hub = testHub()
    const many = (count: number) => [hello(), ...Array.from({ length: count }, (_, n) => publish(n + 1))]
    expect((await hub.ask('/publish', { body: many(64) })).frames).toHaveLength(65)
    const refused = await hub.ask('/publish', { body: many(65) })
    expect(refused.status).toBe(400)
    expect(refused.frames).toMatchObject([{ type: 'error', code: 'too-many' }])
  })

  it('§6.5 §8.7 a slow store: what there was no time for comes again, and each time some are taken', async () => {
    const clock = new FakeClock()
    const store = new MemoryStore({}, fakeEnvironment(clock))
    const slow: Store = {
      append: (...append) => new Promise((resolve) => clock.after(600, () => resolve(store.append(...append)))),
      read: (...read) => store.read(...read),
      watch: (...watch) => store.watch(...watch),
      announce: (text) => store.announce(text),
      hear: (heard) => store.hear(heard),
      close: () => store.close(),
    }
    const hub = testHub({ store: slow, limits: { publishMs: 2_000 } }, clock)
    const ask = async (from: number) => {
      const answer = hub.ask('/publish', { body: [hello(), ...[1, 2, 3, 4, 5, 6].slice(from).map((n) => publish(n))] })
      await clock.advance(3_000)
      return (await answer).frames.slice(1).map((frame) => ('code' in frame ? frame.code : frame.type))
    }
    expect(await ask(0)).toEqual(['ack', 'ack', 'ack', 'ack', 'unavailable', 'out-of-order'])
    expect(await ask(4)).toEqual(['ack', 'ack'])
  })

  it('§9 takes data of 64 KiB, and refuses one byte more', async () => {
    const hub = testHub()
    const body = [
      hello(),
      publish(1, 'x'.repeat(65_534)),
      publish(2, 'x'.repeat(65_535)),
      publish(3, '€'.repeat(21_845)),
    ]
    const { frames } = await hub.ask('/publish', { body })
    expect(frames.map((frame) => frame.type)).toEqual(['welcome', 'ack', 'error', 'error'])
    expect(frames[2]).toMatchObject({ code: 'too-large', field: 'data', sequence: 2 })
  })

  it('§6.6 takes bare data with a key, and answers one ack', async () => {
    const hub = testHub()
    const post = (body: string, key?: string) =>
      hub.ask('/publish?channel=a', { body, ...(key === undefined ? {} : { headers: { 'idempotency-key': key } }) })
    const first = await post(' {"x": [1] } ', 'k1')
    expect(first.status).toBe(200)
    expect(first.frames).toMatchObject([{ type: 'ack', position: matching(/\.1\./) }])
    expect((await post('{"x":[1]}', 'k1')).frames).toEqual(first.frames)
    const conflict = await post('{"x":[2]}', 'k1')
    expect([conflict.status, conflict.frames]).toMatchObject([409, [{ type: 'error', code: 'conflict' }]])
    expect((await post('null')).frames).toMatchObject([{ position: matching(/\.2\./) }])
    expect((await post('{', 'k2')).status).toBe(400)
    expect((await post('1', 'ä')).frames).toMatchObject([{ code: 'bad-request', field: 'Idempotency-Key' }])
  })

  it('§6.6 §6.9 a bare publish that is refused has an error status', async () => {
    const hub = testHub({ authorize: () => false })
    const { status, frames } = await hub.ask('/publish?channel=a', { body: '1' })
    expect([status, frames]).toMatchObject([403, [{ code: 'forbidden' }]])
  })

  it('S3 takes application/json only', async () => {
    const hub = testHub()
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data', '']) {
      const { status, frames } = await hub.ask('/publish', {
        body: [hello(), publish(1)],
        headers: { 'content-type': type },
      })
      expect([status, frames]).toMatchObject([415, [{ code: 'unsupported-type' }]])
    }
  })
})
