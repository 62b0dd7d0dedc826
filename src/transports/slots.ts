import type { Clock } from '../base/clock.ts'
import type { Slots } from './transport.ts'

type Release = () => void

/** Browsers open six connections to a host on HTTP/1.1, all tabs together: three may be held, so that a publish finds one. */
const NAMES = [0, 1, 2]
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
  let shared: Promise<Release | null> | undefined
  let users = 0

  const grab = (name: string): Promise<Release | null> =>
    new Promise((resolve) => {
      navigator.locks
        .request(name, { ifAvailable: true }, (lock) =>
          lock ? new Promise<void>((release) => resolve(release)) : resolve(null),
        )
        .catch(() => resolve(free))
    })

  const tryAll = async (): Promise<Release | null> => {
    try {
      const { origin } = new URL(url)
      if (!isMultiplexed(origin)) {
        for (const index of NAMES) {
          const release = await grab(`holdfast:${origin}:${index}`)
          if (release) return release
        }
        return null
      }
    } catch {
      // No such API here, or it is forbidden.
    }
    return free
  }

  const acquire = (): Promise<Release | null> =>
    new Promise((resolve) => {
      let late = false
      const cancel = clock.after(PATIENCE_MS, () => {
        late = true
        resolve(free)
      })
      void tryAll().then((release) => {
        cancel()
        if (late) release?.()
        else resolve(release)
      })
    })

  return {
    take: async () => {
      users++
      const release = await (shared ??= acquire())
      let used = true
      const giveBack = (): void => {
        if (!used) return
        used = false
        if (--users > 0) return
        shared = undefined
        release?.()
      }
      if (release) return giveBack
      giveBack()
      return null
    },
  }
}
