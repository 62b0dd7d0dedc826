import type { Clock } from '../base/clock.ts'
import type { HubLimits } from './limits.ts'

/** A link or held request, as the hub looks after it. */
export interface Member {
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
  readonly #members = new Set<Member>()
  #cancelSweep: (() => void) | null = null
  #draining = false
  #emptied: () => void = () => {}

  constructor(clock: Clock, limits: HubLimits) {
    this.#clock = clock
    this.#limits = limits
  }

  get size(): number {
    return this.#members.size
  }

  get draining(): boolean {
    return this.#draining
  }

  get full(): boolean {
    return this.#members.size >= this.#limits.links
  }

  /** Returns the function that takes the member out again. */
  add(member: Member): () => void {
    this.#members.add(member)
    this.#cancelSweep ??= this.#armSweep()
    return () => {
      this.#members.delete(member)
      if (this.#members.size > 0) return
      this.#cancelSweep?.()
      this.#cancelSweep = null
      this.#emptied()
    }
  }

  revoke(userId: string, channel: string | undefined): void {
    for (const member of [...this.#members]) member.revoke(userId, channel)
  }

  /** Resolves when nothing is open any more, at the latest after the drain time. */
  async drain(): Promise<void> {
    this.#draining = true
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
