import type { Clock } from '../base/clock.ts'
import type { User } from './authorize.ts'
import { shareOf } from './digest.ts'
import type { HubLimits } from './limits.ts'

/** What a goodbye says (PROTOCOL.md §7.4). */
export interface Goodbye {
  readonly reason: 'renew' | 'expired'
  readonly retryAfterMs: number
}

/** Authentication holds no more, and the link ends. The pause tells the client that this was announced, and is no failure. */
export const REVOKED: Goodbye = { reason: 'expired', retryAfterMs: 1 }

/**
 * How long the token behind a link holds. It is looked at with the wall clock on each sweep, so that no jump of that clock and no
 * sleep of the machine is missed; a link ends at the last sweep before its token does.
 */
export class Expiry {
  readonly #expiresMs: number
  readonly #sweepMs: number
  #renewMs = Infinity

  constructor(
    user: User | null,
    client: string,
    { clock, limits }: { readonly clock: Clock; readonly limits: HubLimits },
    /** For requests that follow each other: one that begins so soon after the time to renew may say it too. */
    lateMs = 0,
  ) {
    this.#expiresMs = user?.expiresMs ?? Infinity
    this.#sweepMs = limits.sweepMs
    if (user === null || this.#expiresMs === Infinity) return
    // The same for all requests of a client with this token: one that comes again with it is not sent for another one again.
    const share = shareOf(`${user.userId} ${this.#expiresMs} ${client}`)
    const renewMs = this.#expiresMs - limits.renewMs * (0.25 + 0.75 * share)
    if (clock.wall() < renewMs + lateMs) this.#renewMs = renewMs
  }

  /** What is to be said now: `renew` once, some time before the end; `expired` when the link has to end. */
  due(wallMs: number): Goodbye | null {
    if (wallMs >= this.#expiresMs - this.#sweepMs) {
      // The client is not to come before that, with a token that it still takes as good.
      return { reason: 'expired', retryAfterMs: Math.max(1, Math.ceil(this.#expiresMs - wallMs)) }
    }
    if (wallMs < this.#renewMs) return null
    this.#renewMs = Infinity
    return { reason: 'renew', retryAfterMs: 0 }
  }
}
