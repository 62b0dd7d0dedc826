import { describe, expect, it } from 'vitest'
import { PRESENCE } from '../../protocol/frames.ts'
import type { Presence, PresentSubscription } from '../../client/presence-types.ts'
import type { HubOptions } from '../../server/hub-types.ts'
import type { MemoryStore, MemoryStoreOptions } from '../../server/memory-store.ts'
import type { TransportName } from '../../transports/transport.ts'
import { FakeClock } from '../fake-clock.ts'
import { createVirtualClient } from '../virtual-client.ts'
import type { VirtualClient } from '../virtual-client.ts'
import { createVirtualNetwork } from '../virtual-network.ts'
import type { VirtualNetwork } from '../virtual-network.ts'
import { ALL, upTo } from './set-up.ts'

interface Settings {
  readonly hub?: Partial<HubOptions>
  readonly store?: MemoryStoreOptions
}

/** Somebody with a page on the channel `room:1`. */
interface Guest {
  readonly client: VirtualClient
  readonly sub: PresentSubscription
  readonly presence: Presence
  /** What happened, as `join a`, with the data. */
  readonly seen: string[]
  /** The data of those who are there. */
  readonly shown: () => unknown[]
}

/** Two hubs on one store. */
const setUp = ({ hub, store: kept = { messages: 1000 } }: Settings = {}) => {
  const clock = new FakeClock({ seed: 7 })
  const options: Partial<HubOptions> = {
    presence: ['room:*'],
    authenticate: ({ token }) => (token === undefined ? null : { userId: token }),
    ...hub,
  }
  let store: MemoryStore | undefined
  const networks = [0, 1].map(() => createVirtualNetwork(clock, options, kept, (made) => (store ??= made)))
  const [here, there] = networks as [VirtualNetwork, VirtualNetwork]
  const come = (transport: TransportName | readonly TransportName[], network = here, token?: string): Guest => {
    const transports = typeof transport === 'string' ? [transport] : transport
    const client = createVirtualClient(clock, network, { transports, ...(token !== undefined && { token }) })
    const sub = client.subscribe('room:1', () => undefined)
    const { presence } = sub
    const seen: string[] = []
    for (const event of ['join', 'update', 'leave'] as const) {
      presence.on(event, ({ data }) => seen.push(`${event} ${JSON.stringify(data)}`))
    }
    presence.on('error', ({ code }) => seen.push(code))
    return { client, sub, presence, seen, shown: () => presence.members.map(({ data }) => data) }
  }
  const cut = (): void => {
    here.weather = () => 'refuse'
    here.cut()
  }
  const heal = (): void => {
    here.weather = () => 'clear'
  }
  const close = (...guests: Guest[]): void => {
    for (const { client } of guests) client.close()
  }
  /** Ends this life of the log, as a Redis that comes back empty does. */
  const lose = (): void => store?.delete(`${PRESENCE}room:1`)
  return { clock, here, there, come, cut, heal, lose, close }
}

