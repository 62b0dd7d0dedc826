import { webLockSlots } from './slots.ts'
import { httpLink } from './http-link.ts'
import { overHttp } from './http.ts'
import type { HttpOptions } from './http.ts'
import type { LinkEnd, Transport } from './transport.ts'

/** Requests that need no interval begin this far apart: what comes faster arrives together, and nothing makes a busy loop. */
const SPACING_MS = 20

/** The hub writes `data` in messages alone, and inside a JSON string the quotes would have backslashes. */
const hasMessages = (batch: string): boolean => batch.includes('"data":')

const shared = (options: HttpOptions) => ({
  ...overHttp(options),
  beats: false,
  read: httpLink(options, async ({ poll }) => {
    await poll(0)
    return { code: 'done' }
  }),
})

/**
 * Interval polling. The pause is `pollIntervalMs` ± 20 %, so that many clients do not ask in step; after an answer with messages
 * a quarter of it, then twice as long after each empty one until it is whole again; none while there is more to read.
 */
export const poll = (options: HttpOptions = {}): Transport => ({
  ...shared(options),
  name: 'poll',
  proof: 'welcome',
  open: httpLink(options, async ({ poll, pause, more, clock, timing }) => {
    for (let part = 1; ;) {
      part = hasMessages(await poll(0)) ? 0.25 : Math.min(part * 2, 1)
      await pause(more() ? SPACING_MS : timing.pollIntervalMs * part * (0.8 + 0.4 * clock.random()))
    }
  }),
})

/**
 * Held polls. The first request is not held: its answer states the positions. The second is held for a 25th of `holdMs` (1 s), which
 * proves that holding works, those that follow for `holdMs`.
 *
 * - A held request that is cut is followed by one that is not held. If that fails too, it was no matter of holding: the link
 *   ends with its reason. If it works and it is the second time running at about the same age, something on the way has a limit
 *   there: the hold becomes half of that age, and the link ends as 'holds-cut' when that is below the 25th.
 * - A cut, or an answer that comes before half of its hold without messages and without more to read, was not worth its request. Two
 *   running are free (a first position, a gap, an error have reason to come early); then a pause grows from a 50th of `pollIntervalMs`
 *   to the whole, so that a box which answers or cuts at once makes no busy loop. Under load no answer is without messages.
 */
export const longPoll = (options: HttpOptions = {}): Transport => ({
  ...shared(options),
  name: 'long-poll',
  proof: 'answer',
  slots: webLockSlots,
  open: httpLink(options, async ({ poll, pause, more, clock, timing }) => {
    const shortest = Math.ceil(timing.holdMs / 25)
    let longest = timing.holdMs
    let hold = shortest
    let waitMs = 0
    let worthless = 0
    /** Age of the last held request when it was cut; Infinity when it was answered. */
    let cutAge = Infinity

    for (;;) {
      const began = clock.now()
      try {
        const batch = await poll(waitMs)
        const unread = more()
        if (waitMs) {
          worthless = unread || hasMessages(batch) || clock.now() - began >= waitMs / 2 ? 0 : worthless + 1
          cutAge = Infinity
          hold = longest
        }
        if (hold < shortest) return { code: 'holds-cut' }
        waitMs = unread ? 0 : hold
      } catch (reason) {
        // A 'refused' is the hub's own word.
        if (!waitMs || ['refused', 'too-large'].includes((reason as LinkEnd).code)) throw reason
        const age = clock.now() - began
        if (Math.abs(age - cutAge) <= 100 + age / 4) longest = hold = Math.floor(Math.min(age, waitMs) / 2)
        cutAge = age
        worthless++
        waitMs = 0
      }
      const idle = timing.pollIntervalMs * Math.min(1, Math.floor(2 ** worthless / 8) / 50)
      const rest = Math.max(idle, began + SPACING_MS - clock.now())
      if (rest > 0) await pause(rest)
    }
  }),
})
