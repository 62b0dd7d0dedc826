import type { Place } from '../protocol/position.ts'
import type { PublishKey } from './store.ts'

/** Longest time that the window remembers a key: at least the time in which a client sends again (PROTOCOL.md §8.3–8.5). */
const KEY_WINDOW_MS = 120_000
/** Keys with a sequence that one channel's window holds; the last sequence of each client outlives them. */
const KEY_WINDOW_KEYS = 10_000
/** Clients, and keys without a sequence, that one channel remembers at one time. */
export const KEY_WINDOW_CLIENTS = 50_000

interface Known {
  readonly place: Place
  readonly digest: string
  readonly atMs: number
}

export type Verdict =
  | { readonly kind: 'new' }
  | { readonly kind: 'repeat'; readonly place: Place }
  | { readonly kind: 'unknown' | 'conflict' | 'full' }

// The length keeps one user's keys from looking like another's.
const scope = (userId: string, rest: string): string => `${userId.length}:${userId}:${rest}`

/** The publish keys of one channel. All maps are in the order of their times, so that the oldest are found at the front. */
export class KeyWindow {
  readonly #sequenced = new Map<string, Known>()
  readonly #plain = new Map<string, Known>()
  readonly #last = new Map<string, { readonly sequence: number; readonly atMs: number }>()

  get size(): number {
    return this.#sequenced.size + this.#plain.size + this.#last.size
  }

  check(key: PublishKey, digest: string, nowMs: number): Verdict {
    this.expire(nowMs)
    const known = 'key' in key ? this.#plain.get(scope(key.userId, key.key)) : this.#sequenced.get(sequenceKey(key))
    if (known) return known.digest === digest ? { kind: 'repeat', place: known.place } : { kind: 'conflict' }
    if ('key' in key) return { kind: this.#plain.size < KEY_WINDOW_CLIENTS ? 'new' : 'full' }
    const last = this.#last.get(scope(key.userId, key.client))
    if (last && key.sequence <= last.sequence) return { kind: 'unknown' }
    return { kind: last || this.#last.size < KEY_WINDOW_CLIENTS ? 'new' : 'full' }
  }

  /** Remembers a key that `check` called new. */
  record(key: PublishKey, digest: string, place: Place, nowMs: number): void {
    const known = { place, digest, atMs: nowMs }
    if ('key' in key) {
      this.#plain.set(scope(key.userId, key.key), known)
      return
    }
    this.#sequenced.set(sequenceKey(key), known)
    if (this.#sequenced.size > KEY_WINDOW_KEYS) {
      for (const oldest of this.#sequenced.keys()) {
        this.#sequenced.delete(oldest)
        break
      }
    }
    const client = scope(key.userId, key.client)
    this.#last.delete(client)
    this.#last.set(client, { sequence: key.sequence, atMs: nowMs })
  }

  /** Forgets what is older than the window. */
  expire(nowMs: number): void {
    const sinceMs = nowMs - KEY_WINDOW_MS
    for (const map of [this.#sequenced, this.#plain, this.#last]) {
      for (const [key, { atMs }] of map) {
        if (atMs >= sinceMs) break
        map.delete(key)
      }
    }
  }
}

const sequenceKey = (key: { readonly userId: string; readonly client: string; readonly sequence: number }): string =>
  scope(key.userId, `${key.client}:${key.sequence}`)
