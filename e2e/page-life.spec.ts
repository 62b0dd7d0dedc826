import type { Page } from '@playwright/test'
import { expect, test } from './hub-fixture.ts'
import { flow, installHarness, openPage, protocolsOf, upTo } from './page-harness.ts'

const html = '<!doctype html><title>Page</title><script src="/holdfast.min.js"></script>'

/** Opens a page of the hub's origin with this policy for its connections. */
const openWithPolicy = async (page: Page, url: string, policy: string): Promise<void> => {
  await page.route('**/policy', (route) =>
    route.fulfill({ contentType: 'text/html', headers: { 'content-security-policy': policy }, body: html }),
  )
  await page.addInitScript(() => {
    const violations: string[] = []
    Object.assign(window, { violations })
    addEventListener('securitypolicyviolation', ({ blockedURI }) => violations.push(blockedURI))
  })
  await page.goto(`${url}/policy`)
}

const violationsOf = (page: Page): Promise<string[]> =>
  page.evaluate(() => (window as unknown as { violations: string[] }).violations)

test('R17 a page whose policy forbids WebSocket uses SSE', { tag: '@smoke' }, async ({ page, net, hubServer }) => {
  await openWithPolicy(page, hubServer.url, `connect-src ${hubServer.url}`)
  await installHarness(page, net, undefined)
  const offsets = await page.evaluate(async () => {
    const { harness } = window
    const client = harness.createClient()
    const { messages, offsets } = harness.record(client)
    await harness.append([1])
    await client.publish(harness.channel, 2)
    await harness.until(() => messages.length === 2 && client.state.transport === 'sse', 'two messages over SSE')
    return offsets()
  })
  expect(offsets).toEqual([1, 2])
  expect((await violationsOf(page)).some((uri) => uri.startsWith('ws:'))).toBe(true)
  expect(net.room.faults.log.some(({ kind }) => kind === 'connect')).toBe(false)
})

test('R17 a page whose policy forbids every request waits, says so, and does not spin', async ({
  page,
  net,
  hubServer,
}) => {
  await openWithPolicy(page, hubServer.url, "connect-src 'none'")
  await installHarness(page, net, undefined)
  const seen = await page.evaluate(async () => {
    const { harness } = window
    const client = harness.createClient()
    harness.record(client)
    const published = harness.outcome(client.publish(harness.channel, 1))
    await harness.until(
      () => client.explain().timeline.filter(({ kind }) => kind === 'wait').length >= 3,
      'three rounds',
    )
    await harness.until(() => client.state.name === 'waiting', 'the wait after a round')
    const { state } = client
    const attempts = client.explain().transports.map(({ attempts }) => attempts)
    client.close()
    return {
      code: state.name === 'waiting' && state.error.code,
      published: await published,
      attempts,
      errors: harness.errors,
    }
  })
  expect(seen).toMatchObject({ code: 'offline', published: 'closed', errors: [] })
  expect(Math.max(...seen.attempts)).toBeLessThanOrEqual(4)
  expect((await violationsOf(page)).length).toBeGreaterThan(0)
  expect(net.room.faults.log).toEqual([])
})

test(
  '§4.2 the client touches neither storage nor cookies',
  { tag: '@smoke' },
  async ({ page, context, net, hubServer }) => {
    await page.addInitScript(() => {
      const touched: string[] = []
      Object.assign(window, { touched })
      const forbid = (target: object, name: string) => {
        const refuse = () => {
          touched.push(name)
          throw new DOMException(`${name} is forbidden here`, 'SecurityError')
        }
        Object.defineProperty(target, name, { configurable: true, get: refuse, set: refuse })
      }
      for (const name of ['localStorage', 'sessionStorage', 'indexedDB', 'caches', 'cookieStore']) forbid(window, name)
      for (const name of ['storage', 'serviceWorker']) forbid(navigator, name)
      forbid(document, 'cookie')
    })
    await openPage(page, hubServer, net, undefined)
    const seen = await page.evaluate(async () => {
      const { harness } = window
      let works = false
      try {
        works = localStorage.length >= 0
      } catch {
        // As it should.
      }
      const { touched } = window as unknown as { touched: string[] }
      touched.length = 0
      for (const transport of ['websocket', 'sse', 'long-poll', 'poll'] as const) {
        const client = harness.createClient({ transports: [transport] })
        const { messages } = harness.record(client, undefined, { from: 'latest' })
        await window.recording.subscription.ready
        await client.publish(harness.channel, transport)
        await harness.until(() => messages.length === 1, `a message over ${transport}`)
        client.close()
      }
      return { works, touched }
    })
    expect(seen).toEqual({ works: false, touched: [] })
    expect(await context.cookies()).toEqual([])
  },
)