describe.each(ALL)('§8.14 §8.15 presence over %s', (transport) => {
  it('tells who is there, who comes, what changes and who leaves, at all hubs', async () => {
    const { clock, here, there, come, close } = setUp()
    const ann = come(transport, here, 'ann')
    const entered = ann.presence.enter('a')
    await clock.advance(7_000)
    await entered
    const bob = come(transport, there)
    await clock.advance(7_000)
    await bob.presence.ready
    expect(bob.presence.members).toMatchObject([{ data: 'a', userId: 'ann', own: false, id: ann.client.publisher }])
    expect(ann.presence.members).toMatchObject([{ data: 'a', own: true }])
    void bob.presence.enter({ n: 1 })
    await clock.advance(7_000)
    void ann.presence.enter('b')
    await clock.advance(7_000)
    expect(bob.presence.members).toMatchObject([{ data: 'b' }, { data: { n: 1 }, userId: undefined, own: true }])
    expect(await here.hub.members('room:1')).toMatchObject([{ data: { n: 1 } }, { data: 'b', userId: 'ann' }])
    void ann.presence.leave()
    await clock.advance(7_000)
    expect(bob.seen).toEqual(['join "a"', 'join {"n":1}', 'update "b"', 'leave "b"'])
    expect(ann.seen).toEqual(bob.seen)
    expect(ann.shown()).toEqual([{ n: 1 }])
    close(ann, bob)
  })

  it('who is there stays so, and is told once', async () => {
    const { clock, there, come, close } = setUp({ store: { messages: 1000, ageMs: 120_000 } })
    const [ann, bob] = [come(transport), come(transport, there)]
    const data = { name: 'Ann' }
    void ann.presence.enter(data)
    // What becomes of it is not shown.
    data.name = 'Eve'
    for (let minute = 0; minute < 10; minute++) await clock.advance(60_000)
    const cid = come(transport, there)
    await clock.advance(8_000)
    expect([bob.seen, cid.seen, ann.seen]).toEqual(Array(3).fill(['join {"name":"Ann"}']))
    close(ann, bob, cid)
  })

  it.each(['hide', 'close', 'disconnect', 'unsubscribe'] as const)(
    'who goes by %s leaves at once, and who comes back is there again',
    async (how) => {
      const { clock, there, come, close } = setUp()
      const [ann, bob] = [come(transport), come(transport, there)]
      void ann.presence.enter('a')
      await clock.advance(8_000)
      expect(bob.seen).toEqual(['join "a"'])
      if (how === 'hide') ann.client.signal(how)
      else if (how === 'unsubscribe') ann.sub.unsubscribe()
      else ann.client[how]()
      await clock.advance(8_000)
      expect(bob.seen).toEqual(['join "a"', 'leave "a"'])
      if (how === 'hide') ann.client.signal('show')
      if (how === 'disconnect') ann.client.connect()
      await clock.advance(12_000)
      expect(bob.shown()).toEqual(how === 'hide' || how === 'disconnect' ? ['a'] : [])
      close(ann, bob)
    },
  )

  it('who is cut off for a while stays; who is for longer than the lease has left, and is there again afterwards', async () => {
    const { clock, there, come, cut, heal, close } = setUp()
    const [ann, bob] = [come(transport), come(transport, there)]
    void ann.presence.enter('a')
    await clock.advance(20_000)
    cut()
    await clock.advance(10_000)
    heal()
    await clock.advance(60_000)
    expect(bob.seen).toEqual(['join "a"'])
    cut()
    await clock.advance(110_000)
    expect(bob.seen).toEqual(['join "a"', 'leave "a"'])
    expect(await there.hub.members('room:1')).toEqual([])
    heal()
    await clock.advance(60_000)
    expect(bob.seen).toEqual(['join "a"', 'leave "a"', 'join "a"'])
    close(ann, bob)
  })

  it('R4 who was away while others left knows it, however long it was', async () => {
    const { clock, there, come, cut, heal, close } = setUp({ store: { messages: 5, ageMs: 60_000 } })
    const [ann, bob] = [come(transport), come(transport, there)]
    const eve = come(transport, there)
    void bob.presence.enter('b')
    void eve.presence.enter('e')
    await clock.advance(10_000)
    expect(new Set(ann.shown())).toEqual(new Set(['b', 'e']))
    cut()
    void eve.presence.leave()
    await clock.advance(200_000)
    // By now nothing tells of Eve any more.
    void bob.presence.enter('b2')
    await clock.advance(100_000)
    heal()
    await clock.advance(60_000)
    expect(ann.shown()).toEqual(['b2'])
    expect([...ann.seen].sort()).toEqual(['join "b"', 'join "e"', 'leave "e"', 'update "b2"'])
    close(ann, bob, eve)
  })

  it('R12 after a loss of the store all are there again', async () => {
    const { clock, there, come, lose, close } = setUp()
    const [ann, bob] = [come(transport), come(transport, there)]
    void ann.presence.enter('a')
    void bob.presence.enter('b')
    await clock.advance(10_000)
    lose()
    await clock.advance(60_000)
    for (const guest of [ann, bob]) expect(new Set(guest.shown())).toEqual(new Set(['a', 'b']))
    close(ann, bob)
  })

  it('S1 where the hub has none it says so, and the subscription goes on', async () => {
    const { clock, come, close } = setUp({ hub: { presence: ['other'] } })
    const ann = come(transport)
    const entered = ann.presence.enter('a').catch((error: unknown) => error)
    const ready = ann.presence.ready.catch((error: unknown) => error)
    await clock.advance(8_000)
    for (const refused of [await entered, await ready]) {
      expect(refused).toMatchObject({ code: 'forbidden' })
      expect(String(refused)).toContain('no presence on the channel "room:1"')
    }
    expect(ann.sub.state.name).toBe('live')
    expect(ann.client.state.name).toBe('online')
    close(ann)
  })

  it('S1 is for those who may read the channel', async () => {
    const { clock, come, close } = setUp({ hub: { authorize: ({ user }) => user?.userId === 'ann' } })
    const ann = come(transport, undefined, 'ann')
    const eve = come(transport, undefined, 'eve')
    void ann.presence.enter('a')
    const ready = eve.presence.ready.catch((error: unknown) => error)
    await clock.advance(8_000)
    expect(await ready).toMatchObject({ code: expect.stringMatching(/forbidden|closed/) as string })
    await expect(eve.presence.enter('e')).rejects.toMatchObject({ code: 'closed' })
    expect(ann.shown()).toEqual(['a'])
    close(ann, eve)
  })
})

