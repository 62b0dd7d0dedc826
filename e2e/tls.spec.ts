import type { Page } from '@playwright/test'
import { COLUMNS, protocolsOf, upTo } from './page-harness.ts'
import { channel, expect, openPage, test } from './tls-fixture.ts'

/** What each server speaks with a browser, in its own words and in those of a page. A WebSocket is HTTP/1.1 on both. */
const PROTOCOLS = [
  { kind: 'https', httpVersion: '1.1', shown: 'http/1.1' },
  { kind: 'http2', httpVersion: '2.0', shown: 'h2' },
] as const

/** Notes the address of each WebSocket that the page opens. */
const noteAddresses = (page: Page): Promise<void> =>
  page.evaluate(() => {
    const addresses: string[] = []
    Object.assign(window, {
      addresses,
      WebSocket: class extends WebSocket {
        constructor(address: string | URL, protocols?: string | string[]) {
          super(address, protocols)
          addresses.push(this.url)
        }
      },
    })
  })

for (const { kind, httpVersion, shown } of PROTOCOLS) {
  for (const { name, transports } of COLUMNS) {
    const usesSocket = name === 'websocket' || name === 'ladder'
    const smoke = kind === 'http2' && name === 'ladder' ? { tag: '@smoke' } : {}

    test.describe(`${kind}, ${name}`, () => {
      test.use({ ignoreHTTPSErrors: true })

      test('R3 R17 carries messages both ways in order, over what was agreed upon', async ({ page, startServer }) => {
        const server = await startServer(kind)
        await openPage(page, server, transports)
        await noteAddresses(page)
        const seen = await page.evaluate(async () => {
          const { harness } = window
          const client = harness.createClient()
          const { messages, offsets, subscription, gaps } = harness.record(client)
          await subscription.ready
          await harness.append([1, 2, 3])
          await Promise.all([4, 5, 6].map((n) => client.publish(harness.channel, n)))
          await harness.until(() => messages.length >= 6 && client.state.name === 'online', 'six messages, and online')
          const { addresses } = window as unknown as { addresses: string[] }
          const data = messages.map(({ data }) => data)
          return {
            offsets: offsets(),
            data,
            gaps,
            errors: harness.errors,
            carrier: client.state.transport,
            addresses: [...new Set(addresses)],
          }
        })
        expect(seen).toEqual({
          offsets: upTo(6),
          data: upTo(6),
          gaps: [],
          errors: [],
          carrier: name === 'ladder' ? 'websocket' : name,
          addresses: usesSocket ? [`${server.url.replace('https:', 'wss:')}/realtime`] : [],
        })
        await expect.poll(() => protocolsOf(page)).toEqual([shown])
        const requests = server.seen.filter((each) => each.kind === 'request')
        const upgrades = server.seen.filter((each) => each.kind === 'upgrade')
        expect(new Set(requests.map((each) => `${each.httpVersion} ${String(each.alpn)}`))).toEqual(
          new Set([`${httpVersion} ${shown}`]),
        )
        // RFC 8441 is not offered.
        expect(new Set(upgrades.map((each) => `${each.httpVersion} ${String(each.alpn)}`))).toEqual(
          new Set(usesSocket ? ['1.1 http/1.1'] : []),
        )
      })

      test(
        'R1 R2 what was published while every connection was cut comes once and in order',
        smoke,
        async ({ page, startServer }) => {
          const server = await startServer(kind)
          await openPage(page, server, transports)
          await page.evaluate(async () => {
            const { harness } = window
            const client = harness.createClient()
            const { messages, subscription } = harness.record(client)
            await subscription.ready
            await harness.append([1, 2])
            await harness.until(
              () => messages.length === 2 && client.state.name === 'online',
              'two messages, and online',
            )
          })
          expect(server.shut()).toBeGreaterThan(0)
          for (const n of [3, 4, 5]) await server.hub.publish(channel, n)
          await expect.poll(() => server.count.refused).toBeGreaterThan(0)
          const before = server.seen.length
          server.open()
          await page.evaluate(() =>
            window.harness.until(() => window.recording.messages.length >= 5, 'what was missed'),
          )
          await server.hub.publish(channel, 6)
          const after = await page.evaluate(async () => {
            const { harness, recording, client } = window
            await harness.until(() => recording.messages.length >= 6 && client.state.name === 'online', 'what follows')
            await client.publish(harness.channel, 7)
            await harness.until(() => recording.messages.length >= 7, 'its own')
            return [recording.offsets(), recording.messages.map(({ data }) => data), recording.gaps, harness.errors]
          })
          expect(after).toEqual([upTo(7), upTo(7), [], []])
          const again = server.seen.slice(before)
          expect(again.length).toBeGreaterThan(0)
          for (const each of again) expect(each.httpVersion).toBe(each.kind === 'upgrade' ? '1.1' : httpVersion)
        },
      )
    })
  }
}