// Only Chromium can be told to keep pages under automation.
test(
  'R10 a page that comes back from the back/forward cache gets what it missed',
  { tag: ['@chromium', '@window'] },
  async ({ playwright, launchOptions, hubServer, net }) => {
    const browser = await playwright.chromium.launch({
      ...launchOptions,
      ignoreDefaultArgs: ['--disable-back-forward-cache'],
    })
    try {
      for (const transports of [undefined, ['sse'], ['long-poll']] as const) {
        const channel = `${net.channel}-${transports?.[0] ?? 'ladder'}` as const
        // What Playwright serves itself is no local page to Chromium, and may not open a WebSocket to a local hub.
        const page = await browser.newPage({ permissions: ['local-network-access'] })
        // No page with `Cache-Control: no-store` is kept, and those of the demo server have it.
        await page.route('**/kept', (route) => route.fulfill({ contentType: 'text/html', body: html }))
        await page.goto(`${hubServer.url}/kept`)
        await installHarness(page, { url: net.url, channel }, transports ? [...transports] : undefined)
        await page.evaluate(async (best) => {
          const { harness } = window
          addEventListener('pageshow', ({ persisted }) => Object.assign(window, { persisted }))
          const client = harness.createClient()
          const { messages } = harness.record(client)
          await harness.append([{ note: '1' }])
          await harness.until(() => messages.length === 1 && client.state.transport === best, `a message over ${best}`)
        }, transports?.[0] ?? 'websocket')
        await page.goto(`${hubServer.url}/elsewhere`)
        await expect.poll(() => net.room.faults.openLinks, { timeout: 8_000 }).toBe(0)
        await hubServer.hub.publish(channel, { note: '2' })
        await hubServer.hub.publish(channel, { note: '3' })
        await page.evaluate(() => {
          history.back()
        })
        // A page that is taken out of the cache loads nothing.
        await page.waitForURL('**/kept', { waitUntil: 'commit' })
        const seen = await page.evaluate(async () => {
          const { harness, recording } = window
          await harness.until(() => recording.messages.length === 3, 'what was missed')
          const { persisted } = window as unknown as { persisted: boolean }
          return { persisted, offsets: recording.offsets(), gaps: recording.gaps }
        })
        expect(seen).toEqual({ persisted: true, offsets: [1, 2, 3], gaps: [] })
        await hubServer.hub.publish(channel, { note: '4' })
        await page.evaluate(() => window.harness.until(() => window.recording.messages.length === 4, 'what follows'))
        await page.close()
      }
    } finally {
      await browser.close()
    }
  },
)

