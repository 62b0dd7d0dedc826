/** What a bucket lets through. */
export interface Rate {
  /** One token comes back in this time, ms. */
  readonly intervalMs: number
  /** The bucket holds what comes back in this time, ms; at least one token. */
  readonly burstMs: number
  /**
   * When those that are refused may come again. `spread`: one after the other, each when there will be a token for it.
   * `together`: when half of the bucket is back, for those who bring many at once.
   */
  readonly again: 'spread' | 'together'
}

/** Refusals are spread over this time at most; then their times begin anew. */
const MOST_SPREAD_MS = 30_000
/** Sums of intervals are a little off; without it the last token of a full bucket could be missed. */
const ROUNDING_MS = 1e-3

/** A rate of so many a minute; null where there is none. */
export const ratePerMinute = (perMinute: number, burstMs: number, again: Rate['again']): Rate | null => {
  const intervalMs = 60_000 / perMinute
  return intervalMs === 0 ? null : { intervalMs, burstMs: Math.max(burstMs, intervalMs), again }
}

/** Lets through a rate and its bursts. Pure: the time is given. */
export class TokenBucket {
  readonly #rate: Rate
  /** When it is full again: what is missing is the time until then. */
  #fullMs = -Infinity
  #toldMs = -Infinity

  constructor(rate: Rate) {
    this.#rate = rate
  }

  /** When the bucket is full again, and so as good as new. */
  get fullMs(): number {
    return this.#fullMs
  }

  ready(nowMs: number): boolean {
    return this.#readyMs() <= nowMs + ROUNDING_MS
  }

  /** Takes a token, whether there is one or not. */
  take(nowMs: number): void {
    this.#fullMs = Math.max(this.#fullMs, nowMs) + this.#rate.intervalMs
  }

  /** What one who is refused now is told: after so many ms, a whole number from 1, to come again. */
  againMs(nowMs: number): number {
    const { again, burstMs, intervalMs } = this.#rate
    const readyMs = this.#readyMs()
    if (again === 'together') return wholeMs(Math.max(readyMs, this.#fullMs - burstMs / 2) - nowMs)
    const nextMs = Math.max(this.#toldMs + intervalMs, readyMs)
    this.#toldMs = nextMs > nowMs + MOST_SPREAD_MS ? readyMs : nextMs
    return wholeMs(this.#toldMs - nowMs)
  }

  #readyMs(): number {
    return this.#fullMs - this.#rate.burstMs + this.#rate.intervalMs
  }
}

const wholeMs = (ms: number): number => Math.max(1, Math.ceil(ms))
