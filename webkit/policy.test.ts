import { readFileSync } from 'node:fs'
import { startTestServer } from 'holdfast/testing'
import type { TestServer } from 'holdfast/testing'
import { expect } from 'vitest'
import { harnessRequest, makeHarness } from '../e2e/page-harness.ts'
import { test as base } from './fixture.ts'
import type { Tab } from './tab.ts'

const client = readFileSync(new URL('../dist/holdfast.min.js', import.meta.url))

interface Fixture {
  /** Its pages have what follows their `?` as their policy for connections. */
  readonly server: TestServer
  readonly visit: (policy: string) => Promise<Tab>
}

const test = base.extend<Fixture>({
  // oxlint-disable-next-line no-empty-pattern -- Vitest reads the names of the fixtures from the pattern
  server: async ({}, use) => {
    const server = await startTestServer({
      app: ({ url = '' }, response) => {
        if (url === '/holdfast.js') response.writeHead(200, { 'content-type': 'text/javascript' }).end(client)
        else {
          const policy = decodeURIComponent(url.split('?')[1] ?? '')
          response.writeHead(200, { 'content-type': 'text/html', 'content-security-policy': `connect-src ${policy}` })
          response.end('<!doctype html><title>Page</title><script src="/holdfast.js"></script>')
        }
      },
    })
    await use(server)
    await server.close()
  },
  visit: async ({ browser, server }, use) => {
    const tab = await browser.open('window')
    await use(async (policy) => {
      await tab.goto(`${server.origin}/?${encodeURIComponent(policy)}`)
      await tab.evaluate(makeHarness, harnessRequest({ url: server.url, channel: 'lab:policy' }, undefined))
      return tab
    })
    await tab.close()
  },
})

test('R17 N27 a page whose policy forbids WebSocket uses SSE, and explain() names the policy', async ({
  server,
  visit,
}) => {
  const tab = await visit(server.origin)
  const seen = await tab.evaluate(async () => {
    const { harness } = window
    const violations: string[] = []
    addEventListener('securitypolicyviolation', ({ blockedURI }) => violations.push(blockedURI))
    const client = harness.createClient()
    const { messages, offsets } = harness.record(client)
    await harness.append([1])
    await client.publish(harness.channel, 2)
    await harness.until(() => messages.length === 2 && client.state.transport === 'sse', 'two messages over SSE')
    const ends = client.explain().timeline.filter(({ kind, transport }) => kind === 'end' && transport === 'websocket')
    return { offsets: offsets(), violations, codes: ends.map(({ code }) => code) }
  })
  expect(seen.offsets).toEqual([1, 2])
  expect(new Set(seen.codes)).toEqual(new Set(['blocked']))
  expect(seen.violations.some((uri) => uri.startsWith('ws:'))).toBe(true)
  expect(server.faults.log.some(({ kind, path }) => kind === 'connect' && path !== undefined)).toBe(false)
})
