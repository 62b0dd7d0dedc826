import type { HistoryOptions, HistoryPage } from '../client/history-types.ts'
import type { HubOptions } from '../server/hub-types.ts'
import type { MemoryStore, MemoryStoreOptions } from '../server/memory-store.ts'
import type { Store } from '../server/store.ts'
import type { TransportName } from '../transports/transport.ts'
import { FakeClock } from './fake-clock.ts'
import { createVirtualClient } from './virtual-client.ts'
import { createVirtualNetwork } from './virtual-network.ts'

/** Each transport alone, and all. */
export const LADDERS: readonly (readonly TransportName[])[] = [
  ['websocket'],
  ['sse'],
  ['long-poll'],
  ['poll'],
  ['websocket', 'sse', 'long-poll', 'poll'],
]

interface Options {
  readonly transports?: readonly TransportName[]
  readonly hub?: Partial<HubOptions>
  readonly kept?: MemoryStoreOptions
  readonly store?: (store: MemoryStore) => Store
}

/** A hub, a client, and so many messages in the channel `a`. */
export const setUpHistory = async (count = 0, { transports, hub, kept, store }: Options = {}) => {
  const clock = new FakeClock()
  const network = createVirtualNetwork(clock, hub, kept, store)
  const positions: string[] = ['']
  const say = async (n: number) => void positions.push((await network.hub.publish('a', n)).position)
  for (let n = 1; n <= count; n++) await say(n)
  const client = createVirtualClient(clock, network, transports && { transports })
  /** What a page came to, once it has come. */
  const ask = (options?: HistoryOptions, channel = 'a') => {
    const asked: { page?: HistoryPage; code?: string; atMs?: number } = {}
    client.history(channel, options).then(
      (page) => Object.assign(asked, { page, atMs: clock.now() }),
      (error: unknown) => Object.assign(asked, { code: (error as { code: string }).code, atMs: clock.now() }),
    )
    return asked
  }
  const answered = async (options?: HistoryOptions, channel?: string): Promise<HistoryPage> => {
    const asked = ask(options, channel)
    for (let waited = 0; !asked.atMs && waited < 60_000; waited += 10) await clock.advance(10)
    if (!asked.page) throw new Error(`no page: ${asked.code ?? 'no answer'}`)
    return asked.page
  }
  return { clock, network, client, positions, say, ask, answered }
}

/** The data of a page's messages. */
export const numbers = (page: HistoryPage | undefined): unknown[] | undefined => page?.messages.map(({ data }) => data)
/** 1, 2, 3 … count. */
export const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n + 1)
