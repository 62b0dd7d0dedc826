import type { WireErrorCode } from '../base/errors.ts'
import { CODES } from '../protocol/codes.ts'
import type { GapReason } from '../protocol/frames.ts'

/** What a link is. Each request to `/poll` counts as one: `long-poll` when it may be held, else `poll`. */
export type LinkTransport = 'websocket' | 'sse' | 'long-poll' | 'poll'

/**
 * Why a link ended: the peer went (`client`), a poll was answered, it was told to come back elsewhere (`goodbye`), it took no
 * byte for too long (`stalled`), the drain took too long (`cut`); or the code of the error that ended it.
 */
export type LinkEnd = 'client' | 'answered' | 'goodbye' | 'stalled' | 'cut' | WireErrorCode

/** What became of a publish: appended, answered as the repeat of an earlier one, or refused with a code. */
export type PublishOutcome = 'appended' | 'repeated' | WireErrorCode

export type StoreOperation = 'append' | 'read' | 'watch' | 'lease'

/** How long each of many took, failures included. */
export interface Durations {
  readonly count: number
  readonly failed: number
  /** Milliseconds of all together. */
  readonly sumMs: number
  /** How many took at most `upToMs`; each contains those before it. Slower ones are in `count` alone. */
  readonly buckets: readonly { readonly upToMs: number; readonly count: number }[]
}

/** Answers of a hook that let nobody in: it said no, or it threw or was too late to say. */
export interface HookFailures {
  readonly refused: number
  readonly failed: number
}

/** What a hub counted since it was made. Numbers only rise; the names are bounded. */
export interface HubMetrics {
  readonly linksOpened: Readonly<Record<LinkTransport, number>>
  readonly linksClosed: Readonly<Record<LinkTransport, Readonly<Partial<Record<LinkEnd, number>>>>>
  /** Messages times the readers that they were sent to. */
  readonly messagesDelivered: number
  /** Requests are publishes too. */
  readonly publishes: Readonly<Record<PublishOutcome, number>>
  /**
   * Requests that were handed to a handler. Failed: it threw something else than a `HoldfastError`, was late, or its answer has no JSON or
   * too much of it.
   */
  readonly requests: Durations
  readonly gaps: Readonly<Record<GapReason, number>>
  /** Errors that were sent for requests, links, channels and frames, by code. Those of publishes are in `publishes`. */
  readonly refusals: Readonly<Record<WireErrorCode, number>>
  readonly store: Readonly<Record<StoreOperation, Durations>>
  readonly authenticate: HookFailures
  readonly authorize: HookFailures
}

const BOUNDS_MS = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000] as const

const zeros = <Name extends string>(names: readonly Name[]): Record<Name, number> =>
  Object.fromEntries(names.map((name) => [name, 0])) as Record<Name, number>

const codes = Object.keys(CODES) as WireErrorCode[]
const GAPS: readonly GapReason[] = ['epoch', 'trimmed', 'lost-tail', 'limit', 'expired']
const TRANSPORTS: readonly LinkTransport[] = ['websocket', 'sse', 'long-poll', 'poll']

/** A code that the table has; what a hook may have thrown beside it counts as `internal`. */
export const knownCode = (code: string): WireErrorCode =>
  Object.hasOwn(CODES, code) ? (code as WireErrorCode) : 'internal'

class Times {
  count = 0
  failed = 0
  sumMs = 0
  readonly #within = BOUNDS_MS.map(() => 0)

  add(ms: number, failed: boolean): void {
    this.count++
    if (failed) this.failed++
    this.sumMs += ms
    const slot = BOUNDS_MS.findIndex((bound) => ms <= bound)
    if (slot !== -1) this.#within[slot] = (this.#within[slot] ?? 0) + 1
  }

  snapshot(): Durations {
    let sum = 0
    const buckets = BOUNDS_MS.map((upToMs, slot) => ({ upToMs, count: (sum += this.#within[slot] ?? 0) }))
    return { count: this.count, failed: this.failed, sumMs: this.sumMs, buckets }
  }
}

/** The numbers behind `hub.metrics`: additions to plain fields, read when somebody asks. */
export class Counters {
  readonly authenticate = { refused: 0, failed: 0 }
  readonly authorize = { refused: 0, failed: 0 }
  messagesDelivered = 0
  readonly #opened = zeros(TRANSPORTS)
  readonly #closed = Object.fromEntries(TRANSPORTS.map((name) => [name, {}])) as Record<
    LinkTransport,
    Partial<Record<LinkEnd, number>>
  >
  readonly #publishes = zeros<PublishOutcome>(['appended', 'repeated', ...codes])
  readonly #gaps = zeros(GAPS)
  readonly #refusals = zeros(codes)
  readonly #requests = new Times()
  readonly #store = { append: new Times(), read: new Times(), watch: new Times(), lease: new Times() }

  opened(transport: LinkTransport): void {
    this.#opened[transport]++
  }

  closed(transport: LinkTransport, end: LinkEnd): void {
    const ends = this.#closed[transport]
    ends[end] = (ends[end] ?? 0) + 1
  }

  published(outcome: string): void {
    this.#publishes[outcome === 'appended' || outcome === 'repeated' ? outcome : knownCode(outcome)]++
  }

  gap(reason: GapReason): void {
    this.#gaps[reason]++
  }

  refused(code: string): void {
    this.#refusals[knownCode(code)]++
  }

  stored(operation: StoreOperation, ms: number, failed: boolean): void {
    this.#store[operation].add(ms, failed)
  }

  handled(ms: number, failed: boolean): void {
    this.#requests.add(ms, failed)
  }

  /** A copy: what is counted later does not change it. */
  snapshot(): HubMetrics {
    const { append, read, watch, lease } = this.#store
    return {
      linksOpened: { ...this.#opened },
      linksClosed: {
        websocket: { ...this.#closed.websocket },
        sse: { ...this.#closed.sse },
        'long-poll': { ...this.#closed['long-poll'] },
        poll: { ...this.#closed.poll },
      },
      messagesDelivered: this.messagesDelivered,
      publishes: { ...this.#publishes },
      requests: this.#requests.snapshot(),
      gaps: { ...this.#gaps },
      refusals: { ...this.#refusals },
      store: { append: append.snapshot(), read: read.snapshot(), watch: watch.snapshot(), lease: lease.snapshot() },
      authenticate: { ...this.authenticate },
      authorize: { ...this.authorize },
    }
  }
}
