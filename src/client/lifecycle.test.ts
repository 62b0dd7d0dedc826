import { describe, expect, it, vi } from 'vitest'
import { FakeClock } from '../testing/fake-clock.ts'
import { createVirtualClient } from '../testing/virtual-client.ts'
import { createVirtualNetwork } from '../testing/virtual-network.ts'
import type { VirtualNetwork } from '../testing/virtual-network.ts'
import type { TransportName } from '../transports/transport.ts'
import type { ClientState, CommonOptions, Message } from './types.ts'

type Options = Partial<CommonOptions> & { readonly transports?: readonly TransportName[] }
const ALL: readonly TransportName[] = ['websocket', 'sse', 'long-poll', 'poll']

const setUp = (options: Options = {}, weather: VirtualNetwork['weather'] = () => 'clear') => {
  const clock = new FakeClock()
  const network = createVirtualNetwork(clock)
  network.weather = weather
  const client = createVirtualClient(clock, network, options)
  const got: unknown[] = []
  const errors: string[] = []
  const states: string[] = []
  client.on('error', ({ code }) => errors.push(code))
  client.on('state', ({ name }) => states.push(name))
  const take = ({ data }: Message): void => void got.push(data)
  const say = (data: unknown) => network.hub.publish('a', data)
  const outcome = (data: unknown): { code?: string } => {
    const seen: { code?: string } = {}
    client.publish('a', data).then(
      () => (seen.code = 'ok'),
      (error: unknown) => (seen.code = (error as { code: string }).code),
    )
    return seen
  }
  /** The hub lets go of what a request left behind after some seconds; the client must have nothing at once. */
  const clean = async (): Promise<void> => {
    await clock.advance(60_000)
    expect([clock.pending, network.hub.core.links.size]).toEqual([0, 0])
    const before = network.connections.length
    await clock.advance(3_600_000)
    expect(network.connections.length).toBe(before)
  }
  return { clock, network, client, got, errors, states, take, say, outcome, clean }
}
type Setup = ReturnType<typeof setUp>

/** Each state of the client, and how it comes about. */
const STATES: Record<ClientState['name'], () => Promise<Setup>> = {
  idle: async () => setUp(),
  async connecting() {
    const all = setUp({}, () => 'hang')
    all.client.connect()
    await all.clock.advance(10)
    return all
  },
  async online() {
    const all = setUp()
    all.client.connect()
    await all.clock.advance(10)
    return all
  },
  async waiting() {
    const all = setUp({}, () => 'refuse')
    all.client.connect()
    while (all.client.state.name !== 'waiting') await all.clock.advance(100)
    return all
  },
  async closed() {
    const all = setUp()
    all.client.close()
    return all
  },
}
const NAMES = Object.keys(STATES) as ClientState['name'][]

