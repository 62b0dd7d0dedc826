import type { HoldfastError } from '../base/errors.ts'
import type { GapReason } from '../protocol/frames.ts'
import type { EndCode, TransportName } from '../transports/transport.ts'

/** The channel map of a client that does not name one: every channel, data unknown. */
export type Untyped = Readonly<Record<string, unknown>>

/** The channel names of a map. A template, so that a compile error prints the names. */
// oxlint-disable-next-line typescript/no-unnecessary-template-expression -- errors print the names, not `keyof`
export type ChannelOf<Ch extends object> = `${keyof Ch & string}`

/** The payload of a channel. */
export type DataOf<Ch extends object, C extends string> = C extends keyof Ch ? Ch[C] : never

declare const positionBrand: unique symbol

/** A place in a channel's log: opaque, to be stored and given back. A stored string is accepted. */
export type Position = string & { readonly [positionBrand]?: never }

/** One message as the listener gets it. */
export interface Message<Data = unknown, Channel extends string = string> {
  readonly type: 'message'
  readonly channel: Channel
  readonly data: Data
  /** Unique, given by the hub. */
  readonly id: string
  /** 1, 2, 3 … without holes in one life of the channel. */
  readonly offset: number
  /** Where the subscription stands once it has this message. */
  readonly position: Position
  /** Hub time of the append, in ms since 1970. */
  readonly timeMs: number
  /** True when it was appended before the subscription's first answer, or is of a page of history: no news. */
  readonly replayed: boolean
  /** True when this client object published it. */
  readonly own: boolean
  /** What the hub knows of the publisher. */
  readonly sender?: string | undefined
}

/** Messages that history cannot serve: handed over once, in their place, before any later message. */
export interface Gap<Channel extends string = string> {
  readonly type: 'gap'
  readonly channel: Channel
  /** Where the subscription stood. */
  readonly from: Position
  /** Where reading goes on. */
  readonly to: Position
  readonly reason: GapReason
}

/** What the client is doing. `transport` is in each member, so that it can be destructured. */
export type ClientState =
  | { readonly name: 'idle' | 'connecting' | 'closed'; readonly transport: null }
  | { readonly name: 'online'; readonly transport: TransportName }
  | { readonly name: 'waiting'; readonly transport: null; readonly retryAtMs: number; readonly error: HoldfastError }

export interface ClientEvents {
  state: ClientState
  error: HoldfastError
  /** Each fact of `explain()` as it is recorded. */
  trace: Fact
}

export type SubscriptionState =
  | { readonly name: 'pending' | 'live' }
  | { readonly name: 'ended'; readonly error: HoldfastError | null }

export interface SubscriptionEvents<C extends string> {
  gap: Gap<C>
  state: SubscriptionState
  error: HoldfastError
}

export interface SubscribeOptions {
  /** Where to start. @default 'latest' */
  readonly from?: 'latest' | 'earliest' | { readonly last: number } | { readonly after: Position } | undefined
  /** Ends the subscription when it aborts. */
  readonly signal?: AbortSignal | undefined
}

export interface ReadOptions extends SubscribeOptions {
  /** Messages kept for a consumer that is slower than the channel; above it reading pauses, nothing is dropped. @default 256 */
  readonly maxBuffered?: number | undefined
}

export interface PublishOptions {
  /** A key of your own, so that a publish repeated by another client object is recognised. */
  readonly key?: string | undefined
  /** Gives up: rejects as `aborted` while nothing was sent, as `unknown` after that. */
  readonly signal?: AbortSignal | undefined
  /** Longest wait for the hub's answer, in ms. @default 300000 */
  readonly timeoutMs?: number | undefined
  /** A handler is to answer, in the channel of PROTOCOL.md §8.12; `request` sets it, and reads that. @default false */
  readonly reply?: boolean | undefined
}

export interface RequestOptions {
  /** Gives up: rejects as `aborted` while nothing was sent, as `unknown` after that. */
  readonly signal?: AbortSignal | undefined
  /** Longest wait for the answer, in ms. @default 30000 */
  readonly timeoutMs?: number | undefined
}

