import { describe, expect, it } from 'vitest'
import { PRESENCE } from '../protocol/frames.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { TestSocket, fakeEnvironment, framesOf, hello, testHub } from '../testing/test-hub.ts'
import type { TestHub } from '../testing/test-hub.ts'
import { createHub } from './hub.ts'
import type { HubOptions } from './hub-types.ts'
import { DEFAULT_LIMITS } from './limits.ts'
import { MemoryStore } from './memory-store.ts'
import { presenceRules } from './presence.ts'
import type { Store } from './store.ts'

const ROOM = `${PRESENCE}room`
const RENEW_MS = 25_000

const setUp = (options: Partial<HubOptions> = {}) => {
  const hub = testHub({
    presence: ['room*'],
    authenticate: ({ token = '' }) => (token === '' ? null : { userId: token }),
    ...options,
  })
  const { clock } = hub
  let clients = 0
  /** A WebSocket of somebody; `say` resolves with the answer to what it publishes to be seen. */
  const come = (token = '') => {
    const client = `client-${String(clients++).padStart(15, '0')}`
    const socket = new TestSocket().open(hub, hello({ client, ...(token && { token }) }))
    let sequence = 0
    const say = async (data: unknown, channel = ROOM): Promise<unknown> => {
      socket.send({ type: 'publish', channel, sequence: ++sequence, data })
      await clock.settle()
      return socket.frames.find((frame) => 'sequence' in frame && frame.sequence === sequence)
    }
    return { socket, say }
  }
  const names = async (): Promise<unknown[]> => (await hub.members('room')).map(({ data }) => data)
  return { hub, clock, come, names }
}

/** Readers of who is there. */
const watch = async (hub: TestHub, token = 'ann') => {
  const channels = [{ channel: ROOM, from: 'earliest', ref: 1 }]
  const socket = new TestSocket().open(hub, hello({ channels, token }))
  await hub.clock.settle()
  return {
    socket,
    seen: () =>
      socket.ofType('run').flatMap(({ messages }) => messages.map(({ data, sender }) => [data, sender] as const)),
  }
}