describe('connect, disconnect and close', () => {
  it.each(NAMES)('R20 close() while %s: no timer, no link and no later request', async (name) => {
    const all = await STATES[name]()
    expect(all.client.state.name).toBe(name)
    all.client.close()
    expect(all.client.state).toEqual({ name: 'closed', transport: null })
    all.client.close()
    await all.clean()
  })

  it.each(ALL)('R20 close() of a client that reads over %s leaves nothing', async (transport) => {
    const all = setUp({ transports: [transport] })
    all.client.subscribe('a', all.take)
    await all.clock.advance(5_000)
    expect(all.client.state.transport).toBe(transport)
    await all.say(1)
    all.client.close()
    await all.clean()
  })

  it.each(NAMES)('disconnect() while %s: idle without a request, and connect() goes on', async (name) => {
    const all = await STATES[name]()
    all.client.disconnect()
    if (name === 'closed') {
      expect(all.client.state.name).toBe('closed')
      expect(() => all.client.connect()).toThrow(expect.objectContaining({ code: 'closed' }) as Error)
      return
    }
    expect(all.client.state.name).toBe('idle')
    await all.clean()
    all.network.weather = () => 'clear'
    all.client.connect()
    await all.clock.advance(1_000)
    expect(all.client.state.name).toBe('online')
  })

  it('R20 200 rounds of connect and close leave no timer and no link', async () => {
    const clock = new FakeClock()
    const network = createVirtualNetwork(clock)
    for (let round = 0; round < 200; round++) {
      const client = createVirtualClient(clock, network, { transports: ALL.slice(round % 4) })
      client.subscribe('a', () => undefined)
      await clock.advance(round % 7)
      client.close()
    }
    await clock.advance(60_000)
    expect([clock.pending, network.hub.core.links.size]).toEqual([0, 0])
  })

  it('after disconnect() subscribe and publish wait for connect(), and what came meanwhile is not lost', async () => {
    const all = setUp()
    all.client.subscribe('a', all.take)
    await all.clock.advance(1_000)
    all.client.disconnect()
    await all.say(1)
    const seen = all.outcome(2)
    all.client.subscribe('b', () => undefined)
    await all.clock.advance(30_000)
    expect([all.client.state.name, all.got, seen.code]).toEqual(['idle', [], undefined])
    all.client.connect()
    await all.clock.advance(1_000)
    expect([all.got, seen.code]).toEqual([[1, 2], 'ok'])
  })

  it('states are told once each', async () => {
    const all = setUp()
    all.client.connect()
    all.client.connect()
    await all.clock.advance(1_000)
    all.client.disconnect()
    all.client.close()
    expect(all.states).toEqual(['connecting', 'online', 'idle', 'closed'])
  })
})

describe('a publish', () => {
  it.each([
    ['idle', 'ok'],
    ['connecting', 'closed'],
    ['online', 'ok'],
    ['waiting', 'closed'],
    ['closed', 'closed'],
  ] as const)('made while %s, and close() 1 s later: %s', async (name, code) => {
    const all = await STATES[name]()
    const seen = all.outcome(1)
    await all.clock.advance(1_000)
    all.client.close()
    await all.clock.settle()
    expect(seen.code).toBe(code)
    await all.clean()
  })

  it('R7 on its way when close() is called is unknown, not failed', async () => {
    const all = await STATES.online()
    all.network.mute()
    const seen = all.outcome(1)
    await all.clock.settle()
    all.client.close()
    await all.clock.settle()
    expect(seen.code).toBe('unknown')
  })
})

