import type { TimingOptions } from './types.ts'

type BackoffTiming = Pick<TimingOptions, 'spreadMs' | 'backoffMs' | 'maxBackoffMs'>

/**
 * Pause in ms before the next try after `failures` failures in a row: none after the first, spread over `spreadMs` after
 * the second (a restarted hub must not be met by all clients at once), then doubling with half jitter.
 * `random` is from 0 up to 1.
 */
export const retryDelay = (failures: number, random: number, timing: BackoffTiming): number => {
  if (failures < 2) return 0
  if (failures < 3) return random * timing.spreadMs
  const step = Math.min(timing.maxBackoffMs, timing.backoffMs * 2 ** (failures - 1))
  return ((1 + random) * step) / 2
}
