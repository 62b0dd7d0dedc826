import { TIMING } from '../../client/timing.ts'
import type { Client, Fact, Gap, Subscription } from '../../client/types.ts'
import type { TransportName } from '../../transports/transport.ts'
import { openClient } from '../fault-matrix/clients.ts'
import type { backEnd } from './back-end.ts'

/** One of many readers of the channel `room`, with real durations. */
export interface RoomReader {
  readonly client: Client
  readonly subscription: Subscription
  readonly offsets: readonly number[]
  readonly gaps: readonly Gap[]
  /** What happened to its links, in order. */
  readonly facts: readonly Fact[]
}

/** A client over this transport alone, that reads from now on. */
export const readRoom = (url: string, transport: TransportName, timing: Partial<typeof TIMING> = {}): RoomReader => {
  const client = openClient(url, [transport], { timing: { ...TIMING, ...timing }, firstRead: false })
  const offsets: number[] = []
  const gaps: Gap[] = []
  const facts: Fact[] = []
  client.on('trace', (fact) => facts.push(fact))
  const subscription = client.subscribe('room', ({ offset }) => offsets.push(offset))
  subscription.on('gap', (gap) => gaps.push(gap))
  // A hub that has no room refuses it for now.
  subscription.ready.catch(() => undefined)
  return { client, subscription, offsets, gaps, facts }
}

/** Publishes to the room through this back end until it is stopped, which resolves with how many there were once all are acknowledged. */
export const flowInto = (publish: ReturnType<typeof backEnd>, intervalMs: number): (() => Promise<number>) => {
  let published = 0
  const next = (): Promise<unknown> => publish('room', { key: String(++published) })
  const timer = setInterval(() => void next(), intervalMs)
  return async () => {
    clearInterval(timer)
    await next()
    return published
  }
}