describe('§8.14 presence over the ladder', () => {
  it('a change of transport, down and up, is no leaving', async () => {
    const { clock, here, there, come, close } = setUp()
    const [ann, bob] = [come(ALL), come('websocket', there)]
    void ann.presence.enter('a')
    await clock.advance(10_000)
    const transports: unknown[] = []
    ann.client.on('state', ({ name, transport }) => name === 'online' && transports.push(transport))
    for (const best of ['sse', 'long-poll', 'poll', 'websocket'] as const) {
      here.weather = upTo(best)
      here.cut()
      await clock.advance(100_000)
    }
    expect(new Set(transports)).toEqual(new Set(['sse', 'long-poll', 'poll', 'websocket']))
    expect(bob.seen).toEqual(['join "a"'])
    close(ann, bob)
  })
})

describe('presence', () => {
  it('what cannot be shown is refused, and nothing is shown', async () => {
    const { clock, come, close } = setUp({ hub: { limits: { presentPerChannel: 1 } } })
    const [ann, bob] = [come('websocket'), come('websocket')]
    const circle: { self?: unknown } = {}
    circle.self = circle
    for (const bad of [() => 1, circle, 1n]) {
      await expect(ann.presence.enter(bad)).rejects.toMatchObject({ code: 'invalid-argument', field: 'data' })
    }
    const large = ann.presence.enter('x'.repeat(2_000)).catch((error: unknown) => error)
    await clock.advance(2_000)
    expect(await large).toMatchObject({ code: 'too-large' })
    void ann.presence.enter()
    await clock.advance(2_000)
    const second = bob.presence.enter('b').catch((error: unknown) => error)
    await clock.advance(100_000)
    expect(await second).toMatchObject({ code: 'too-many' })
    expect(ann.shown()).toEqual([null])
    expect(bob.shown()).toEqual([null])
    close(ann, bob)
    await expect(ann.presence.enter('late')).rejects.toMatchObject({ code: 'closed' })
  })

  it('a name that leaves no room for it is refused when it is asked for', () => {
    const { come, close } = setUp()
    const ann = come('websocket')
    const sub = ann.client.subscribe('x'.repeat(247), () => undefined)
    expect(() => sub.presence).toThrow('channel must be of 246 bytes at most, for presence')
    expect(ann.client.subscribe('x'.repeat(246), () => undefined).presence.members).toEqual([])
    close(ann)
  })

  it('who may be seen no longer is told, and is not said to be there again', async () => {
    let allowed = true
    const { clock, come, close } = setUp({ hub: { authorize: () => allowed } })
    const ann = come('websocket', undefined, 'ann')
    void ann.presence.enter('a')
    await clock.advance(20_000)
    allowed = false
    await clock.advance(100_000)
    expect(ann.seen).toContain('forbidden')
    allowed = true
    await clock.advance(100_000)
    expect(ann.seen.filter((each) => each === 'forbidden')).toHaveLength(1)
    close(ann)
  })

  it('R20 leaves nothing behind', async () => {
    const { clock, come } = setUp()
    const ann = come('websocket')
    for (let n = 0; n < 100; n++) {
      const sub = ann.client.subscribe(`room:${n + 2}`, () => undefined)
      void sub.presence.enter(n)
      await clock.advance(100)
      sub.unsubscribe()
    }
    ann.client.close()
    await clock.advance(300_000)
    expect(clock.pending).toBe(0)
  })
})
