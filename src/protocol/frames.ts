/** The frames of PROTOCOL.md as types. Everything here is plain data. */

/** Where a reader starts (PROTOCOL.md §3.2). With `before` it asks for one page of history (§3.16). */
export type Start =
  | 'latest'
  | 'earliest'
  | { readonly last: number; readonly before?: string }
  | { readonly after: string }

/** PROTOCOL.md §3.1. */
export interface ChannelRequest {
  readonly channel: string
  readonly from: Start
  readonly ref?: number
  readonly limit?: number
}

/** PROTOCOL.md §4.1. */
export interface Hello {
  readonly type: 'hello'
  readonly protocol: 1
  readonly nonce: string
  readonly client: string
  readonly token?: string
  readonly heartbeatMs?: number
  readonly waitMs?: number
  readonly channels?: readonly ChannelRequest[]
}

/** PROTOCOL.md §5.3. */
export interface Subscribe extends ChannelRequest {
  readonly type: 'subscribe'
}

/** PROTOCOL.md §5.3. */
export interface Unsubscribe {
  readonly type: 'unsubscribe'
  readonly channel: string
}

/** PROTOCOL.md §8.1. */
export interface Publish {
  readonly type: 'publish'
  readonly channel: string
  readonly sequence: number
  readonly until?: number
  readonly key?: string
  /** An answer is wanted (§8.12). */
  readonly reply?: boolean
  readonly data: unknown
}

/** What an answer of a handler has as its data (PROTOCOL.md §8.12). */
export interface Reply {
  /** Of the ack. */
  readonly id: string
  readonly data?: unknown
  readonly error?: { readonly code: string; readonly message: string }
}

/** PROTOCOL.md §8.10. */
export interface Send {
  readonly type: 'send'
  readonly channel: string
  readonly data: unknown
}

/** PROTOCOL.md §5.5. */
export interface Ping {
  readonly type: 'ping'
}

export type ClientFrame = Hello | Subscribe | Unsubscribe | Publish | Send | Ping

/** PROTOCOL.md §4.3. */
export interface Welcome {
  readonly type: 'welcome'
  readonly protocol: 1
  readonly nonce: string
  readonly timeMs: number
  readonly heartbeatMs: number
  readonly user: string
  readonly publisher: string
  readonly maxDataBytes: number
  readonly maxBatchBytes: number
}

/** One message on the wire (PROTOCOL.md §3.4). */
export interface WireMessage {
  readonly offset: number
  readonly id: string
  readonly timeMs: number
  readonly data: unknown
  readonly sender?: string
  readonly publisher?: string
}

/** PROTOCOL.md §3.4. */
export interface Run {
  readonly type: 'run'
  readonly channel: string
  readonly after?: string
  readonly ref?: number
  readonly messages: readonly WireMessage[]
  readonly more?: boolean
  /** §3.13 */
  readonly kind?: string
}

/** Why history cannot serve (PROTOCOL.md §3.10). */
export type GapReason = 'epoch' | 'trimmed' | 'lost-tail' | 'limit' | 'expired'

/** PROTOCOL.md §3.9. */
export interface GapFrame {
  readonly type: 'gap'
  readonly channel: string
  readonly from: string
  readonly to: string
  readonly reason: GapReason
  readonly ref?: number
  /** Of a channel that is no log: the position moves, and nothing is handed over (§3.13). */
  readonly kind?: string
}

/** PROTOCOL.md §8.6. */
export interface Ack {
  readonly type: 'ack'
  /** Absent in the answer to a bare publish (§6.6). */
  readonly sequence?: number
  readonly position: string
  readonly id: string
}

/** PROTOCOL.md §10.1. `code` is open: a newer hub may send one that this client does not know. */
export interface ErrorFrame {
  readonly type: 'error'
  readonly code: string
  /** HTTP status of the code, where it has one. */
  readonly status?: number
  readonly message: string
  readonly field?: string
  readonly channel?: string
  readonly ref?: number
  readonly sequence?: number
  readonly retryAfterMs?: number
}

/** PROTOCOL.md §7.2. */
export interface Heartbeat {
  readonly type: 'heartbeat'
  /** The hub's clock, in the answer to a ping. */
  readonly timeMs?: number
}

/** PROTOCOL.md §7.4. */
export interface Goodbye {
  readonly type: 'goodbye'
  readonly reason: string
  readonly retryAfterMs: number
}

export type ServerFrame = Welcome | Run | GapFrame | Ack | ErrorFrame | Heartbeat | Goodbye

/** Subprotocol of the WebSocket (PROTOCOL.md §5.1). */
export const SUBPROTOCOL = 'holdfast.1'

/** Content type of every answer that is not a stream (PROTOCOL.md §6.2). */
export const CONTENT_TYPE = 'application/holdfast+json'

/** What the hub's own channels begin with (PROTOCOL.md §8.13). */
export const OWN = '$'

/** The channel in which a client finds the answers to its requests (PROTOCOL.md §8.12). */
export const repliesOf = (publisher: string): string => `${OWN}replies:${publisher}`

/** What the channel begins with that tells who is at another one (PROTOCOL.md §8.14). */
export const PRESENCE = `${OWN}presence:`

/** What is read there: who is there, and without `data` who has left (PROTOCOL.md §8.15). */
export interface PresenceEntry {
  /** The `publisher` of the client. */
  readonly id: string
  readonly data?: unknown
}
