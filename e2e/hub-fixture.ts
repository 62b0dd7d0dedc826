import type { Page } from '@playwright/test'
import type { Client } from 'holdfast'
import type * as Holdfast from 'holdfast'
import type { WeatherRoom } from '../demo-server/weather-rooms.ts'
import { timing } from './timing.ts'
import { test as base } from './worker-fixture.ts'

export { expect } from './worker-fixture.ts'
export { SCALE } from './timing.ts'

/** A network of its own for one test, and the channel that nobody else uses. */
export interface Room {
  readonly room: WeatherRoom
  readonly channel: `lab:${string}`
  /** Where the page reaches the hub through the faults. */
  readonly url: string
}

let rooms = 0

/**
 * `newNet` makes rooms of `hubServer`; `net` is one, and then `page` is a page of the hub's own origin with nothing on it but the client.
 */
export const test = base.extend<{ newNet: () => Room; net: Room }>({
  newNet: async ({ hubServer }, use, info) => {
    const made: Room[] = []
    await use(() => {
      const id = `t${info.workerIndex}-${++rooms}`
      const net: Room = { room: hubServer.weather(id), channel: `lab:${id}`, url: `/weather/${id}/realtime` }
      made.push(net)
      return net
    })
    for (const { room } of made) {
      room.reset()
      room.faults.cut()
    }
  },
  net: async ({ hubServer, newNet, page }, use) => {
    await page.goto(`${hubServer.url}/nothing-here`)
    await page.addScriptTag({ url: '/holdfast.min.js' })
    await use(newNet())
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
