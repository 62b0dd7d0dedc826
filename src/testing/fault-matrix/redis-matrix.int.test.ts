import { afterAll, describe, it } from 'vitest'
import { keepResult } from '../keep-result.ts'
import { describeRedis } from '../redis-server.ts'
import { COLUMN_NAMES } from './columns.ts'
import { redis } from './rows/redis.ts'
import { runCell } from './run-cell.ts'
import { tableOf } from './table.ts'
import type { Outcome } from './table.ts'

const full = Boolean(process.env['FULL'])
const outcomes: Outcome[] = []

// A cell is a Redis and three hubs: one fault at a time, under all columns side by side.
describeRedis('R1–R4, R12–R14, R25 three hubs and their Redis', () => {
  let seed = 0
  for (const one of redis.cases.filter(({ gate }) => full || gate)) {
    describe.concurrent(`${redis.id} ${one.name}`, { timeout: 180_000 }, () => {
      for (const column of one.columns) {
        const number = ++seed
        it(`${redis.id} ${redis.what}: ${one.name} × ${COLUMN_NAMES[column]}`, () =>
          runCell(redis, one, column, number, outcomes))
      }
    })
  }
  afterAll(() => {
    const text = tableOf([redis], [], outcomes)
    keepResult('fault-matrix-redis', text)
    console.log(text)
  })
})
