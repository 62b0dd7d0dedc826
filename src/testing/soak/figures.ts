/** Delays in ms, counted by size: bounded whatever the number of messages. Each step is a tenth larger than the one before. */
export class Delays {
  readonly #counts = new Map<number, number>()
  #total = 0
  #most = 0

  add(ms: number): void {
    const step = Math.ceil(Math.log(Math.max(1, ms)) / Math.log(1.1))
    this.#counts.set(step, (this.#counts.get(step) ?? 0) + 1)
    this.#total++
    this.#most = Math.max(this.#most, ms)
  }

  get count(): number {
    return this.#total
  }

  /** The delay that so large a share of all does not exceed, ms. */
  quantile(share: number): number {
    let left = share * this.#total
    for (const [step, count] of [...this.#counts].sort(([a], [b]) => a - b)) {
      left -= count
      if (left <= 0) return Math.round(Math.min(this.#most, 1.1 ** step))
    }
    return Math.round(this.#most)
  }

  toString(): string {
    return `p50 ${this.quantile(0.5)} ms, p99 ${this.quantile(0.99)} ms, most ${Math.round(this.#most)} ms`
  }
}
