const { FUZZ_RUNS = '100', FUZZ_SEED = '1', FUZZ_SHRINK } = process.env

/**
 * How fast-check runs a property: `FUZZ_RUNS` times (default 100), or that divided by what one run of it costs; always from the
 * same seed unless `FUZZ_SEED` is another. A failure prints seed, path and counterexample, which becomes a plain case of the test
 * file. With sockets it would take minutes to make it smaller: there only with `FUZZ_SHRINK=1`.
 */
export const fuzzing = (
  cost = 1,
): { readonly numRuns: number; readonly seed: number; readonly endOnFailure: boolean } => ({
  numRuns: Math.ceil(Number(FUZZ_RUNS) / cost),
  seed: Number(FUZZ_SEED),
  endOnFailure: cost >= 10 && !FUZZ_SHRINK,
})

/** Time for a property with all its runs, and for making a counterexample smaller, in ms. */
export const FUZZ_TIMEOUT_MS = 600_000