describe('R15 inside a listener', () => {
  const flood = async (react: (all: Setup, message: Message) => void): Promise<Setup & { other: unknown[] }> => {
    const all = setUp()
    const other: unknown[] = []
    all.client.subscribe('a', (message) => {
      all.take(message)
      react(all, message)
    })
    all.client.subscribe('a', ({ data }) => other.push(data))
    await all.clock.advance(1_000)
    all.client.disconnect()
    for (let i = 1; i <= 5; i++) await all.say(i)
    all.client.connect()
    await all.clock.advance(5_000)
    return { ...all, other }
  }

  it('a subscription that is added starts, and nobody misses or repeats anything', async () => {
    const late: unknown[] = []
    const all = await flood(({ client }, { data }) => {
      if (data === 2) client.subscribe('a', (message) => late.push(message.data), { from: 'earliest' })
    })
    expect([all.got, all.other, late]).toEqual(Array(3).fill([1, 2, 3, 4, 5]))
    await all.say(6)
    await all.clock.advance(1_000)
    expect([all.got, all.other, late]).toEqual(Array(3).fill([1, 2, 3, 4, 5, 6]))
  })

  it('unsubscribe() stops in mid-batch, and the other subscription goes on', async () => {
    const undo = new AbortController()
    const all = setUp()
    all.client.subscribe(
      'a',
      (message) => {
        all.take(message)
        if (message.data === 2) undo.abort()
      },
      { from: 'earliest', signal: undo.signal },
    )
    const other: unknown[] = []
    all.client.subscribe('a', ({ data }) => other.push(data), { from: 'earliest' })
    for (let i = 1; i <= 5; i++) await all.say(i)
    await all.clock.advance(2_000)
    expect([all.got, other]).toEqual([
      [1, 2],
      [1, 2, 3, 4, 5],
    ])
  })

  it('after close() nothing is handed over, to nobody', async () => {
    const all = await flood(({ client }, { data }) => {
      if (data === 2) client.close()
    })
    expect(all.got).toEqual([1, 2])
    expect(all.other.length).toBeLessThanOrEqual(5)
    expect(all.client.state.name).toBe('closed')
    await all.clean()
  })

  it('R21 what it throws is reported, and stops neither itself nor others', async () => {
    const all = await flood((_, { data }) => {
      if (data === 2) throw new Error('mine')
    })
    expect([all.got, all.other]).toEqual(Array(2).fill([1, 2, 3, 4, 5]))
    expect(all.errors).toEqual(['listener-failed'])
  })

  it('disconnect() and connect() lose and repeat nothing', async () => {
    const all = await flood(({ client }, { data }) => {
      if (data !== 3) return
      client.disconnect()
      client.connect()
    })
    expect([all.got, all.other]).toEqual(Array(2).fill([1, 2, 3, 4, 5]))
  })

  it('publish() is appended once', async () => {
    const all = await flood(({ client }, { data }) => {
      if (data === 2) void client.publish('a', 'mine')
    })
    expect([all.got, all.other]).toEqual(Array(2).fill([1, 2, 3, 4, 5, 'mine']))
  })
})

describe('R19 a token', () => {
  const slowToken = () => {
    const asked: ((token: string) => void)[] = []
    const token = vi.fn(() => new Promise<string>((resolve) => asked.push(resolve)))
    return { all: setUp({ token }), asked, token }
  }

  it('that arrives after close() opens nothing', async () => {
    const { all, asked } = slowToken()
    all.client.connect()
    await all.clock.settle()
    all.client.close()
    for (const give of asked) give('late')
    await all.clean()
    expect(all.network.connections).toEqual([])
  })

  it('that arrives after the next attempt began opens nothing for the first', async () => {
    const { all, asked } = slowToken()
    all.client.connect()
    await all.clock.settle()
    all.client.disconnect()
    await all.clock.advance(10_000)
    all.client.connect()
    await all.clock.settle()
    asked[0]?.('old')
    await all.clock.settle()
    expect([asked.length, all.network.connections.length]).toEqual([2, 0])
    asked[1]?.('new')
    await all.clock.advance(1_000)
    expect(all.client.state.name).toBe('online')
    expect(all.network.connections.length).toBe(2)
  })

  it('that never comes leaves a client that tries again, and reports it when it fails', async () => {
    const all = setUp({ token: () => Promise.reject(new Error('no session')) })
    all.client.connect()
    await all.clock.advance(60_000)
    expect(all.errors.length).toBeGreaterThan(1)
    expect(new Set(all.errors)).toEqual(new Set(['token-failed']))
    expect(all.errors.length).toBeLessThan(40)
    expect(all.network.connections).toEqual([])
    all.client.close()
    await all.clean()
  })
})

it('§4.5 a stream whose chunks come one behind is welcomed, and never carries', async () => {
  const all = setUp({ transports: ['sse', 'long-poll'] }, ({ path }) => (path === '/stream' ? 'one-behind' : 'clear'))
  const carried = new Set<string | null>()
  all.client.on('state', ({ transport }) => carried.add(transport))
  all.client.subscribe('a', all.take)
  await all.clock.advance(60_000)
  const { timeline } = all.client.explain()
  expect(timeline.some(({ kind, transport }) => kind === 'welcome' && transport === 'sse')).toBe(true)
  expect([...carried]).toEqual([null, 'long-poll'])
})
