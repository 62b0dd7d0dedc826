import type { Page } from '@playwright/test'
import type { Client } from 'holdfast'
import { upTo } from './page-harness.ts'
import type { Recording, TransportName } from './page-harness.ts'
import { expect, openPage, test } from './tls-fixture.ts'

declare global {
  interface Window {
    all: { readonly client: Client; readonly recording: Recording }[] | undefined
  }
}

test.use({ ignoreHTTPSErrors: true })

/** Makes so many more clients in the page, each with a subscription, and waits until all are online. */
const startClients = (page: Page, count: number, transports: TransportName[]): Promise<void> =>
  page.evaluate(
    async ({ count, transports }) => {
      const { harness } = window
      const all = (window.all ??= [])
      for (let n = 0; n < count; n++) {
        const client = harness.createClient({ transports })
        all.push({ client, recording: harness.record(client) })
      }
      await Promise.all(all.map(({ recording }) => recording.subscription.ready))
      await harness.until(() => all.every(({ client }) => client.state.name === 'online'), 'all online')
    },
    { count, transports },
  )

/** How many of the page's clients are on this transport. */
const countOf = (page: Page, transport: TransportName): Promise<number> =>
  page.evaluate((name) => (window.all ?? []).filter(({ client }) => client.state.transport === name).length, transport)

/** How many slots are taken, by all pages of the origin. */
const slotsTaken = (page: Page): Promise<number> =>
  page.evaluate(async () => {
    const { held = [] } = await navigator.locks.query()
    return held.filter(({ name }) => name?.startsWith('holdfast:')).length
  })

/** Every client of every page publishes once, and gets all of it once and in order. */
const publishAll = async (pages: readonly Page[], total: number): Promise<void> => {
  const publish = (page: Page) =>
    page.evaluate(async () => {
      await Promise.all((window.all ?? []).map(({ client }, index) => client.publish(window.harness.channel, index)))
    })
  await Promise.all(pages.map(publish))
  for (const page of pages) {
    const seen = await page.evaluate(async (total) => {
      const { harness, all = [] } = window
      await harness.until(() => all.every(({ recording }) => recording.messages.length >= total), `${total} messages`)
      return all.map(({ recording }) => [
        recording.offsets(),
        recording.gaps,
        recording.messages.filter((m) => m.own).length,
      ])
    }, total)
    for (const each of seen) expect(each).toEqual([upTo(total), [], 1])
  }
}

test(
  'R23 N17 ten streams of two tabs live on one connection of HTTP/2, and publishes go beside them',
  { tag: '@smoke' },
  async ({ page, context, startServer }) => {
    const server = await startServer('http2')
    const pages = [page, await context.newPage()]
    for (const tab of pages) {
      await openPage(tab, server, ['sse'])
      await startClients(tab, 5, ['sse'])
    }
    for (const tab of pages) expect(await countOf(tab, 'sse')).toBe(5)
    await expect.poll(() => server.hub.health.links).toBe(10)
    // The page itself came over HTTP/2, so that is known before the first stream: no slot was ever needed.
    expect(await slotsTaken(page)).toBe(0)
    await publishAll(pages, 10)
    for (const tab of pages) expect(await countOf(tab, 'sse')).toBe(5)
    const of = (path: string) => server.seen.filter((each) => each.path === `/realtime/${path}`)
    expect([of('stream').length, of('poll').length, of('publish').length]).toEqual([10, 0, 10])
    expect(new Set(server.seen.map(({ httpVersion, alpn }) => `${httpVersion} ${String(alpn)}`))).toEqual(
      new Set(['2.0 h2']),
    )
    expect(new Set(server.seen.map(({ connection }) => connection)).size).toBe(1)
  },
)

test('R23 N17 on HTTP/1.1 three of ten clients stream, the others poll, and all publish', async ({
  page,
  startServer,
}) => {
  const server = await startServer('https')
  await openPage(page, server, undefined)
  await startClients(page, 10, ['sse', 'poll'])
  await expect.poll(() => countOf(page, 'sse')).toBe(3)
  await publishAll([page], 10)
  expect([await countOf(page, 'sse'), await countOf(page, 'poll'), await slotsTaken(page)]).toEqual([3, 7, 3])
})

test('R23 N17 §6.10 a page of another origin knows of HTTP/2 once a request is over; from then on streams need no slot', async ({
  page,
  startServer,
}) => {
  const visited = await startServer('https')
  const server = await startServer('http2', [visited.url])
  await openPage(page, visited, undefined, `${server.url}/realtime`)
  await startClients(page, 1, ['sse'])
  // The stream was its first request, and goes on: nothing is known yet.
  expect([await countOf(page, 'sse'), await slotsTaken(page)]).toEqual([1, 1])
  await page.evaluate(async (url) => {
    const { all, harness } = window
    await all?.[0]?.client.publish('another', 1)
    const entries = () => performance.getEntriesByType('resource') as PerformanceResourceTiming[]
    const isKnown = () =>
      entries().some(({ name, nextHopProtocol }) => name.startsWith(url) && nextHopProtocol === 'h2')
    await harness.until(isKnown, 'that the page sees HTTP/2')
  }, server.url)
  await startClients(page, 9, ['sse'])
  expect([await countOf(page, 'sse'), await slotsTaken(page)]).toEqual([10, 1])
  await publishAll([page], 10)
})

test('R8 R17 where the server speaks HTTP/2 only, a WebSocket cannot be, and SSE carries the traffic', async ({
  page,
  startServer,
}) => {
  const server = await startServer('http2-only')
  await openPage(page, server, undefined)
  const seen = await page.evaluate(async () => {
    const { harness } = window
    const client = harness.createClient()
    const { messages, offsets } = harness.record(client)
    await harness.append([1])
    await client.publish(harness.channel, 2)
    await harness.until(() => messages.length === 2 && client.state.transport === 'sse', 'two messages over SSE')
    const { transports } = client.explain()
    return [offsets(), transports.find(({ name }) => name === 'websocket')?.code]
  })
  expect(seen).toEqual([[1, 2], 'failed'])
  expect(server.count.brokenOff).toBeGreaterThan(0)
  expect(new Set(server.seen.map(({ kind, alpn }) => `${kind} ${String(alpn)}`))).toEqual(new Set(['request h2']))
})
