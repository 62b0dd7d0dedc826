import { describe, expect, it } from 'vitest'
import { FakeClock } from '../testing/fake-clock.ts'
import { matching } from '../testing/matchers.ts'
import { TestSocket, fakeEnvironment, framesOf, hello, testHub } from '../testing/test-hub.ts'
import { MemoryStore } from './memory-store.ts'
import type { MemoryStoreOptions } from './memory-store.ts'
import type { Notice, Page } from './store.ts'

/** A store whose notices and reads can fail, and which counts its reads. */
class FaultyStore extends MemoryStore {
  deaf = false
  down = false
  reads = 0
  watches = 0

  override async watch(name: string, heard: (notice: Notice) => void): Promise<() => void> {
    if (this.down) throw new Error('the store is down')
    this.watches++
    const end = await super.watch(name, (notice) => {
      if (!this.deaf) heard(notice)
    })
    return () => {
      this.watches--
      end()
    }
  }

  override async read(...question: Parameters<MemoryStore['read']>): Promise<Page> {
    this.reads++
    if (this.down) throw new Error('the store is down')
    return super.read(...question)
  }
}

const setUp = (options: MemoryStoreOptions = {}) => {
  const clock = new FakeClock()
  const store = new FaultyStore(options, fakeEnvironment(clock))
  const hub = testHub({ store }, clock)
  const open = async (from: unknown = 'latest'): Promise<TestSocket> => {
    const socket = new TestSocket().open(hub, hello({ channels: [{ channel: 'a', from }] }))
    await clock.settle()
    return socket
  }
  return { clock, store, hub, open }
}

const offsets = (socket: TestSocket): number[] =>
  socket.ofType('run').flatMap((run) => run.messages.map(({ offset }) => offset))

