import type { RequestingClient, UntypedRequests } from './request-types.ts'
import type { ChannelOf, DataOf, Gap, Message, Position, Untyped } from './types.ts'

export interface HistoryOptions {
  /** The page ends before the message of this position. Without it, at the newest message. */
  readonly before?: Position | undefined
  /** Most messages of the page, 1 to 1000. Fewer come when they are large. @default 50 */
  readonly limit?: number | undefined
  /** Gives up: rejects as `aborted`. */
  readonly signal?: AbortSignal | undefined
}

/** A page of history. */
export interface HistoryPage<Data = unknown, Channel extends string = string> {
  /** Oldest first, without a hole up to `before`. */
  readonly messages: readonly Message<Data, Channel>[]
  /** There are older ones: the next page is before the first of these. */
  readonly more: boolean
  /** `before` is no place of the log any more, so there are no messages: what lay before it cannot be served. */
  readonly gap?: Gap<Channel> | undefined
}

/** Reads pages of what was published before, in the channels of a map from channel to data. */
export type History<Ch extends object = Untyped> = <C extends ChannelOf<Ch>>(
  channel: C,
  options?: HistoryOptions,
) => Promise<HistoryPage<DataOf<Ch, C>, C>>

/** The client of `holdfast`: it can ask, and page back. `Ch`: channel → data. `Rq`: channel → function from what is asked to the answer. */
export interface FullClient<Ch extends object = Untyped, Rq extends object = UntypedRequests> extends RequestingClient<
  Ch,
  Rq
> {
  /**
   * A page of what was published before: no subscription is needed, and none moves. Waits for a connection, and asks again after a failure.
   * Rejects as `forbidden` or what else the hub refuses it with for good, as `aborted` by its signal, `closed` or `invalid-argument`.
   */
  readonly history: History<Ch>
}
