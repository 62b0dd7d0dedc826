// Pages whose platform lacks a part, or where a policy forbids it (F28).
import type { Page } from '@playwright/test'
import { expect, test } from './hub-fixture.ts'
import { openPage, upTo } from './page-harness.ts'
import type { TransportName } from './page-harness.ts'

/** Over which transport the page gets a message and one of its own, and what `explain()` says then. */
const exchange = (page: Page, best: TransportName) =>
  page.evaluate(async (best) => {
    const { harness } = window
    const client = harness.createClient()
    const { messages, offsets } = harness.record(client)
    await window.recording.subscription.ready
    await harness.until(() => client.state.transport === best, best)
    await client.publish(harness.channel, 'own')
    await harness.until(() => messages.length === 2, 'two messages')
    const { summary, transports, timeline } = client.explain()
    const texts = (wanted: string) => timeline.filter(({ kind }) => kind === wanted).map(({ text }) => text)
    return {
      transport: client.state.transport,
      offsets: offsets(),
      errors: harness.errors,
      summary,
      reports: Object.fromEntries(transports.map(({ name, status, code, text }) => [name, { status, code, text }])),
      ends: texts('end'),
    }
  }, best)

interface Part {
  readonly title: string
  /** Takes the part away, before the page has any script. */
  readonly remove: () => void
  readonly isMissing: () => boolean
  readonly transports?: TransportName[]
  readonly best: TransportName
  /** What is said of the transport that lacks it. */
  readonly told?: { readonly of: TransportName; readonly status: RegExp; readonly text: RegExp }
  readonly smoke?: boolean
}

const PARTS: readonly Part[] = [
  {
    title: 'a WebSocket constructor that throws: SSE carries traffic, and explain() has the reason',
    remove: () => {
      window.WebSocket = function () {
        throw new DOMException('not in this house', 'SecurityError')
      } as never
    },
    isMissing: () => {
      try {
        return !new WebSocket('ws://localhost')
      } catch {
        return true
      }
    },
    best: 'sse',
    told: { of: 'websocket', status: /probation/, text: /Content-Security-Policy/ },
    smoke: true,
  },
  {
    title: 'no WebSocket: SSE carries traffic',
    remove: () => Reflect.deleteProperty(window, 'WebSocket'),
    isMissing: () => !('WebSocket' in window),
    best: 'sse',
    told: { of: 'websocket', status: /unsupported/, text: /WebSocket is unsupported/ },
  },
  {
    title: 'answers without `body`: no stream is tried, and long-poll carries traffic',
    remove: () => Reflect.deleteProperty(Response.prototype, 'body'),
    isMissing: () => !Reflect.has(new Response('text'), 'body'),
    transports: ['sse', 'long-poll', 'poll'],
    best: 'long-poll',
    told: { of: 'sse', status: /unsupported/, text: /SSE is unsupported/ },
  },
  {
    title: 'answers whose `body` is null: the stream that is tried stays mute, and long-poll carries traffic',
    remove: () => Object.defineProperty(Response.prototype, 'body', { get: () => null }),
    isMissing: () => new Response('text').body === null,
    transports: ['sse', 'long-poll', 'poll'],
    best: 'long-poll',
    told: { of: 'sse', status: /opening|probation/, text: /SSE/ },
  },
  {
    title: 'no Web Locks: SSE carries traffic, with a slot that nobody counts',
    remove: () => Reflect.deleteProperty(Navigator.prototype, 'locks'),
    isMissing: () => !('locks' in navigator),
    transports: ['sse'],
    best: 'sse',
  },
  {
    title: 'Web Locks that throw: SSE carries traffic, with a slot that nobody counts',
    remove: () =>
      Object.defineProperty(Navigator.prototype, 'locks', {
        get: () => {
          throw new DOMException('not in this house', 'SecurityError')
        },
      }),
    isMissing: () => {
      try {
        return !(navigator as { locks?: unknown }).locks
      } catch {
        return true
      }
    },
    transports: ['sse'],
    best: 'sse',
  },
  {
    title: 'no AbortSignal.any and no AbortSignal.timeout: long-poll carries traffic',
    remove: () => {
      for (const name of ['any', 'timeout']) Reflect.deleteProperty(AbortSignal, name)
    },
    isMissing: () => !Reflect.has(AbortSignal, 'any') && !Reflect.has(AbortSignal, 'timeout'),
    transports: ['long-poll'],
    best: 'long-poll',
  },
]

