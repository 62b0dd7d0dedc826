// @ts-check

/** @param {ArrayLike<number>} sorted ascending @param {number} share 0 to 1 */
export const quantile = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN

/** @param {number[]} sorted */
const median = (sorted) => {
  const middle = (sorted.length - 1) / 2
  return ((sorted[Math.floor(middle)] ?? NaN) + (sorted[Math.ceil(middle)] ?? NaN)) / 2
}

/** The median, with the least and the greatest. @param {number[]} values */
export const spread = (values) => {
  const sorted = [...values].sort((a, b) => a - b)
  return { median: median(sorted), least: sorted[0] ?? NaN, greatest: sorted.at(-1) ?? NaN }
}
