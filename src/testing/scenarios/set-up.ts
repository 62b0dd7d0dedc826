import { expect } from 'vitest'
import type { Clock } from '../../base/clock.ts'
import type { CommonOptions, Subscription } from '../../client/types.ts'
import type { HubOptions } from '../../server/hub-types.ts'
import type { MemoryStore } from '../../server/memory-store.ts'
import type { Store } from '../../server/store.ts'
import type { TransportName } from '../../transports/transport.ts'
import { checkHistory } from '../checker.ts'
import { FakeClock } from '../fake-clock.ts'
import { Historian } from '../historian.ts'
import type { HistoryLine } from '../history.ts'
import { createVirtualClient } from '../virtual-client.ts'
import { createVirtualNetwork } from '../virtual-network.ts'
import type { VirtualNetwork } from '../virtual-network.ts'
import type { Connection, Weather } from '../weather.ts'

export const ALL: readonly TransportName[] = ['websocket', 'sse', 'long-poll', 'poll']

/** The path of what carries a transport. */
export const PATHS = { websocket: '', sse: '/stream', 'long-poll': '/poll', poll: '/poll' } as const

export interface Options extends Partial<Omit<CommonOptions, 'transports'>> {
  readonly transports?: readonly TransportName[]
  readonly seed?: number
  readonly hub?: Partial<HubOptions>
  /** Messages that the store keeps of a channel. */
  readonly messages?: number
  readonly channels?: readonly string[]
  /** The clock of the page, made from that of all. */
  readonly page?: (clock: FakeClock) => Clock
  /** What the hub gets instead of its store. */
  readonly store?: (store: Store) => Store
}

/** One frame on the wire. */
export interface WireFrame {
  readonly atMs: number
  readonly path: Connection['path']
  readonly type: string
  readonly [field: string]: unknown
}

/** Every frame from now on: `up` when it was sent, `down` when it arrived. */
export const watchWire = (clock: FakeClock, network: VirtualNetwork): Record<'up' | 'down', WireFrame[]> => {
  const frames = { up: [] as WireFrame[], down: [] as WireFrame[] }
  network.tap = (text, way, { path }) => {
    const batches = path === '/stream' && way === 'down' ? text.match(/(?<=^data: ).*/gm) : [text]
    for (const batch of batches ?? []) {
      const read = JSON.parse(batch) as WireFrame[]
      for (const frame of read) frames[way].push({ ...frame, atMs: clock.now(), path })
    }
  }
  return frames
}

/** Nothing better than `best` gets through, as the weather of new connections. */
export const upTo =
  (best: TransportName): VirtualNetwork['weather'] =>
  ({ path, held }): Weather => {
    const rung = ALL.indexOf(best)
    const blocked = (path === '' && rung > 0) || (path === '/stream' && rung > 1) || (held && rung > 2)
    return blocked ? 'refuse' : 'clear'
  }

/** Does something every `stepMs` for `ms`, unless it is done before. */
export const every = async (
  clock: FakeClock,
  stepMs: number,
  ms: number,
  task: () => void,
  done: () => boolean = () => false,
): Promise<void> => {
  const endMs = clock.now() + ms
  while (clock.now() < endMs && !done()) {
    task()
    await clock.advance(stepMs)
  }
}

/** The real client and hub on a virtual network, with everything that happens in a history. */
export const setUp = async (options: Options = {}) => {
  const { seed = 1, hub, messages = 20_000, channels = ['a'], page, store: wrap, transports = ALL, ...rest } = options
  const clock = new FakeClock({ seed })
  const historian = new Historian()
  let memory: MemoryStore | undefined
  const network = createVirtualNetwork(clock, hub, { messages, ageMs: 86_400_000 }, (made) => {
    memory = made
    const store = historian.store(made, messages)
    return wrap ? wrap(store) : store
  })
  const store = (): MemoryStore => {
    if (!memory) throw new Error('the network has made no store')
    return memory
  }
  /** To be called after whatever begins the logs again. */
  const newLife = () => historian.epoch(store(), channels)
  await newLife()
  const client = createVirtualClient(page?.(clock) ?? clock, network, { transports, ...rest })
  const errors: string[] = []
  client.on('error', ({ code }) => errors.push(code))

  const { lines } = historian
  const fromHub = historian.publisher((channel, data) => network.hub.publish(channel, data))
  const fromClient = historian.publisher((channel, data) => client.publish(channel, data))
  /** The hub publishes so many. */
  const say = async (count = 1, channel = 'a'): Promise<void> => {
    for (let i = 0; i < count; i++) await fromHub.publish(channel)
  }
  const subscribe = (...[channel = 'a', ...more]: Partial<TailOf<typeof historian.subscribe>>): Subscription =>
    historian.subscribe(client, channel, ...more)

  const ofType = <T extends HistoryLine['type']>(type: T): (HistoryLine & { type: T })[] =>
    lines.filter((line): line is HistoryLine & { type: T } => line.type === type)
  /** The offsets that were handed over, to all. */
  const offsets = (): number[] => ofType('deliver').map(({ position }) => position.offset)
  const gaps = (): string[] => ofType('gap').map(({ reason }) => reason)

  /** Advances in steps of 10 ms until it is true; how long that took. */
  const until = async (done: () => boolean, mostMs = 60_000): Promise<number> => {
    const from = clock.now()
    await clock.settle()
    while (!done() && clock.now() - from < mostMs) await clock.advance(10)
    if (!done()) throw new Error(`it did not come in ${mostMs} ms: ${client.explain().summary}`)
    return clock.now() - from
  }
  const online = (transport: TransportName, mostMs?: number): Promise<number> =>
    until(() => client.state.transport === transport, mostMs)
  /** Lets it come to rest for so long, and has the history judged. */
  const judge = async (restMs = 30_000): Promise<void> => {
    await clock.advance(restMs)
    historian.add({ type: 'quiesce' })
    expect(checkHistory(lines).slice(0, 5)).toEqual([])
    expect([fromHub.open, fromClient.open]).toEqual([0, 0])
  }
  return {
    clock,
    network,
    client,
    historian,
    lines,
    errors,
    store,
    newLife,
    fromHub,
    fromClient,
    say,
    subscribe,
    ofType,
    offsets,
    gaps,
    until,
    online,
    judge,
  }
}

type TailOf<F> = F extends (first: never, ...rest: infer Rest) => unknown ? Rest : never
export type Scene = Awaited<ReturnType<typeof setUp>>

/** Online on one transport, with its publishes on the wire and what they came to: `ok` or a code, in the order of their outcomes. */
export const publisher = async (transport: TransportName, options: Options = {}) => {
  const scene = await setUp({ transports: [transport], ...options })
  const { client, clock, network } = scene
  const wire = watchWire(clock, network)
  scene.subscribe()
  await scene.online(transport)
  await clock.advance(2_000)
  const outcomes: string[] = []
  const publish = (key: string, channel = 'a'): void => {
    client.publish(channel, { key }).then(
      () => outcomes.push(`${key} ok`),
      (error: unknown) => outcomes.push(`${key} ${(error as { code: string }).code}`),
    )
  }
  /** The sequences that were sent. */
  const sent = () => wire.up.flatMap(({ type, sequence }) => (type === 'publish' ? [sequence as number] : []))
  /** What the hub said of each: `ack` or a code. */
  const answers = () =>
    wire.down.flatMap(({ type, sequence, code = type }) =>
      sequence === undefined ? [] : [`${sequence as number} ${code as string}`],
    )
  const appended = () => scene.ofType('append').map(({ key }) => key)
  return { ...scene, wire, outcomes, publish, sent, answers, appended }
}
