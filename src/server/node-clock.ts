import { systemClock } from '../base/clock.ts'
import type { Environment } from './environment.ts'
import { randomToken } from './random.ts'

/** Node's clock, timers and randomness. What one turn of the event loop brings in is over when `setImmediate` runs. */
export const nodeEnvironment: Environment = {
  clock: systemClock,
  turn: (task) => {
    setImmediate(task)
  },
  token: randomToken,
}
