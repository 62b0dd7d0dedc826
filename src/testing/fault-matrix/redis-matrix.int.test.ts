import { afterAll, describe, it } from 'vitest'
import { describeRedis } from '../redis-server.ts'
import { COLUMN_NAMES } from './columns.ts'
import { Outcomes } from './outcomes.ts'
import { redis } from './rows/redis.ts'
import { runCell } from './run-cell.ts'

const full = Boolean(process.env['FULL'])
const outcomes = new Outcomes('fault-matrix-redis')

// A cell is a Redis and three hubs: one fault at a time, under all columns side by side.
describeRedis('R1–R4, R12–R14, R25 three hubs and their Redis', () => {
  let seed = 0
  for (const one of redis.cases.filter(({ gate }) => full || gate)) {
    // Numbered before those that are done are left out: the seed of a cell is the same with them.
    const cells = one.columns
      .map((column) => ({ column, number: ++seed }))
      .filter(({ column }) => !outcomes.isDone(redis.id, one.name, column))
    if (cells.length === 0) continue
    describe.concurrent(`${redis.id} ${one.name}`, { timeout: 180_000 }, () => {
      for (const { column, number } of cells) {
        it(`${redis.id} ${redis.what}: ${one.name} × ${COLUMN_NAMES[column]}`, () =>
          runCell(redis, one, column, number, outcomes))
      }
    })
  }
  afterAll(() => outcomes.keep([redis], []))
})
