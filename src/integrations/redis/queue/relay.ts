import type { Clock } from '../../../base/clock.ts'
import { backoffMs } from '../client.ts'
import type { RedisLink } from '../link.ts'
import { Hand } from './hand.ts'
import { Pauses } from './pauses.ts'
import type { RawEntry, Refusal } from './queue-entry.ts'
import type { QueueNames } from './queue-names.ts'
import type { QueueHub } from './queue-options.ts'
import { doneScript, refuseScript, releaseScript, takeScript } from './queue-scripts.ts'

/** What a relay tells of itself. */
export interface RelayEvents {
  reading(isReading: boolean): void
  published(): void
  refused(refusal: Refusal): void
  /** Removed from the stream before it was published. */
  lost(id: string): void
  /** What failed is done again. */
  failed(error: unknown, context: string): void
  /** What failed is done. */
  well(context: string): void
}

export interface RelayContext {
  readonly hub: Pick<QueueHub, 'publish'>
  readonly clock: Clock
  readonly link: RedisLink
  readonly names: QueueNames
  readonly leaseMs: number
  readonly drainMs: number
  /** Nobody else's. */
  readonly holder: string
  readonly events: RelayEvents
}

/** The `context` of what fails in reading. */
export const READING = 'reading the queue'
/** How often the stream is looked at that was empty, */
const IDLE_MS = 25
/** and by those who do not read it. */
const STANDBY_MS = 250
/** Entries that other consumers of the group have had for so long are taken over, and looked for that often. */
const OTHERS_MS = 30_000
const MOST_HELD = 256
const MOST_AT_ONCE = 64

type Taken = readonly [
  state: 'held' | 'new' | 'mine',
  nowMs: string,
  entries: readonly RawEntry[],
  next: string,
  gone: readonly string[],
  length: string,
  oldestMs: string,
  begun: readonly string[],
]

/** Reads a queue as long as it has the lease, and hands its entries on. First what was begun and is not done, then what others left, then what is new. */
export class Relay {
  readonly #context: RelayContext
  readonly #pauses: Pauses
  readonly #working: Promise<void>
  #hand: Hand
  #isReading = false
  #isClosing = false
  #waiting = 0
  #lagMs = 0
  #what: 'mine' | 'others' | 'new' = 'mine'
  #from = '0-0'
  #othersMs = 0
  /** End of the lease, by the clock of Redis. */
  #untilMs = 0
  /** Published here, and Redis may not know of it: the keys of these may be forgotten when they come again. */
  readonly #published = new Set<string>()

  constructor(context: RelayContext) {
    this.#context = context
    this.#pauses = new Pauses(context.clock)
    this.#hand = this.#newHand()
    this.#working = this.#work()
  }

