import type { Place } from '../protocol/position.ts'
import type { StoredMessage } from './store.ts'

interface Entry {
  readonly message: StoredMessage
}

/** Keys of one channel whose newest message is kept; above it the one that is oldest goes. */
export const MOST_KEYS = 10_000

/** What a conflated channel keeps beyond its history: the newest message of each key (PROTOCOL.md §3.14). */
export class NewestOfEach<Kept extends Entry> {
  /** The offset of the newest message of each key, in the log or here. */
  readonly #offsets = new Map<string, number>()
  /** Those that are not in the log any more, by offset. They leave it in order, and so lie here. */
  readonly #kept = new Map<number, Kept>()

  /** False: no message had a key, so this is another kind of channel. */
  get active(): boolean {
    return this.#offsets.size > 0
  }

  appended({ conflationKey: key, offset }: StoredMessage): void {
    if (key === undefined) return
    this.#kept.delete(this.#offsets.get(key) ?? 0)
    this.#offsets.set(key, offset)
  }

  /** The oldest of the log leaves it. */
  trimmed(entry: Kept): void {
    const { conflationKey: key, offset, gone } = entry.message
    if (key === undefined || this.#offsets.get(key) !== offset) return
    if (gone) {
      this.#offsets.delete(key)
      return
    }
    this.#kept.set(offset, entry)
    if (this.#kept.size <= MOST_KEYS) return
    for (const [oldest, { message }] of this.#kept) {
      this.#kept.delete(oldest)
      this.#offsets.delete(message.conflationKey ?? '')
      break
    }
  }

  has({ offset, id }: Place): boolean {
    return this.#kept.get(offset)?.message.id === id
  }

  entries(): readonly Kept[] {
    return [...this.#kept.values()]
  }

  /** The log lost messages: what is newest is counted anew. */
  recount(log: readonly StoredMessage[]): void {
    this.#offsets.clear()
    for (const { message } of this.#kept.values()) this.#offsets.set(message.conflationKey ?? '', message.offset)
    for (const message of log) this.appended(message)
  }
}