for (const { title, remove, isMissing, transports, best, told, smoke } of PARTS) {
  test(`R17 F28 ${title}`, { tag: smoke ? ['@smoke'] : [] }, async ({ page, net, hubServer }) => {
    await page.addInitScript(remove)
    await openPage(page, hubServer, net, transports)
    expect(await page.evaluate(isMissing)).toBe(true)
    await hubServer.hub.publish(net.channel, { note: '1' })
    const { reports, ...seen } = await exchange(page, best)
    expect(seen).toMatchObject({ transport: best, offsets: upTo(2), errors: [] })
    if (!told) return
    const report = reports[told.of]
    expect(report?.status).toMatch(told.status)
    expect(report?.text).toMatch(told.text)
  })
}

test('R17 F28 N27 a policy that forbids every fetch and no WebSocket: WebSocket carries traffic, and explain() names the policy', async ({
  page,
  net,
  hubServer,
}) => {
  const { faults } = net.room
  await openPage(page, hubServer, net, undefined)
  // By script, for what Playwright serves itself is no local page to Chromium, and may not open a WebSocket to a local hub.
  const violations = await page.evaluateHandle(
    (policy) => {
      const blocked: string[] = []
      addEventListener('securitypolicyviolation', ({ blockedURI }) => blocked.push(new URL(blockedURI).pathname))
      const meta = document.createElement('meta')
      Object.assign(meta, { httpEquiv: 'Content-Security-Policy', content: `connect-src ${policy}` })
      document.head.append(meta)
      return blocked
    },
    hubServer.url.replace('http', 'ws'),
  )
  await hubServer.hub.publish(net.channel, { note: '1' })
  const { ends, ...seen } = await exchange(page, 'websocket')
  expect(seen).toMatchObject({
    transport: 'websocket',
    offsets: upTo(2),
    errors: [],
    summary: 'WebSocket carries traffic.',
  })
  // The fault fired: the first read was the only request, and it did not leave the page.
  expect((await violations.jsonValue()).map((path) => path.split('/').at(-1))).toEqual(['poll'])
  expect(faults.log.filter(({ kind }) => kind === 'request')).toEqual([])
  expect(ends).toEqual([expect.stringMatching(/^The first read ended: .*CSP.*(Failed to fetch|NetworkError)/)])
})

test('R17 F28 N27 the same policy where only HTTP may be used: it waits, and says where to look', async ({
  page,
  net,
  hubServer,
}) => {
  await openPage(page, hubServer, net, ['sse', 'long-poll', 'poll'])
  const told = await page.evaluate(
    async (policy) => {
      const meta = document.createElement('meta')
      Object.assign(meta, { httpEquiv: 'Content-Security-Policy', content: `connect-src ${policy}` })
      document.head.append(meta)
      const { harness } = window
      const client = harness.createClient()
      harness.record(client)
      await harness.until(() => client.state.name === 'waiting', 'the wait after the first round')
      const { state } = client
      const { summary, transports } = client.explain()
      client.close()
      return {
        code: state.name === 'waiting' && [state.error.code, state.error.retryable],
        summary,
        codes: transports.map(({ code }) => code),
        errors: harness.errors,
      }
    },
    hubServer.url.replace('http', 'ws'),
  )
  expect(told).toMatchObject({ code: ['offline', true], errors: [], summary: expect.stringContaining('CSP') })
  expect(told.codes).toContain('failed')
  expect(net.room.faults.log).toEqual([])
})
