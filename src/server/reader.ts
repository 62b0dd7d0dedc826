import type { ChannelRequest } from '../protocol/frames.ts'
import type { Place } from '../protocol/position.ts'
import type { User } from './authorize.ts'
import { Cursor } from './cursor.ts'
import type { CursorOwner, ReaderContext } from './cursor.ts'
import { errorText, tooManyChannels } from './frame-text.ts'
import type { Link } from './link.ts'

// Reads from the store that one reader may have under way: they bound what a slow link can pile up.
const MOST_READS = 4

/** The channels of one streaming link. Those that have something to read take turns, as far as the link has room. */
export class Reader implements CursorOwner {
  readonly link: Link
  readonly user: User | null
  readonly publisher: string | undefined
  readonly #context: ReaderContext
  readonly #cursors = new Map<string, Cursor>()
  #waiting: Cursor[] = []
  #reads = 0
  #pumping = false

  /** `publisher`: the tag of the client; undefined where there is none. */
  constructor(link: Link, user: User | null, publisher: string | undefined, context: ReaderContext) {
    this.link = link
    this.user = user
    this.publisher = publisher
    this.#context = context
    link.onRoom = () => this.pump()
  }

  get size(): number {
    return this.#cursors.size
  }

  /** Adds a channel, or answers it anew from its new start (PROTOCOL.md §5.3, §5.4). */
  add(request: ChannelRequest): void {
    const { channel } = request
    const known = this.#cursors.get(channel)
    const { channelsPerReader } = this.#context.limits
    if (!known && this.#cursors.size >= channelsPerReader) {
      const error = tooManyChannels(channelsPerReader)
      this.#context.telemetry.refused(error, 'channel', { channel, user: this.user })
      this.link.push(errorText(error, { channel, ref: request.ref }))
      return
    }
    known?.end()
    const cursor = new Cursor(request, this, this.#context)
    this.#cursors.set(channel, cursor)
    cursor.start()
  }

  remove(channel: string): void {
    this.#cursors.get(channel)?.end()
    this.#cursors.delete(channel)
  }

  /** The permission for a channel was revoked. */
  recheck(channel: string): void {
    this.#cursors.get(channel)?.recheck()
  }

  /** Where the link stands on a channel; null when that is not known or the channel is not read. */
  placeOf(channel: string): Place | null {
    return this.#cursors.get(channel)?.place ?? null
  }

  /** Idempotent: nothing is pushed after it. */
  end(): void {
    for (const cursor of this.#cursors.values()) cursor.end()
    this.#cursors.clear()
    this.#waiting = []
  }

  queue(cursor: Cursor): void {
    this.#waiting.push(cursor)
    if (!this.#pumping) this.link.wake()
  }

  over(cursor: Cursor): void {
    if (this.#cursors.get(cursor.request.channel) === cursor) this.#cursors.delete(cursor.request.channel)
    cursor.end()
  }

  pump(): void {
    if (this.#pumping) return
    this.#pumping = true
    while (this.#waiting.length > 0 && this.#reads < MOST_READS && !this.link.full()) {
      const reading = this.#waiting.shift()?.read()
      if (!reading) continue
      this.#reads++
      void reading.then(() => {
        this.#reads--
        this.pump()
      })
    }
    this.#pumping = false
  }
}
