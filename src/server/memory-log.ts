import { samePlace, startOf } from '../protocol/position.ts'
import type { Place } from '../protocol/position.ts'
import { NewestOfEach } from './newest-of-each.ts'
import { isPage, wireBytes } from './store.ts'
import type { Page, PageBefore, PageLimit, ReadFrom, StoredMessage } from './store.ts'

interface Entry {
  readonly message: StoredMessage
  readonly bytes: number
  readonly atMs: number
}

/** The messages of one channel: appended at one end, trimmed by count and age at the other. */
export class MemoryLog {
  readonly epoch: string
  /** The newest trimmed message, or the start. */
  #base: Place
  #head: Place
  // Trimmed entries leave the array in large pieces, so that trimming costs O(1) a message.
  #entries: Entry[] = []
  #first = 0
  readonly #newest = new NewestOfEach<Entry>()

  constructor(epoch: string) {
    this.epoch = epoch
    this.#base = startOf(epoch)
    this.#head = this.#base
  }

  get head(): Place {
    return this.#head
  }

  get base(): Place {
    return this.#base
  }

  append(message: StoredMessage, atMs: number): void {
    this.#entries.push({ message, bytes: wireBytes(message), atMs })
    this.#newest.appended(message)
    this.#head = this.#placeOf(message)
  }

