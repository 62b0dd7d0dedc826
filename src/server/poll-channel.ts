import type { HoldfastError } from '../base/errors.ts'
import type { ChannelRequest } from '../protocol/frames.ts'
import type { Permission, User } from './authorize.ts'
import type { ChannelTail, HeadReader, RunPage } from './channel-tail.ts'
import { readFrom } from './cursor.ts'
import type { ReaderContext } from './cursor.ts'
import { EncodedRun } from './encoded-run.ts'
import { errorText, gapText, pendingText, refusal } from './frame-text.ts'
import type { Place } from '../protocol/position.ts'
import { isPage } from './store.ts'
import type { ReadFrom } from './store.ts'

export interface PollChannelOwner {
  readonly user: User | null
  /** The tag of the client. */
  readonly publisher: string | undefined
  /** A channel is settled, or has news. */
  changed(): void
}

type State =
  | { readonly name: 'asking' | 'reading' | 'ended' }
  /** At the head, with nothing to say. */
  | { readonly name: 'head' }
  | { readonly name: 'page'; readonly page: RunPage }
  | { readonly name: 'refused'; readonly error: HoldfastError }

/** One channel of a poll: its permission, its page, or its wait at the head. */
export class PollChannel implements HeadReader {
  readonly #request: ChannelRequest
  readonly #shareBytes: number
  readonly #owner: PollChannelOwner
  readonly #context: ReaderContext
  #from: ReadFrom
  #tail: ChannelTail | null = null
  #permittedMs = -Infinity
  #state: State = { name: 'asking' }

  constructor(request: ChannelRequest, shareBytes: number, owner: PollChannelOwner, context: ReaderContext) {
    this.#request = request
    this.#shareBytes = shareBytes
    this.#owner = owner
    this.#context = context
    this.#from = readFrom(request)
  }

  get name(): string {
    return this.#request.channel
  }

  /** Neither a permission nor a read is awaited. */
  get settled(): boolean {
    return this.#state.name !== 'asking' && this.#state.name !== 'reading'
  }

  get asking(): boolean {
    return this.#state.name === 'asking'
  }

  /** There is something to say: a message, a gap, an error, or the first answer to a start word. */
  get news(): boolean {
    return this.#state.name === 'page' || this.#state.name === 'refused'
  }

