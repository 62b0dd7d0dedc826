import type { Clock } from '../base/clock.ts'

/** Runs `task` once, when the current turn of the event loop is over. */
export type Turn = (task: () => void) => void

/** What the hub takes from the platform, so that tests and simulations can give it another. */
export interface Environment {
  readonly clock: Clock
  readonly turn: Turn
  /** A text of `A–Z a–z 0–9 _ -` made of `bytes` random bytes that cannot be guessed. */
  readonly token: (bytes: number) => string
}
