import { expect, vi } from 'vitest'
import { POLL } from '../../cluster-stores.ts'
import { deafen, hasAll } from '../../redis-server.ts'
import type { Cell } from '../cell.ts'
import { RedisCellLog } from '../redis-cell-log.ts'
import type { RedisSite } from '../redis-site.ts'
import type { Case } from '../row.ts'
import { ALL } from './ways.ts'

export const HUBS = 3

/** What is done to a Redis; resolves with how often it fired. */
export type Strike = (cell: Cell, redis: RedisCellLog) => Promise<number>

const redisOf = ({ log }: Cell): RedisCellLog => {
  if (log instanceof RedisCellLog) return log
  throw new Error('this log is not in Redis')
}

export const inRedis = (start: () => Promise<RedisSite>) => ({ nodes: HUBS, log: RedisCellLog.of(start) })

/** Waits until there are more of something. */
export const moreThan = (before: number, count: () => Promise<number>): Promise<void> =>
  vi.waitFor(async () => expect(await count()).toBeGreaterThan(before), POLL)

/** Makes cases of three hubs whose log lies in what `start` starts. It has the fault while `strike` runs; hubs may complain of it. */
export const casesIn =
  (start: () => Promise<RedisSite>) =>
  (name: string, strike: Strike, more: Partial<Case> = {}): Case => ({
    name,
    columns: ALL,
    options: inRedis(start),
    run: async (cell) => {
      cell.allowErrors()
      await cell.joinWell()
      const redis = redisOf(cell)
      await cell.fault(name, () => strike(cell, redis))
      await cell.recover()
      // That of the control reader does at least.
      await moreThan(0, () => redis.hearers())
    },
    ...more,
  })

/** Whoever listens is cut, at all servers. */
export const cutNotices: Strike = async (cell, { site }) => {
  let killed = 0
  for (const server of site.servers) killed += Number(await server.command('CLIENT', 'KILL', 'TYPE', 'pubsub'))
  await cell.flow(20)
  await cell.caughtUp()
  return killed
}

/** All hubs are cut from the server of one channel. */
export const cutAll: Strike = async (cell, { site }) => {
  const gates = site.gatesTo(await site.serverOf('a'))
  const cut = gates.reduce((sum, gate) => sum + gate.shut(), 0)
  await cell.until('the publishers to wait', () => cell.openPublishes > 5)
  for (const gate of gates) gate.open()
  return cut
}

/** A server dies; its replica lacks what came last. */
export const loseTail: Strike = async (cell, redis) => {
  const pair = await redis.site.pair()
  await cell.flow(10)
  await hasAll(pair)
  await deafen(pair.replica)
  await cell.flow(20)
  await cell.caughtUp()
  const lost = await redis.failOver(pair)
  return [...lost.values()].reduce((sum, count) => sum + count, 0)
}
