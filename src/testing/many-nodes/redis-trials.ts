import { expect, vi } from 'vitest'
import { TRANSPORTS_OF } from '../fault-matrix/columns.ts'
import { deafen } from '../redis-server.ts'
import type { TcpGate } from '../tcp-gate.ts'
import type { Crowd } from './crowd.ts'
import type { HubProcess } from './hub-process.ts'
import { HUB_LIMITS, SCALE } from './scale.ts'
import { busiestHub } from './trial.ts'
import type { Trial } from './trial.ts'

/** On a slow machine an answer may be late once. */
const BOUND_MS = 20_000

const health = async ({ url }: HubProcess): Promise<string> => (await fetch(`${url}/health`)).text()

/** One hub, with visitors at it, is without Redis for so long; the others are not. Returns how many connections were hit. */
const cutOne = async (crowd: Crowd, realMs: number, cut: (gate: TcpGate) => number): Promise<number> => {
  const { fleet, redis } = crowd
  const hub = await busiestHub(crowd)
  const gate = redis.site.gates[fleet.hubs.indexOf(hub)]
  if (!gate) throw new Error('each hub has a gate')
  const failed = hub.count('store.failed')
  const count = cut(gate)
  await crowd.lasts(realMs / SCALE)
  expect(hub.count('store.failed')).toBeGreaterThan(failed)
  const expected = fleet.hubs.map((each) => `{"status":"${each === hub ? 'unavailable' : 'ready'}"}`)
  await vi.waitFor(async () => expect(await Promise.all(fleet.hubs.map(health))).toEqual(expected), BOUND_MS)
  gate.open()
  return count
}

/** The new log goes beyond the end of the lost one: by the offset alone nobody could tell them apart. */
const overtake = async ({ historian, redis }: Crowd, lost: ReadonlyMap<string, number>): Promise<void> => {
  const publisher = historian.publisher((channel, data) => redis.publish(channel, data))
  for (const [channel, count] of lost) {
    expect(count).toBeGreaterThan(0)
    for (let more = count + 3; more > 0; more--) await publisher.publish(channel)
  }
}

/** R13, R14, S20. */
export const REDIS_TRIALS: readonly Trial[] = [
  {
    name: 'a hub is cut from Redis for 5 s',
    run: (crowd) => cutOne(crowd, 5_000, (gate) => gate.shut()),
  },
  {
    name: 'a hub is cut from Redis for 60 s',
    run: (crowd) => cutOne(crowd, 60_000, (gate) => gate.shut()),
  },
  {
    name: 'a hub hears nothing of Redis for 15 s',
    run: (crowd) => cutOne(crowd, 15_000, (gate) => gate.hold()),
  },
  {
    name: 'all hubs are cut from Redis',
    run: async (crowd) => {
      const { fleet, redis } = crowd
      const cut = redis.site.gates.reduce((sum, gate) => sum + gate.shut(), 0)
      await crowd.until('the publishers to wait', () => crowd.openPublishes > 5)
      // S20: refused in time, and told when to come again.
      const answer = await fetch(`${fleet.url('other')}/publish?channel=a`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '1',
      })
      expect([answer.status, await answer.text()]).toEqual([503, expect.stringContaining('"unavailable"')])
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
      await crowd.lasts(5_000 / SCALE)
      for (const gate of redis.site.gates) gate.open()
      return cut
    },
  },
  {
    name: 'the connections for notices are killed',
    run: async (crowd) => {
      const killed = Number(await crowd.redis.site.server.command('CLIENT', 'KILL', 'TYPE', 'pubsub'))
      expect(killed).toBe(crowd.fleet.hubs.length)
      await crowd.flow(20)
      await crowd.caughtUp()
      return killed
    },
  },
  {
    name: 'Redis pauses for 10 s',
    run: async ({ redis }) => {
      const { server } = redis.site
      await server.command('CLIENT', 'PAUSE', String(10_000 / SCALE))
      const since = performance.now()
      // Answered when the pause is over.
      await server.command('SET', 'probe', '1')
      return Number(performance.now() - since > 5_000 / SCALE)
    },
  },
  {
    name: 'Redis comes back from its disk',
    redis: ['--save', '', '--appendonly', 'yes'],
    run: async ({ redis }) => {
      const before = await redis.heads()
      await redis.restart()
      const after = await redis.heads()
      return [...before].filter(([channel, { epoch }]) => after.get(channel)?.epoch === epoch).length
    },
  },
  {
    name: 'Redis comes back empty',
    gaps: ['epoch'],
    run: async ({ redis }) => {
      const before = await redis.heads()
      await redis.restart()
      const after = await redis.heads()
      return [...before].filter(([channel, { epoch }]) => after.get(channel)?.epoch !== epoch).length
    },
  },
  {
    name: 'a replica takes over without the newest messages',
    gate: true,
    gaps: ['lost-tail'],
    run: async (crowd) => {
      const { fleet, redis } = crowd
      const pair = await redis.site.pair()
      const asleep = crowd.visit(fleet.url('other'), TRANSPORTS_OF.A)
      await crowd.flow(10)
      await crowd.caughtUp()
      asleep.client.disconnect()
      await crowd.flow(10)
      await deafen(pair.replica)
      await crowd.flow(30)
      await crowd.caughtUp()
      const lost = await redis.failOver(pair, (lost) => overtake(crowd, lost))
      await crowd.until('everybody to be told', () =>
        [...crowd.visitors.values()].every(({ gaps }) => gaps.length >= 3),
      )
      // Until a hub looks into the log again it may still hand out what it has of the lost messages.
      await crowd.lasts(HUB_LIMITS.positionCheckMs)
      // One that stands before them lost nothing.
      asleep.client.connect()
      await crowd.until('it to be back', () => asleep.client.state.name === 'online')
      await crowd.caughtUp()
      expect(asleep.gaps).toEqual([])
      return [...lost.values()].reduce((sum, count) => sum + count)
    },
  },
]
