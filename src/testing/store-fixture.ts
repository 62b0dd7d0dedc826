import type { Store } from '../server/store.ts'

/** What a store under test offers beside the store itself. */
export interface StoreFixture {
  readonly store: Store
  /** Lets `ms` pass for the store. */
  readonly advance: (ms: number) => Promise<void>
  /** The time that `untilMs` is compared with. */
  readonly wall: () => number
  /** Forgets the newest messages, as a failover does. */
  readonly loseTail: (channel: string, count: number) => Promise<unknown>
  /** Ends one life of a channel. */
  readonly delete: (channel: string) => Promise<void>
  readonly close: () => Promise<void>
}

/** The fixture keeps 10 messages, for 120 s. */
export const SUITE_MESSAGES = 10
export const SUITE_AGE_MS = 120_000
