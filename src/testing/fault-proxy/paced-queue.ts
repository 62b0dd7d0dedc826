/** One thing on its way to the other side. `run` returns false when the receiver can take no more for now. */
export interface QueueItem {
  readonly bytes: number
  readonly dueMs: number
  readonly run: () => boolean
}

/** Things in order, each not before its time. Stops while the receiver is full. */
export class PacedQueue {
  pendingBytes = 0
  /** When the last item may go. A later one never goes before it. */
  lastDueMs = 0
  readonly #items: QueueItem[] = []
  #timer: ReturnType<typeof setTimeout> | undefined
  #state: 'open' | 'full' | 'closed' = 'open'
  #running = false

  get full(): boolean {
    return this.#state === 'full'
  }

  add(item: QueueItem): void {
    if (this.#state === 'closed') return
    this.lastDueMs = Math.max(this.lastDueMs, item.dueMs)
    this.pendingBytes += item.bytes
    this.#items.push(item)
    this.#run()
  }

  /** The receiver takes again. */
  resume(): void {
    if (this.#state !== 'full') return
    this.#state = 'open'
    this.#run()
  }

  /** Whatever waits for its time goes now. */
  hurry(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#items.splice(0, Infinity, ...this.#items.map((item) => ({ ...item, dueMs: 0 })))
    this.lastDueMs = 0
    this.#run()
  }

  close(): void {
    this.#state = 'closed'
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#items.length = 0
    this.pendingBytes = 0
  }

  #fill(): void {
    if (this.#state === 'open') this.#state = 'full'
  }

  #run(): void {
    // An item may lead to another one being added (or to close) while it runs.
    if (this.#running || this.#timer !== undefined) return
    this.#running = true
    for (let item = this.#items[0]; item !== undefined && this.#state === 'open'; item = this.#items[0]) {
      const waitMs = item.dueMs - performance.now()
      if (waitMs > 0) {
        this.#timer = setTimeout(() => {
          this.#timer = undefined
          this.#run()
        }, Math.ceil(waitMs))
        break
      }
      this.#items.shift()
      this.pendingBytes -= item.bytes
      if (!item.run()) this.#fill()
    }
    this.#running = false
  }
}
