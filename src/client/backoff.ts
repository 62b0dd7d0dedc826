import type { TimingOptions } from './types.ts'

type BackoffTiming = Pick<TimingOptions, 'spreadMs' | 'backoffMs' | 'maxBackoffMs'>

/**
 * Pause in ms before the next try after `failures` failures in a row: none after the first, spread over `spreadMs` after
 * the second (a restarted hub must not be met by all clients at once), then doubling with half jitter.
 * `random` is from 0 up to 1.
 */
export const retryDelay = (failures: number, random: number, timing: BackoffTiming): number => {
  if (failures < 2) return 0
  if (failures === 2) return random * timing.spreadMs
  const step = Math.min(timing.maxBackoffMs, timing.backoffMs * 2 ** (failures - 1))
  return step / 2 + (random * step) / 2
}

/** At most so many rounds start within so many ms, whatever the hub answers. */
const LIMITS = [
  [3, 1_000],
  [20, 60_000],
] as const

/** The earliest time at which one more round may start, given the times of the earlier ones, oldest first. */
export const roundAllowedAt = (starts: readonly number[], now: number): number => {
  let at = now
  for (const [count, windowMs] of LIMITS) {
    const first = starts[starts.length - count]
    if (first !== undefined) at = Math.max(at, first + windowMs)
  }
  return at
}

/** Remembers one more start, and no more of them than the limits look at. */
export const rememberStart = (starts: readonly number[], now: number): readonly number[] => [...starts.slice(-19), now]
