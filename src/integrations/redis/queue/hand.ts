import type { Clock } from '../../../base/clock.ts'
import { isHoldfastError } from '../../../base/errors.ts'
import { backoffMs } from '../client.ts'
import { Pauses } from './pauses.ts'
import { readEntry } from './queue-entry.ts'
import type { RawEntry, Refusal, Wanted } from './queue-entry.ts'

export interface HandContext {
  readonly stream: string
  readonly clock: Clock
  readonly publish: (wanted: Wanted) => Promise<unknown>
  /** Tells Redis that these are done. */
  readonly settle: (ids: readonly string[]) => Promise<void>
  /** Has Redis put one aside. */
  readonly refuse: (refusal: Refusal) => Promise<void>
  /** Was published by this process before, in whatever hand. */
  readonly isPublished: (id: string) => boolean
  readonly published: (id: string) => void
  /** Redis knows that they are done. */
  readonly settled: (ids: readonly string[]) => void
  /** What failed is done again. */
  readonly failed: (error: unknown, context: string) => void
  /** All that failed in this is done. */
  readonly well: (context: string) => void
}

/** What is told to Redis as done in one command, */
const MOST_AT_ONCE = 128
/** and what comes together for it. */
const GATHER_MS = 5

type GivenUp = 'given up'

/**
 * Entries that were read and are not done: publishes those of one channel one by one, of several channels side by side, and tells Redis. What
 * fails is done again, before what comes after it; what is of no use is put aside, so that it holds nobody up.
 */
export class Hand {
  readonly #context: HandContext
  readonly #held = new Set<string>()
  readonly #lanes = new Map<string, Promise<void>>()
  #done: string[] = []
  /** How many things of a kind are being done again. */
  readonly #failing = new Map<string, number>()
  readonly #pauses: Pauses
  #settling: Promise<void> | null = null
  #isClosing = false
  #isOver = false

  constructor(context: HandContext) {
    this.#context = context
    this.#pauses = new Pauses(context.clock)
  }

  get size(): number {
    return this.#held.size
  }

  has(id: string): boolean {
    return this.#held.has(id)
  }

  take(entry: RawEntry): void {
    const [id] = entry
    if (this.#isClosing || this.#held.has(id)) return
    this.#held.add(id)
    if (this.#context.isPublished(id)) {
      this.drop([id])
      return
    }
    const wanted = readEntry(this.#context.stream, entry)
    const lane = wanted.channel ?? ''
    const before = this.#lanes.get(lane) ?? Promise.resolve()
    const current = before.then(async () => {
      await this.#finish(wanted)
      if (this.#lanes.get(lane) === current) this.#lanes.delete(lane)
    })
    this.#lanes.set(lane, current)
  }

  /** These are done without us. */
  drop(ids: readonly string[]): void {
    for (const id of ids) this.#held.add(id)
    this.#done.push(...ids)
    this.#settling ??= this.#settleAll().finally(() => (this.#settling = null))
  }

  /** Somebody else goes on with what is here: nothing more is begun. */
  abandon(): void {
    this.#isClosing = true
    this.#isOver = true
    this.#pauses.endAll()
  }

  /** Resolves when all is done, or fails once more, or `ms` have passed. Nothing is taken any more. */
  async close(ms: number): Promise<void> {
    this.#isClosing = true
    const late = new Pauses(this.#context.clock)
    this.#pauses.endAll()
    const finished = Promise.all(this.#lanes.values()).then(() => this.#settling)
    await Promise.race([late.wait(ms), finished])
    late.endAll()
    this.abandon()
  }

  /** Never rejects. */
  async #finish(wanted: Wanted | Refusal): Promise<void> {
    const refusal = 'reason' in wanted ? wanted : await this.#publish(wanted)
    if (refusal === 'given up') return
    const { id } = wanted
    if (refusal === null) {
      this.#context.published(id)
      this.drop([id])
      return
    }
    const refuse = async (): Promise<void> => this.#context.refuse(refusal)
    if ((await this.#untilDone(refuse, 'putting an entry of the queue aside')) !== 'given up') this.#held.delete(id)
  }

  #publish(wanted: Wanted): Promise<Refusal | null | GivenUp> {
    const publish = async (): Promise<Refusal | null> => {
      try {
        await this.#context.publish(wanted)
        return null
      } catch (error) {
        const refusal = refusalOf(error, wanted)
        if (refusal === null) throw error
        return refusal
      }
    }
    return this.#untilDone(publish, 'publishing from the queue')
  }

  /** Again and again, until it does not reject or the hand is closed. */
  async #untilDone<Result>(task: () => Promise<Result>, context: string): Promise<Result | GivenUp> {
    for (let tries = 0; !this.#isOver; tries++) {
      try {
        const result = await task()
        if (tries > 0) this.#fails(context, -1)
        return result
      } catch (error) {
        if (tries === 0) this.#fails(context, 1)
        if (this.#ended()) break
        this.#context.failed(error, context)
        if (this.#isClosing) break
        await this.#pauses.wait(backoffMs(tries, this.#context.clock))
      }
    }
    return 'given up'
  }

  /** One channel may go on failing while others do not: that is one outage. */
  #fails(context: string, more: 1 | -1): void {
    const failing = (this.#failing.get(context) ?? 0) + more
    this.#failing.set(context, failing)
    if (failing === 0) this.#context.well(context)
  }

  /** The last look at `isOver` may be long ago. */
  #ended(): boolean {
    return this.#isOver
  }

  /** Never rejects. */
  async #settleAll(): Promise<void> {
    while (this.#done.length > 0) {
      if (!this.#isClosing) await this.#pauses.wait(GATHER_MS)
      const ids = this.#done.slice(0, MOST_AT_ONCE)
      const settle = async (): Promise<void> => this.#context.settle(ids)
      if ((await this.#untilDone(settle, 'telling the queue what is done')) === 'given up') return
      this.#done = this.#done.slice(ids.length)
      for (const id of ids) this.#held.delete(id)
      this.#context.settled(ids)
    }
  }
}

/** Why it can never be published; null when it can, later. What is late by the lease is no answer of the entry's own. */
const refusalOf = (error: unknown, { id, channel }: Wanted): Refusal | null => {
  if (!isHoldfastError(error) || error.retryable || error.code === 'unknown') return null
  // What the hub's own caller does wrong is here what a peer does wrong.
  const code = error.code === 'invalid-argument' ? 'bad-request' : error.code
  return { id, channel, code, reason: error.message }
}
