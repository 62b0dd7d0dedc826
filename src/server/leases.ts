import { dataDigest } from './digest.ts'
import { dropOldest } from './drop-oldest.ts'
import type { Holder, LeaseRequest } from './store.ts'

/** So long it is remembered that somebody left: longer than a client sends a publish again (PROTOCOL.md §8.5). */
export const LEFT_MS = 120_000

/** What a channel is told of a holder that left (PROTOCOL.md §8.15). */
export const goneOf = (id: string): string => JSON.stringify({ id })

/** Two requests with the same tell the same of their holder. */
export const holderDigest = ({ json, sender = '' }: Holder): string =>
  json === null ? '' : dataDigest(`${sender.length}:${sender}${json}`)

interface Known {
  readonly sequence: number
  readonly untilMs: number
}

interface Lease extends Known {
  readonly digest: string
}

/** Who holds a lease on one channel and until when, and who left a moment ago. */
export class Leases {
  readonly #there = new Map<string, Lease>()
  /** The first to be forgotten first. */
  readonly #left = new Map<string, Known>()

  /** Takes out those whose time is over. */
  lapsed(nowMs: number): string[] {
    for (const [id, { untilMs }] of this.#left) {
      if (untilMs > nowMs) break
      this.#left.delete(id)
    }
    const over = [...this.#there].filter(([, { untilMs }]) => untilMs <= nowMs).map(([id]) => id)
    for (const id of over) this.#there.delete(id)
    return over
  }

  /** Renews, changes or ends a lease, and says what is to be told of it. */
  take(holder: Holder, nowMs: number, { leaseMs, holders }: LeaseRequest): 'full' | 'nothing' | 'holder' | 'gone' {
    const { id, json } = holder
    const lease = this.#there.get(id)
    const known = lease ?? this.#left.get(id)
    const { sequence = known?.sequence ?? 0 } = holder
    if (known && sequence < known.sequence) return 'nothing'
    if (json === null) {
      if (!lease) return 'nothing'
      this.#there.delete(id)
      this.#left.set(id, { sequence, untilMs: nowMs + LEFT_MS })
      if (this.#left.size > holders) dropOldest(this.#left)
      return 'gone'
    }
    if (!lease && this.#there.size >= holders) return 'full'
    const digest = holderDigest(holder)
    this.#left.delete(id)
    this.#there.set(id, { sequence, digest, untilMs: nowMs + leaseMs })
    return lease?.digest === digest ? 'nothing' : 'holder'
  }
}
