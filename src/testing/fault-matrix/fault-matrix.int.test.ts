import { afterAll, describe, it } from 'vitest'
import { COLUMN_NAMES } from './columns.ts'
import { Outcomes } from './outcomes.ts'
import { ELSEWHERE, ROWS } from './rows/rows.ts'
import { runCell } from './run-cell.ts'

const full = Boolean(process.env['FULL'])
const rows = full ? ROWS : ROWS.filter(({ gate }) => gate)
const outcomes = new Outcomes('fault-matrix')

// Each cell is on its own: hubs, proxy, clients and history. They mostly wait, so many of them run side by side.
describe.concurrent('R1–R9, R12, R15–R17, R20, R24, R26 the fault matrix', { timeout: 180_000 }, () => {
  let seed = 0
  for (const row of rows) {
    for (const one of row.cases) {
      for (const column of one.columns) {
        const number = ++seed
        if (outcomes.isDone(row.id, one.name, column)) continue
        it(`${row.id} ${row.what}: ${one.name} × ${COLUMN_NAMES[column]}`, () =>
          runCell(row, one, column, number, outcomes))
      }
    }
  }
  afterAll(() => outcomes.keep(rows, full ? ELSEWHERE : []))
})
