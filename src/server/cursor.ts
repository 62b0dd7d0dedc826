import type { ChannelRequest } from '../protocol/frames.ts'
import { parsePosition } from '../protocol/position.ts'
import type { Place } from '../protocol/position.ts'
import type { Authorizer, Permission, User } from './authorize.ts'
import type { ChannelTail, HeadReader, RunPage } from './channel-tail.ts'
import type { EncodedRun } from './encoded-run.ts'
import { errorText, gapText, refusal } from './frame-text.ts'
import type { HubLimits } from './limits.ts'
import type { Link } from './link.ts'
import { isPage } from './store.ts'
import type { ReadFrom } from './store.ts'
import type { Tails } from './tails.ts'
import type { Telemetry } from './telemetry.ts'

export interface ReaderContext {
  readonly tails: Tails
  readonly authorizer: Authorizer
  readonly limits: HubLimits
  readonly now: () => number
  readonly report: (error: unknown, context: string) => void
  readonly telemetry: Telemetry
}

/** What a cursor needs of the reader it belongs to. */
export interface CursorOwner {
  readonly link: Link
  readonly user: User | null
  /** The tag of the client. */
  readonly publisher: string | undefined
  /** Puts the cursor behind those that wait for their turn to read. */
  queue(cursor: Cursor): void
  /** Reads for those that wait. Not to be called while a tail is being flushed. */
  pump(): void
  /** The link has this channel no more: it was refused, or its page of history is told. The others go on. */
  over(cursor: Cursor): void
}

/** The start of a channel request as a start of a read. The position was checked when the request was read. */
export const readFrom = ({ from }: ChannelRequest): ReadFrom => {
  if (typeof from !== 'object') return from
  if ('after' in from) return { after: placeOf(from.after, 'from.after') }
  const { last, before } = from
  if (before === undefined) return { last }
  return { last, before: before === 'end' ? before : placeOf(before, 'from.before') }
}

const placeOf = (position: string, field: string): Place => {
  const place = parsePosition(position)
  if (!place) throw refusal('bad-request', 'a position must be epoch.offset.id', { field })
  return place
}

/** One channel of one streaming reader: a position that moves. */
export class Cursor implements HeadReader {
  readonly request: ChannelRequest
  readonly #owner: CursorOwner
  readonly #context: ReaderContext
  #state: 'asking' | 'queued' | 'reading' | 'head' | 'ended' = 'asking'
  #tail: ChannelTail | null = null
  #from: ReadFrom
  #permittedMs = -Infinity
  #answered = false

  constructor(request: ChannelRequest, owner: CursorOwner, context: ReaderContext) {
    this.request = request
    this.#owner = owner
    this.#context = context
    this.#from = readFrom(request)
  }

