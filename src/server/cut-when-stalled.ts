import type { Clock } from '../base/clock.ts'

/** How often in `stallMs` it is looked at. */
const LOOKS = 4

/**
 * Calls `cut` once `unsent` has not fallen for `stallMs`: bytes that the peer has not taken. Returns the function that ends the
 * watch. Node has no time limit for those who do not take what they asked for.
 */
export const cutWhenStalled = (
  { clock, stallMs }: { readonly clock: Clock; readonly stallMs: number },
  unsent: () => number,
  cut: () => void,
): (() => void) => {
  let left = unsent()
  let idle = 0
  const look = (): void => {
    const before = left
    left = unsent()
    idle = left < before ? 0 : idle + 1
    if (idle >= LOOKS) cut()
    else cancel = clock.after(stallMs / LOOKS, look)
  }
  let cancel = clock.after(stallMs / LOOKS, look)
  return () => cancel()
}
