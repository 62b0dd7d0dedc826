import type { HoldfastError } from '../base/errors.ts'
import type { ChannelOf, DataOf, Message, SubscribeOptions, Subscription, Untyped } from './types.ts'

/** Somebody who is to be seen on a channel. */
export interface Member<Data = unknown> {
  /** Opaque, of one client object: a user with two tabs is there twice. */
  readonly id: string
  /** Who the hub knows it to be; undefined when it is not authenticated. */
  readonly userId: string | undefined
  readonly data: Data
  /** It is this client. */
  readonly own: boolean
  /** When it came, or last changed its data, by the hub's clock: ms since 1970. */
  readonly timeMs: number
}

export interface PresenceEvents<Data = unknown> {
  /** Somebody came; also each of those who were there before, when they become known. */
  readonly join: Member<Data>
  /** The data of somebody changed. */
  readonly update: Member<Data>
  /** Somebody left, or was not heard of for 75 s. */
  readonly leave: Member<Data>
  /** The hub does not let this client be seen any longer. */
  readonly error: HoldfastError
}

/** Who is on the channel of a subscription. It ends with the subscription. */
export interface Presence<Data = unknown> {
  /** Those who are there, in the order in which they came; complete from `ready` on. A new array after each change. */
  readonly members: readonly Member<Data>[]
  /** Resolves when all who are there are known. Rejects when the hub refuses, as `forbidden` where it has no presence, and when the subscription ends. */
  readonly ready: Promise<void>
  /**
   * Shows this client, or shows it with other data; resolves when the hub has it. It stays over every change of transport and every outage, until
   * `leave`, `disconnect` or the end of the subscription. `data`: JSON of at most 1 KiB. Rejects as a publish does; as `too-many` where no more are shown.
   */
  enter(data?: Data): Promise<void>
  /** Resolves when the hub has it; at once when it had not entered. */
  leave(): Promise<void>
  /** Returns the function that removes the listener. */
  on<E extends keyof PresenceEvents>(event: E, listener: (value: PresenceEvents<Data>[E]) => void): () => void
}

/** A subscription of `holdfast`. */
export interface PresentSubscription<C extends string = string, Data = unknown> extends Subscription<C> {
  /** Who is on the channel, where the hub has presence. Nothing is asked of the hub before it is used. */
  readonly presence: Presence<Data>
}

/** `subscribe` of `holdfast`. `Pr`: channel → what a client shows of itself there. */
export type PresentSubscribe<Ch extends object = Untyped, Pr extends object = Untyped> = <C extends ChannelOf<Ch>>(
  channel: C,
  listener: (message: Message<DataOf<Ch, C>, C>) => void,
  options?: SubscribeOptions,
) => PresentSubscription<C, DataOf<Pr, C>>

/** Finds the presence of a subscription of one client. The same for the same subscription. */
export type PresenceOf = <Data = unknown>(
  subscription: Pick<Subscription, 'channel' | 'state' | 'on'>,
) => Presence<Data>