test('R17 the network coming back hastens the next try', async ({ page, context, net, hubServer }) => {
  const { faults } = net.room
  await installHarness(page, net, undefined)
  await page.evaluate(async () => {
    const { harness } = window
    // Without the signal the next try after a failed one is most of a minute away: by chance it might be seconds.
    Math.random = () => 0.9
    const pauses = { spreadMs: 60_000, backoffMs: 60_000, maxBackoffMs: 60_000, connectMs: 1_000 }
    const client = harness.createClient({ timing: { ...pauses, holdMs: 5_000 } })
    const { messages } = harness.record(client)
    await harness.append([{ note: '1' }])
    await harness.until(() => messages.length === 1 && client.state.name === 'online', 'the first message')
  })
  const refused = faults.add({ match: {}, action: { type: 'refuse' } })
  await context.setOffline(true)
  faults.cut()
  const wait = await page.evaluate(async () => {
    const { harness, client } = window
    const isLong = () => client.state.name === 'waiting' && client.state.retryAtMs - Date.now() > 20_000
    await harness.until(isLong, 'a wait of more than 20 s')
    return client.state.name === 'waiting' && client.state.retryAtMs - Date.now()
  })
  await hubServer.hub.publish(net.channel, { note: '2' })
  faults.remove(refused)
  const began = performance.now()
  await context.setOffline(false)
  await page.evaluate(() => window.harness.until(() => window.recording.messages.length === 2, 'what was missed'))
  expect(performance.now() - began).toBeLessThan(Number(wait) / 2)
  expect(faults.log.some(({ kind, action }) => kind === 'fault' && action === 'cut')).toBe(true)
})

for (const [title, count, transports] of [
  ['two tabs over SSE alone', 2, ['sse']],
  ['seven tabs without WebSocket (F27)', 7, undefined],
] as const) {
  test(`R23 ${title} on HTTP/1.1 all receive and can publish`, async ({ page, context, net, hubServer }) => {
    test.slow()
    const { faults } = net.room
    if (!transports) faults.add({ match: { kind: 'ws' }, action: { type: 'refuse' } })
    const pages = [page]
    while (pages.length < count) pages.push(await context.newPage())
    for (const tab of pages) {
      await openPage(tab, hubServer, net, transports && [...transports])
      await tab.evaluate(async () => {
        const { harness } = window
        const client = harness.createClient()
        await harness.record(client).subscription.ready
        await harness.until(() => client.state.name === 'online', 'online')
      })
    }
    const kinds = await Promise.all(pages.map((tab) => tab.evaluate(() => window.client.state.transport)))
    expect(kinds.filter((kind) => kind === 'websocket')).toEqual([])
    // Three requests of an origin may be kept open, or nothing is left of the six connections for the others.
    expect(kinds.filter((kind) => kind !== 'poll').length).toBeLessThanOrEqual(3)
    expect(await protocolsOf(page)).toContain('http/1.1')
    const stop = flow(hubServer, net.channel, 20)
    await Promise.all(
      pages.map((tab, index) =>
        tab.evaluate((note) => window.client.publish(window.harness.channel, { note }), `tab ${index}`),
      ),
    )
    const total = (await stop()) + count
    for (const [index, tab] of pages.entries()) {
      const seen = await tab.evaluate(async (total) => {
        const { harness, recording } = window
        await harness.until(() => recording.messages.length >= total, `${total} messages`)
        const own = recording.messages
          .filter((message) => message.own)
          .map(({ data }) => (data as { note: string }).note)
        return { offsets: recording.offsets(), gaps: recording.gaps, own }
      }, total)
      expect(seen).toEqual({ offsets: upTo(total), gaps: [], own: [`tab ${index}`] })
    }
    if (!transports) expect(faults.log.some(({ kind }) => kind === 'fault')).toBe(true)
  })
}

test('R23 while three requests of the origin are kept open, a stream is not opened', async ({
  page,
  net,
  hubServer,
}) => {
  await openPage(page, hubServer, net, ['sse', 'poll'])
  const told = await page.evaluate(async () => {
    const { harness } = window
    for (const slot of [0, 1, 2]) {
      const name = `holdfast:${location.origin}:${slot}`
      await new Promise<void>((taken) => {
        void navigator.locks.request(name, () => {
          taken()
          return new Promise(() => undefined)
        })
      })
    }
    const client = harness.createClient()
    const ends: string[] = []
    client.on('trace', ({ kind, transport, code }) => kind === 'end' && ends.push(`${transport} ${code}`))
    await harness.record(client).subscription.ready
    await harness.until(() => ends.length > 0 && client.state.name === 'online', 'online')
    return { first: ends[0], transport: client.state.transport }
  })
  expect(told).toEqual({ first: 'sse busy', transport: 'poll' })
})
