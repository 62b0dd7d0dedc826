import { monitorEventLoopDelay } from 'node:perf_hooks'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { HubLimits } from '../../server/limits.ts'
import { describeWith } from '../describe-with.ts'
import { keepResult } from '../keep-result.ts'
import { mostInASecond } from '../most-in-a-second.ts'
import { backEnd } from './back-end.ts'
import { buildHubProgram } from './build-hub-program.ts'
import type { HubProgram } from './build-hub-program.ts'
import type { Fleet } from './fleet.ts'
import { startRedisFleet } from './redis-fleet.ts'
import { flowInto, readRoom } from './room-reader.ts'
import type { RoomReader } from './room-reader.ts'

const READERS = 1_000
/** A link that carried traffic for so long counts as stable: who loses it comes back at once. */
const STABLE_MS = 1_000
/** So many messages are more than that. A thousand readers in one process have enough to do with two a second. */
const SETTLED = 4
const INTERVAL_MS = 500
/** Longer than anything takes on a slow machine: it bounds a failure, it measures nothing. */
const BOUND = { timeout: 120_000, interval: 50 }

interface Plan {
  readonly name: string
  readonly hubs: number
  readonly limits: Pick<HubLimits, 'connectsPerMinute'>
  /** What comes after the death of the first hub. */
  readonly then: (fleet: Fleet, readers: readonly RoomReader[]) => Promise<unknown>
  /** Readers that lose their link, at least. */
  readonly links: number
}

/** What happened to all of them since then. */
const factsSince = (readers: readonly RoomReader[], sinceMs: number) =>
  readers.flatMap(({ facts }) => facts.filter(({ timeMs }) => timeMs >= sinceMs))
const allOnline = (readers: readonly RoomReader[]): Promise<void> =>
  vi.waitFor(() => expect(readers.filter(({ client }) => client.state.name !== 'online')).toHaveLength(0), BOUND)

const PLANS: readonly Plan[] = [
  {
    name: 'one of three hubs dies, and the others take its readers at their pace',
    hubs: 3,
    // Two hubs with a bucket each: four times that in a second at most.
    limits: { connectsPerMinute: 55 * 60 },
    then: async ({ hubs: [hub] }, readers) => {
      await allOnline(readers)
      await hub?.start()
    },
    links: 1,
  },
  {
    name: 'the only hub dies, and is back at once',
    hubs: 1,
    limits: { connectsPerMinute: 80 * 60 },
    then: ({ hubs: [hub] }) => hub?.start() ?? Promise.reject(new Error('there is no hub')),
    links: READERS,
  },
]

// A minute: npm test has the pace itself in src/server/herd.test.ts, and a herd in simulated time.
describe.runIf(process.env['FULL'])('many readers lose their hub', () => {
  describeWith(['redis-server', 'nginx'], 'S19 kill -9, with real durations', () => {
    let program: HubProgram
    const told: string[] = []

    beforeAll(async () => {
      program = await buildHubProgram()
    })
    afterAll(() => {
      program.remove()
      keepResult('herd', told.join('\n'))
    })

    it.each(PLANS.map((plan) => [plan.name, plan] as const))('%s', { timeout: 300_000 }, async (name, plan) => {
      const { hubs, limits, then } = plan
      const { fleet, close } = await startRedisFleet(hubs, { program, limits, redisMs: 5_000 })
      const url = fleet.url('other')
      const readers = Array.from({ length: READERS }, (_, n) =>
        readRoom(url, n % 2 ? 'websocket' : 'sse', { stableMs: STABLE_MS }),
      )
      try {
        await allOnline(readers)
        const stop = flowInto(backEnd(url), INTERVAL_MS)
        await vi.waitFor(() => expect(readers.every(({ offsets }) => offsets.length >= SETTLED)).toBe(true), BOUND)

        const links = (await fleet.hubs[0]?.streams()) ?? 0
        const lag = monitorEventLoopDelay()
        lag.enable()
        const diedMs = Date.now()
        expect(await fleet.hubs[0]?.end('SIGKILL')).toEqual({ code: null, signal: 'SIGKILL' })
        await then(fleet, readers)
        await allOnline(readers)
        const total = await stop()
        await vi.waitFor(() => expect(readers.every(({ offsets }) => offsets.length >= total)).toBe(true), BOUND)
        const whole = Array.from({ length: total }, (_, n) => n + 1)
        for (const { offsets, gaps } of readers) expect([offsets, gaps]).toEqual([whole, []])

        lag.disable()
        const facts = factsSince(readers, diedMs)
        const times = facts.flatMap(({ kind, timeMs }) => (kind === 'proven' ? [timeMs] : []))
        const refused = facts.filter(({ kind, status }) => kind === 'end' && status === 503).length
        const most = mostInASecond(times)
        const tookMs = Math.max(...times) - diedMs
        const seconds = (tookMs / 1_000).toFixed(1)
        told.push(
          `S19 ${name}: ${links} of ${READERS} lost their link; ${most} at most came back in one second, ${refused} tries were refused, all were back after ${seconds} s`,
        )
        expect(links).toBeGreaterThanOrEqual(plan.links)
        expect(times.length).toBeGreaterThanOrEqual(links)
        // What the hubs let in while this process stood still is seen in one second with what they let in then.
        const leftOver = Math.max(1, hubs - 1) * (limits.connectsPerMinute / 60) * (lag.max / 1e9)
        expect(most).toBeLessThanOrEqual(READERS / 4 + leftOver)
        expect(refused).toBeGreaterThan(0)
        expect(tookMs).toBeLessThan(30_000)
      } finally {
        for (const { client } of readers) client.close()
        await close()
      }
    })
  })
})
