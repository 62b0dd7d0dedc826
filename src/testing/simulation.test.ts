import { afterAll, describe, expect, it } from 'vitest'
import { keepResult } from './keep-result.ts'
import { scheduleOf, shrink } from './schedule.ts'
import { simulate } from './simulation.ts'

const { SEED, SEEDS = '60', FIRST_SEED = '1', SHRINK, MINUTES = '60' } = process.env
/** A machine that is too slow for all of them says how many it were. */
const givenUpAt = performance.now() + Number(MINUTES) * 60_000
/** So many seeds are one test, so that thousands of them are no list of thousands. */
const AT_ONCE = 20

const first = Number(SEED ?? FIRST_SEED)
const last = SEED === undefined ? first + Number(SEEDS) - 1 : first
const groups: (readonly [from: number, to: number])[] = []
for (let from = first; from <= last; from += AT_ONCE) groups.push([from, Math.min(last, from + AT_ONCE - 1)])

let seeds = 0
let stormsMs = 0
let messages = 0
let gaps = 0
let bad = 0

/** What went wrong with a seed; with SHRINK=1 also the steps that are enough for it to go wrong. */
const problemsOf = async (seed: number): Promise<readonly unknown[]> => {
  const schedule = scheduleOf(seed)
  const { problems, lines } = await simulate(schedule)
  seeds++
  stormsMs += schedule.stormMs
  for (const { type } of lines) {
    if (type === 'append') messages++
    if (type === 'gap') gaps++
  }
  if (problems.length) bad++
  if (!problems.length || !SHRINK) return problems.slice(0, 5)
  const smaller = await shrink(schedule, async (each) => (await simulate(each)).problems.length > 0)
  return [smaller, ...(await simulate(smaller)).problems.slice(0, 5)]
}

afterAll(() => {
  const text = `simulation from seed ${first}: ${seeds} of ${last - first + 1} seeds, ${(stormsMs / 3_600_000).toFixed(1)} hours of trouble, ${messages} messages, ${gaps} gaps that were due; ${bad} seeds with problems`
  keepResult(`simulation-${first}`, text)
})

describe('R1–R7, R12, R13: random trouble, then calm', () => {
  it.each(groups)(
    'seeds %i to %i',
    async (from, to) => {
      const failed: Record<string, readonly unknown[]> = {}
      for (let seed = from; seed <= to && performance.now() < givenUpAt; seed++) {
        const problems = await problemsOf(seed)
        if (problems.length) failed[`SEED=${seed}`] = problems
      }
      expect(failed).toEqual({})
    },
    600_000,
  )
})
