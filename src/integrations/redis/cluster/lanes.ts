interface Lane<Way> {
  /** How the last that went straight went. */
  way: Way | null
  /** Under way. */
  pending: number
  /** Of these, such as have to be sent again. */
  troubled: number
  /** Resolves when all that began earlier is over. */
  settled: Promise<unknown>
}

/**
 * Keeps what is sent for one key in order, also while its slot moves: commands go one behind the other without waiting, as long as they go
 * the same way and none has to be sent again. Whatever has to, or comes then, waits for what began before it.
 */
export class Lanes<Way extends object> {
  readonly #lanes = new Map<string, Lane<Way>>()

  /**
   * `straight` sends it a way, and resolves with null when it has to be sent again; `again` does that, for as long as it takes. `way`: that
   * which is open, or null.
   */
  run<Result>(
    key: string,
    way: Way | null,
    straight: (way: Way) => Promise<Result | null>,
    again: (before: Promise<unknown>) => Promise<Result>,
  ): Promise<Result> {
    let lane = this.#lanes.get(key)
    if (!lane) {
      lane = { way: null, pending: 0, troubled: 0, settled: Promise.resolve() }
      this.#lanes.set(key, lane)
    }
    const { settled } = lane
    const isFree = lane.troubled === 0 && (lane.pending === 0 || lane.way === way)
    const result = this.#sent(lane, isFree ? way : null, straight, () => again(settled))
    lane.pending++
    lane.settled = Promise.allSettled([settled, result])
    const over = (): void => {
      if (--lane.pending === 0) this.#lanes.delete(key)
    }
    result.then(over, over)
    return result
  }

  async #sent<Result>(
    lane: Lane<Way>,
    way: Way | null,
    straight: (way: Way) => Promise<Result | null>,
    again: () => Promise<Result>,
  ): Promise<Result> {
    if (way) {
      lane.way = way
      const result = await straight(way)
      if (result !== null) return result
    }
    lane.troubled++
    try {
      return await again()
    } finally {
      lane.troubled--
    }
  }
}
