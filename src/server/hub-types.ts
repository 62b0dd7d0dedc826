import type { AttachableServer } from './attach.ts'
import type { Authorize, User } from './authorize.ts'
import type { ChannelKind } from './channel-kinds.ts'
import type { Authenticate, HubFailure } from './hub-core.ts'
import type { HubMetrics } from './counters.ts'
import type { Handler } from './handlers.ts'
import type { HubInspection } from './inspect.ts'
import type { HubLimits } from './limits.ts'
import type { HubLogger } from './logger.ts'
import type { HubMember } from './members.ts'
import type { Store } from './store.ts'

/** Channels without a map: any name, any data. */
export type Untyped = Readonly<Record<string, unknown>>
/** The names of a channel map. */
// oxlint-disable-next-line typescript/no-unnecessary-template-expression -- errors print the names, not `keyof`
export type ChannelOf<Channels extends object> = `${keyof Channels & string}`
/** The data of one channel of a map. */
export type DataOf<Channels extends object, Channel extends string> = Channel extends keyof Channels
  ? Channels[Channel]
  : never

/** `Known`: what `authenticate` returns, so `authorize` sees its fields. */
export interface HubOptions<Known extends User = User> {
  /** Where the logs live. One that is given is not closed by the hub. @default memoryStore() */
  readonly store?: Store | undefined
  /**
   * Says who is behind a token, and until when; throwing refuses with 401. Links end when their token expires.
   * @default everybody is anonymous
   */
  readonly authenticate?: Authenticate<Known> | undefined
  /**
   * Says who may do what on which channel. Answers are kept for 2 s and asked for again before messages are handed over;
   * one that takes longer than 2 s counts as "cannot be said now".
   */
  readonly authorize: Authorize<Known>
  /**
   * Channels that are no logs, by pattern: the first that fits decides. All hubs on one store must say the same.
   * @default []: every channel is a log
   */
  readonly kinds?: readonly ChannelKind[] | undefined
  /**
   * Channels on which clients may be seen, by pattern: there whoever may read the channel may see who is there, and show up with data of his own. All hubs on
   * one store must say the same. @default []: on none
   */
  readonly presence?: readonly string[] | undefined
  /** Origins of pages that may use the hub, besides its own: exactly as a browser sends them. @default [] */
  readonly origins?: readonly string[] | undefined
  /** Lets WebSocket clients in that send no `Origin`, as programs do. @default false */
  readonly allowMissingOrigin?: boolean | undefined
  /**
   * Proxies in front of the hub whose entries in `X-Forwarded-For` are believed, for limits by address: 1 for one nginx.
   * With more than there are, anybody can write himself another address. At most 16. @default 0
   */
  readonly trustProxy?: number | undefined
  /** Bounds and durations; see `HubLimits`. */
  readonly limits?: { readonly [Name in keyof HubLimits]?: number | undefined } | undefined
  /** Told of every failure that is not the peer's fault. May not throw. */
  readonly onError?: ((failure: HubFailure) => void) | undefined
  /**
   * Gets structured events, as a logger of pino takes them: `(facts, message)`. Never a token and never the data of a message;
   * texts of peers are cut and escaped. @default nothing is logged
   */
  readonly logger?: HubLogger | undefined
}

export interface HubPublishOptions {
  /** A repeat with the same key within two minutes is not appended again. 1 to 128 visible ASCII characters. */
  readonly key?: string | undefined
  /** After this time, by the clock of the store, it is not appended any more: `unknown`. Milliseconds since 1970. @default no end */
  readonly untilMs?: number | undefined
}

export interface RevokeOptions {
  readonly userId: string
  /** @default everything: the user has to authenticate anew */
  readonly channel?: string | undefined
}

export interface HubHealth {
  readonly status: 'ready' | 'draining'
  /** Links and held requests that are open. */
  readonly links: number
  /** Channels whose end is held in memory for readers. */
  readonly channels: number
}

export interface Hub<Channels extends object = Untyped> {
  /**
   * Serves WebSocket and the HTTP endpoints below `path` on a server of `node:http`, `node:https` or `node:http2`; other
   * paths stay the application's. Returns the function that undoes it.
   */
  attach(server: AttachableServer, options?: { readonly path?: string | undefined }): () => void
  /** Serves the HTTP endpoints by web standards, below any base path. */
  readonly fetch: (request: Request) => Promise<Response>
  /**
   * Appends a message. Resolves when the store has it.
   * @throws HoldfastError `invalid-argument`, `too-large`, `conflict`, `unknown` or `unavailable`
   */
  publish<Channel extends ChannelOf<Channels>>(
    channel: Channel,
    data: DataOf<Channels, Channel>,
    options?: HubPublishOptions,
  ): Promise<{ readonly position: string; readonly id: string }>
  /**
   * Answers what clients ask by `client.request`, on the channels of a pattern: literal text, `*`, `{userId}`. Whoever may publish to the channel may
   * ask. Each request is handled once, at one hub; so all hubs on a store need the same handlers. Returns the function that undoes it.
   * @throws TypeError
   */
  handle<Data = unknown>(channel: string, handler: Handler<Data>): () => void
  /**
   * Who is to be seen on a channel, at all hubs on the store.
   * @throws HoldfastError `invalid-argument`: there is no presence on the channel; `unavailable`
   */
  members(channel: ChannelOf<Channels>): Promise<readonly HubMember[]>
  /**
   * Makes all hubs on the store ask again what a user may: on one channel, or who it is at all; then its links end and are to come back
   * with another token. Done at this hub at once; resolves when the store has told the others. A hub that is cut off from the store misses
   * it: there answers of `authorize` hold for 2 s more, and links until their token expires.
   * @throws HoldfastError `invalid-argument`; `unavailable`: only this hub knows of it, call it again
   */
  revoke(options: RevokeOptions): Promise<void>
  readonly health: HubHealth
  /** What this hub counted since it was made: a copy. Made at each access, so read it once. */
  readonly metrics: HubMetrics
  /** A look inside, for people and dashboards: without tokens, users and data. `channels`: how many are listed, at most 1000. @default 100 */
  inspect(options?: { readonly channels?: number | undefined }): HubInspection
  /**
   * Runs `task` when the hub begins to close, and waits for it, no longer than it waits for its links (`drainMs`): for what publishes through the hub.
   * Returns the function that undoes it.
   */
  beforeClose(task: () => Promise<void>): () => void
  /** Drains: links are told to come back elsewhere, held polls are answered, then all is ended. Idempotent. */
  close(): Promise<void>
}
