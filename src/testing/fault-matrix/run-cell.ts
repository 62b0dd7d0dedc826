import { expect } from 'vitest'
import { Cell } from './cell.ts'
import type { Column } from './columns.ts'
import type { Case, Row } from './row.ts'
import type { Outcomes } from './outcomes.ts'
import type { Outcome } from './table.ts'

/** One cell from its beginning to its judgement; what it came to is pushed to `outcomes`, whatever that is. */
export const runCell = async (
  { id }: Row,
  one: Case,
  column: Column,
  seed: number,
  outcomes: Outcomes,
): Promise<void> => {
  let outcome: Outcome = { id, name: one.name, column, gaps: undefined, recoveredMs: 0 }
  const cell = await Cell.open(column, one.options ?? {}, seed)
  try {
    await one.run(cell)
    await cell.finish()
    const reasons = cell.gaps.map(({ reason }) => reason)
    const { gaps = [] } = one
    if (gaps !== 'any') expect(reasons.sort()).toEqual(gaps.flatMap((reason) => [reason, reason, reason]).sort())
    outcome = { ...outcome, gaps: reasons, recoveredMs: cell.recoveredMs }
  } finally {
    outcomes.push(outcome)
    await cell.close()
  }
}
