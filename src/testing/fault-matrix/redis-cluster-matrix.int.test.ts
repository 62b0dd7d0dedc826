import { afterAll } from 'vitest'
import { describeWith } from '../describe-with.ts'
import { missingHosts } from './clustered-redis.ts'
import { describeRow } from './describe-row.ts'
import { Outcomes } from './outcomes.ts'
import { redisCluster } from './rows/redis-cluster.ts'

const full = Boolean(process.env['FULL'])
const outcomes = new Outcomes('fault-matrix-redis-cluster')

const define = (): void => {
  // A cell is a Redis Cluster and three hubs: the five of one case at once are what a machine with two cores has time for.
  describeRow(redisCluster, full, outcomes, true)
  const { id, cases } = redisCluster
  const lines = cases.map(({ name }) => ({ id, what: name, name }))
  afterAll(() => outcomes.keep(lines, []))
}
describeWith(['redis-server'], 'R1–R4, R12–R14, R25 three hubs and their Redis Cluster', define, missingHosts())
