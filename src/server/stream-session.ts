import type { ChannelRequest } from '../protocol/frames.ts'
import { formatPosition } from '../protocol/position.ts'
import type { User } from './authorize.ts'
import type { LinkEnd } from './counters.ts'
import type { EncodedRun } from './encoded-run.ts'
import { REVOKED } from './expiry.ts'
import type { Expiry } from './expiry.ts'
import { goodbyeText } from './frame-text.ts'
import type { HubCore } from './hub-core.ts'
import { Link } from './link.ts'
import type { Member } from './links.ts'
import { Reader } from './reader.ts'

/** The body of a streamed response. Nothing here may throw. */
export interface StreamOut {
  write(chunk: string): void
  /** The event of a run that many streams share. */
  writeRun(run: EncodedRun): void
  /** Bytes written that the network has not taken yet. */
  buffered(): number
  /** Falls whenever the peer takes bytes, also within one large write. */
  unsent(): number
  end(): void
  /** Ends at once, without what is buffered. */
  destroy(): void
}

/** What the owner of a streamed response tells about it. */
export interface StreamIn {
  /** The network has taken what was buffered. */
  drained(): void
  /** The response is over, whoever ended it. Idempotent. */
  gone(): void
}

export interface StreamQuestion {
  readonly welcome: string
  readonly heartbeatMs: number
  readonly user: User | null
  /** The tag of the client; undefined where there is none. */
  readonly publisher: string | undefined
  readonly expiry: Expiry
  readonly channels: readonly ChannelRequest[]
  /** True for a `GET`: each event that moves a position has an `id:` with all of them (PROTOCOL.md §6.7). */
  readonly withIds: boolean
  /** Called when the link is over. */
  readonly leave: () => void
}

/** One SSE link (PROTOCOL.md §6.4). */
export class StreamSession implements StreamIn, Member {
  readonly #core: HubCore
  readonly #question: StreamQuestion
  readonly #out: StreamOut
  readonly #link: Link
  readonly #reader: Reader
  readonly transport = 'sse'
  readonly #leave: (end: LinkEnd) => void
  #cancelTimer: () => void
  #id = ''
  #end: LinkEnd = 'client'
  #state: 'open' | 'ended' | 'gone' = 'open'

  constructor(core: HubCore, question: StreamQuestion, out: StreamOut) {
    this.#core = core
    this.#question = question
    this.#out = out
    this.#link = new Link(
      {
        write: (batch) => this.#write(batch),
        writeRun: (run) => this.#writeRun(run),
        buffered: () => out.buffered(),
        unsent: () => out.unsent(),
        pause: () => {},
        resume: () => {},
        destroy: () => this.#cut('stalled'),
      },
      core,
      { heartbeatMs: question.heartbeatMs, beatsAfterBurst: true, nowMs: core.now() },
    )
    this.#reader = new Reader(this.#link, question.user, question.publisher, core)
    this.#leave = core.links.add(this)
    this.#link.push(question.welcome)
    for (const request of question.channels) this.#reader.add(request)
    // The second frame, which proves that the stream is not held back (PROTOCOL.md §4.5).
    this.#cancelTimer = core.clock.after(core.limits.secondFrameMs, () => this.#link.beat())
  }

  drained(): void {
    this.#link.drained()
  }

  gone(): void {
    if (this.#state === 'gone') return
    this.#state = 'gone'
    this.#cancelTimer()
    this.#reader.end()
    this.#leave(this.#end)
    this.#question.leave()
  }

  sweep(nowMs: number, wallMs: number): void {
    if (this.#state !== 'open') return
    const due = this.#question.expiry.due(wallMs)
    if (due?.reason === 'expired') {
      this.#finish(goodbyeText(due))
      return
    }
    if (due) this.#link.push(goodbyeText(due))
    this.#link.sweep(nowMs)
  }

  revoke(userId: string, channel: string | undefined): void {
    if (this.#question.user?.userId !== userId) return
    if (channel === undefined) this.#finish(goodbyeText(REVOKED))
    else this.#reader.recheck(channel)
  }

  drain(retryAfterMs: number): void {
    this.#finish(goodbyeText({ reason: 'drain', retryAfterMs }))
  }

  #finish(goodbye: string): void {
    if (this.#state !== 'open') return
    this.#state = 'ended'
    this.#end = 'goodbye'
    this.#link.push(goodbye)
    this.#link.end(this.#core.now())
    this.#reader.end()
    this.#cancelTimer()
    this.#cancelTimer = this.#core.clock.after(this.#core.limits.closeMs, () => this.#cut(this.#end))
    this.#out.end()
  }

  get user(): User | null {
    return this.#question.user
  }

  unsent(): number {
    return this.#out.unsent()
  }

  destroy(): void {
    this.#cut('cut')
  }

  #cut(end: LinkEnd): void {
    this.#end = end
    this.#cancelTimer()
    // Not every stream says that it is closed.
    this.#cancelTimer = this.#core.clock.after(this.#core.limits.closeMs, () => this.gone())
    this.#out.destroy()
  }

  #write(batch: string): void {
    this.#out.write(`${this.#idLine()}data: ${batch}\n\n`)
  }

  #writeRun(run: EncodedRun): void {
    if (this.#question.withIds) this.#write(`[${run.frame()}]`)
    else this.#out.writeRun(run)
  }

  /** Only positions and words stand in it: nothing that a user or publisher chose. */
  #idLine(): string {
    if (!this.#question.withIds) return ''
    const id = this.#question.channels
      .map(({ channel, from }) => {
        const place = this.#reader.placeOf(channel)
        if (place) return formatPosition(place)
        return typeof from === 'string' ? from : 'after' in from ? from.after : `last:${from.last}`
      })
      .join('~')
    if (id === this.#id) return ''
    this.#id = id
    return `id: ${id}\n`
  }
}
