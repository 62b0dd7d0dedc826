import { describe, expect, it } from 'vitest'
import { FakeClock } from '../testing/fake-clock.ts'
import { SUITE_AGE_MS, SUITE_MESSAGES } from '../testing/store-fixture.ts'
import { storeSuite } from '../testing/store-suite.ts'
import { fakeEnvironment } from '../testing/test-hub.ts'
import { KEY_WINDOW_CLIENTS, KeyWindow } from './key-window.ts'
import { MemoryStore } from './memory-store.ts'
import type { MemoryStoreOptions } from './memory-store.ts'

const ALL = { messages: 1000, bytes: 1_000_000 }

const create = (options: MemoryStoreOptions = {}) => {
  const clock = new FakeClock()
  return { clock, store: new MemoryStore(options, fakeEnvironment(clock)) }
}

storeSuite('MemoryStore', async () => {
  const { clock, store } = create({ messages: SUITE_MESSAGES, ageMs: SUITE_AGE_MS })
  return {
    store,
    advance: clock.advance,
    wall: clock.wall,
    loseTail: async (channel, count) => store.loseTail(channel, count),
    delete: async (channel) => store.delete(channel),
    close: () => store.close(),
  }
})

describe('MemoryStore', () => {
  it('§3.10 a channel that nobody used for a day is told as expired', async () => {
    const { clock, store } = create()
    await store.append('a', { json: '1' })
    const { after } = await store.read('a', 'latest', ALL)
    await clock.advance(86_400_000 + 61_000)
    await store.append('b', { json: '1' })
    const page = await store.read('a', { after }, ALL)
    expect(page.gap).toMatchObject({ from: after, reason: 'expired', to: { offset: 0, id: '0' } })
    expect(page.after.epoch).not.toBe(after.epoch)
  })

  it('a channel that is watched stays, however long nobody writes', async () => {
    const { clock, store } = create()
    await store.append('a', { json: '1' })
    const { after } = await store.read('a', 'latest', ALL)
    await store.watch('a', () => {})
    for (let hour = 0; hour < 30; hour++) {
      await clock.advance(3_600_000)
      await store.read('other', 'latest', ALL)
    }
    expect((await store.read('a', { after }, ALL)).gap).toBeUndefined()
  })

  it('over the count of channels those that were used longest ago go', async () => {
    const { clock, store } = create({ channels: 16 })
    for (let n = 0; n < 17; n++) {
      await store.append(`c${n}`, { json: '1' })
      await clock.advance(1)
    }
    expect((await store.read('c0', 'earliest', ALL)).messages).toHaveLength(0)
    expect((await store.read('c1', 'earliest', ALL)).messages).toHaveLength(1)
    expect((await store.read('c16', 'earliest', ALL)).messages).toHaveLength(1)
  })

  it('reading a channel without messages keeps nothing and costs no epoch', async () => {
    const { store } = create({ channels: 1 })
    const first = await store.read('x', 'latest', ALL)
    for (let n = 0; n < 100; n++) await store.read(`y${n}`, 'latest', ALL)
    await store.append('z', { json: '1' })
    expect(await store.read('x', { after: first.after }, ALL)).toEqual(first)
  })

  it('two stores have two epochs', async () => {
    const [one, two] = [new MemoryStore(), new MemoryStore()]
    const [a, b] = [await one.read('a', 'latest', ALL), await two.read('a', 'latest', ALL)]
    expect(a.after.epoch).not.toBe(b.after.epoch)
    expect(a.after.epoch).toMatch(/^[\w-]{12}$/)
  })

  it('§8.4 refuses a key when no more can be kept', () => {
    const keys = new KeyWindow()
    const place = { epoch: 'e', offset: 1, id: 'x' }
    for (let n = 0; n < KEY_WINDOW_CLIENTS; n++) keys.record({ userId: 'u', key: String(n) }, 'd', place, 0)
    expect(keys.check({ userId: 'u', key: 'one more' }, 'd', 1).kind).toBe('full')
    expect(keys.check({ userId: 'u', key: '7' }, 'd', 1).kind).toBe('repeat')
    expect(keys.check({ userId: 'u', key: 'one more' }, 'd', 120_001).kind).toBe('new')
    expect(keys.size).toBe(0)
  })
})
