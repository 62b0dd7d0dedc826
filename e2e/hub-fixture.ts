import { test as base } from '@playwright/test'
import type { Page } from '@playwright/test'
import type { Client } from 'holdfast'
import type * as Holdfast from 'holdfast'
import { memoryStore } from 'holdfast/server'
import { startDemoServer } from '../demo-server/server.ts'
import type { DemoServer } from '../demo-server/server.ts'
import type { WeatherRoom } from '../demo-server/weather-rooms.ts'

export { expect } from '@playwright/test'

/** All durations of client and hub are divided by this. More makes false timeouts on a busy machine. */
export const SCALE = 5

const TIMING = {
  heartbeatMs: 10_000,
  graceMs: 5_000,
  connectMs: 5_000,
  probeMs: 15_000,
  headStartMs: 250,
  stableMs: 10_000,
  probationMs: 10_000,
  spreadMs: 5_000,
  backoffMs: 500,
  maxBackoffMs: 30_000,
  holdMs: 25_000,
  pollIntervalMs: 5_000,
  resendMs: 100_000,
}

/** The durations that a page gives its client. The proof of a stream takes the hub 100 ms whatever the scale. */
export const timing = Object.fromEntries(Object.entries(TIMING).map(([name, ms]) => [name, ms / SCALE]))

/** A network of its own for one test, and the channel that nobody else uses. */
export interface Room {
  readonly room: WeatherRoom
  readonly channel: `lab:${string}`
  /** Where the page reaches the hub through the faults. */
  readonly url: string
}

let rooms = 0

/** `hubServer`: the demo server without feeds, with a store of 20,000 messages. `net`: a room of it. */
export const test = base.extend<{ net: Room }, { hubServer: DemoServer }>({
  hubServer: [
    // eslint-disable-next-line no-empty-pattern -- Playwright reads the names of the fixtures from the pattern
    async ({}, use) => {
      const store = memoryStore({ messages: 20_000, ageMs: 3_600_000 })
      const limits = { heartbeatMinMs: 300, sweepMs: 500 / SCALE }
      const server = await startDemoServer({ port: 0, feeds: false, hub: { store, limits }, maxWeathers: 1_000 })
      await use(server)
      await server.close()
    },
    { scope: 'worker' },
  ],
  net: async ({ hubServer, page }, use, info) => {
    const id = `t${info.workerIndex}-${++rooms}`
    const room = hubServer.weather(id)
    // A page of the hub's own origin with nothing on it but the client.
    await page.goto(`${hubServer.url}/nothing-here`)
    await page.addScriptTag({ url: '/holdfast.min.js' })
    await use({ room, channel: `lab:${id}`, url: `/weather/${id}/realtime` })
    room.reset()
    room.faults.cut()
  },
})

/** What the page's listener saw. Kept in the page under `window.seen`. */
export interface Seen {
  readonly offsets: number[]
  readonly times: number[]
  readonly gaps: string[]
  readonly states: string[]
  readonly facts: string[]
  readonly errors: string[]
}

export interface ClientRequest {
  readonly url: string
  readonly channel: string
  readonly transports?: readonly string[]
  readonly from?: 'latest' | 'earliest'
  /** The client's own durations instead of the scaled ones. */
  readonly real?: boolean
}

/** Makes a client with one subscription in the page, and resolves when the subscription is ready. */
export const startClient = (page: Page, { url, channel, transports, from, real }: ClientRequest): Promise<void> =>
  page.evaluate(
    async ({ url, channel, transports, from, timing }) => {
      const { createClient } = (window as unknown as { holdfast: typeof Holdfast }).holdfast
      type Names = NonNullable<Parameters<typeof createClient>[0]['transports']>
      const client = createClient({ url, timing, ...(transports && { transports: transports as Names }) })
      const seen: Seen = { offsets: [], times: [], gaps: [], states: [], facts: [], errors: [] }
      Object.assign(window, { client, seen })
      client.on('state', ({ name, transport }) => seen.states.push(`${name} ${transport ?? ''}`.trim()))
      client.on('trace', ({ kind, transport }) => seen.facts.push(`${kind} ${transport ?? ''}`.trim()))
      client.on('error', (error) => seen.errors.push(error.message))
      const sub = client.subscribe(
        channel,
        ({ offset }) => {
          seen.offsets.push(offset)
          seen.times.push(performance.now())
        },
        { from: from ?? 'earliest' },
      )
      sub.on('gap', ({ reason }) => seen.gaps.push(reason))
      await sub.ready
    },
    { url, channel, transports, from, timing: real ? {} : timing },
  )

export const seenBy = (page: Page): Promise<Seen> => page.evaluate(() => (window as unknown as { seen: Seen }).seen)

/** Waits until the page's client carries its traffic over this transport. */
export const onTransport = async (page: Page, name: string, timeoutMs = 20_000): Promise<void> => {
  await page.waitForFunction(
    (wanted) => (window as unknown as { client: Client }).client.state.transport === wanted,
    name,
    { timeout: timeoutMs, polling: 20 },
  )
}

/** Waits until the page has this many messages. */
export const received = async (page: Page, count: number, timeoutMs = 20_000): Promise<void> => {
  await page.waitForFunction((wanted) => (window as unknown as { seen: Seen }).seen.offsets.length >= wanted, count, {
    timeout: timeoutMs,
    polling: 20,
  })
}
