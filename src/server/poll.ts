import type { Clock } from '../base/clock.ts'
import type { ChannelRequest } from '../protocol/frames.ts'
import type { User } from './authorize.ts'
import { batchText, errorText, goodbyeText, tooManyChannels } from './frame-text.ts'
import type { Expiry, Goodbye } from './expiry.ts'
import { PollChannel } from './poll-channel.ts'
import type { ReaderContext } from './cursor.ts'
import type { Flushable, TurnFlush } from './turn-flush.ts'

export interface PollContext extends ReaderContext {
  readonly clock: Clock
  readonly turns: TurnFlush
}

export interface PollQuestion {
  /** Text of the welcome that the answer begins with. */
  readonly welcome: string
  readonly user: User | null
  /** The tag of the client; undefined where there is none. */
  readonly publisher: string | undefined
  readonly expiry: Expiry
  readonly channels: readonly ChannelRequest[]
  /** 0: answered at once. */
  readonly waitMs: number
}

/** One answer to a set of positions, held until there is something to say (PROTOCOL.md §6.3). */
export class Poll implements Flushable {
  readonly #context: PollContext
  readonly #question: PollQuestion
  readonly #answer: (batch: string) => void
  readonly #channels: readonly PollChannel[]
  /** Refusals of the channels over the limit. */
  readonly #refusals: readonly string[]
  /** How much longer those that are not settled may hold up the answer. */
  #patience: 'permissions' | 'reads' | 'none' = 'permissions'
  #wanted: boolean
  #goodbye: Goodbye | null = null
  #touched = false
  #over = false
  #cancelHold: () => void = () => {}
  #cancelPatience: () => void = () => {}

  constructor(question: PollQuestion, context: PollContext, answer: (batch: string) => void) {
    this.#context = context
    this.#question = question
    this.#answer = answer
    // The last request of a channel is the one that counts.
    const requests = new Map(question.channels.map((request) => [request.channel, request]))
    const owner = { user: question.user, publisher: question.publisher, changed: () => this.#touch() }
    const { answerBytes, channelsPerReader } = context.limits
    const share = Math.max(answerBytes / Math.max(1, requests.size), 16_384)
    const all = [...requests.values()]
    this.#channels = all.slice(0, channelsPerReader).map((request) => new PollChannel(request, share, owner, context))
    this.#refusals = all.slice(channelsPerReader).map(({ channel, ref }) => {
      const error = tooManyChannels(channelsPerReader)
      context.telemetry.refused(error, 'channel', { channel, user: question.user })
      return errorText(error, { channel, ref })
    })
    this.#wanted = question.waitMs <= 0 || this.#refusals.length > 0
  }

  start(): void {
    const { clock, limits } = this.#context
    for (const channel of this.#channels) channel.start()
    if (!this.#wanted) {
      const holdMs = Math.min(this.#question.waitMs, limits.holdMs)
      this.#cancelHold = clock.after(holdMs, () => this.drain())
    }
    if (this.#channels.some((channel) => !channel.settled)) {
      this.#cancelPatience = clock.after(limits.permissionWaitMs, () => {
        this.#patience = 'reads'
        this.#cancelPatience = clock.after(limits.authorizeMs, () => {
          this.#patience = 'none'
          this.#touch()
        })
        this.#touch()
      })
    }
    this.#touch()
  }

  /** Answers with what is known now. */
  drain(): void {
    this.#wanted = true
    this.#patience = 'none'
    this.#touch()
  }

  sweep(wallMs: number): void {
    const due = this.#question.expiry.due(wallMs)
    if (due) this.renew(due)
  }

  /** Answers with what is known now, and sends the client for another token. */
  renew(goodbye: Goodbye): void {
    this.#goodbye = goodbye
    this.drain()
  }

  /** Permissions were revoked: on one channel, or on all. */
  recheck(name?: string): void {
    for (const channel of this.#channels) if (name === undefined || channel.name === name) channel.recheck()
  }

  /** The client is gone: nothing is answered and nothing is left behind. Idempotent. */
  cancel(): void {
    this.#over = true
    this.#cancelHold()
    this.#cancelPatience()
    for (const channel of this.#channels) channel.end()
  }

  flush(): void {
    this.#touched = false
    if (this.#over || !this.#ready()) return
    const frames = [this.#question.welcome, ...this.#refusals]
    const { length } = this.#channels
    const first = Math.floor(this.#context.clock.random() * length)
    let bytes = 0
    // Which channel comes first changes, so that a busy one cannot keep the others out of every answer.
    for (let index = 0; index < length; index++) {
      bytes += this.#channels[(first + index) % length]?.answer(frames, this.#context.limits.answerBytes - bytes) ?? 0
    }
    // Behind the rest, for it may bring about the end of the link that the rest is for.
    const goodbye = this.#goodbye ?? this.#question.expiry.due(this.#context.clock.wall())
    if (goodbye) frames.push(goodbyeText(goodbye))
    this.cancel()
    this.#answer(batchText(frames))
  }

  #ready(): boolean {
    if (!this.#wanted && !this.#channels.some((channel) => channel.news)) return false
    return this.#channels.every((channel) => {
      if (channel.settled || this.#patience === 'none') return true
      return this.#patience === 'reads' && channel.asking
    })
  }

  #touch(): void {
    if (this.#touched || this.#over) return
    this.#touched = true
    this.#context.turns.touchLink(this)
  }
}
