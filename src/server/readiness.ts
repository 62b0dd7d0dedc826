import type { Clock } from '../base/clock.ts'
import type { HubLimits } from './limits.ts'
import type { Store } from './store.ts'

/** Read where a store cannot be asked otherwise whether it answers. No page can subscribe to it by an oversight. */
const HEALTH_CHANNEL = 'holdfast:health'

/** Whether the store answers: asked at most once a second, whoever asks, and never waited for longer than that. */
export class StoreCheck {
  readonly #store: Store
  readonly #clock: Clock
  readonly #limits: HubLimits
  #asked: Promise<boolean> | null = null
  #untilMs = -Infinity

  constructor(store: Store, clock: Clock, limits: HubLimits) {
    this.#store = store
    this.#clock = clock
    this.#limits = limits
  }

  /** Never rejects. */
  answers(): Promise<boolean> {
    if (this.#asked && this.#clock.now() < this.#untilMs) return this.#asked
    this.#untilMs = this.#clock.now() + this.#limits.healthMs
    this.#asked = this.#ask()
    return this.#asked
  }

  #ask(): Promise<boolean> {
    return new Promise((resolve) => {
      const cancel = this.#clock.after(this.#limits.healthMs, () => resolve(false))
      const settle = (answers: boolean): void => {
        cancel()
        resolve(answers)
      }
      this.#look().then(
        () => settle(true),
        () => settle(false),
      )
    })
  }

  async #look(): Promise<void> {
    if (this.#store.check) await this.#store.check()
    else await this.#store.read(HEALTH_CHANNEL, 'latest', { messages: 1, bytes: 1 })
  }
}
