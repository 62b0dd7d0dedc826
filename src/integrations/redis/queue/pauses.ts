import type { Clock } from '../../../base/clock.ts'

/** Waits that can be ended early, all at once. */
export class Pauses {
  readonly #clock: Clock
  readonly #enders = new Set<() => void>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        this.#enders.delete(end)
        cancel()
        resolve()
      }
      const cancel = this.#clock.after(ms, end)
      this.#enders.add(end)
    })
  }

  endAll(): void {
    for (const end of [...this.#enders]) end()
  }
}
