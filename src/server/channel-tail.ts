import { formatPosition, samePlace, startOf } from '../protocol/position.ts'
import type { Place } from '../protocol/position.ts'
import type { Clock } from '../base/clock.ts'
import type { KindName, KindOf } from './channel-kinds.ts'
import { EncodedRun, channelText, encodeMessage } from './encoded-run.ts'
import type { HubLimits } from './limits.ts'
import { isPage } from './store.ts'
import type { Notice, Page, PageLimit, ReadFrom, Store } from './store.ts'
import { TailWindow } from './tail-window.ts'
import type { TurnFlush } from './turn-flush.ts'

/** Somebody who has all that the tail has shown so far. */
export interface HeadReader {
  /** A run that follows what was shown. The reader either takes it or leaves the head. */
  take(run: EncodedRun, nowMs: number): void
  /** The tail was replaced: the reader stands at `place` and is not at the head any more. */
  strand(place: Place): void
}

/** One page as a run, with the gap that comes before it, if there is one. */
export interface RunPage {
  readonly run: EncodedRun
  readonly gap: Page['gap']
}

export interface TailContext {
  readonly store: Store
  readonly clock: Clock
  readonly limits: HubLimits
  readonly kindOf: KindOf
  readonly turns: TurnFlush
  readonly report: (error: unknown, context: string) => void
}

const WHOLE: PageLimit = { messages: Infinity, bytes: Infinity }

/**
 * The recent end of one channel in this process. It listens to the store and serves all readers near the head from one
 * encoding. Only the store declares gaps: a place that is not in here is read from there.
 */
export class ChannelTail {
  readonly channel: string
  readonly kind: KindName
  /** How its runs name it. */
  readonly text: string
  readonly #context: TailContext
  readonly #window: TailWindow
  readonly #group = new Set<HeadReader>()
  /** Where all readers of the group stand. */
  #shown: Place = startOf('0')
  #unshownBytes = 0
  #dirty = false
  #flushing = false
  #state: 'opening' | 'ready' | 'closed' = 'opening'
  #syncing: Promise<void> | null = null
  #unwatch: (() => void) | null = null
  /** Reads from the store that are under way, so that many who come from one place cost one read. */
  readonly #reads = new Map<string, Promise<RunPage>>()
  readonly opened: Promise<void>

  constructor(channel: string, context: TailContext) {
    this.channel = channel
    this.#context = context
    this.kind = context.kindOf(channel).kind
    this.text = channelText(channel, this.kind)
    this.#window = new TailWindow(context.limits)
    this.opened = this.#open()
    // Whoever asks for a page hears of a failure; here it must only not go unheard.
    this.opened.catch(() => undefined)
  }

  /** Up to where the group was served. */
  get shown(): Place {
    return this.#shown
  }

  /** What it holds in memory. */
  get size(): { readonly messages: number; readonly bytes: number } {
    return this.#window.size
  }

  get readers(): number {
    return this.#group.size
  }

