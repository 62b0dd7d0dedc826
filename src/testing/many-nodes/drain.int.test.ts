import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { TIMING } from '../../client/timing.ts'
import type { TransportName } from '../../transports/transport.ts'
import { describeWith } from '../describe-with.ts'
import { openClient } from '../fault-matrix/clients.ts'
import { startRedisParts } from '../fault-matrix/redis-log.ts'
import { keepResult } from '../keep-result.ts'
import { mostInASecond } from '../most-in-a-second.ts'
import { backEnd } from './back-end.ts'
import { buildHubProgram } from './build-hub-program.ts'
import type { HubProgram } from './build-hub-program.ts'
import { Fleet } from './fleet.ts'

const HUBS = 3
const WINDOW_MS = 5_000
/** Of each transport. The bound is twice the mean, so few readers are enough to keep clear of chance. */
const READERS = process.env['FULL'] ? 300 : 120
/** Longer than anything takes on a slow machine: it bounds a failure, it measures nothing. */
const BOUND = { timeout: 60_000, interval: 20 }

const read = (url: string, transport: TransportName) => {
  const client = openClient(url, [transport], { timing: TIMING, firstRead: false })
  const offsets: number[] = []
  const gaps: unknown[] = []
  const told: number[] = []
  const opened: number[] = []
  client.on('trace', ({ kind, timeMs }) => {
    if (kind === 'goodbye') told.push(timeMs)
    // Where it was told to go; from then on each link that it opens counts.
    else if (kind === 'open' && told.length > 0) opened.push(timeMs)
  })
  const subscription = client.subscribe('room', ({ offset }) => offsets.push(offset))
  subscription.on('gap', (gap) => gaps.push(gap))
  return { client, subscription, offsets, gaps, told, opened }
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
      const parts = await startRedisParts(HUBS)
      const ports = parts.gates.map(({ port }) => port)
      const limits = { goodbyeSpreadMs: WINDOW_MS }
      const fleet = await Fleet.start({ program, redisPorts: ports, limits, redisMs: 5_000, drainSeconds: 30 })
      const url = fleet.url('other')
      const readers = Array.from({ length: 2 * READERS }, (_, n) => read(url, n % 2 ? 'websocket' : 'sse'))
      try {
        await vi.waitFor(() => expect(readers.every(({ subscription }) => subscription.position)).toBe(true), BOUND)
        await vi.waitFor(() => expect(readers.every(({ client }) => client.state.name === 'online')).toBe(true), BOUND)
        const publish = backEnd(url)
        let published = 0
        const flow = setInterval(() => {
          published++
          void publish('room', { key: String(published) })
        }, 100)

        const [leaving] = fleet.hubs
        const links = (await leaving?.streams()) ?? 0
        const exit = await leaving?.end('SIGTERM')
        clearInterval(flow)
        await publish('room', { key: 'last' })
        const total = published + 1

        expect(exit).toEqual({ code: 0, signal: null })
        const told = readers.filter((reader) => reader.told.length > 0)
        expect(told).toHaveLength(links)
        expect(links).toBeGreaterThan(READERS / 3)
        await vi.waitFor(() => expect(readers.every(({ offsets }) => offsets.length >= total)).toBe(true), BOUND)
        const whole = Array.from({ length: total }, (_, n) => n + 1)
        for (const { offsets, gaps } of readers) expect([offsets, gaps]).toEqual([whole, []])

        expect(told.filter(({ opened }) => opened.length === 0)).toEqual([])
        const most = mostInASecond(told.flatMap(({ opened }) => opened))
        keepResult(
          'drain',
          `S18: ${links} readers of a hub that stops; ${most} at most come in one second, of a window of 5 s`,
        )
        expect(most).toBeLessThanOrEqual((2 * links * 1_000) / WINDOW_MS)
      } finally {
        for (const { client } of readers) client.close()
        await fleet.close()
        for (const gate of parts.gates) await gate.close()
        await parts.server.stop()
      }
    },
  )
})