describe('§8.14 presence at a hub', () => {
  it('shows who says so, and who is shown', async () => {
    const { hub, come, names } = setUp()
    const ann = come('ann')
    const { seen, socket } = await watch(hub)
    expect(await ann.say({ data: { at: 1 }, more: 'ignored' })).toMatchObject({ type: 'ack' })
    expect(seen()).toEqual([[{ id: expect.stringMatching(/^[\w-]{11}$/) as string, data: { at: 1 } }, 'ann']])
    expect(framesOf(socket.frames, 'run').at(-1)).toMatchObject({ kind: 'conflated' })
    expect(await names()).toEqual([{ at: 1 }])
    expect(await ann.say(null)).toMatchObject({ type: 'ack' })
    expect(seen()[1]).toEqual([{ id: seen()[0]?.[0] && (seen()[0]![0] as { id: string }).id }, undefined])
    expect(await names()).toEqual([])
  })

  it('counts and answers a renewal as a repeat: nothing is appended', async () => {
    const { hub, come } = setUp()
    const ann = come()
    const first = await ann.say({ data: 1 })
    expect(await ann.say({ data: 1 })).toMatchObject({ position: (first as { position: string }).position })
    expect(hub.metrics.publishes).toMatchObject({ appended: 1, repeated: 1 })
    expect(hub.metrics.store.lease.count).toBe(2)
  })

  it.each([
    ['text', 'bad-request'],
    [[], 'bad-request'],
    [7, 'bad-request'],
    [{}, 'bad-request'],
    [{ Data: 1 }, 'bad-request'],
    [{ data: 'x'.repeat(1100) }, 'too-large'],
  ])('refuses %j as %s, naming the data', async (data, code) => {
    const { come, names } = setUp()
    expect(await come().say(data)).toMatchObject({ type: 'error', code, field: 'data' })
    expect(await names()).toEqual([])
  })

  it('S11 a field of every object is not data', async () => {
    const { come } = setUp()
    expect(await come().say(JSON.parse('{"__proto__":{"data":1}}'))).toMatchObject({ code: 'bad-request' })
  })

  it('S1 the application does not publish there, and a bare publish shows nobody', async () => {
    const { hub, names } = setUp()
    await expect(hub.publish(ROOM, { data: 1 })).rejects.toMatchObject({ code: 'invalid-argument' })
    const answer = await hub.ask(`/publish?channel=${encodeURIComponent(ROOM)}`, { body: { data: 1 } })
    expect(answer.frames).toMatchObject([{ type: 'error', code: 'bad-request' }])
    expect(await names()).toEqual([])
  })

  it('S1 is on no channel unless the hub says so, and never on one of the hub', async () => {
    const { come } = setUp({ presence: ['*'] })
    expect(await come().say({ data: 1 }, `${PRESENCE}${PRESENCE}a`)).toMatchObject({ code: 'forbidden' })
    expect(await come().say({ data: 1 }, `${PRESENCE}$replies:x`)).toMatchObject({ code: 'forbidden' })
    expect(await come().say({ data: 1 }, `${PRESENCE}a`)).toMatchObject({ type: 'ack' })
    const off = setUp({ presence: [] })
    expect(await off.come().say({ data: 1 })).toMatchObject({ code: 'forbidden' })
    await expect(off.hub.members('room')).rejects.toMatchObject({ code: 'invalid-argument', field: 'channel' })
    await expect(off.hub.members('')).rejects.toMatchObject({ code: 'invalid-argument', field: 'channel' })
  })

  it('S1 is for those who may read the channel', async () => {
    const asked: string[] = []
    const { hub, come } = setUp({
      authorize: ({ user, action, channel }) => {
        asked.push(`${action} ${channel}`)
        return user?.userId === 'ann'
      },
    })
    expect(await come('ann').say({ data: 1 })).toMatchObject({ type: 'ack' })
    expect(await come('eve').say({ data: 1 })).toMatchObject({ code: 'forbidden' })
    const eve = await watch(hub, 'eve')
    expect(framesOf(eve.socket.frames, 'error')).toMatchObject([{ code: 'forbidden', channel: ROOM }])
    expect(new Set(asked)).toEqual(new Set(['subscribe room']))
  })

  it('S8 a user who may not read the channel any more sees nobody, from then on', async () => {
    let allowed = true
    const { hub, come, clock } = setUp({ authorize: ({ user }) => allowed || user?.userId === 'bob' })
    const { socket, seen } = await watch(hub)
    const [ann, bob] = [come('ann'), come('bob')]
    await ann.say({ data: 'a' })
    allowed = false
    await hub.revoke({ userId: 'ann', channel: 'room' })
    await bob.say({ data: 'b' })
    expect(framesOf(socket.frames, 'error')).toMatchObject([{ code: 'forbidden', channel: ROOM }])
    expect(seen()).toHaveLength(1)
    expect(await ann.say({ data: 'a' })).toMatchObject({ code: 'forbidden' })
    await clock.advance(5000)
  })

  it('§8.15 GET /poll tells who is there', async () => {
    const { hub, come } = setUp()
    await come('ann').say({ data: 'a' })
    const { frames } = await hub.ask(`/poll?channel=${encodeURIComponent(ROOM)}&since=earliest`)
    expect(framesOf(frames, 'run')[0]?.messages).toMatchObject([{ sender: 'ann', data: { data: 'a' } }])
  })

  it('a store that fails is told as unavailable', async () => {
    const clock = new FakeClock()
    const store: Store = new MemoryStore({}, fakeEnvironment(clock))
    store.lease = () => Promise.reject(new Error('down'))
    const { hub, come } = setUp({ store })
    expect(await come().say({ data: 1 })).toMatchObject({ code: 'unavailable' })
    await expect(hub.members('room')).rejects.toMatchObject({ code: 'unavailable', retryable: true })
    expect(hub.failures).not.toEqual([])
    await hub.close()
  })
})

