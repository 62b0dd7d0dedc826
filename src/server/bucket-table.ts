import { TokenBucket } from './token-bucket.ts'
import type { Rate } from './token-bucket.ts'

/**
 * A bucket for each key, at most `most` of them.
 *
 * A bucket that is full again is as good as new, so it is dropped and nothing is forgotten. When all are in use and there
 * are too many, the eighth of them that is nearest to full goes. So a bucket that is over its rate goes only when seven
 * eighths of the table are as empty as it is: whoever wants it forgotten has to use up that many buckets of other keys
 * first, and could have spent their tokens on what he wanted in the first place. A flood of keys with a request or two
 * each pushes out nothing but its own.
 */
export class BucketTable {
  readonly #rate: Rate
  readonly #most: number
  readonly #buckets = new Map<string, TokenBucket>()
  #sweepMs = -Infinity

  constructor(rate: Rate, most: number) {
    this.#rate = rate
    this.#most = Math.max(1, Math.floor(most))
  }

  get size(): number {
    return this.#buckets.size
  }

  get(key: string, nowMs: number): TokenBucket {
    const known = this.#buckets.get(key)
    if (known) return known
    this.#makeRoom(nowMs)
    const bucket = new TokenBucket(this.#rate)
    this.#buckets.set(key, bucket)
    return bucket
  }

  #makeRoom(nowMs: number): void {
    if (nowMs >= this.#sweepMs || this.#buckets.size >= this.#most) {
      this.#sweepMs = nowMs + this.#rate.burstMs
      for (const [key, { fullMs }] of this.#buckets) if (fullMs <= nowMs) this.#buckets.delete(key)
    }
    if (this.#buckets.size < this.#most) return
    // An eighth at once, so that a flood of new keys costs one sort for many of them.
    const count = Math.ceil(this.#most / 8)
    const inOrder = Float64Array.from(this.#buckets.values(), ({ fullMs }) => fullMs).sort()
    const limitMs = inOrder[count - 1] ?? Infinity
    let left = count
    for (const [key, { fullMs }] of this.#buckets) {
      if (fullMs > limitMs) continue
      this.#buckets.delete(key)
      if (--left === 0) break
    }
  }
}