/** A resolved publish: the store has the message. */
export interface Published {
  readonly position: Position
  readonly id: string
}

export interface Subscription<C extends string = string> {
  readonly channel: C
  /** Where it stands; null until the start is fixed. */
  readonly position: Position | null
  readonly state: SubscriptionState
  /** The start position. Rejects when the hub refuses, and as `closed`, or `aborted` by its signal, when the subscription ends before. */
  readonly ready: Promise<Position>
  /** Returns the function that removes the listener. */
  on<E extends keyof SubscriptionEvents<C>>(event: E, listener: (value: SubscriptionEvents<C>[E]) => void): () => void
  /** Idempotent; nothing is handed over after it, not even the rest of a batch. */
  unsubscribe(): void
}

export interface Client<Ch extends object = Untyped> {
  readonly state: ClientState
  /** What marks its messages for the hub (PROTOCOL.md §4.4); null before the first welcome. */
  readonly publisher: string | null
  /** Throws `invalid-argument` on a bad name or start, `closed` after `close()`. */
  subscribe<C extends ChannelOf<Ch>>(
    channel: C,
    listener: (message: Message<DataOf<Ch, C>, C>) => void,
    options?: SubscribeOptions,
  ): Subscription<C>
  /** Messages and gaps in their order; `break` ends it. */
  read<C extends ChannelOf<Ch>>(
    channel: C,
    options?: ReadOptions,
  ): AsyncIterableIterator<Message<DataOf<Ch, C>, C> | Gap<C>>
  /** Resolves when the store has the message. Rejects as `unknown` when that cannot be said; every other code means "not appended". */
  publish<C extends ChannelOf<Ch>>(channel: C, data: DataOf<Ch, C>, options?: PublishOptions): Promise<Published>
  /**
   * Sends it at most once, and never learns what became of it: for what is worth nothing a moment later, as a cursor on a volatile channel.
   * False: it was not sent, for there is no link, or it has no room.
   */
  send<C extends ChannelOf<Ch>>(channel: C, data: DataOf<Ch, C>): boolean
  /** Returns the function that removes the listener. */
  on<E extends keyof ClientEvents>(event: E, listener: (value: ClientEvents[E]) => void): () => void
  /** Connects now; the first subscribe or publish does it too. */
  connect(): void
  /** Drops the link and keeps subscriptions and outbox; `connect()` goes on. */
  disconnect(): void
  /** Final: ends every subscription, settles every publish, leaves nothing running. */
  close(): void
  explain(): Explanation
}

/** What framework bindings take: any client, whatever its channels. */
export type AnyClient = Pick<Client, 'state' | 'on' | 'connect' | 'disconnect' | 'close'>

/** What happened to a link, the ladder or the page. */
export type FactKind =
  | 'open'
  | 'welcome'
  | 'proven'
  | 'end'
  | 'demote'
  | 'wait'
  | 'signal'
  | 'goodbye'
  | 'stop'
  | 'silent'

/** One line of the ladder's timeline. */
export interface Fact {
  /** Wall clock, ms since 1970. */
  readonly timeMs: number
  readonly kind: FactKind
  /** Number of the link, 1, 2, 3 … in the life of the client. */
  readonly link?: number | undefined
  readonly transport?: TransportName | undefined
  /** What the link was for. */
  readonly purpose?: LinkPurpose | undefined
  /** How it ended; see {@link EndCode}. */
  readonly code?: EndCode | undefined
  readonly status?: number | undefined
  /** ms until the next try, the probe of a demoted transport, or the round trip of a welcome. */
  readonly ms?: number | undefined
  readonly detail?: string | undefined
  /** The fact in words; empty in `holdfast/core`. */
  readonly text: string
}

/** `carry`: to carry traffic. `read`: the first read. `probe`: a better transport tried in the background. `replace`: the same transport anew. */
export type LinkPurpose = 'carry' | 'read' | 'probe' | 'replace'

