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
    const columns = one.columns.filter((column) => !outcomes.isDone(redis.id, one.name, column))
    if (columns.length === 0) continue
    describe.concurrent(`${redis.id} ${one.name}`, { timeout: 180_000 }, () => {
      for (const column of columns) {
        const number = ++seed
        it(`${redis.id} ${redis.what}: ${one.name} × ${COLUMN_NAMES[column]}`, () =>
          runCell(redis, one, column, number, outcomes))
      }
    })
  }
  afterAll(() => outcomes.keep([redis], []))
})