  get standing() {
    return { isReading: this.#isReading, held: this.#hand.size, waiting: this.#waiting, lagMs: this.#lagMs }
  }

  /** Reads nothing more, finishes what is in hand, and lets another one read. Never rejects. */
  async close(): Promise<void> {
    const { link, names, holder, drainMs } = this.#context
    this.#isClosing = true
    this.#pauses.endAll()
    await this.#working
    await this.#hand.close(drainMs)
    if (this.#isReading) await link.run(releaseScript, [names.lease], [holder]).catch(() => undefined)
    this.#reads(false)
  }

  async #work(): Promise<void> {
    const { clock, events } = this.#context
    for (let failures = 0; !this.#isClosing;) {
      let pauseMs: number
      try {
        pauseMs = await this.#step()
        failures = 0
        events.well(READING)
      } catch (error) {
        events.failed(error, READING)
        pauseMs = backoffMs(failures++, clock)
      }
      if (pauseMs > 0 && !this.#isEnding()) await this.#pauses.wait(pauseMs)
    }
  }

  /** The last look at `isClosing` may be long ago. */
  #isEnding(): boolean {
    return this.#isClosing
  }

  /** One question to Redis. Returns how long to wait before the next. */
  async #step(): Promise<number> {
    const { link, names, holder, leaseMs, clock, events } = this.#context
    const asked = this.#hasRoom() ? this.#what : 'nothing'
    const args = [
      holder,
      String(leaseMs),
      asked,
      this.#from,
      String(MOST_AT_ONCE),
      String(OTHERS_MS),
      String(this.#hand.size),
    ]
    const reply = await link.run(takeScript, [names.lease, names.stream], args)
    const [state, now, entries, next, gone, length, oldestMs, begun] = reply as unknown as Taken
    const nowMs = Number(now)
    this.#waiting = Number(length)
    this.#lagMs = oldestMs === '' ? 0 : Math.max(0, nowMs - Number(oldestMs))
    if (state === 'held') {
      this.#letGo()
      return STANDBY_MS
    }
    // Another one may have read meanwhile; what is handed over here comes again, behind what is older.
    const isNew = state === 'new' || nowMs > this.#untilMs
    if (isNew) this.#letGo()
    this.#untilMs = nowMs + leaseMs - 1
    this.#reads(true)
    if (isNew) return 0
    // In an answer that was lost; or it was done, and this Redis does not know: it has taken over and lacks the newest. It is read again, and what is
    // new comes behind it.
    if (begun.some((id) => !this.#hand.has(id))) {
      this.#begin()
      return 0
    }
    // Redis names them until it is told that they are done.
    const lost = gone.filter((id) => !this.#hand.has(id))
    for (const id of lost) events.lost(id)
    if (lost.length > 0) this.#hand.drop(lost)
    for (const entry of entries) this.#hand.take(entry)
    const isEmpty = entries.length + gone.length === 0
    switch (asked) {
      case 'nothing':
        return IDLE_MS
      case 'mine':
        if (isEmpty) this.#forget()
        ;[this.#what, this.#from] = isEmpty ? ['others', '0-0'] : ['mine', next]
        return 0
      case 'others':
        this.#from = next
        if (next !== '0-0') return 0
        this.#what = 'new'
        this.#othersMs = clock.now() + OTHERS_MS
        return 0
      case 'new':
        if (clock.now() >= this.#othersMs) [this.#what, this.#from] = ['others', '0-0']
        return isEmpty ? IDLE_MS : 0
    }
  }

  #hasRoom(): boolean {
    return this.#hand.size + MOST_AT_ONCE <= MOST_HELD
  }

  /** Another one reads, or did, and has what is in hand here. */
  #letGo(): void {
    this.#begin()
    this.#reads(false)
    this.#hand.abandon()
    this.#hand = this.#newHand()
  }

  #begin(): void {
    this.#what = 'mine'
    this.#from = '0-0'
  }

  /** What did not come again is known to Redis. */
  #forget(): void {
    for (const id of [...this.#published]) if (!this.#hand.has(id)) this.#published.delete(id)
  }

  #reads(isReading: boolean): void {
    if (this.#isReading === isReading) return
    this.#isReading = isReading
    this.#context.events.reading(isReading)
  }

  #newHand(): Hand {
    const { link, names, hub, clock, events } = this.#context
    const { stream, refused } = names
    return new Hand({
      stream,
      clock,
      // Past the lease the store refuses it: what was held up here cannot come between what the next one publishes.
      publish: ({ channel, data, key }) => hub.publish(channel, data, { key, untilMs: this.#untilMs }),
      settle: async (ids) => {
        await link.run(doneScript, [stream], ids)
      },
      refuse: async (refusal) => {
        const { id, code, reason } = refusal
        await link.run(refuseScript, [stream, refused], [id, code, reason])
        events.refused(refusal)
      },
      isPublished: (id) => this.#published.has(id),
      published: (id) => {
        this.#published.add(id)
        events.published()
      },
      settled: (ids) => {
        for (const id of ids) this.#published.delete(id)
        if (this.#hasRoom()) this.#pauses.endAll()
      },
      failed: (error, context) => events.failed(error, context),
      well: (context) => events.well(context),
    })
  }
}
