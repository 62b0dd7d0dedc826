import { expect, it } from 'vitest'
import { keepResult } from '../keep-result.ts'
import { soak } from './soak.ts'

const minutes = Number(process.env['SOAK_MINUTES'] ?? 1)
const seed = Number(process.env['SEED'] ?? 1)

it(
  `R1 R2 R3 nothing is lost, repeated or reordered in ${minutes} min of faults`,
  { timeout: minutes * 300_000 },
  async () => {
    const { problems, text } = await soak({ minutes, seed, say: console.log })
    console.log(text)
    keepResult('soak', text)
    expect(problems.slice(0, 20)).toEqual([])
  },
)
