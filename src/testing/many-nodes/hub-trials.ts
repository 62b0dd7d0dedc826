import { expect } from 'vitest'
import { namesOf } from '../../integrations/redis/names.ts'
import { PREFIX } from '../fault-matrix/redis-log.ts'
import type { Crowd } from './crowd.ts'
import type { HubProcess } from './hub-process.ts'
import { SCALE } from './scale.ts'
import { busiestHub } from './trial.ts'
import type { Trial } from './trial.ts'

/** Each hub ends in this way and comes back, while the others serve. Returns how many links were hit. */
const replaceEach = async (crowd: Crowd, end: (hub: HubProcess) => Promise<void>): Promise<number> => {
  let hit = 0
  for (const hub of crowd.fleet.hubs) {
    hit += await hub.streams()
    await end(hub)
    await crowd.flow(10)
    await hub.start()
    await crowd.flow(10)
  }
  // There was always one that nginx could ask.
  expect(crowd.fleet.log().filter(({ hubs }) => hubs === 'holdfast')).toEqual([])
  return hit
}

/** Stands still while `act` runs. Returns how many links it has. */
const standStill = async (crowd: Crowd, act: (hub: HubProcess) => Promise<unknown>): Promise<number> => {
  const hub = await busiestHub(crowd)
  const streams = await hub.streams()
  hub.signal('SIGSTOP')
  await crowd.until('it to stand still', () => hub.state === 'T')
  await act(hub)
  hub.signal('SIGCONT')
  return streams
}

/** Publishes what only the hub that stands still would hear, until Redis does not keep it for it any more. */
const overrun = async ({ fleet, redis }: Crowd): Promise<void> => {
  const { server } = redis.site
  const body = JSON.stringify('x'.repeat(60_000))
  const headers = { 'content-type': 'application/json' }
  const hearers = async (): Promise<number> =>
    String(await server.command('CLIENT', 'LIST', 'TYPE', 'PUBSUB'))
      .trim()
      .split('\n').length
  while ((await hearers()) === fleet.hubs.length) {
    const answer = await fetch(`${fleet.hubs.at(-1)?.url}/publish?channel=noise`, { method: 'POST', headers, body })
    expect(answer.status).toBe(200)
  }
}

export const HUB_TRIALS: readonly Trial[] = [
  {
    name: 'nothing happens',
    run: async (crowd) => {
      await crowd.flow(60)
      return 1
    },
  },
  {
    name: 'hubs are killed, one after the other',
    gate: true,
    run: (crowd) =>
      replaceEach(crowd, async (hub) => expect(await hub.end('SIGKILL')).toEqual({ code: null, signal: 'SIGKILL' })),
  },
  {
    name: 'hubs are replaced by SIGTERM, one after the other',
    gate: true,
    run: async (crowd) => {
      const hit = await replaceEach(crowd, async (hub) => {
        expect(await hub.end('SIGTERM')).toEqual({ code: 0, signal: null })
        expect(hub.count('serve.stopped')).toBe(1)
      })
      // Nothing failed, nothing is unknown: every publish was acknowledged, whichever hub it came to.
      expect(crowd.historian.lines.filter(({ type }) => type === 'pub.unknown' || type === 'pub.fail')).toEqual([])
      return hit
    },
  },
  {
    name: 'a hub stands still for longer than all deadlines',
    run: (crowd) =>
      standStill(crowd, async () => {
        await crowd.lasts(30_000 / SCALE)
        // Those that were at it, and those that nginx sends there, have gone on with the others.
        await crowd.caughtUp()
      }),
  },
  {
    name: 'a hub stands still until Redis drops its notices',
    run: async (crowd) => {
      const { server } = crowd.redis.site
      await server.command('CONFIG', 'SET', 'client-output-buffer-limit', 'pubsub 256kb 128kb 1')
      const readers = crowd.fleet.hubs.map((hub) => fetch(`${hub.url}/stream?channel=noise`))
      const notice = namesOf(PREFIX, 'noise').notice
      const hearers = async (): Promise<number> =>
        ((await server.command('PUBSUB', 'NUMSUB', notice)) as [string, number])[1]
      while ((await hearers()) < readers.length);
      const hit = await standStill(crowd, () => overrun(crowd))
      for (const reader of readers) await (await reader).body?.cancel()
      return hit
    },
  },
]
