import { describe, expect, it } from 'vitest'
import { FakeClock } from '../testing/fake-clock.ts'
import { TestSocket, fakeEnvironment, hello, testHub } from '../testing/test-hub.ts'
import { MemoryStore } from './memory-store.ts'
import type { Page, Store } from './store.ts'

class Flaky extends MemoryStore implements Store {
  state: 'up' | 'down' | 'mute' = 'up'
  asked = 0
  override async read(...question: Parameters<MemoryStore['read']>): Promise<Page> {
    this.asked++
    if (this.state === 'mute') return new Promise(() => {})
    if (this.state === 'down') throw new Error('down')
    return super.read(...question)
  }
}

const setUp = () => {
  const clock = new FakeClock()
  const store = new Flaky({}, fakeEnvironment(clock))
  return { clock, store, hub: testHub({ store }, clock) }
}

describe('GET /health', () => {
  it('§6.8 is ready while the hub serves, and live', async () => {
    const { hub } = setUp()
    expect(await hub.ask('/health')).toMatchObject({ status: 200, text: '{"status":"ready"}' })
    expect(await hub.ask('/health?live')).toMatchObject({ status: 200, text: '{"status":"live"}' })
  })

  it('§6.8 S18 a hub that drains is not ready, and lives', async () => {
    const { hub } = setUp()
    new TestSocket().open(hub, hello())
    await hub.clock.settle()
    const closed = hub.close()
    expect(await hub.ask('/health')).toMatchObject({ status: 503, text: '{"status":"draining"}' })
    expect(await hub.ask('/health?live')).toMatchObject({ status: 200 })
    await closed
  })

  it('§6.8 says when the store fails, and when it answers again', async () => {
    const { hub, store } = setUp()
    store.state = 'down'
    expect(await hub.ask('/health')).toMatchObject({ status: 503, text: '{"status":"unavailable"}' })
    expect(await hub.ask('/health?live')).toMatchObject({ status: 200 })
    store.state = 'up'
    await hub.clock.advance(1000)
    expect(await hub.ask('/health')).toMatchObject({ status: 200 })
  })

  it('§6.8 waits for `healthMs`, a second, for a store that says nothing', async () => {
    const { hub, store } = setUp()
    store.state = 'mute'
    const asked = hub.ask('/health')
    await hub.clock.advance(1000)
    expect(await asked).toMatchObject({ status: 503, text: '{"status":"unavailable"}' })
  })

  it('§6.8 asks the store once a second, however many ask', async () => {
    const { hub, store } = setUp()
    await Promise.all(Array.from({ length: 20 }, () => hub.ask('/health')))
    expect(store.asked).toBe(1)
    await hub.clock.advance(1000)
    await hub.ask('/health')
    expect(store.asked).toBe(2)
  })

  it('§6.8 takes the word of a store that can be checked', async () => {
    const { hub, store } = setUp()
    let fails = true
    Object.assign(store, { check: async () => (fails ? Promise.reject(new Error('down')) : undefined) })
    expect((await hub.ask('/health')).status).toBe(503)
    fails = false
    await hub.clock.advance(1000)
    expect((await hub.ask('/health')).status).toBe(200)
    expect(store.asked).toBe(0)
  })
})