  /**
   * What follows `from`: at once when the tail has it, else from the store. A rejection means that the store cannot
   * answer.
   */
  page(from: ReadFrom, limit: PageLimit): RunPage | Promise<RunPage> {
    if (this.#state !== 'ready') return this.#pageWhenOpen(from, limit)
    this.flush(this.#context.clock.now())
    if (from === 'latest' || this.kind === 'volatile') return this.#atHead(from)
    if (typeof from === 'object' && 'after' in from) {
      const run = this.#window.run(this.text, from.after, limit)
      if (run) return { run, gap: undefined }
    }
    return this.#read(from, limit)
  }

  /** A volatile channel has nothing behind its head (PROTOCOL.md §3.15). */
  #atHead(from: ReadFrom): RunPage {
    const to = this.#shown
    const isBehind = typeof from === 'object' && 'after' in from && !samePlace(from.after, to)
    return {
      run: new EncodedRun(this.text, to, [], false),
      gap: isBehind ? { from: from.after, to, reason: 'trimmed' } : undefined,
    }
  }

  /** True: `reader` stands at the head and is told what follows. False: something follows `place` already. */
  join(reader: HeadReader, place: Place): boolean {
    if (this.#state !== 'ready') return false
    this.flush(this.#context.clock.now())
    if (!samePlace(place, this.#shown)) return false
    this.#group.add(reader)
    return true
  }

  leave(reader: HeadReader): void {
    this.#group.delete(reader)
  }

  /** Shows the group what came since the last flush. */
  flush(nowMs: number): void {
    // A hook that is asked on the way may publish.
    if (this.#flushing) return
    this.#dirty = false
    this.#unshownBytes = 0
    const shown = this.#shown
    const { head } = this.#window
    if (this.#state !== 'ready' || shown.offset === head.offset) return
    if (this.#group.size > 0) {
      const run = this.#window.run(this.text, shown, WHOLE)
      if (!run) return this.#strand(shown)
      this.#flushing = true
      for (const reader of this.#group) this.#give(reader, run, nowMs)
      this.#flushing = false
    }
    this.#shown = head
  }

  /** `shown` still names where the reader stands: one that does not take the run leaves with it. */
  #give(reader: HeadReader, run: EncodedRun, nowMs: number): void {
    try {
      reader.take(run, nowMs)
    } catch (error) {
      this.#group.delete(reader)
      reader.strand(run.after)
      this.#context.report(error, 'handing a run to a reader')
    }
  }

  /** Compares the tail with the store, and takes what is new there. Never rejects. */
  check(): Promise<void> {
    if (this.#state !== 'ready') return Promise.resolve()
    this.#syncing ??= this.#sync()
      .catch((error: unknown) => this.#context.report(error, `reading the tail of a channel`))
      .finally(() => {
        this.#syncing = null
      })
    return this.#syncing
  }

  close(): void {
    this.#state = 'closed'
    this.#unwatch?.()
    this.#unwatch = null
    this.#group.clear()
  }

  async #open(): Promise<void> {
    const { store } = this.#context
    const unwatch = await store.watch(this.channel, this.#heard)
    if (this.#isClosed()) {
      unwatch()
      return
    }
    this.#unwatch = unwatch
    const page = await store.read(this.channel, 'latest', { messages: 1, bytes: 1 })
    if (this.#isClosed()) return
    this.#window.reset(page.after)
    this.#shown = this.#window.head
    this.#state = 'ready'
    // Notices from before the answer were dropped: nothing tells whether they are in it.
    await this.check()
  }

  async #pageWhenOpen(from: ReadFrom, limit: PageLimit): Promise<RunPage> {
    await this.opened
    if (this.#isClosed()) throw new Error('the hub is closing')
    return this.page(from, limit)
  }

  #isClosed(): boolean {
    return this.#state === 'closed'
  }

  readonly #heard = (notice: Notice | null): void => {
    if (this.#state !== 'ready') return
    if (notice === null) return void this.check()
    if (!samePlace(notice.after, this.#window.head)) {
      if (!this.#window.has(notice)) void this.check()
      return
    }
    this.#append(notice)
  }

  #append({ message }: Pick<Notice, 'message'>): void {
    const { limits, turns, clock } = this.#context
    const encoded = encodeMessage(message)
    // What has not been shown yet must not fall out of the window.
    const unshown = this.#window.head.offset - this.#shown.offset
    if (this.#unshownBytes + encoded.bytes > limits.tailBytes || unshown >= limits.tailMessages) this.flush(clock.now())
    this.#unshownBytes += encoded.bytes
    this.#window.append(encoded)
    if (this.#dirty) return
    this.#dirty = true
    turns.touchTail(this)
  }

  async #sync(): Promise<void> {
    const { store, limits } = this.#context
    const limit = { messages: limits.messagesPerPage, bytes: limits.answerBytes }
    for (let more = true; more && this.#state === 'ready';) {
      const asked = this.#window.head
      const page = await store.read(this.channel, { after: asked }, limit)
      if (this.#isClosed()) return
      more = page.more
      if (page.gap) {
        // What a gap of another kind leads to is no place to follow the log from.
        const { after } = this.kind === 'log' ? page : await store.read(this.channel, 'latest', limit)
        // A notice may have moved the head meanwhile; then the answer is about another place.
        if (samePlace(asked, this.#window.head)) this.#replace(after)
        more = true
        continue
      }
      for (const message of page.messages) {
        if (message.offset === this.#window.head.offset + 1) this.#append({ message })
      }
    }
  }

  /** The log is not the one that this tail followed. Its readers ask the store from where they stand. */
  #replace(head: Place): void {
    this.flush(this.#context.clock.now())
    const stranded = this.#shown
    this.#window.reset(head)
    this.#shown = head
    this.#strand(stranded)
  }

  #strand(place: Place): void {
    const readers = [...this.#group]
    this.#group.clear()
    this.#shown = this.#window.head
    for (const reader of readers) reader.strand(place)
  }

  #read(from: ReadFrom, limit: PageLimit): Promise<RunPage> {
    const start = typeof from === 'object' && 'after' in from ? formatPosition(from.after) : JSON.stringify(from)
    const key = `${start} ${limit.messages} ${limit.bytes}`
    const running = this.#reads.get(key)
    if (running) return running
    const read = this.#fromStore(from, limit).finally(() => this.#reads.delete(key))
    this.#reads.set(key, read)
    return read
  }

  async #fromStore(from: ReadFrom, limit: PageLimit): Promise<RunPage> {
    const page = await this.#context.store.read(this.channel, from, limit)
    const run = new EncodedRun(this.text, page.after, page.messages.map(encodeMessage), page.more, isPage(from))
    // The store may know of a life or branch of the log that this tail does not follow.
    if ((page.gap && page.gap.reason !== 'trimmed') || run.to.epoch !== this.#window.head.epoch) void this.check()
    return { run, gap: page.gap }
  }
}
