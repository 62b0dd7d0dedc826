import { describe, it } from 'vitest'
import { PAIRS, isDown, switchUnderLoad } from './switch-under-load.ts'

/** Times that each pair is forced. */
const TIMES = process.env['FULL'] ? 100 : 2

describe('R18 R1–R4 each change to a lesser transport under 1,000 messages a second', () => {
  it.each(PAIRS.filter(([from, to]) => isDown(from, to)))(
    '%s → %s loses, repeats and reorders nothing, and nobody waits for longer than a second, or an interval of polls more',
    async (from, to) => {
      for (let seed = 1; seed <= TIMES; seed++) await switchUnderLoad(from, to, seed)
    },
    600_000,
  )
})
