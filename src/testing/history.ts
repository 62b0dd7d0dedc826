import type { GapReason } from '../protocol/frames.ts'
import type { Place } from '../protocol/position.ts'

/**
 * One line of what happened, by the actor that saw it. Lines of one actor are in its order; positions are taken apart.
 * A history is judged by `checkHistory`.
 */
export type HistoryLine =
  /** A call of `publish`: `n` counts the calls of this publisher, `hash` stands for the data. */
  | {
      readonly type: 'pub.invoke'
      readonly publisher: string
      readonly channel: string
      readonly key: string
      readonly n: number
      readonly hash: string
    }
  | { readonly type: 'pub.ok'; readonly key: string; readonly position: Place }
  /** `fail`: certainly not appended. `unknown`: that cannot be said. */
  | { readonly type: 'pub.fail' | 'pub.unknown'; readonly key: string }
  /** Written where the store appends. */
  | { readonly type: 'append'; readonly channel: string; readonly key: string; readonly position: Place }
  /** A new life of the channel; `at`: how far it was when the history began. */
  | { readonly type: 'epoch'; readonly channel: string; readonly epoch: string; readonly at?: Place }
  /** `first`: the first offset that can still be read. */
  | { readonly type: 'trim'; readonly channel: string; readonly epoch: string; readonly first: number }
  /** The store has lost what came after this position; the offsets are given again. */
  | { readonly type: 'lost-tail'; readonly channel: string; readonly after: Place }
  | {
      readonly type: 'subscribe'
      readonly client: string
      readonly sub: string
      readonly channel: string
      readonly position: Place
    }
  /** Written in the application's listener. */
  | { readonly type: 'deliver'; readonly sub: string; readonly position: Place; readonly hash: string }
  | {
      readonly type: 'gap'
      readonly sub: string
      readonly from: Place
      readonly to: Place
      readonly reason: GapReason
    }
  | { readonly type: 'unsubscribe'; readonly sub: string }
  /** The client may not read the channel any more. */
  | { readonly type: 'revoke'; readonly client: string; readonly channel: string }
  /** A fault is on, or off again; `fired`: how often it did something. */
  | { readonly type: 'fault'; readonly name: string; readonly on: true }
  | { readonly type: 'fault'; readonly name: string; readonly on: false; readonly fired: number }
  /** All faults are off, nobody publishes any more, and there was time to settle. */
  | { readonly type: 'quiesce' }

export type HistoryRule =
  | 'inconsistent-offset'
  | 'duplicate-append'
  | 'append-not-contiguous'
  | 'lost-ack'
  | 'phantom'
  | 'corrupt'
  | 'aborted-read'
  | 'duplicate'
  | 'nonmonotonic'
  | 'silent-skip'
  | 'silent-epoch-change'
  | 'silent-fork'
  | 'gap-from-mismatch'
  | 'gap-not-forward'
  | 'false-gap'
  | 'wide-gap'
  | 'publisher-order'
  | 'delivery-after-unsubscribe'
  | 'revoked-read'
  | 'not-caught-up'
  | 'vacuous'

/** One breach of the contract. */
export interface Finding {
  readonly rule: HistoryRule
  /** Index of the line that shows it. */
  readonly line: number
  readonly what: string
}
