// What becomes of the links of a page that is left, or nearly (N21). Firefox cuts them all as soon as a navigation begins, and the page
// lives on until the next one is there.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Page } from '@playwright/test'
import { expect, test as base } from './hub-fixture.ts'
import type { Room } from './hub-fixture.ts'
import { COLUMNS, openPage, upTo } from './page-harness.ts'
import { timing } from './timing.ts'

/** A page for each of the columns, with one message and a link to somewhere. */
interface Visit {
  readonly name: string
  readonly page: Page
  readonly net: Room
  /** What happened in the page: `opens` for each request and WebSocket, `left` when it was told that it is left. */
  readonly told: readonly string[]
}

interface Fixtures {
  /** Where links lead: `/slow`, a page that takes its time; `/nothing`, 204; `/file`, a download. */
  elsewhere: string
  visits: (path: string, asks?: 'asks') => Promise<Visit[]>
}

const SLOW_MS = 700
/** No long poll ends by itself meanwhile. */
const LONG_MS = 25_000

const test = base.extend<Fixtures>({
  // oxlint-disable-next-line no-empty-pattern -- Playwright reads the names of the fixtures from the pattern
  elsewhere: async ({}, use) => {
    const server = createServer(({ url }, response) => {
      if (url === '/nothing') response.writeHead(204).end()
      else if (url === '/file') response.writeHead(200, { 'content-disposition': 'attachment; filename=a' }).end('file')
      else
        setTimeout(() => response.writeHead(200, { 'content-type': 'text/html' }).end('<title>Next</title>'), SLOW_MS)
    }).listen(0, 'localhost')
    await once(server, 'listening')
    await use(`http://localhost:${(server.address() as AddressInfo).port}`)
    server.closeAllConnections()
    server.close()
  },
  visits: async ({ context, elsewhere, hubServer, newNet }, use) => {
    await use((path, asks) =>
      Promise.all(
        COLUMNS.map(async ({ name, transports }) => {
          const page = await context.newPage()
          const net = newNet()
          const told: string[] = []
          page.on('console', (message) => told.push(message.text()))
          await openPage(page, hubServer, net, transports)
          await hubServer.hub.publish(net.channel, { note: '1' })
          await page.evaluate(
            async ({ href, asks, timing, best }) => {
              addEventListener('beforeunload', (event) => {
                console.log('left')
                if (asks) event.preventDefault()
              })
              const { fetch } = window
              Object.assign(window, {
                fetch: (...asked: Parameters<typeof fetch>) => {
                  console.log('opens')
                  return fetch(...asked)
                },
                WebSocket: class extends WebSocket {
                  constructor(...asked: [string | URL, (string | string[])?]) {
                    console.log('opens')
                    super(...asked)
                  }
                },
              })
              const link = document.createElement('a')
              Object.assign(link, { href, textContent: 'Leave' })
              document.body.append(link)
              const { harness } = window
              const client = harness.createClient({ timing })
              const { messages } = harness.record(client)
              await harness.until(() => messages.length === 1 && client.state.transport === best, `online over ${best}`)
            },
            {
              href: `${elsewhere}${path}`,
              asks,
              timing: { ...timing, holdMs: LONG_MS },
              best: transports?.[0] ?? 'websocket',
            },
          )
          return { name, page, net, told }
        }),
      ),
    )
  },
})

/** What the page has when everything has come, and a message of its own beside it. */
const goesOn = (page: Page, wanted: number) =>
  page.evaluate(async (wanted) => {
    const { harness, client, recording } = window
    await harness.until(() => recording.messages.length >= wanted, 'what was published')
    await client.publish(harness.channel, 'own')
    await harness.until(() => recording.messages.at(-1)?.own === true, 'what it published')
    return [recording.offsets(), recording.gaps, harness.errors]
  }, wanted)

test(
  'R20 N21 a page that is left by a link keeps no link to the hub, on each transport',
  { tag: '@smoke' },
  async ({ visits, browserName }) => {
    test.slow()
    const pages = await visits('/slow')
    await Promise.all(
      pages.map(async ({ name, page, net, told }) => {
        const { faults } = net.room
        if (name !== 'poll') await expect.poll(() => faults.openLinks, { message: name }).toBeGreaterThan(0)
        await page.click('a')
        await page.waitForURL('**/slow')
        await expect.poll(() => faults.openLinks, { message: name }).toBe(0)
        const ended = faults.log.length
        await new Promise((resolve) => setTimeout(resolve, SLOW_MS))
        expect([name, faults.log.slice(ended), faults.openLinks]).toEqual([name, [], 0])
        const left = told.indexOf('left')
        expect(told.indexOf('opens')).toBeGreaterThanOrEqual(0)
        expect(left).toBeGreaterThan(told.indexOf('opens'))
        // Until the next page is there this one lives on, and asks when its time has come.
        if (name === 'poll') return
        // Not in Firefox: it cut the link, and the client opens another one.
        if (browserName === 'chromium') expect([name, told.slice(left)]).toEqual([name, ['left']])
      }),
    )
  },
)

for (const path of ['/nothing', '/file']) {
  test(`R10 N21 a link to ${path === '/file' ? 'a download' : 'a 204'} leaves the page where it is, and on each transport it goes on`, async ({
    visits,
    browserName,
    hubServer,
  }) => {
    test.slow()
    const pages = await visits(path)
    await Promise.all(
      pages.map(async ({ name, page, net, told }) => {
        const { faults } = net.room
        const before = faults.log.length
        // oxlint-disable-next-line typescript/no-deprecated -- what comes next happens before the page is left
        await page.click('a', { noWaitAfter: true })
        await expect.poll(() => told, { message: name }).toContain('left')
        for (const note of upTo(3)) await hubServer.hub.publish(net.channel, { note: String(note) })
        expect([name, ...(await goesOn(page, 4))]).toEqual([name, upTo(5), [], []])
        // R24: in Firefox it cost the link.
        if (browserName === 'firefox' && name !== 'poll')
          expect(faults.log.slice(before).some(({ kind }) => kind === 'end')).toBe(true)
      }),
    )
  })
}

test('R10 N21 a page that was asked whether to leave, and stays, has what was published meanwhile, on each transport', async ({
  visits,
  hubServer,
}) => {
  test.slow()
  // One after the other: a browser shows one such dialog.
  for (const { name, page, net } of await visits('/slow', 'asks')) {
    const asked = page.waitForEvent('dialog')
    // oxlint-disable-next-line typescript/no-deprecated -- what comes next happens before the page is left
    const clicked = page.click('a', { noWaitAfter: true })
    const dialog = await asked
    expect(dialog.type()).toBe('beforeunload')
    for (const note of upTo(3)) await hubServer.hub.publish(net.channel, { note: String(note) })
    await dialog.dismiss()
    await clicked
    expect([name, ...(await goesOn(page, 4))]).toEqual([name, upTo(5), [], []])
  }
})
