import fc from 'fast-check'
import type { Scheduler } from 'fast-check'
import { expect, it } from 'vitest'
import type { MemoryStore } from '../server/memory-store.ts'
import { checkHistory } from '../testing/checker.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { FUZZ_TIMEOUT_MS, fuzzing } from '../testing/fuzz.ts'
import { Historian } from '../testing/historian.ts'
import { scheduledNetwork } from '../testing/scheduled-network.ts'
import { createVirtualClient } from '../testing/virtual-client.ts'
import { createVirtualNetwork } from '../testing/virtual-network.ts'
import type { TransportName } from '../transports/transport.ts'
import type { PageSignal } from './page-signals.ts'
import type { Subscription } from './types.ts'

const CHANNELS = ['a', 'b'] as const
type Channel = (typeof CHANNELS)[number]

/** What the application, the page, the network and other clients do. */
type Step =
  /** So many of those that wait have their turn. */
  | { readonly do: 'turns'; readonly count: number }
  | { readonly do: 'pass'; readonly ms: number }
  | { readonly do: 'subscribe'; readonly channel: Channel; readonly from: 'latest' | 'earliest' }
  | { readonly do: 'unsubscribe'; readonly pick: number }
  | { readonly do: 'publish' | 'append'; readonly channel: Channel }
  | { readonly do: 'connect' | 'disconnect' | 'close' | 'cut' | 'mute' }
  | { readonly do: 'signal'; readonly signal: PageSignal }

const channel = fc.constantFrom(...CHANNELS)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ do: fc.constant('turns' as const), count: fc.integer({ min: 1, max: 9 }) }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(0, 20, 260, 1_100, 6_000, 16_000) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('subscribe' as const),
      channel,
      from: fc.constantFrom('latest' as const, 'earliest' as const),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('unsubscribe' as const), pick: fc.nat(5) }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constantFrom('publish' as const, 'append' as const), channel }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom('connect' as const, 'disconnect' as const, 'cut' as const, 'mute' as const),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('signal' as const),
      signal: fc.constantFrom('visible' as const, 'network' as const, 'hide' as const, 'show' as const),
    }),
  },
)
/** Sometimes it is closed on the way. */
const steps = fc
  .tuple(fc.array(step, { maxLength: 40, size: 'max' }), fc.option(fc.nat(40), { freq: 2, nil: Infinity }))
  .map(([all, at]): Step[] => all.flatMap((each, index) => (index === at ? [{ do: 'close' }, each] : [each])))

const LADDERS: readonly (readonly TransportName[])[] = [
  ['websocket', 'sse', 'long-poll', 'poll'],
  ['websocket'],
  ['sse'],
  ['long-poll'],
  ['poll'],
  ['websocket', 'long-poll'],
]
/** Longer than the longest pause and resend of a client, in ms. */
const CALM_MS = 150_000

const play = async (s: Scheduler, transports: readonly TransportName[], todo: readonly Step[]): Promise<string[]> => {
  const clock = new FakeClock()
  const historian = new Historian()
  let memory: MemoryStore | undefined
  const network = createVirtualNetwork(clock, {}, {}, (store) => {
    memory = store
    return historian.store(store, 1_000)
  })
  if (memory) await historian.epoch(memory, CHANNELS)
  const wait = (label: string): Promise<void> => s.schedule(Promise.resolve(), label)
  let tokens = 0
  const client = createVirtualClient(
    clock,
    Object.assign(Object.create(network) as typeof network, scheduledNetwork(network, wait)),
    {
      transports,
      token: async () => {
        await wait('token')
        if (++tokens % 4 === 0) throw new Error('no session')
        return null
      },
    },
  )
  const problems: string[] = []
  client.on('error', ({ code, message }) => {
    if (code !== 'token-failed') problems.push(`error event ${code}: ${message}`)
  })
  const ofClient = historian.publisher((to, data) => client.publish(to, data))
  const ofHub = historian.publisher((to, data) => network.hub.publish(to, data))
  const subscriptions: Subscription[] = []
  const isClosed = (): boolean => client.state.name === 'closed'

  /** Lets one of those that wait have its turn, which fast-check picks. */
  const turn = async (): Promise<void> => {
    await s.waitNext(1)
    await clock.settle()
  }
  const turns = async (count: number): Promise<void> => {
    for (let n = 0; n < count && s.count() > 0; n++) await turn()
  }
  const pass = async (ms: number): Promise<void> => {
    for (const endMs = clock.now() + ms; clock.now() < endMs;) {
      await turns(Infinity)
      await clock.advance(Math.min(500, endMs - clock.now()))
    }
    await turns(Infinity)
  }

  const take = async (next: Step): Promise<void> => {
    switch (next.do) {
      case 'turns':
        return turns(next.count)
      case 'pass':
        return clock.advance(next.ms)
      case 'subscribe':
        if (!isClosed()) subscriptions.push(historian.subscribe(client, next.channel, { from: next.from }))
        return
      case 'unsubscribe':
        return subscriptions[next.pick % Math.max(1, subscriptions.length)]?.unsubscribe()
      case 'publish':
        return void ofClient.publish(next.channel)
      case 'append':
        return void ofHub.publish(next.channel)
      case 'connect':
        if (!isClosed()) client.connect()
        return
      case 'disconnect':
      case 'close': {
        client[next.do]()
        return
      }
      case 'cut':
      case 'mute':
        return void network[next.do]()
      case 'signal': {
        client.signal(next.signal)
        return
      }
    }
  }

  subscriptions.push(historian.subscribe(client, 'a'))
  for (const next of todo) {
    await take(next)
    await clock.settle()
  }
  if (!isClosed()) {
    // What waited for the page or the application goes on, and everything has its turn.
    client.signal('show')
    client.connect()
    await pass(CALM_MS)
    void ofHub.publish('a')
    void ofHub.publish('b')
    await pass(10_000)
    historian.add({ type: 'quiesce' })
    if (client.state.name !== 'online') problems.push(`it is ${client.state.name}: ${client.explain().summary}`)
    client.close()
  }
  const before = network.connections.length
  await pass(60_000)
  if (ofClient.open + ofHub.open > 0) problems.push(`${ofClient.open} publishes have no outcome`)
  if (network.connections.length > before) problems.push('it has connected after close()')
  const left = [clock.pending, network.hub.core.links.size]
  if (left.join() !== '0,0') problems.push(`left behind: ${left.join(' timers, ')} links`)
  const findings = checkHistory(historian.lines).filter(({ rule }) => rule !== 'vacuous')
  return [...problems, ...findings.map(({ rule, what }) => `${rule}: ${what}`)]
}

it(
  'R1–R7 R15 R19 R20 in whatever order tokens, requests, answers, pieces of them and the events of WebSockets come',
  async () => {
    const thrown: unknown[] = []
    const onThrown = (error: unknown): void => void thrown.push(error)
    process.on('unhandledRejection', onThrown)
    try {
      const property = fc.asyncProperty(
        fc.scheduler(),
        fc.constantFrom(...LADDERS),
        steps,
        async (s, transports, todo) => {
          expect(await play(s, transports, todo)).toEqual([])
          expect(thrown.splice(0)).toEqual([])
        },
      )
      await fc.assert(property, fuzzing(2))
    } finally {
      process.off('unhandledRejection', onThrown)
    }
  },
  FUZZ_TIMEOUT_MS,
)
