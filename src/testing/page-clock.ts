import type { Clock } from '../base/clock.ts'

export interface PageClock extends Clock {
  /** While it is set, timers run at whole minutes alone, as those of a page that is hidden for long do. */
  throttled: boolean
}

const MINUTE_MS = 60_000

/** The clock of one page, on a clock of all: what comes from the network is not throttled. */
export const createPageClock = ({ now, wall, random, after }: Clock): PageClock => {
  const clock: PageClock = {
    throttled: false,
    now,
    wall,
    random,
    after(ms, task) {
      const fire = (): void => {
        const lateMs = now() % MINUTE_MS
        if (clock.throttled && lateMs) cancel = after(MINUTE_MS - lateMs, fire)
        else task()
      }
      let cancel = after(ms, fire)
      return () => cancel()
    },
  }
  return clock
}
