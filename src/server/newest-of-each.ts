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
  /** Keys that were gone and left the history: who has seen them there will not be told by what is kept. */
  #gone = 0
  /** The head, when there is nothing more to be known of its key and it left the history. */
  #goneHead: StoredMessage | undefined

  /** False: no message had a key, so this is another kind of channel. */
  get active(): boolean {
    return this.#offsets.size > 0
  }

  appended({ conflationKey: key, offset }: StoredMessage): void {
    // What stayed as the head is the head no more.
    if (this.#goneHead) this.#forget(this.#goneHead)
    this.#goneHead = undefined
    if (key === undefined) return
    this.#kept.delete(this.#offsets.get(key) ?? 0)
    this.#offsets.set(key, offset)
  }

  /** The oldest of the log leaves it. The head stays, whatever it is: readers have to come to it. */
  trimmed(entry: Kept, isHead: boolean): void {
    const { conflationKey: key, offset, gone } = entry.message
    if (key === undefined || this.#offsets.get(key) !== offset) return
    if (gone && !isHead) {
      this.#forget(entry.message)
      return
    }
    if (gone) this.#goneHead = entry.message
    this.#kept.set(offset, entry)
    if (this.#kept.size <= MOST_KEYS) return
    for (const [oldest, { message }] of this.#kept) {
      this.#kept.delete(oldest)
      this.#offsets.delete(message.conflationKey ?? '')
      break
    }
  }

  #forget({ conflationKey: key = '', offset }: StoredMessage): void {
    this.#offsets.delete(key)
    this.#kept.delete(offset)
    this.#gone++
  }

  has({ offset, id }: Place): boolean {
    const kept = this.#kept.get(offset)
    return kept !== undefined && this.idOf(kept.message) === id
  }

  /**
   * The id of what is kept, where a reader may go on from. It is another one since a key was forgotten: who stands there from before that has to be
   * told by a gap.
   */
  idOf({ id }: StoredMessage): string {
    return this.#gone > 0 ? `${id}-${this.#gone}` : id
  }

  entries(): readonly Kept[] {
    return [...this.#kept.values()]
  }

  /** The log lost messages: what is newest is counted anew. */
  recount(log: readonly StoredMessage[]): void {
    this.#offsets.clear()
    this.#goneHead = undefined
    for (const { message } of this.#kept.values()) this.#offsets.set(message.conflationKey ?? '', message.offset)
    for (const message of log) this.appended(message)
  }
}
