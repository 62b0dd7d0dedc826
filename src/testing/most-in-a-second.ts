/** The most of these times, in ms, that lie in one second. */
export const mostInASecond = (times: readonly number[]): number =>
  Math.max(0, ...times.map((fromMs) => times.filter((ms) => ms >= fromMs && ms < fromMs + 1_000).length))