it('a store that is away is asked once a round, and each time for another channel', async () => {
  const clock = new FakeClock()
  const store = new MemoryStore({}, fakeEnvironment(clock))
  const lease = store.lease.bind(store)
  const asked: string[] = []
  let isAway = false
  store.lease = (channel, request) => {
    if (!isAway) return lease(channel, request)
    asked.push(channel.slice(PRESENCE.length))
    return Promise.reject(new Error('down'))
  }
  const { hub, come } = setUp({ store, limits: { presenceSweepMs: 1000 } })
  for (const room of ['room1', 'room2', 'room3']) await come().say({ data: room }, PRESENCE + room)
  isAway = true
  await hub.clock.advance(6000)
  expect(new Set(asked)).toEqual(new Set(['room1', 'room2', 'room3']))
  expect(asked.length).toBeLessThanOrEqual(12)
  expect(hub.failures).toHaveLength(asked.length)
  await hub.close()
})

describe('limits of presence', () => {
  it('presenceBytes: at the limit it is shown, past it refused', async () => {
    const { come } = setUp({ limits: { presenceBytes: 20 } })
    expect(await come().say({ data: 'x'.repeat(9) })).toMatchObject({ type: 'ack' })
    expect(await come().say({ data: 'x'.repeat(10) })).toMatchObject({ code: 'too-large' })
  })

  it('presenceMs: who renews in time stays, who does not has left', async () => {
    const { come, clock, names } = setUp({ limits: { presenceMs: 60_000 } })
    const [ann, bob] = [come(), come()]
    await ann.say({ data: 'a' })
    await bob.say({ data: 'b' })
    await clock.advance(59_000)
    await ann.say({ data: 'a' })
    expect(await names()).toEqual(['a', 'b'])
    await clock.advance(1001)
    expect(await names()).toEqual(['a'])
  })

  it('presenceSweepMs: readers are told soon after, though nobody else comes or asks', async () => {
    const { hub, come, clock } = setUp({ limits: { presenceSweepMs: 1000 } })
    const { seen } = await watch(hub)
    const ann = come()
    await ann.say({ data: 'a' })
    ann.socket.destroy()
    await clock.advance(DEFAULT_LIMITS.presenceMs - 100)
    expect(seen()).toHaveLength(1)
    await clock.advance(100 + 1500 + 100)
    expect(seen()).toHaveLength(2)
  })

  it('presentPerChannel: as many as the limit, and one more when somebody left', async () => {
    const { come, clock } = setUp({ limits: { presentPerChannel: 2 } })
    const [ann, bob, cid] = [come(), come(), come()]
    await ann.say({ data: 'a' })
    await bob.say({ data: 'b' })
    expect(await cid.say({ data: 'c' })).toMatchObject({ code: 'too-many' })
    await clock.advance(RENEW_MS)
    await ann.say({ data: 'a' })
    await clock.advance(DEFAULT_LIMITS.presenceMs - RENEW_MS)
    expect(await cid.say({ data: 'c' })).toMatchObject({ type: 'ack' })
    expect(() => setUp({ limits: { presentPerChannel: 5001 } })).toThrow(
      'limits.presentPerChannel must be 5000 at most',
    )
    expect(() => setUp({ limits: { presentPerChannel: 5000 } })).not.toThrow()
  })

  it('a hub on which nobody is any more looks after nothing', async () => {
    const { hub, come, clock } = setUp()
    const { socket } = await watch(hub)
    await come().say({ data: 'a' })
    for (const link of [...hub.core.links.members()]) link.destroy()
    socket.destroy()
    await clock.advance(300_000)
    expect(hub.core.tails.size).toBe(0)
    expect(clock.pending).toBe(0)
    await hub.close()
  })
})

describe('where presence is', () => {
  it.each([
    ['room', 'presence must be an array'],
    [[''], 'presence[0]: the pattern must be a text'],
    [['a', 7], 'presence[1]: the pattern must be a text'],
    [['of:{userId}'], 'presence[0]: presence is the same for all users'],
  ])('%j is refused: %s', (patterns, why) => {
    expect(() => presenceRules(patterns as string[])).toThrow(why)
  })

  it('needs a store that can', () => {
    const { append, read, watch: see, announce, hear, close } = new MemoryStore()
    const store: Store = { append, read, watch: see, announce, hear, close }
    expect(() => createHub({ authorize: () => true, store, presence: ['a'] })).toThrow('presence needs a store')
    expect(() => createHub({ authorize: () => true, store })).not.toThrow()
  })
})