/** Where one transport stands. */
export interface TransportReport {
  readonly name: TransportName
  readonly status: 'carrying' | 'opening' | 'untried' | 'available' | 'probation' | 'unsupported'
  /** Links of it opened so far. */
  readonly attempts: number
  /** When it is probed again, ms since 1970; only on probation. */
  readonly probeAtMs?: number | undefined
  /** How its last link ended. */
  readonly code?: EndCode | undefined
  /** In words a person can act on; empty in `holdfast/core`. */
  readonly text: string
}

export interface Explanation {
  /** Which transport carries traffic and why, in one or two sentences; the state's name in `holdfast/core`. */
  readonly summary: string
  readonly state: ClientState
  readonly transports: readonly TransportReport[]
  /** The newest 200 facts, oldest first. */
  readonly timeline: readonly Fact[]
}

/** Durations, all in ms; the defaults are those of PROTOCOL.md and docs. */
export interface TimingOptions {
  /** Beat asked of the hub. @default 10000 */
  readonly heartbeatMs: number
  /** Silence beyond the beat after which a link is dead. @default 5000 */
  readonly graceMs: number
  /** From the start of an attempt to its welcome, at least; four round trips if that is more. @default 5000 */
  readonly connectMs: number
  /** The same for a background probe of a better transport. @default 15000 */
  readonly probeMs: number
  /** From a welcome to the second frame that proves a stream. @default 2000 */
  readonly secondFrameMs: number
  /** Head start of a transport over the next one, at least. @default 250 */
  readonly headStartMs: number
  /** A link that lived so long resets the back-off. @default 10000 */
  readonly stableMs: number
  /** First probation of a transport never proven; one proven before gets half of it. @default 10000 */
  readonly probationMs: number
  /** Longest probation. @default 900000 */
  readonly maxProbationMs: number
  /** Spread of the second retry. @default 5000 */
  readonly spreadMs: number
  /** Unit of the back-off after that: the third retry waits four of it, each later one twice as long. @default 500 */
  readonly backoffMs: number
  /** @default 30000 */
  readonly maxBackoffMs: number
  /** Deadline of the probe after the page wakes. @default 2000 */
  readonly wakeMs: number
  /** What an overdue timer waits, so that queued bytes can be read. @default 1000 */
  readonly lateMs: number
  /** Longest hold of a long-poll. @default 25000 */
  readonly holdMs: number
  /** Pause between interval polls. @default 5000 */
  readonly pollIntervalMs: number
  /** Publishes are sent again for so long after their first send. @default 100000 */
  readonly resendMs: number
  /** How often a client that is seen on a channel says so again; the hub forgets it after 75 s. @default 25000 */
  readonly presenceMs: number
}

export interface CommonOptions {
  /** Relative, http(s):// or ws(s)://; resolved as the browser resolves a link. Without a document it must be absolute. */
  readonly url: string
  /** A string, or a function called on every attempt; null = anonymous. */
  readonly token?: string | TokenSource | undefined
  /** `race` starts the next transport after a head start; `sequential` only when the one before has failed. @default 'race' */
  readonly strategy?: 'race' | 'sequential' | undefined
  /** One short poll beside the first transport at the start and after an outage. @default true */
  readonly firstRead?: boolean | undefined
  /** Publishes kept while they have no answer; one more rejects as `outbox-full`. @default 1000 */
  readonly maxOutbox?: number | undefined
  readonly timing?: Partial<TimingOptions> | undefined
}

/** Why a token is asked for: the first time and on each attempt, or since the hub refused the last one. */
export type TokenSource = (why: { readonly reason: 'connect' | 'refused' }) => string | null | Promise<string | null>

export interface ClientOptions extends CommonOptions {
  /** In order of preference. @default ['websocket', 'sse', 'long-poll', 'poll'] */
  readonly transports?: readonly TransportName[] | undefined
}
