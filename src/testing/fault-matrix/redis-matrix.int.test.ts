import { afterAll } from 'vitest'
import { describeRedis } from '../redis-server.ts'
import { describeRow } from './describe-row.ts'
import { Outcomes } from './outcomes.ts'
import { redis } from './rows/redis.ts'

const full = Boolean(process.env['FULL'])
const outcomes = new Outcomes('fault-matrix-redis')

// A cell is a Redis and three hubs.
describeRedis('R1–R4, R12–R14, R25 three hubs and their Redis', () => {
  describeRow(redis, full, outcomes)
  afterAll(() => outcomes.keep([redis], []))
})
