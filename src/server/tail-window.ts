import { startOf } from '../protocol/position.ts'
import type { Place } from '../protocol/position.ts'
import { EncodedRun } from './encoded-run.ts'
import type { EncodedMessage } from './encoded-run.ts'
import type { HubLimits } from './limits.ts'
import type { Notice, PageLimit } from './store.ts'

/** The last messages of a channel, encoded, bounded by count and bytes. */
export class TailWindow {
  readonly #limits: Pick<HubLimits, 'tailMessages' | 'tailBytes'>
  #base: Place = startOf('0')
  #head: Place = this.#base
  #messages: EncodedMessage[] = []
  #first = 0
  #bytes = 0
  /** Runs up to the present head by the offset they follow; all who stand at one place share one. */
  readonly #runs = new Map<number, EncodedRun>()

  constructor(limits: Pick<HubLimits, 'tailMessages' | 'tailBytes'>) {
    this.#limits = limits
  }

  get head(): Place {
    return this.#head
  }

  get size(): { readonly messages: number; readonly bytes: number } {
    return { messages: this.#count, bytes: this.#bytes }
  }

  reset(head: Place): void {
    this.#base = head
    this.#head = head
    this.#messages = []
    this.#first = 0
    this.#bytes = 0
    this.#runs.clear()
  }

  append(message: EncodedMessage): void {
    this.#messages.push(message)
    this.#bytes += message.bytes
    this.#head = { epoch: this.#head.epoch, offset: message.offset, id: message.id }
    this.#runs.clear()
    const { tailMessages, tailBytes } = this.#limits
    while (this.#count > 1 && (this.#count > tailMessages || this.#bytes > tailBytes)) this.#shift()
  }

  /** True when the notice's message is in here already. */
  has({ after, message }: Notice): boolean {
    return after.epoch === this.#head.epoch && this.#idAt(message.offset) === message.id
  }

  /** The run that follows `place`, or null when this window does not know the place. */
  run(channel: string, place: Place, limit: PageLimit): EncodedRun | null {
    if (place.epoch !== this.#head.epoch || this.#idAt(place.offset) !== place.id) return null
    const cached = this.#runs.get(place.offset)
    if (cached && cached.count <= limit.messages && cached.bytes <= limit.bytes) return cached
    const first = this.#indexAfter(place)
    let end = first
    for (let bytes = 0; end < this.#messages.length && end - first < limit.messages; end++) {
      bytes += this.#messages[end]?.bytes ?? 0
      if (bytes > limit.bytes && end > first) break
    }
    const more = end < this.#messages.length
    const run = new EncodedRun(channel, place, this.#messages.slice(first, end), more)
    if (!more) this.#runs.set(place.offset, run)
    return run
  }

  get #count(): number {
    return this.#messages.length - this.#first
  }

  #indexAfter(place: Place): number {
    return this.#first + place.offset - this.#base.offset
  }

  #idAt(offset: number): string | undefined {
    if (offset === this.#base.offset) return this.#base.id
    return offset > this.#base.offset ? this.#messages[this.#first + offset - this.#base.offset - 1]?.id : undefined
  }

  #shift(): void {
    const message = this.#messages[this.#first]
    if (!message) return
    this.#bytes -= message.bytes
    this.#base = { epoch: this.#base.epoch, offset: message.offset, id: message.id }
    this.#first++
    if (this.#first * 2 < this.#messages.length) return
    this.#messages = this.#messages.slice(this.#first)
    this.#first = 0
  }
}
