/**
 * Time and chance, injected everywhere: this file alone in `src` touches the platform's timers, clocks and randomness.
 */
export interface Clock {
  /** Milliseconds that never go back; may stand still while the machine sleeps. For durations. */
  now(): number
  /** Milliseconds since 1970; may jump. Only for times that are shown or sent. */
  wall(): number
  /** A number from 0 up to but not including 1. */
  random(): number
  /** Runs `task` once after `ms` milliseconds; the returned function cancels it and may be called at any time. */
  after(ms: number, task: () => void): () => void
}

/** The platform's clock. Durations are cut to 23 days, for timers overflow a little above and fire at once. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  random: () => Math.random(),
  after: (ms, task) => {
    const timer = setTimeout(task, Math.min(Math.max(ms, 0), 2_000_000_000))
    return () => {
      clearTimeout(timer)
    }
  },
}

/** `length` characters of `A–Z a–z 0–9 _ -`, almost 6 bits of cryptographic randomness each: `_` stands for two of 64. */
export const randomId = (length: number): string =>
  btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(length))))
    .replace(/\W/g, '_')
    .slice(0, length)
