import { describe, it } from 'vitest'
import { COLUMN_NAMES } from './columns.ts'
import type { Outcomes } from './outcomes.ts'
import type { Row } from './row.ts'
import { runCell } from './run-cell.ts'

/** The tests of a row that is its own table: its gate, or all of it. The columns of a case run side by side; so do cases, unless `oneByOne`. */
export const describeRow = (row: Row, full: boolean, outcomes: Outcomes, oneByOne = false): void => {
  const describeCase = oneByOne ? describe : describe.concurrent
  let seed = 0
  for (const one of row.cases) {
    // Numbered before those that are done are left out: the seed of a cell is the same with them.
    const cells = (full ? one.columns : (one.gate ?? []))
      .map((column) => ({ column, number: ++seed }))
      .filter(({ column }) => !outcomes.isDone(row.id, one.name, column))
    if (cells.length === 0) continue
    describeCase(`${row.id} ${one.name}`, { timeout: 180_000 }, () => {
      for (const { column, number } of cells) {
        it.concurrent(`${row.id} ${row.what}: ${one.name} × ${COLUMN_NAMES[column]}`, () =>
          runCell(row, one, column, number, outcomes))
      }
    })
  }
}
