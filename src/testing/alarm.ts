import type { Clock } from '../base/clock.ts'

/** The one alarm of a client, for a part that is tested alone: `pump` is called now and whenever it says. */
export const alarm = (clock: Clock, pump: () => number): (() => void) => {
  let cancel = (): void => {}
  const step = (): void => {
    const due = pump()
    cancel()
    if (due < Infinity) cancel = clock.after(due - clock.now(), step)
  }
  return step
}
