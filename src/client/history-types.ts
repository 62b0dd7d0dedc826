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