  /** Drops the oldest until at most `messages` are left and none was appended before `sinceMs`. */
  trim(messages: number, sinceMs: number): void {
    let first = this.#first
    const { length } = this.#entries
    while (first < length && (length - first > messages || this.#at(first).atMs < sinceMs)) {
      this.#newest.trimmed(this.#at(first), first === length - 1)
      first++
    }
    if (first === this.#first) return
    this.#base = this.#placeOf(this.#at(first - 1).message)
    this.#first = first
    if (first * 2 >= length) {
      this.#entries = this.#entries.slice(first)
      this.#first = 0
    }
  }

  /** Forgets the newest `count` messages, as a failover to a replica that lags does. */
  loseTail(count: number): void {
    this.#entries.length = Math.max(this.#first, this.#entries.length - count)
    const last = this.#entries.at(-1)
    this.#head = last && this.#entries.length > this.#first ? this.#placeOf(last.message) : this.#base
    this.#newest.recount(this.#entries.slice(this.#first).map(({ message }) => message))
  }

  read(from: ReadFrom, limit: PageLimit): Page {
    if (from === 'latest') return { after: this.#head, messages: [], more: false }
    if (isPage(from)) return this.#readBefore(from, limit)
    if (this.#newest.active) return this.#readNewest(from, limit)
    if (from === 'earliest') return this.#page(this.#base, limit)
    if ('last' in from) {
      const count = Math.min(from.last, this.#entries.length - this.#first)
      const index = this.#entries.length - count
      return this.#page(index === this.#first ? this.#base : this.#placeOf(this.#at(index - 1).message), limit)
    }
    const gap = this.#gapAt(from.after)
    return gap ? { ...this.#page(gap.to, limit), gap } : this.#page(from.after, limit)
  }

  /** Of a conflated channel: what is kept beyond the log comes before it, and a reader who cannot go on begins there (PROTOCOL.md §3.14). */
  #readNewest(from: Exclude<ReadFrom, 'latest'>, limit: PageLimit): Page {
    const entries = [...this.#kept(), ...this.#entries.slice(this.#first)]
    const start = startOf(this.epoch)
    if (from === 'earliest') return pageOf(entries, 0, start, limit)
    if ('last' in from) {
      const index = Math.max(0, entries.length - from.last)
      const before = entries[index - 1]
      return pageOf(entries, index, before ? this.#placeOf(before.message) : start, limit)
    }
    const { after } = from
    const gap = this.#newest.has(after) || samePlace(after, start) ? undefined : this.#gapAt(after)
    if (gap) return { ...pageOf(entries, 0, start, limit), gap: { ...gap, to: start } }
    const index = entries.findIndex(({ message }) => message.offset > after.offset)
    return pageOf(entries, index < 0 ? entries.length : index, after, limit)
  }

  /** Of a conflated channel: what is kept beyond the log. */
  #kept(): Entry[] {
    return this.#newest.entries().map((entry) => {
      const { message } = entry
      // From the newest that left the log anybody goes on.
      const id = message.offset === this.#base.offset ? message.id : this.#newest.idOf(message)
      return id === message.id ? entry : { ...entry, message: { ...message, id } }
    })
  }

  /** What cannot be served to a reader at `place` (PROTOCOL.md §3.10, §3.11). */
  #gapAt(place: Place): Page['gap'] {
    const from = place
    if (place.epoch !== this.epoch) return { from, to: this.#base, reason: 'epoch' }
    if (place.offset < this.#base.offset) return { from, to: this.#base, reason: 'trimmed' }
    if (place.offset > this.#head.offset) return { from, to: this.#head, reason: 'lost-tail' }
    const index = this.#first + place.offset - this.#base.offset
    const known = index === this.#first ? this.#base : this.#placeOf(this.#at(index - 1).message)
    return samePlace(known, place) ? undefined : { from, to: this.#head, reason: 'lost-tail' }
  }

  #page(after: Place, limit: PageLimit): Page {
    return pageOf(this.#entries, this.#first + after.offset - this.#base.offset, after, limit)
  }

  /** The newest before a place, of all that is kept (PROTOCOL.md §3.16). */
  #readBefore({ last, before }: PageBefore, limit: PageLimit): Page {
    const conflated = this.#newest.active
    const oldest = conflated ? startOf(this.epoch) : this.#base
    const gap = before === 'end' || (conflated && this.#isBeforeHistory(before)) ? undefined : this.#gapAt(before)
    if (gap) {
      const to = conflated ? oldest : gap.to
      return { after: to, messages: [], more: false, gap: { ...gap, to } }
    }
    const kept = this.#newest.entries()
    const stop = before === 'end' ? this.#head.offset + 1 : before.offset
    let inLog = Math.max(this.#first, this.#first + stop - this.#base.offset - 1)
    let inKept = kept.length
    while (inKept > 0 && (kept[inKept - 1]?.message.offset ?? 0) >= stop) inKept--
    const previous = (): Entry | undefined => (inLog > this.#first ? this.#entries[inLog - 1] : kept[inKept - 1])
    const messages: StoredMessage[] = []
    let bytes = 0
    for (let entry = previous(); entry && messages.length < Math.min(last, limit.messages); entry = previous()) {
      bytes += entry.bytes
      if (bytes > limit.bytes && messages.length > 0) break
      messages.push(entry.message)
      if (inLog > this.#first) inLog--
      else inKept--
    }
    const follows = previous()
    const after = follows ? this.#placeOf(follows.message) : oldest
    return { after, messages: messages.reverse(), more: follows !== undefined }
  }

  /** Whether such a place of a conflated channel is known does not matter: nobody waits for what is missing there. */
  #isBeforeHistory({ epoch, offset }: Place): boolean {
    return epoch === this.epoch && offset < this.#base.offset
  }

  #at(index: number): Entry {
    const entry = this.#entries[index]
    if (!entry) throw new RangeError(`no entry ${index} in a log of ${this.#entries.length}`)
    return entry
  }

  #placeOf(message: StoredMessage): Place {
    return { epoch: this.epoch, offset: message.offset, id: message.id }
  }
}

/** What fits of the entries from `index` on; at least one, if there is one. */
const pageOf = (entries: readonly Entry[], index: number, after: Place, limit: PageLimit): Page => {
  const messages: StoredMessage[] = []
  let end = index
  let bytes = 0
  for (; end < entries.length && messages.length < limit.messages; end++) {
    const entry = entries[end]
    bytes += entry?.bytes ?? 0
    if (!entry || (bytes > limit.bytes && messages.length > 0)) break
    messages.push(entry.message)
  }
  return { after, messages, more: end < entries.length }
}
