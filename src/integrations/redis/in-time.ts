import type { Clock } from '../../base/clock.ts'
import type { Turn } from '../../server/environment.ts'

export interface Bounds {
  readonly commandMs: number
  readonly clock: Clock
  readonly turn: Turn
}

/** Rejects when the time is over; whatever a task waits for, it waits for this too. */
export type Late = Promise<never>

/**
 * Runs `task` for `commandMs` at most.
 * @throws what the task throws; an Error that says what `why` says when the time is over, and then the task may still have its effect
 */
export const inTime = async <Result>(
  { commandMs, clock, turn }: Bounds,
  why: () => { readonly what: string; readonly trouble: string },
  task: (late: Late) => Promise<Result>,
): Promise<Result> => {
  let stop = (): void => undefined
  const late = new Promise<never>((_, reject) => {
    stop = clock.after(commandMs, () => {
      const { what, trouble } = why()
      // In a process that was busy for so long the answer may have come, and is read before this turn ends.
      turn(() => reject(new Error(`${what} within ${commandMs} ms${trouble}`)))
    })
  })
  try {
    return await Promise.race([late, task(late)])
  } finally {
    stop()
  }
}
