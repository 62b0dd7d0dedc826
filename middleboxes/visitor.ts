import { createClient, longPoll, poll, sse, webSocket } from 'holdfast/core'
import type { Client, Fact, TimingOptions, Transport, TransportName } from 'holdfast/core'
import { expect } from 'vitest'
import { WebSocket } from 'ws'
import type { Origin } from './origin.ts'
import { until } from './until.ts'

/** About a fifth of the real durations. Less would call a busy machine a broken network. */
const TIMING: Partial<TimingOptions> = {
  heartbeatMs: 1_000,
  graceMs: 3_000,
  connectMs: 2_000,
  probeMs: 3_000,
  headStartMs: 50,
  stableMs: 2_000,
  probationMs: 2_000,
  spreadMs: 200,
  backoffMs: 50,
  maxBackoffMs: 2_000,
  holdMs: 5_000,
  pollIntervalMs: 1_000,
}

export const TRANSPORTS: Readonly<Record<TransportName, Transport>> = {
  websocket: webSocket({ WebSocket }),
  sse: sse(),
  'long-poll': longPoll(),
  poll: poll(),
}

export interface VisitOptions {
  /** In order of preference. @default all four */
  readonly transports?: readonly Transport[]
  readonly timing?: Partial<TimingOptions>
  readonly firstRead?: boolean
}

/** A client with one subscription to a channel of its own, and what it saw. */
export interface Visitor {
  readonly client: Client
  readonly facts: readonly Fact[]
  /** Client and hub publish ten messages each; every one must come back once, in order and without a gap. */
  exchange(): Promise<void>
  /** Waits until the link is cut. The hub publishes at that moment, when nobody listens; that must come too. */
  resumesAfterCut(name: TransportName): Promise<void>
  carriedBy(name: TransportName): Promise<void>
  /** Waits for a fact of the timeline, of the past or of the future. */
  saw(fact: Partial<Fact>): Promise<void>
}

let visitors = 0
const open = new Set<Client>()

/** Tests that run side by side have no end of their own that a client could be tied to. */
export const closeVisitors = (): void => {
  for (const client of open) client.close()
  open.clear()
}

/** Opens a client, which lives until `closeVisitors()`. Resolves when its subscription has a start. */
export const visit = async ({ hub }: Origin, url: string, options: VisitOptions = {}): Promise<Visitor> => {
  const channel = `visitor-${++visitors}`
  const transports = options.transports ?? Object.values(TRANSPORTS)
  const client = createClient({ ...options, url, transports, timing: { ...TIMING, ...options.timing } })
  open.add(client)
  const facts: Fact[] = []
  const offsets: number[] = []
  const gaps: string[] = []
  let appended = 0
  client.on('trace', (fact) => facts.push(fact))
  const subscription = client.subscribe(channel, ({ offset }) => offsets.push(offset), { from: 'earliest' })
  subscription.on('gap', ({ reason }) => gaps.push(reason))

  const timeline = (): string[] =>
    facts.map(({ kind, transport, code, status }) => [kind, transport, code, status].filter(Boolean).join(' '))
  const hear = async (): Promise<void> => {
    appended++
    await hub.publish(channel, { by: 'hub' })
  }
  const say = async (): Promise<void> => {
    appended++
    await client.publish(channel, { by: 'client' })
  }
  const hasAll = async (): Promise<void> => {
    await until(
      `${appended} messages`,
      () => offsets.length >= appended,
      () => [offsets, timeline()],
    )
    expect(offsets).toEqual(Array.from({ length: appended }, (_, index) => index + 1))
    expect(gaps).toEqual([])
  }
  const saw = (wanted: Partial<Fact>): Promise<void> => {
    const entries = Object.entries(wanted)
    const isIt = (fact: Fact): boolean => entries.every(([key, value]) => fact[key as keyof Fact] === value)
    return until(JSON.stringify(wanted), () => facts.some(isIt), timeline)
  }
  const exchange = async (): Promise<void> => {
    for (let round = 0; round < 10; round++) await Promise.all([say(), hear()])
    await hasAll()
  }
  await subscription.ready
  return {
    client,
    facts,
    exchange,
    saw,
    carriedBy: (name) => until(`traffic over ${name}`, () => client.state.transport === name, timeline),
    resumesAfterCut: async (name) => {
      let heard: Promise<void> | undefined
      client.on('trace', ({ kind }) => {
        if (kind === 'end') heard ??= hear()
      })
      await saw({ kind: 'end', transport: name, code: 'cut' })
      await heard
      await exchange()
    },
  }
}
