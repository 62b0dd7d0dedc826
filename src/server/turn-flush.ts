import type { Environment } from './environment.ts'

/** Something that has work to do at the end of this turn. It is told once, however often it was touched. */
export interface Flushable {
  flush(nowMs: number): void
}

/**
 * Gathers what one turn of the event loop brings, so that it leaves as one write per link: first the tails hand their
 * new runs to the links, then each link writes its batch.
 */
export class TurnFlush {
  readonly #environment: Pick<Environment, 'clock' | 'turn'>
  readonly #failed: (error: unknown) => void
  #tails: Flushable[] = []
  #links: Flushable[] = []
  #armed = false

  constructor(environment: Pick<Environment, 'clock' | 'turn'>, failed: (error: unknown) => void) {
    this.#environment = environment
    this.#failed = failed
  }

  /** For tails. A caller touches at most once until it was flushed. */
  touchTail(tail: Flushable): void {
    this.#tails.push(tail)
    this.#arm()
  }

  /** For links and polls. A caller touches at most once until it was flushed. */
  touchLink(link: Flushable): void {
    this.#links.push(link)
    this.#arm()
  }

  #arm(): void {
    if (this.#armed) return
    this.#armed = true
    this.#environment.turn(this.#run)
  }

  readonly #run = (): void => {
    this.#armed = false
    const nowMs = this.#environment.clock.now()
    const tails = this.#tails
    this.#tails = []
    for (const tail of tails) this.#flush(tail, nowMs)
    const links = this.#links
    this.#links = []
    for (const link of links) this.#flush(link, nowMs)
    // What the links touched while they wrote belongs to the next turn.
  }

  #flush(item: Flushable, nowMs: number): void {
    try {
      item.flush(nowMs)
    } catch (error) {
      this.#failed(error)
    }
  }
}
