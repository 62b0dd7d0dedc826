import { createServer } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { memoryUsed } from '../testing/heap-growth.ts'
import { keepResult } from '../testing/keep-result.ts'
import { StalledReader } from '../testing/stalled-reader.ts'
import { serveOnPath } from '../testing/serve-on-path.ts'
import { createHub } from './hub.ts'
import type { Hub } from './hub-types.ts'
import { DEFAULT_LIMITS } from './limits.ts'
import { memoryStore } from './memory-store.ts'

const full = Boolean(process.env['FULL'])
const WEBSOCKETS = full ? 700 : 200
const STREAMS = full ? 300 : 100
/** Connections that are made at once: a Unix socket refuses those that its queue has no room for. */
const AT_ONCE = 100
/** Of so many stalled readers one reads on in the end. */
const RESUMED = 10
const CHANNELS = ['a', 'b']
/** Its messages are small: how long they take is what the stalled readers are to leave alone. */
const TIMED = 'timed'
const TIMED_MESSAGES = 500
const MESSAGES = 256
const MESSAGE_BYTES = 20_000
/** Messages in the store, and what else there is of one per process. */
const SLACK_BYTES = CHANNELS.length * MESSAGES * MESSAGE_BYTES + 16_000_000
const PATIENCE_MS = 60_000

const undo: (() => unknown)[] = []
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step()
})

const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n + 1)

/** Publishes one by one; how long it took until all of these readers had each, in order of size, ms. */
const latencies = async (hub: Hub, readers: readonly StalledReader[]): Promise<readonly number[]> => {
  const took: number[] = []
  for (let n = 0; n < TIMED_MESSAGES; n++) {
    const counts = readers.map(({ got }) => got[TIMED]!.offsets.length)
    const fromMs = performance.now()
    await hub.publish(TIMED, n)
    while (readers.some(({ got }, index) => got[TIMED]!.offsets.length === counts[index]))
      await new Promise((resolve) => setImmediate(resolve))
    took.push(performance.now() - fromMs)
  }
  return took.sort((a, b) => a - b)
}

describe(`S6 ${WEBSOCKETS} stalled WebSockets and ${STREAMS} stalled streams, while 10 MB are published`, () => {
  it.each([
    [MESSAGES, 'an exact catch-up'],
    [50, 'one trimmed gap'],
  ])(
    'cost a mark and a batch each, and nobody else anything; with %d messages of history they go on with %s',
    async (kept) => {
      const failures: unknown[] = []
      const store = memoryStore({ messages: kept, ageMs: 3_600_000 })
      const hub = createHub({
        store,
        authorize: () => true,
        allowMissingOrigin: true,
        limits: { stallMs: 600_000, connectsPerMinute: Infinity },
        onError: (failure) => failures.push(failure),
      })
      const server = createServer()
      hub.attach(server)
      const { path, close } = await serveOnPath(server, hub)
      undo.push(async () => {
        await close()
        await store.close()
      })

      const open = async (kind: 'websocket' | 'sse', count: number): Promise<StalledReader[]> => {
        const readers: StalledReader[] = []
        while (readers.length < count) {
          const more = upTo(Math.min(AT_ONCE, count - readers.length)).map(
            () => new StalledReader(path, kind, [...CHANNELS, TIMED]),
          )
          for (const reader of more) undo.push(() => reader.close())
          await expect.poll(() => more.every(({ ready }) => ready), { timeout: PATIENCE_MS }).toBe(true)
          readers.push(...more)
        }
        return readers
      }
      const good = [...(await open('websocket', 2)), ...(await open('sse', 2))]
      const alone = await latencies(hub, good)
      const stalled = [...(await open('websocket', WEBSOCKETS)), ...(await open('sse', STREAMS))]
      for (const reader of stalled) reader.stall()
      const base = await memoryUsed()

      for (const n of upTo(MESSAGES)) {
        // What two channels bring in one turn is a batch of its own for each link.
        const data = `${n} ${'x'.repeat(MESSAGE_BYTES)}`
        await Promise.all(CHANNELS.map((channel) => hub.publish(channel, data)))
        if (n % 8 > 0) continue
        const atHead = (): number =>
          good.filter(({ got }) => CHANNELS.every((each) => got[each]!.offsets.length === n)).length
        await expect.poll(atHead, { timeout: PATIENCE_MS, interval: 1 }).toBe(good.length)
      }
      // The other end of each link is in this process too.
      const ofReaders = stalled.reduce((sum, { held }) => sum + held, 0)
      const used = (await memoryUsed()) - base - ofReaders
      const { highWaterBytes } = DEFAULT_LIMITS
      const batchBytes = Math.max(highWaterBytes, CHANNELS.length * MESSAGE_BYTES)
      expect(used).toBeLessThan(stalled.length * (highWaterBytes + batchBytes) * 1.3 + SLACK_BYTES)
      for (const { got } of good)
        for (const each of CHANNELS) expect(got[each]).toEqual({ offsets: upTo(MESSAGES), gaps: [] })
      // They were stalled indeed, and none was thrown out.
      for (const { got, ended } of stalled)
        expect([got['a']!.offsets.length < MESSAGES / 2, ended]).toEqual([true, false])
      const beside = await latencies(hub, good)
      const [half, most] = [0.5, 0.99].map((share) => {
        const [before, after] = [alone, beside].map((all) => all[Math.floor(share * TIMED_MESSAGES)] ?? NaN)
        return `${before?.toFixed(2)} and ${after?.toFixed(2)} ms`
      })
      keepResult(
        `stalled readers with ${kept} messages of history`,
        `${stalled.length} stalled: ${used} bytes; without and with them a message takes ${half} (median), ${most} (p99)`,
      )

      for (const reader of stalled.filter((_, index) => index % RESUMED === 0)) {
        reader.resume()
        for (const each of CHANNELS) {
          const { offsets, gaps } = reader.got[each]!
          await expect.poll(() => offsets.at(-1), { timeout: PATIENCE_MS, interval: 5 }).toBe(MESSAGES)
          expect(gaps.length).toBe(kept < MESSAGES ? 1 : 0)
          const missed = gaps.flatMap(([from, to]) => upTo(to - from).map((n) => from + n))
          expect([...offsets, ...missed].sort((a, b) => a - b)).toEqual(upTo(MESSAGES))
          expect(offsets).toEqual([...offsets].sort((a, b) => a - b))
          for (const [, to] of gaps) expect(to).toBe(MESSAGES - kept)
        }
      }
      expect(failures).toEqual([])
    },
    180_000,
  )
})
