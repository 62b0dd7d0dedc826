import type { TimingOptions } from './types.ts'

/** The defaults of every duration of the client, in ms (docs/transports.md). */
export const TIMING: TimingOptions = {
  heartbeatMs: 10_000,
  graceMs: 5_000,
  connectMs: 5_000,
  probeMs: 15_000,
  secondFrameMs: 2_000,
  headStartMs: 250,
  stableMs: 10_000,
  probationMs: 10_000,
  maxProbationMs: 900_000,
  spreadMs: 5_000,
  backoffMs: 500,
  maxBackoffMs: 30_000,
  wakeMs: 2_000,
  lateMs: 1_000,
  holdMs: 25_000,
  pollIntervalMs: 5_000,
  resendMs: 100_000,
  presenceMs: 25_000,
}
