import type { GapReason } from '../protocol/frames.ts'
import type { Place } from '../protocol/position.ts'

/** A page of history (PROTOCOL.md §3.16): the newest `last` before this place, or of all. */
export interface PageBefore {
  readonly last: number
  readonly before: Place | 'end'
}

/** Where a read starts: a place, or a word of PROTOCOL.md §3.2; or a page of history. */
export type ReadFrom = 'latest' | 'earliest' | { readonly last: number } | { readonly after: Place } | PageBefore

/** True for a page of history: it is answered once, and nothing follows it. */
export const isPage = (from: ReadFrom): from is PageBefore => typeof from === 'object' && 'before' in from

/** A message as the store keeps it. `json` is the text of its data, spliced into frames as it is. */
export interface StoredMessage {
  readonly offset: number
  readonly id: string
  readonly timeMs: number
  readonly json: string
  readonly sender?: string
  readonly publisher?: string
  /** Of those with one key a reader needs the newest alone (PROTOCOL.md §3.14). */
  readonly conflationKey?: string
  /** There is nothing more to be known of the key: it is not kept beyond the history. */
  readonly gone?: true
}

/** How long a message of a channel is kept: as history, as the newest of its key beyond that, or not at all (PROTOCOL.md §3.13). */
export type Keep = 'history' | 'none' | { readonly newestOf: string; readonly gone?: boolean }

/** About what a message takes on the wire, in bytes: what `PageLimit.bytes` counts. */
export const wireBytes = (message: StoredMessage): number =>
  Buffer.byteLength(message.json) +
  (message.sender === undefined ? 0 : 16 + Buffer.byteLength(message.sender)) +
  message.id.length +
  112

/** What is to be appended. */
export interface AppendRequest {
  readonly json: string
  /** Key of PROTOCOL.md §8.2, already scoped to the user. Absent: never a repeat. */
  readonly key?: PublishKey
  readonly sender?: string
  readonly publisher?: string
  /** @default 'history' */
  readonly keep?: Keep
  /** Hub time after which it must not be appended (PROTOCOL.md §8.5). */
  readonly untilMs?: number
}

/** `client` and `sequence` for a client's publishes; `key` alone for `Idempotency-Key` and user keys. */
export type PublishKey =
  | { readonly userId: string; readonly client: string; readonly sequence: number }
  | { readonly userId: string; readonly key: string }

export type Appended =
  | { readonly kind: 'appended'; readonly place: Place; readonly duplicate: boolean }
  /** The key is older than the window, or `untilMs` has passed: it may have been appended earlier, and is not now. */
  | { readonly kind: 'unknown' }
  /** The key was used with other data. */
  | { readonly kind: 'conflict' }
  /** No room to remember a key without a sequence. */
  | { readonly kind: 'full' }

/** Who is to be seen on a channel, for as long as the lease is renewed (PROTOCOL.md §8.14). */
export interface Holder {
  /** Letters, digits, `-` and `_`. The conflation key of what is appended. */
  readonly id: string
  /** A request with a smaller one than the newest of this holder changes nothing. Absent: it is the newest. */
  readonly sequence?: number
  /** What is appended when it comes or changes; null: it leaves. */
  readonly json: string | null
  readonly sender?: string
  /** Hub time after which nothing may come of it (PROTOCOL.md §8.5). */
  readonly untilMs?: number
}

export interface LeaseRequest {
  /** Absent: nobody comes, leaves or is renewed; those whose time is over are taken out. */
  readonly holder?: Holder
  readonly leaseMs: number
  /** Most holders of the channel. */
  readonly holders: number
}

export type Leased =
  /** `place`: the head of the channel. `told`: something was appended for this holder. */
  | { readonly kind: 'leased'; readonly place: Place; readonly told: boolean }
  /** `untilMs` has passed. */
  | { readonly kind: 'unknown' }
  /** There are as many holders as may be. */
  | { readonly kind: 'full' }

/** One page of a channel. */
export interface Page {
  /** The messages follow this place. After a gap it is the gap's `to`. */
  readonly after: Place
  readonly messages: readonly StoredMessage[]
  /** True when there is more behind the last message; in a page of history, before the first. */
  readonly more: boolean
  /** Present when history could not serve from where the reader stands. A page of history has no messages then. */
  readonly gap?: { readonly from: Place; readonly to: Place; readonly reason: GapReason }
}

export interface PageLimit {
  readonly messages: number
  readonly bytes: number
}

/** Where the logs live: the truth. Every method may reject; the hub answers `unavailable` then. */
export interface Store {
  append(channel: string, request: AppendRequest): Promise<Appended>
  /**
   * At least one message if there is one, whatever its size (PROTOCOL.md §3.12). What is over the limit is left out at the end, of a page
   * of history at its beginning.
   */
  read(channel: string, from: ReadFrom, limit: PageLimit): Promise<Page>
  /**
   * Calls `heard` after each append to the channel, `after` being the place it follows. A lost notice costs latency, never a message.
   * Null: some may have been lost, the log is worth a look. Resolves, once notices flow, with the function that ends it.
   */
  watch(channel: string, heard: (notice: Notice | null) => void): Promise<() => void>
  /**
   * Takes out those whose lease is over, and renews, changes or ends the lease of the holder, all in one step. For each that left it appends `goneOf`
   * of `leases.ts`, as the last of its conflation key. Without it the hub has no presence.
   */
  lease?(channel: string, request: LeaseRequest): Promise<Leased>
  /** Tells every hub on this store, this one too. One that is cut off from the store misses it. Text: at most 4 kB. */
  announce(text: string): Promise<void>
  /** Calls `heard` for what is announced. Resolves, once announcements flow, with the function that ends it. */
  hear(heard: (text: string) => void): Promise<() => void>
  /** Resolves when the store can be reached: for `GET /health`. Without it the hub reads a channel that is not there. */
  check?(): Promise<void>
  close(): Promise<void>
}

export interface Notice {
  readonly after: Place
  readonly message: StoredMessage
}