  start(): void {
    this.#state = { name: 'asking' }
    this.#withPermission(() => {
      this.#tail ??= this.#context.tails.acquire(this.#request.channel)
      this.#read()
    })
  }

  /** What was permitted holds no more: asks again at once, and reads again what was not answered yet. */
  recheck(): void {
    const { name } = this.#state
    if (this.#tail && name === 'head') this.#leave(this.#tail.shown)
    this.#permittedMs = -Infinity
    if (name === 'head' || name === 'page') this.start()
  }

  take(run: EncodedRun, nowMs: number): void {
    this.#leave(run.after)
    if (nowMs >= this.#permittedMs && !this.#renew()) {
      this.start()
      return
    }
    if (run.bytes <= this.#shareBytes && run.count <= (this.#request.limit ?? Infinity)) {
      this.#settle({ name: 'page', page: { run, gap: undefined } })
    } else {
      // Read in a turn of its own: this one is flushing the tail.
      this.#state = { name: 'reading' }
      void Promise.resolve().then(() => this.#read())
    }
  }

  strand(place: Place): void {
    this.#leave(place)
    this.#state = { name: 'reading' }
    void Promise.resolve().then(() => this.#read())
  }

  /** Adds the frames of this channel to an answer that has room for `roomBytes`; returns the bytes of its messages. */
  answer(frames: string[], roomBytes: number): number {
    const { channel, ref } = this.#request
    const state = this.#state
    const { telemetry } = this.#context
    if (state.name === 'refused') {
      telemetry.refused(state.error, 'channel', { channel, user: this.#owner.user })
      frames.push(errorText(state.error, { channel, ref }))
      return 0
    }
    if (state.name === 'head' && this.#tail) {
      frames.push(new EncodedRun(this.#tail.text, this.#tail.shown, [], false).frame(ref))
      return 0
    }
    if (state.name !== 'page' || !this.#tail) {
      frames.push(pendingText(channel, ref))
      return 0
    }
    const { run, gap } = state.page
    if (gap) {
      const { kind } = this.#tail
      if (kind === 'log' && !isPage(this.#from)) telemetry.gap(channel, gap.reason)
      frames.push(gapText(channel, gap, ref, kind))
    }
    if (run.count > 0 && run.bytes > roomBytes && roomBytes < this.#context.limits.answerBytes) {
      // A page of history is asked for again: it is told as a whole, or not at all.
      const later = new EncodedRun(this.#tail.text, run.after, [], true)
      frames.push(isPage(this.#from) ? pendingText(channel, ref) : later.frame(ref))
      return 0
    }
    telemetry.delivered(run.count)
    frames.push(run.frame(ref))
    return run.count > 0 ? run.bytes : 0
  }

  end(): void {
    if (this.#state.name === 'ended') return
    this.#state = { name: 'ended' }
    if (!this.#tail) return
    this.#tail.leave(this)
    this.#context.tails.release(this.#tail)
  }

  #withPermission(go: () => void): void {
    const decide = (permission: Permission): void => {
      if (this.#isEnded()) return
      this.#permittedMs = permission.untilMs
      if (permission.allowed) go()
      else this.#settle({ name: 'refused', error: permission.refused })
    }
    const permission = this.#check()
    if (permission instanceof Promise) void permission.then(decide)
    else decide(permission)
  }

  /** True when the permission could be renewed without waiting. */
  #renew(): boolean {
    const permission = this.#check()
    if (permission instanceof Promise || !permission.allowed) return false
    this.#permittedMs = permission.untilMs
    return true
  }

  #read(): void {
    if (this.#isEnded() || !this.#tail) return
    this.#state = { name: 'reading' }
    const page = this.#tail.page(this.#from, {
      messages: Math.min(this.#request.limit ?? Infinity, this.#context.limits.messagesPerPage),
      bytes: this.#shareBytes,
    })
    if (!(page instanceof Promise)) {
      this.#hand(page)
      return
    }
    page.then(
      (answer) => this.#hand(answer),
      (error: unknown) => {
        this.#context.report(error, 'reading from the store')
        const message = `the messages of ${JSON.stringify(this.#request.channel)} cannot be read now; ask again later`
        this.#settle({ name: 'refused', error: refusal('unavailable', message, { retryAfterMs: 1000 }) })
      },
    )
  }

  #hand(page: RunPage): void {
    if (this.#isEnded()) return
    if (this.#context.now() < this.#permittedMs || this.#renew()) {
      this.#handOver(page)
      return
    }
    // The read took longer than the permission held, or that was revoked meanwhile.
    this.#state = { name: 'asking' }
    this.#withPermission(() => this.#handOver(page))
  }

  #handOver(page: RunPage): void {
    if (!this.#tail) return
    const isWord = typeof this.#from !== 'object' || !('after' in this.#from)
    if (isWord || page.gap || page.run.count > 0) {
      this.#settle({ name: 'page', page })
    } else if (this.#tail.join(this, page.run.to)) {
      this.#settle({ name: 'head' })
    } else {
      // The store is ahead of the tail, or on another branch: the tail looks first.
      void this.#tail.check().then(() => this.#read())
    }
  }

  #settle(state: State): void {
    if (this.#isEnded()) return
    this.#state = state
    this.#owner.changed()
  }

  #leave(place: Place): void {
    this.#tail?.leave(this)
    this.#from = { after: place }
  }

  #check(): Permission | Promise<Permission> {
    return this.#context.authorizer.check(
      { user: this.#owner.user, action: 'subscribe', channel: this.#request.channel },
      this.#owner.publisher,
    )
  }

  #isEnded(): boolean {
    return this.#state.name === 'ended'
  }
}
