import type { RedisCellLog } from '../redis-cell-log.ts'
import type { Row } from '../row.ts'
import { SingleRedis } from '../single-redis.ts'
import { rolls } from './hubs.ts'
import { casesIn, cutAll, cutNotices, HUBS, inRedis, loseTail } from './redis-strikes.ts'
import { ALL } from './ways.ts'

const single = (args?: readonly string[]) => () => SingleRedis.start(HUBS, args)

const row = casesIn(single())

/** The way of one hub of three. */
const secondGate = async ({ site }: RedisCellLog) => {
  const [, gate] = site.gatesTo(await site.serverOf('a'))
  if (!gate) throw new Error('each hub has a way')
  return gate
}

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
      options: inRedis(single()),
      run: async (cell) => {
        cell.allowErrors()
        await rolls(cell)
      },
    },
    row('notices are cut', cutNotices, { gate: ALL }),
    row('it stands still', async (cell, { site }) => {
      const server = await site.serverOf('a')
      await server.command('CLIENT', 'PAUSE', '2000')
      await cell.flow(10)
      return 1
    }),
    row(
      'one hub is cut from it',
      async (cell, redis) => {
        const gate = await secondGate(redis)
        const cut = gate.shut()
        await cell.flow(40)
        gate.open()
        return cut
      },
      { gate: ALL },
    ),
    row('one hub hears nothing more of it', async (cell, redis) => {
      const gate = await secondGate(redis)
      const held = gate.hold()
      await cell.flow(40)
      gate.open()
      return held
    }),
    row('all hubs are cut from it', cutAll),
    row('it is out of memory', async (cell, { site }) => {
      const server = await site.serverOf('a')
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
      { options: inRedis(single(['--save', '', '--appendonly', 'yes'])) },
    ),
    row(
      'it comes back empty',
      async (_, redis) => {
        await redis.restart()
        return 1
      },
      { gaps: ['epoch'] },
    ),
    row('its replica takes over without the newest messages', loseTail, { gaps: 'any', gate: ALL }),
  ],
}
