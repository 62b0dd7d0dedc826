/** Ranges of Unicode that have gone wrong somewhere: controls, line separators, marks, surrogate pairs. */
const RANGES: readonly (readonly [number, number])[] = [
  [0x20, 0x7e],
  [0x00, 0x1f],
  [0xa0, 0x24f],
  [0x300, 0x36f],
  [0x4e00, 0x9fff],
  [0x2028, 0x2029],
  [0xfeff, 0xfeff],
  [0x1f300, 0x1faff],
]

/** How long a payload is, and how often: most are small, a few are large. */
const SIZES: readonly (readonly [share: number, characters: number])[] = [
  [0.85, 150],
  [0.97, 2_000],
  [1, 10_000],
]

const between = (random: () => number, from: number, to: number): number =>
  from + Math.floor(random() * (to - from + 1))

/** Text of any Unicode, up to about 32 KB of UTF-8. */
export const padOf = (random: () => number): string => {
  const roll = random()
  const most = SIZES.find(([share]) => roll < share)?.[1] ?? 0
  const [from, to] = RANGES[between(random, 0, RANGES.length - 1)] ?? [0x20, 0x7e]
  return String.fromCodePoint(...Array.from({ length: between(random, 1, most) }, () => between(random, from, to)))
}
