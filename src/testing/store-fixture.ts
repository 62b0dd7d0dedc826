import type { Place } from '../protocol/position.ts'
import type { AppendRequest, Store } from '../server/store.ts'

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

/** Where a message on channel `a` is; throws when it was not appended. */
export const appendTo = async (store: Store, request: AppendRequest): Promise<Place> => {
  const appended = await store.append('a', request)
  if (appended.kind !== 'appended') throw new Error(appended.kind)
  return appended.place
}

/** Appends 1, 2, 3 … one after the other; the place of each. */
export const fillWith = async (count: number, append: (n: number) => Promise<Place>): Promise<Place[]> => {
  const places: Place[] = []
  for (let n = 1; n <= count; n++) places.push(await append(n))
  return places
}
