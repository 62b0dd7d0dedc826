import { afterAll, describe, expect, it } from 'vitest'
import { keepResult } from '../keep-result.ts'
import { Cell } from './cell.ts'
import { COLUMN_NAMES } from './columns.ts'
import type { Column } from './columns.ts'
import type { Case, Row } from './row.ts'
import { ELSEWHERE, ROWS } from './rows/rows.ts'
import { tableOf } from './table.ts'
import type { Outcome } from './table.ts'

const full = Boolean(process.env['FULL'])
const rows = full ? ROWS : ROWS.filter(({ gate }) => gate)
const outcomes: Outcome[] = []

const runCell = async ({ id }: Row, one: Case, column: Column, seed: number): Promise<void> => {
  let outcome: Outcome = { id, column, gaps: undefined, recoveredMs: 0 }
  const cell = await Cell.open(column, one.options ?? {}, seed)
  try {
    await one.run(cell)
    await cell.finish()
    const reasons = cell.gaps.map(({ reason }) => reason)
    const { gaps = [] } = one
    if (gaps !== 'any') expect(reasons.sort()).toEqual(gaps.flatMap((reason) => [reason, reason, reason]).sort())
    outcome = { id, column, gaps: reasons, recoveredMs: cell.recoveredMs }
  } finally {
    outcomes.push(outcome)
    await cell.close()
  }
}

// Each cell is on its own: hubs, proxy, clients and history. They mostly wait, so many of them run side by side.
describe.concurrent('R1–R9, R12, R15–R17, R20, R24, R26 the fault matrix', { timeout: 180_000 }, () => {
  let seed = 0
  for (const row of rows) {
    for (const one of row.cases) {
      for (const column of one.columns) {
        const number = ++seed
        it(`${row.id} ${row.what}: ${one.name} × ${COLUMN_NAMES[column]}`, () => runCell(row, one, column, number))
      }
    }
  }
  afterAll(() => {
    const text = tableOf(rows, full ? ELSEWHERE : [], outcomes)
    keepResult('fault-matrix', text)
    console.log(text)
  })
})
