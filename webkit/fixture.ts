import { test as base } from 'vitest'
import type { DemoServer } from '../demo-server/server.ts'
import type { Room } from '../e2e/hub-fixture.ts'
import { startHubServer } from '../e2e/hub-server.ts'
import { harnessRequest, makeHarness } from '../e2e/page-harness.ts'
import type { HarnessRequest } from '../e2e/page-harness.ts'
import { startBrowser } from './browser.ts'
import type { Browser } from './browser.ts'
import type { Tab } from './tab.ts'

interface Fixture {
  readonly browser: Browser
  readonly hubServer: DemoServer
  /** A network of its own for this test, and the channel that nobody else uses. */
  readonly net: Room
  /** Opens a page with the client and the harness on it, in a window of its own that is closed after the test. */
  readonly open: (transports?: HarnessRequest['transports'], kind?: 'window' | 'tab') => Promise<Tab>
}

let rooms = 0

export const test = base.extend<Fixture>({
  browser: [
    // oxlint-disable-next-line no-empty-pattern -- Vitest reads the names of the fixtures from the pattern
    async ({}, use) => {
      const browser = await startBrowser()
      await use(browser)
      await browser.close()
    },
    { scope: 'file' },
  ],
  hubServer: [
    // oxlint-disable-next-line no-empty-pattern -- as above
    async ({}, use) => {
      // A beat behind a burst must not come before the one that proves a stream: one would hand the other on.
      const server = await startHubServer({ sweepMs: 250 })
      await use(server)
      await server.close()
    },
    { scope: 'file' },
  ],
  net: async ({ hubServer }, use) => {
    const id = `w${++rooms}`
    const room = hubServer.weather(id)
    await use({ room, channel: `lab:${id}`, url: `/weather/${id}/realtime` })
    room.reset()
    room.faults.cut()
  },
  open: async ({ browser, hubServer, net }, use) => {
    const tabs: Tab[] = []
    await use(async (transports, kind = 'window') => {
      const tab = await browser.open(kind)
      tabs.push(tab)
      await tab.goto(`${hubServer.url}/nothing-here`)
      await addHarness(tab, harnessRequest(net, transports))
      return tab
    })
    for (const tab of tabs) await tab.close()
  },
})

/** Loads the client into the page of a tab, and the harness. */
const addHarness = async (tab: Tab, request: HarnessRequest): Promise<void> => {
  await tab.evaluate(
    () =>
      new Promise<void>((resolve, reject) => {
        const script = document.createElement('script')
        script.src = '/holdfast.min.js'
        script.onload = () => resolve()
        script.onerror = () => reject(new Error('no client: run npm run build'))
        document.head.append(script)
      }),
  )
  await tab.evaluate(makeHarness, request)
}