describe('the tail of a channel', () => {
  it('serves readers near the head without asking the store', async () => {
    const { store, hub, open } = setUp()
    await open()
    const { position } = await hub.publish('a', 1)
    for (let n = 2; n <= 10; n++) await hub.publish('a', n)
    await hub.clock.settle()
    const { reads } = store
    const socket = await open({ after: position })
    expect(offsets(socket)).toEqual([2, 3, 4, 5, 6, 7, 8, 9, 10])
    expect(store.reads).toBe(reads)
  })

  it('F33 finds what a lost notice was about within the position check (positionCheckMs)', async () => {
    const { clock, store, hub, open } = setUp()
    const socket = await open()
    store.deaf = true
    await hub.publish('a', 1)
    await hub.publish('a', 2)
    await clock.advance(9999)
    expect(offsets(socket)).toEqual([])
    await clock.advance(1)
    expect(offsets(socket)).toEqual([1, 2])
  })

  it('F33 finds it at once with the next notice', async () => {
    const { clock, store, hub, open } = setUp()
    const socket = await open()
    store.deaf = true
    await hub.publish('a', 1)
    store.deaf = false
    await hub.publish('a', 2)
    await clock.settle()
    expect(offsets(socket)).toEqual([1, 2])
    expect(socket.ofType('gap')).toEqual([])
  })

  it('R13 readers past a lost tail get one gap within the position check, and then the new branch', async () => {
    const { clock, store, hub, open } = setUp()
    const socket = await open()
    for (let n = 1; n <= 5; n++) await hub.publish('a', n)
    await clock.settle()
    store.loseTail('a', 2)
    await clock.advance(10_000)
    expect(socket.ofType('gap')).toMatchObject([{ reason: 'lost-tail', to: matching(/\.3\./) }])
    await hub.publish('a', 'other 4')
    await clock.settle()
    expect(offsets(socket)).toEqual([1, 2, 3, 4, 5, 4])
    expect(socket.ofType('gap')).toHaveLength(1)
    const gap = socket.ofType('gap')[0]!
    expect(socket.ofType('run').at(-1)?.after).toBe(gap.to)
  })

  it('R13 a new branch is not taken for the old one, also without a position check', async () => {
    const { clock, store, hub, open } = setUp()
    const socket = await open()
    for (let n = 1; n <= 5; n++) await hub.publish('a', n)
    await clock.settle()
    store.loseTail('a', 2)
    for (const data of ['4', '5', '6']) await hub.publish('a', `other ${data}`)
    await clock.settle()
    const [gap] = socket.ofType('gap')
    expect(gap?.reason).toBe('lost-tail')
    const last = socket.ofType('run').at(-1)!
    const end = last.messages.at(-1)?.offset ?? Number(last.after?.split('.')[1])
    expect(end).toBe(6)
  })

  it('R12 a channel that begins again gives each of its readers one gap', async () => {
    const { clock, store, hub, open } = setUp()
    const sockets = [await open(), await open(), await open()]
    await hub.publish('a', 1)
    await clock.settle()
    store.delete('a')
    await hub.publish('a', 'again')
    await clock.advance(10_000)
    for (const socket of sockets) {
      expect(socket.ofType('gap')).toMatchObject([{ reason: 'epoch', to: matching(/\.0\.0$/) }])
      expect(offsets(socket)).toEqual([1, 1])
    }
  })

  it('R4 a reader at the head of a quiet channel resumes without a gap when all is too old', async () => {
    const { clock, hub, open } = setUp({ ageMs: 1000 })
    const { position } = await hub.publish('a', 1)
    await clock.advance(200_000)
    const socket = await open({ after: position })
    await hub.publish('a', 2)
    await clock.settle()
    expect(socket.ofType('gap')).toEqual([])
    expect(offsets(socket)).toEqual([2])
  })

  it('R11 resumes from nothing: all that came since, and no gap', async () => {
    const { hub, open } = setUp()
    const before = await open()
    const { after } = before.ofType('run')[0]!
    before.session.gone()
    for (let n = 1; n <= 3; n++) await hub.publish('a', n)
    const socket = await open({ after })
    expect(offsets(socket)).toEqual([1, 2, 3])
    expect(socket.ofType('gap')).toEqual([])
  })

  it('many readers from one place cost the store one read', async () => {
    const { clock, store, hub, open } = setUp()
    for (let n = 1; n <= 10; n++) await hub.publish('a', n)
    await open()
    const { reads } = store
    const epoch = (await hub.publish('a', 11)).position.split('.')[0] ?? ''
    const sockets = Array.from({ length: 50 }, () =>
      new TestSocket().open(hub, hello({ channels: [{ channel: 'a', from: { after: `${epoch}.0.0` } }] })),
    )
    await clock.settle()
    for (const socket of sockets) expect(offsets(socket)).toHaveLength(11)
    expect(store.reads - reads).toBe(1)
  })

  it('a store that is down is told to readers as "unavailable"; others come through when it is back', async () => {
    const { clock, store, hub, open } = setUp()
    store.down = true
    const socket = await open()
    expect(socket.ofType('error')).toMatchObject([{ code: 'unavailable', channel: 'a', retryAfterMs: 1000 }])
    const { frames } = await hub.ask('/poll?channel=a')
    expect(framesOf(frames, 'error')).toMatchObject([{ code: 'unavailable', channel: 'a' }])
    expect(hub.failures.length).toBeGreaterThan(0)
    store.down = false
    socket.send({ type: 'subscribe', channel: 'a', from: 'latest' })
    await clock.settle()
    await hub.publish('a', 1)
    await clock.settle()
    expect(offsets(socket)).toEqual([1])
  })

  it('a store that is down for a while costs readers at the head nothing', async () => {
    const { clock, store, hub, open } = setUp()
    const socket = await open()
    store.down = true
    await clock.advance(25_000)
    store.down = false
    await hub.publish('a', 1)
    await clock.settle()
    expect(socket.ofType('error')).toEqual([])
    expect(offsets(socket)).toEqual([1])
  })

  it('is watched while it is read, 30 s longer (tailLingerMs), and not after that', async () => {
    const { clock, store, hub, open } = setUp()
    const socket = await open()
    socket.session.gone()
    await clock.advance(20_000)
    expect([store.watches, hub.health.channels]).toEqual([1, 1])
    await clock.advance(20_000)
    expect([store.watches, hub.health.channels]).toEqual([0, 0])
    expect(clock.pending).toBe(0)
  })

  it('tails without readers are bounded', async () => {
    const clock = new FakeClock()
    const hub = testHub({ limits: { idleTails: 10 } }, clock)
    for (let n = 0; n < 50; n++) await hub.ask(`/poll?channel=c${n}`)
    expect(hub.health.channels).toBe(10)
  })

  it('a burst in one turn that is larger than the tail reaches every reader, in order', async () => {
    const clock = new FakeClock()
    const hub = testHub({ limits: { tailMessages: 4, tailBytes: 100_000 } }, clock)
    const socket = new TestSocket().open(hub, hello({ channels: [{ channel: 'a', from: 'latest' }] }))
    await clock.settle()
    await Promise.all(Array.from({ length: 500 }, (_, n) => hub.publish('a', n)))
    await clock.settle()
    expect(offsets(socket)).toEqual(Array.from({ length: 500 }, (_, n) => n + 1))
    expect(socket.ofType('gap')).toEqual([])
  })
})
