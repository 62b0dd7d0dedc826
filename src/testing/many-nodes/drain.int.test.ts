import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { describeWith } from '../describe-with.ts'
import { keepResult } from '../keep-result.ts'
import { mostInASecond } from '../most-in-a-second.ts'
import { backEnd } from './back-end.ts'
import { buildHubProgram } from './build-hub-program.ts'
import type { HubProgram } from './build-hub-program.ts'
import { startRedisFleet } from './redis-fleet.ts'
import { flowInto, readRoom } from './room-reader.ts'
import type { RoomReader } from './room-reader.ts'

const HUBS = 3
const WINDOW_MS = 5_000
/** Of each transport. The bound is twice the mean, so few readers are enough to keep clear of chance. */
const READERS = process.env['FULL'] ? 300 : 120
/** Longer than anything takes on a slow machine: it bounds a failure, it measures nothing. */
const BOUND = { timeout: 60_000, interval: 20 }

/** When it opened links after it was told to go; undefined when it was not. */
const openedOnceTold = ({ facts }: RoomReader): number[] | undefined => {
  const toldAt = facts.findIndex(({ kind }) => kind === 'goodbye')
  if (toldAt < 0) return undefined
  return facts.slice(toldAt).flatMap(({ kind, timeMs }) => (kind === 'open' ? [timeMs] : []))
}

describeWith(['redis-server', 'nginx'], 'S18 a hub of three is told to stop, with real durations', () => {
  let program: HubProgram

  beforeAll(async () => {
    program = await buildHubProgram()
  })
  afterAll(() => program.remove())

  it(
    `its readers (of ${READERS} over WebSocket and as many over SSE) come to the others spread over the window, and miss nothing`,
    { timeout: 240_000 },
    async () => {
      const limits = { goodbyeSpreadMs: WINDOW_MS }
      const { fleet, close } = await startRedisFleet(HUBS, { program, limits, redisMs: 5_000, drainSeconds: 30 })
      const url = fleet.url('other')
      const readers = Array.from({ length: 2 * READERS }, (_, n) => readRoom(url, n % 2 ? 'websocket' : 'sse'))
      try {
        await vi.waitFor(() => expect(readers.every(({ subscription }) => subscription.position)).toBe(true), BOUND)
        await vi.waitFor(() => expect(readers.every(({ client }) => client.state.name === 'online')).toBe(true), BOUND)
        const stop = flowInto(backEnd(url), 100)

        const [leaving] = fleet.hubs
        const links = (await leaving?.streams()) ?? 0
        const exit = await leaving?.end('SIGTERM')
        const total = await stop()

        expect(exit).toEqual({ code: 0, signal: null })
        const told = readers.filter((reader) => openedOnceTold(reader))
        expect(told).toHaveLength(links)
        expect(links).toBeGreaterThan(READERS / 3)
        await vi.waitFor(() => expect(readers.every(({ offsets }) => offsets.length >= total)).toBe(true), BOUND)
        const whole = Array.from({ length: total }, (_, n) => n + 1)
        for (const { offsets, gaps } of readers) expect([offsets, gaps]).toEqual([whole, []])

        const opened = told.map((reader) => openedOnceTold(reader) ?? [])
        expect(opened.filter(({ length }) => length === 0)).toEqual([])
        const most = mostInASecond(opened.flat())
        keepResult(
          'drain',
          `S18: ${links} readers of a hub that stops; ${most} at most come in one second, of a window of 5 s`,
        )
        expect(most).toBeLessThanOrEqual((2 * links * 1_000) / WINDOW_MS)
      } finally {
        for (const { client } of readers) client.close()
        await close()
      }
    },
  )
})
