import { createServer } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { memoryUsed } from '../testing/heap-growth.ts'
import { keepResult } from '../testing/keep-result.ts'
import { StalledReader } from '../testing/stalled-reader.ts'
import { serveOnPath } from '../testing/serve-on-path.ts'
import { createHub } from './hub.ts'
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
/** Of these so many may take more than twice the p99 of a hub without stalled readers. */
const MOST_SLOW = 0.05
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

/** A hub with four readers that read, and more that may be opened. */
const startSite = async (kept: number) => {
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
  return { hub, failures, open, good: [...(await open('websocket', 2)), ...(await open('sse', 2))] }
}

type Site = Awaited<ReturnType<typeof startSite>>

/** Publishes one; how long it takes until all good readers have it, ms. */
const latency = async ({ hub, good }: Site, n: number): Promise<number> => {
  const counts = good.map(({ got }) => got[TIMED]!.offsets.length)
  const fromMs = performance.now()
  await hub.publish(TIMED, n)
  while (good.some(({ got }, index) => got[TIMED]!.offsets.length === counts[index]))
    await new Promise((resolve) => setImmediate(resolve))
  return performance.now() - fromMs
}

/** Publishes in turns, so that whatever else the machine does is the same for both; how long each took, in order of size, ms. */
const latencies = async (sites: readonly [Site, Site]) => {
  const took: readonly [number[], number[]] = [[], []]
  for (let n = 0; n < TIMED_MESSAGES; n++) {
    for (const [index, site] of sites.entries()) took[index]!.push(await latency(site, n))
  }
  return took.map((all) => all.sort((a, b) => a - b)) as [number[], number[]]
}

describe(`S6 ${WEBSOCKETS} stalled WebSockets and ${STREAMS} stalled streams, while 10 MB are published`, () => {
  it.each([
    [MESSAGES, 'an exact catch-up'],
    [50, 'one trimmed gap'],
  ])(
    'cost a mark and a batch each, and nobody else anything; with %d messages of history they go on with %s',
    async (kept) => {
      const quiet = await startSite(kept)
      const site = await startSite(kept)
      const { hub, failures, open, good } = site
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
      const [alone, beside] = await latencies([quiet, site])
      const [half, most] = [0.5, 0.99].map((share) => {
        const [before, after] = [alone, beside].map((all) => all[Math.floor(share * TIMED_MESSAGES)]!)
        return [before!, after!] as const
      })
      const slow = beside.filter((ms) => ms > 2 * most![0]).length
      const inWords = ([before, after]: readonly [number, number]) => `${before.toFixed(2)} and ${after.toFixed(2)} ms`
      keepResult(
        `stalled readers with ${kept} messages of history`,
        `${stalled.length} stalled: ${used} bytes; without and with them a message takes ${inWords(half!)} (median), ${inWords(most!)} (p99)`,
      )
      // The p99 is less than doubled, with room for chance: of the others one in a hundred would be above it.
      expect(slow).toBeLessThan(TIMED_MESSAGES * MOST_SLOW)

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
      expect([...quiet.failures, ...failures]).toEqual([])
    },
    180_000,
  )
})
