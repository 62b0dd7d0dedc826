import { afterAll, beforeAll, expect, it } from 'vitest'
import { describeWith } from '../describe-with.ts'
import { COLUMNS } from '../fault-matrix/columns.ts'
import { Outcomes } from '../fault-matrix/outcomes.ts'
import { RedisLog } from '../fault-matrix/redis-log.ts'
import { SingleRedis } from '../fault-matrix/single-redis.ts'
import { Historian } from '../historian.ts'
import { buildHubProgram } from './build-hub-program.ts'
import type { HubProgram } from './build-hub-program.ts'
import { CHANNELS, Crowd } from './crowd.ts'
import { Fleet } from './fleet.ts'
import { HUB_TRIALS } from './hub-trials.ts'
import { REDIS_TRIALS } from './redis-trials.ts'
import type { Trial } from './trial.ts'

const HUBS = 3
const full = Boolean(process.env['FULL'])
const trials = [...HUB_TRIALS, ...REDIS_TRIALS].filter(({ gate }) => full || gate)
const outcomes = new Outcomes('many-nodes')

let program: HubProgram

/** A Redis, three hubs and nginx of its own for each trial: what one leaves behind is no other's. */
const run = async ({ name, redis: args, run, gaps = [] }: Trial, seed: number): Promise<void> => {
  const historian = new Historian()
  const site = await SingleRedis.start(HUBS, args)
  const redis = new RedisLog(historian, CHANNELS, site)
  const fleet = await Fleet.start({ program, redisPorts: site.gates.map(({ port }) => port) })
  const crowd = new Crowd(historian, fleet, redis, seed)
  const clean = new Set<string>()
  try {
    await crowd.join()
    await crowd.fault(name, () => run(crowd))
    await crowd.finish()
    const expected = gaps.flatMap((reason) => CHANNELS.map((channel) => `${reason} ${channel}`))
    for (const [column, visitor] of crowd.visitors) {
      const told = visitor.gaps.map(({ reason, channel }) => `${reason} ${channel}`)
      expect(told.sort(), column).toEqual(expected)
      clean.add(column)
    }
  } finally {
    for (const column of COLUMNS) {
      const told = clean.has(column) ? gaps : undefined
      outcomes.push({ id: name, name: '', column, gaps: told, recoveredMs: crowd.recoveredMs.get(column) ?? 0 })
    }
    crowd.leave()
    await fleet.close()
    await redis.close()
  }
}

describeWith(['redis-server', 'nginx'], 'R1–R5, R12–R14, R18, R24, R25 three hubs as processes behind nginx', () => {
  beforeAll(async () => {
    program = await buildHubProgram()
  })

  for (const [index, trial] of trials.entries()) {
    if (COLUMNS.every((column) => outcomes.isDone(trial.name, '', column))) continue
    it(trial.name, { timeout: 240_000 }, () => run(trial, index + 1))
  }

  afterAll(() => {
    program.remove()
    const rows = trials.map(({ name }) => ({ id: name, what: '' }))
    outcomes.keep(rows, [])
  })
})