test.describe('a certificate that the browser does not trust', () => {
  test(
    'R17 F6 the client waits, says that connections fail, and does not spin; a browser that trusts it is served',
    { tag: '@smoke' },
    async ({ page, browser, startServer }) => {
      const visited = await startServer('http')
      const server = await startServer('http2', [visited.url])
      await openPage(page, visited, undefined, `${server.url}/realtime`)
      const seen = await page.evaluate(async () => {
        const { harness } = window
        // The second pause is at most the second in which three rounds may start, the fourth at least eight times the
        // back-off: it is always longer. A link has more time to fail than any machine needs.
        const client = harness.createClient({ timing: { spreadMs: 200, backoffMs: 130, connectMs: 10_000 } })
        harness.record(client)
        const published = harness.outcome(client.publish(harness.channel, 1))
        const facts = (wanted: string) => client.explain().timeline.filter(({ kind }) => kind === wanted)
        await harness.until(() => facts('wait').length >= 4 && client.state.name === 'waiting', 'four waits')
        const { state } = client
        const pauses = facts('wait').map(({ ms = 0 }) => ms)
        const counts = { opens: facts('open').length, welcomes: facts('welcome').length }
        const codes = [...new Set(facts('end').map(({ code }) => code))]
        const { summary } = client.explain()
        client.close()
        const error = state.name === 'waiting' && [state.error.code, state.error.retryable]
        return { error, published: await published, pauses, counts, codes, summary, errors: harness.errors }
      })
      // To the client a bad certificate is a connection that failed. Firefox hints at it by the close code 1015.
      expect(seen).toMatchObject({ error: ['offline', true], published: 'closed', codes: ['failed'], errors: [] })
      expect(seen.summary).toMatch(/^The client is offline, and tries again by itself\. .* the connection failed/)
      expect(seen.counts.welcomes).toBe(0)
      // In the first round the first read and at most each transport, then one link after each pause; the pauses grow.
      expect(seen.counts.opens).toBeLessThanOrEqual(4 + seen.pauses.length)
      const [, second = 0, , fourth = 0] = seen.pauses
      expect(fourth).toBeGreaterThan(second)
      // A browser may open a second connection beside a slow one.
      expect(server.count.connections).toBeLessThanOrEqual(2 * seen.counts.opens)
      expect(server.count.brokenOff).toBeGreaterThan(0)
      expect(server.seen).toEqual([])

      const trusting = await browser.newContext({ ignoreHTTPSErrors: true })
      const other = await trusting.newPage()
      await openPage(other, visited, undefined, `${server.url}/realtime`)
      const offsets = await other.evaluate(async () => {
        const { harness } = window
        const client = harness.createClient()
        const { messages, offsets } = harness.record(client)
        await client.publish(harness.channel, 1)
        await harness.until(() => messages.length === 1 && client.state.name === 'online', 'its message')
        return offsets()
      })
      expect(offsets).toEqual([1])
      await trusting.close()
    },
  )
})
