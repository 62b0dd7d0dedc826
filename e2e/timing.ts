/** All durations of client and hub are divided by this. More makes false timeouts on a busy machine. */
export const SCALE = 5

const TIMING = {
  heartbeatMs: 10_000,
  graceMs: 5_000,
  connectMs: 5_000,
  probeMs: 15_000,
  headStartMs: 250,
  stableMs: 10_000,
  probationMs: 10_000,
  spreadMs: 5_000,
  backoffMs: 500,
  maxBackoffMs: 30_000,
  holdMs: 25_000,
  pollIntervalMs: 5_000,
  resendMs: 100_000,
}

/** The durations that a page gives its client. The proof of a stream takes the hub 100 ms whatever the scale. */
export const timing = Object.fromEntries(Object.entries(TIMING).map(([name, ms]) => [name, ms / SCALE]))
