import { vi } from 'vitest'

/** Longer than anything here takes on a slow machine: it bounds a failure, it measures nothing. */
const BOUND_MS = 20_000

/** Waits until something is so. `seen` tells in a failure what there was instead. */
export const until = (what: string, isSo: () => boolean, seen: () => unknown = () => ''): Promise<void> =>
  vi.waitFor(
    () => {
      if (!isSo()) throw new Error(`waited for ${what}; seen: ${JSON.stringify(seen())}`)
    },
    { timeout: BOUND_MS, interval: 10 },
  )
