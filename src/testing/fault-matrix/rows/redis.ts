import type { Cell } from '../cell.ts'
import { RedisCellLog } from '../redis-cell-log.ts'
import type { Case, Row } from '../row.ts'
import { rolls } from './hubs.ts'
import { ALL } from './ways.ts'

const HUBS = 3

const redisOf = ({ log }: Cell): RedisCellLog => {
  if (log instanceof RedisCellLog) return log
  throw new Error('this log is not in Redis')
}

/** Three hubs on one Redis, which has the fault while `act` runs; hubs may complain of it. Resolves with how often it fired. */
const strikes = (name: string, act: (cell: Cell, redis: RedisCellLog) => Promise<number>) => async (cell: Cell) => {
  cell.allowErrors()
  await cell.joinWell()
  await cell.fault(name, () => act(cell, redisOf(cell)))
  await cell.recover()
}

const options = (args?: readonly string[]) => ({ nodes: HUBS, log: RedisCellLog.of(HUBS, args) })

const row = (
  name: string,
  act: (cell: Cell, redis: RedisCellLog) => Promise<number>,
  more: Partial<Case> = {},
): Case => ({
  name,
  columns: ALL,
  options: options(),
  run: strikes(name, act),
  ...more,
})

export const redis: Row = {
  id: 'F22',
  what: 'three hubs without stickiness, and their Redis fails',
  gate: false,
  cases: [
    row('nothing happens', async (cell) => {
      await cell.flow(30)
      await cell.caughtUp()
      return 1
    }),
    {
      name: 'the hubs are replaced one by one',
      columns: ALL,
      options: options(),
      run: async (cell) => {
        cell.allowErrors()
        await rolls(cell)
      },
    },
    row(
      'notices are cut',
      async (cell, { server }) => {
        const killed = Number(await server.command('CLIENT', 'KILL', 'TYPE', 'pubsub'))
        await cell.flow(20)
        await cell.caughtUp()
        return killed
      },
      { gate: true },
    ),
    row('it stands still', async (cell, { server }) => {
      await server.command('CLIENT', 'PAUSE', '2000')
      await cell.flow(10)
      return 1
    }),
    row(
      'one hub is cut from it',
      async (cell, { gates }) => {
        const cut = gates[1]?.shut() ?? 0
        await cell.flow(40)
        gates[1]?.open()
        return cut
      },
      { gate: true },
    ),
    row('one hub hears nothing more of it', async (cell, { gates }) => {
      const held = gates[1]?.hold() ?? 0
      await cell.flow(40)
      gates[1]?.open()
      return held
    }),
    row('all hubs are cut from it', async (cell, { gates }) => {
      const cut = gates.reduce((sum, gate) => sum + gate.shut(), 0)
      await cell.until('the publishers to wait', () => cell.openPublishes > 5)
      for (const gate of gates) gate.open()
      return cut
    }),
    row('it is out of memory', async (cell, { server }) => {
      await server.command('CONFIG', 'SET', 'maxmemory', '1')
      await cell.until('the publishers to wait', () => cell.openPublishes > 5)
      await server.command('CONFIG', 'SET', 'maxmemory', '0')
      return 1
    }),
    row(
      'it comes back from its disk',
      async (_, redis) => {
        await redis.restart()
        return 1
      },
      { options: options(['--save', '', '--appendonly', 'yes']) },
    ),
    row(
      'it comes back empty',
      async (_, redis) => {
        await redis.restart()
        return 1
      },
      { gaps: ['epoch'] },
    ),
    row(
      'its replica takes over without the newest messages',
      async (cell, redis) => {
        const replica = await redis.replica()
        await cell.flow(10)
        // From here on it hears nothing more.
        await replica.command('REPLICAOF', 'NO', 'ONE')
        await cell.flow(20)
        await cell.caughtUp()
        const lost = await redis.failOver(replica)
        return [...lost.values()].reduce((sum, count) => sum + count, 0)
      },
      { gaps: 'any', gate: true },
    ),
  ],
}
