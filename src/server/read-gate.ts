/** Why a peer is not read from: no room for answers, too many publishes under way, not welcomed yet, told to go. */
export type PauseReason = 'link' | 'publishes' | 'opening' | 'drain'

interface Wire {
  pause(): void
  resume(): void
}

/**
 * Stops and goes on reading from a peer, for several reasons at a time. What had come in one piece with that after which reading
 * stopped still arrives: while there is no room for answers it waits here, at most a piece of the operating system's.
 */
export class ReadGate {
  readonly #wire: Wire
  readonly #receive: (text: string) => void
  readonly #reasons = new Set<PauseReason>()
  #waiting: string[] = []

  /** `receive` gets each text when its time has come. */
  constructor(wire: Wire, receive: (text: string) => void) {
    this.#wire = wire
    this.#receive = receive
  }

  pause(reason: PauseReason): void {
    if (this.#reasons.size === 0) this.#wire.pause()
    this.#reasons.add(reason)
  }

  resume(reason: PauseReason): void {
    if (this.#reasons.delete(reason) && this.#reasons.size === 0) this.#wire.resume()
    if (this.#waiting.length === 0 || this.#isFull()) return
    const waiting = this.#waiting
    this.#waiting = []
    for (const text of waiting) this.take(text)
  }

  take(text: string): void {
    if (this.#isFull()) this.#waiting.push(text)
    else this.#receive(text)
  }

  /** The link is over: nothing of what waits is received. */
  clear(): void {
    this.#waiting = []
  }

  #isFull(): boolean {
    return this.#reasons.has('link') || this.#reasons.has('publishes')
  }
}
