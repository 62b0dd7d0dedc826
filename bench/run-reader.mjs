// @ts-check

/**
 * Reads the batches of a hub as strictly as the benchmark needs it: a hole, a gap or an error throws.
 */
export class RunReader {
  /** Where the reader stands. @type {string | null} */
  position = null
  #offset = 0
  #onBatch
  #onReady

  /** @param {{ onBatch(batch: Record<string, unknown>[]): void, onReady(): void }} options */
  constructor({ onBatch, onReady }) {
    this.#onBatch = onBatch
    this.#onReady = onReady
  }

  /** @param {string} text */
  take(text) {
    /** @type {any[]} */
    let all = []
    for (const frame of JSON.parse(text)) {
      if (frame.type === 'run') all = all.length > 0 ? [...all, ...this.#run(frame)] : this.#run(frame)
      else if (frame.type === 'error' || frame.type === 'gap' || frame.type === 'goodbye') {
        throw new Error(`the hub sent ${JSON.stringify(frame)}`)
      }
    }
    if (all.length > 0) this.#onBatch(all)
  }

  /** @param {any} run */
  #run({ after, messages }) {
    if (after !== undefined) {
      const isStart = this.position === null
      if (!isStart && after !== this.position) throw new Error(`a run follows ${after}, not ${this.position}`)
      this.position = after
      this.#offset = Number(after.split('.')[1])
      if (isStart) this.#onReady()
    }
    for (const { offset } of messages) {
      if (offset !== ++this.#offset) throw new Error(`offset ${offset} came where ${this.#offset} was due`)
    }
    const last = messages.at(-1)
    if (last) this.position = `${this.position?.split('.')[0]}.${last.offset}.${last.id}`
    return messages.map((/** @type {any} */ message) => message.data)
  }
}