  /** Where the link stands on this channel; null until the start is known. */
  get place(): Place | null {
    if (this.#state === 'head') return this.#tail?.shown ?? null
    return typeof this.#from === 'object' && 'after' in this.#from ? this.#from.after : null
  }

  /** Asks for the permission and then waits for its turn. */
  start(): void {
    this.#withPermission(() => {
      this.#tail ??= this.#context.tails.acquire(this.request.channel)
      this.#state = 'queued'
      this.#owner.queue(this)
      this.#owner.pump()
    })
  }

  /** Its turn to read one page. Returns a promise when the answer has to come from the store. */
  read(): Promise<void> | null {
    if (this.#state !== 'queued' || !this.#tail) return null
    if (this.#context.now() >= this.#permittedMs) {
      this.#state = 'asking'
      this.start()
      return null
    }
    const { limits } = this.#context
    const page = this.#tail.page(this.#from, {
      messages: Math.min(this.request.limit ?? Infinity, limits.messagesPerPage),
      bytes: Math.min(limits.answerBytes, limits.highWaterBytes),
    })
    if (!(page instanceof Promise)) {
      this.#hand(page)
      return null
    }
    this.#state = 'reading'
    return page.then(
      (answer) => this.#hand(answer),
      (error: unknown) => {
        this.#context.report(error, 'reading from the store')
        const message = `the messages of ${JSON.stringify(this.request.channel)} cannot be read now; subscribe again later`
        this.#refuse(refusal('unavailable', message, { retryAfterMs: 1000 }))
      },
    )
  }

  /** What was permitted holds no more: asks again at once, also where there is nothing to hand over. */
  recheck(): void {
    this.#permittedMs = -Infinity
    if (this.#state !== 'asking') this.#withPermission(() => undefined)
  }

  take(run: EncodedRun, nowMs: number): void {
    const { link } = this.#owner
    if (nowMs >= this.#permittedMs && !this.#renew()) {
      this.#leave(run.after)
      this.#state = 'asking'
      this.start()
    } else if (run.count > (this.request.limit ?? Infinity) || link.full()) {
      this.#fallBehind(run.after)
    } else {
      this.#context.telemetry.delivered(run.count)
      link.pushRun(run)
    }
  }

  strand(place: Place): void {
    this.#fallBehind(place)
  }

  end(): void {
    if (this.#state === 'ended') return
    if (this.#tail) {
      this.#tail.leave(this)
      this.#context.tails.release(this.#tail)
    }
    this.#state = 'ended'
  }

  #hand(page: RunPage): void {
    if (this.#isEnded()) return
    if (this.#context.now() < this.#permittedMs || this.#renew()) {
      this.#handOver(page)
      return
    }
    // The read took longer than the permission held, or that was revoked meanwhile.
    this.#state = 'asking'
    this.#withPermission(() => this.#handOver(page))
  }

  #handOver({ run, gap }: RunPage): void {
    const { link } = this.#owner
    const { channel } = this.request
    const ref = this.#answered ? undefined : this.request.ref
    this.#context.telemetry.delivered(run.count)
    if (gap) {
      const kind = this.#tail?.kind ?? 'log'
      // Who pages back from a place that is gone has lost nothing.
      if (kind === 'log' && !isPage(this.#from)) this.#context.telemetry.gap(channel, gap.reason)
      link.push(gapText(channel, gap, ref, kind))
    }
    if (run.count > 0 || !this.#answered || gap) {
      if (ref === undefined) link.pushRun(run)
      else link.push(run.frame(ref))
    }
    this.#answered = true
    if (isPage(this.#from)) return this.#owner.over(this)
    this.#from = { after: run.to }
    this.#state = 'queued'
    if (!run.more && this.#tail?.join(this, run.to)) {
      this.#state = 'head'
    } else if (run.count > 0 || !this.#tail) {
      this.#owner.queue(this)
    } else {
      // The store is ahead of the tail, or on another branch: the tail looks, and then this goes on.
      void this.#tail.check().then(() => this.#isEnded() || this.#owner.queue(this))
    }
  }

  #fallBehind(place: Place): void {
    this.#leave(place)
    this.#state = 'queued'
    this.#owner.queue(this)
  }

  #leave(place: Place): void {
    this.#tail?.leave(this)
    this.#from = { after: place }
  }

  /** True when the permission could be renewed without waiting. */
  #renew(): boolean {
    const permission = this.#check()
    if (permission instanceof Promise || !permission.allowed) return false
    this.#permittedMs = permission.untilMs
    return true
  }

  #check(): Permission | Promise<Permission> {
    const { channel } = this.request
    return this.#context.authorizer.check(
      { user: this.#owner.user, action: 'subscribe', channel },
      this.#owner.publisher,
    )
  }

  #withPermission(go: () => void): void {
    const decide = (permission: Permission): void => {
      if (this.#isEnded()) return
      this.#permittedMs = permission.untilMs
      if (permission.allowed) go()
      else this.#refuse(permission.refused)
    }
    const permission = this.#check()
    if (permission instanceof Promise) void permission.then(decide)
    else decide(permission)
  }

  #refuse(error: Parameters<typeof errorText>[0]): void {
    if (this.#isEnded()) return
    this.#context.telemetry.refused(error, 'channel', { channel: this.request.channel, user: this.#owner.user })
    const ref = this.#answered ? undefined : this.request.ref
    this.#owner.link.push(errorText(error, { channel: this.request.channel, ref }))
    this.#owner.over(this)
  }

  #isEnded(): boolean {
    return this.#state === 'ended'
  }
}
