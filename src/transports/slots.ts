import type { Clock } from '../base/clock.ts'
import type { Slots } from './transport.ts'

type Release = () => void

/** Browsers open six connections to a host on HTTP/1.1, all tabs together: three may be held, so that a publish finds one. */
const MAX_HELD = 3
/** A lock manager that does not answer must not keep a page offline. */
const PATIENCE_MS = 1000

const free: Release = () => {}

/** HTTP/2 and 3 carry all requests on one connection. Other origins show it only with `Timing-Allow-Origin`. */
const isMultiplexed = (origin: string): boolean =>
  (performance.getEntries() as PerformanceResourceTiming[]).some(
    ({ name, nextHopProtocol }) => name.startsWith(origin + '/') && /^h[23]/.test(nextHopProtocol),
  )

/**
 * The slots of one client: Web Locks, which all tabs of an origin share. The links of the client share one, so that a link can
 * be replaced before it is dropped. Where there are no locks (Node, insecure pages) or they fail, a slot is always free.
 */
export const webLockSlots = (url: string, clock: Clock): Slots => {
  const users = new Set<Release>()
  let shared: Promise<Release | null> | undefined

  const acquire = (): Promise<Release | null> =>
    new Promise((resolve) => {
      let late = false
      const settle = (release: Release | null): void => {
        cancel()
        resolve(release)
      }
      const cancel = clock.after(PATIENCE_MS, () => {
        late = true
        settle(free)
      })
      const attempt = async (index: number): Promise<void> => {
        const { origin } = new URL(url)
        if (isMultiplexed(origin)) settle(free)
        else if (index === MAX_HELD) settle(null)
        else
          await navigator.locks.request(`holdfast:${origin}:${index}`, { ifAvailable: true }, async (lock) => {
            if (!lock) return attempt(index + 1)
            // One that comes late goes back at once.
            if (!late) await new Promise<void>(settle)
          })
      }
      // No such API here, or it is forbidden.
      attempt(0).catch(() => settle(free))
    })

  return {
    take: async () => {
      const giveBack = (): void => {
        if (!users.delete(giveBack) || users.size) return
        void shared?.then((release) => release?.())
        shared = undefined
      }
      users.add(giveBack)
      if (await (shared ??= acquire())) return giveBack
      giveBack()
      return null
    },
  }
}
