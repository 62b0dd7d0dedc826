import type { Clock } from '../base/clock.ts'
import type { User } from './authorize.ts'
import type { LinkEnd, LinkTransport } from './counters.ts'
import type { HubLimits } from './limits.ts'
import type { Telemetry } from './telemetry.ts'

/** A link or held request, as the hub looks after it. */
export interface Member {
  readonly transport: LinkTransport
  /** Undefined until it is known. */
  readonly user: User | null | undefined
  /** Bytes that the peer has not taken yet. */
  unsent(): number
  sweep(nowMs: number, wallMs: number): void
  /** A user was shut out: of a channel, or of everything until there is another token. */
  revoke(userId: string, channel: string | undefined): void
  /** The hub is closing: say so, and end. */
  drain(retryAfterMs: number): void
  /** End at once. */
  destroy(): void
}

/** Everything that is open at this hub: counted, looked after by one timer, and drained at the end. */
export class Links {
  readonly #clock: Clock
  readonly #limits: HubLimits
  readonly #telemetry: Telemetry
  readonly #members = new Set<Member>()
  #cancelSweep: (() => void) | null = null
  #draining = false
  #opened = 0
  #untaken = 0
  #emptied: () => void = () => {}

  constructor(clock: Clock, limits: HubLimits, telemetry: Telemetry) {
    this.#clock = clock
    this.#limits = limits
    this.#telemetry = telemetry
  }

  get size(): number {
    return this.#members.size
  }

  get draining(): boolean {
    return this.#draining
  }

  get full(): boolean {
    return this.#members.size + this.#untaken >= this.#limits.links
  }

  members(): Iterable<Member> {
    return this.#members
  }

  /** Returns the function that takes the member out again; only its first call counts. */
  add(member: Member): (end: LinkEnd) => void {
    const number = ++this.#opened
    const { transport } = member
    const openedMs = this.#clock.now()
    this.#members.add(member)
    this.#cancelSweep ??= this.#armSweep()
    this.#telemetry.linkOpened(number, transport)
    return (end) => {
      if (!this.#members.delete(member)) return
      this.#telemetry.linkEnded(number, transport, end, member.user, this.#clock.now() - openedMs)
      if (this.#members.size > 0) return
      this.#cancelSweep?.()
      this.#cancelSweep = null
      this.#emptied()
    }
  }

  /** An answer that was made takes the place of its link until the peer has it: `taken` is called then, once. */
  answered(): () => void {
    this.#untaken++
    return () => {
      this.#untaken--
    }
  }

  revoke(userId: string, channel: string | undefined): void {
    for (const member of [...this.#members]) member.revoke(userId, channel)
  }

  /** Resolves when nothing is open any more, at the latest after the drain time. */
  async drain(): Promise<void> {
    this.#draining = true
    this.#telemetry.draining(this.#members.size)
    if (this.#members.size === 0) return
    const { drainMs, goodbyeSpreadMs } = this.#limits
    await new Promise<void>((resolve) => {
      const cancel = this.#clock.after(drainMs, () => {
        for (const member of [...this.#members]) member.destroy()
        resolve()
      })
      this.#emptied = () => {
        cancel()
        resolve()
      }
      for (const member of [...this.#members]) member.drain(Math.floor(this.#clock.random() * goodbyeSpreadMs))
    })
  }

  #armSweep(): () => void {
    return this.#clock.after(this.#limits.sweepMs, () => {
      const nowMs = this.#clock.now()
      const wallMs = this.#clock.wall()
      for (const member of this.#members) member.sweep(nowMs, wallMs)
      this.#cancelSweep = this.#members.size > 0 ? this.#armSweep() : null
    })
  }
}
