import type { Page } from '@playwright/test'
import type { Client, ClientOptions, Gap, Message, SubscribeOptions, Subscription } from 'holdfast'
import type * as Holdfast from 'holdfast'
import type { DemoServer } from '../demo-server/server.ts'
import type { Room } from './hub-fixture.ts'
import { timing } from './timing.ts'

type Names = NonNullable<ClientOptions['transports']>
export type TransportName = Names[number]

/** Each transport alone, and all of them as a page has them. */
export const COLUMNS: readonly { readonly name: string; readonly transports: Names | undefined }[] = [
  { name: 'websocket', transports: ['websocket'] },
  { name: 'sse', transports: ['sse'] },
  { name: 'long-poll', transports: ['long-poll'] },
  { name: 'poll', transports: ['poll'] },
  { name: 'ladder', transports: undefined },
]

/**
 * Of a test in each column, in which every browser is alike: the everyday run has one of them in Firefox. What browsers do in ways of
 * their own, requests, streams and their ends, it has in each column.
 */
export const smokeOnce = (name: string): string[] => (name === 'ladder' ? ['@smoke'] : [])

/** What one subscription of the page got, in its order. */
export interface Recording {
  readonly subscription: Subscription
  readonly messages: Message[]
  readonly gaps: Gap[]
  readonly offsets: () => number[]
}

/** What the tests have in the page, as `window.harness`. */
export interface Harness {
  readonly channel: string
  /** `listener-failed: a listener threw …` of all clients of the page. */
  readonly errors: string[]
  /** A client of this column; extra options win. */
  createClient(extra?: Partial<ClientOptions>): Client
  record(client: Client, channel?: string, options?: SubscribeOptions): Recording
  /** Appends past the faults and past the client, one after the other. */
  append(data: readonly unknown[], channel?: string): Promise<void>
  until(condition: () => boolean, what: string): Promise<void>
  /** The code with which a promise rejects, or what it resolved with. */
  outcome(promise: Promise<unknown>): Promise<unknown>
}

declare global {
  interface Window {
    harness: Harness
    holdfast: typeof Holdfast
    client: Client
    recording: Recording
  }
}

/** What the harness of a page is made of. */
export interface HarnessRequest {
  readonly url: string
  readonly ownChannel: string
  readonly transports: Names | undefined
  readonly timing: Readonly<Record<string, number>>
}

/** Makes `window.harness`. It runs in the page, so it can use nothing of this module. */
export const makeHarness = ({ url, ownChannel, transports, timing }: HarnessRequest): void => {
  const errors: string[] = []
  const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
  window.harness = {
    channel: ownChannel,
    errors,
    createClient(extra) {
      const client = window.holdfast.createClient({ url, timing, ...(transports && { transports }), ...extra })
      client.on('error', ({ code, message }) => errors.push(`${code}: ${message}`))
      window.client = client
      return client
    },
    record(client, channel = ownChannel, options = { from: 'earliest' }) {
      const messages: Message[] = []
      const gaps: Gap[] = []
      const subscription = client.subscribe(channel, (message) => messages.push(message), options)
      subscription.on('gap', (gap) => gaps.push(gap))
      const recording = { subscription, messages, gaps, offsets: () => messages.map(({ offset }) => offset) }
      window.recording = recording
      return recording
    },
    async append(data, channel = ownChannel) {
      for (const each of data) {
        const response = await fetch(`/realtime/publish?channel=${encodeURIComponent(channel)}`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(each),
        })
        if (!response.ok) throw new Error(`append: ${await response.text()}`)
      }
    },
    async until(condition, what) {
      const deadline = performance.now() + 30_000
      while (!condition()) {
        if (performance.now() > deadline) {
          const { summary, timeline } = window.client.explain()
          const facts = timeline.slice(-20).map(({ kind, transport, code }) => [kind, transport, code].join(' '))
          throw new Error(`not within 30 s: ${what}\n${summary}\n${facts.join('\n')}\n${errors.join('\n')}`)
        }
        await pause(5)
      }
    },
    outcome: (promise) =>
      promise.then(
        (value) => value,
        (error: unknown) =>
          window.holdfast.isHoldfastError(error) ? error.code : `not a HoldfastError: ${String(error)}`,
      ),
  }
}

export const harnessRequest = (
  { url, channel }: Pick<Room, 'url' | 'channel'>,
  transports: Names | undefined,
): HarnessRequest => ({ url, ownChannel: channel, transports, timing })

/** What of a page is enough to run functions in it. */
export type Scripted = Pick<Page, 'evaluate'>

/** Puts the harness into a page that has the client already. */
export const installHarness = (
  page: Scripted,
  net: Pick<Room, 'url' | 'channel'>,
  transports: Names | undefined,
): Promise<void> => page.evaluate(makeHarness, harnessRequest(net, transports))

/** Opens a page of the hub's origin with nothing on it but client and harness. */
export const openPage = async (
  page: Page,
  server: DemoServer,
  net: Pick<Room, 'url' | 'channel'>,
  transports: Names | undefined,
): Promise<void> => {
  await page.goto(`${server.url}/nothing-here`)
  await page.addScriptTag({ url: '/holdfast.min.js' })
  await installHarness(page, net, transports)
}

/** The protocols of the page's requests to the hub, as far as they are over: at least one is. */
export const protocolsOf = (page: Scripted): Promise<string[]> =>
  page.evaluate(async () => {
    await (await fetch('/realtime/health', { cache: 'no-store' })).text()
    const entries = performance.getEntriesByType('resource') as PerformanceResourceTiming[]
    // What came from memory has none.
    const own = entries.filter(({ name, nextHopProtocol }) => name.includes('/realtime') && nextHopProtocol)
    return [...new Set(own.map(({ nextHopProtocol }) => nextHopProtocol))]
  })

/** Appends so many messages a second until it is stopped, which resolves with how many there were. */
export const flow = ({ hub }: DemoServer, channel: `lab:${string}`, perSecond: number): (() => Promise<number>) => {
  const began = performance.now()
  let sent = 0
  let last: Promise<unknown> = Promise.resolve()
  const timer = setInterval(() => {
    const due = ((performance.now() - began) * perSecond) / 1_000
    while (sent < due) last = hub.publish(channel, { note: String(++sent) })
  }, 5)
  return async () => {
    clearInterval(timer)
    await last
    return sent
  }
}

/** 1, 2, 3 … count. */
export const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1)
