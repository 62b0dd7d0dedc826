import type { ClientOptions } from 'holdfast'
import { test as base } from './hub-fixture.ts'
import type { Room } from './hub-fixture.ts'
import { installHarness } from './page-harness.ts'
import type { COLUMNS } from './page-harness.ts'
import { startChromium } from './plain-cdp.ts'
import type { PlainBrowser, PlainPage } from './plain-cdp.ts'

export { expect } from './hub-fixture.ts'

declare global {
  interface Window {
    /** `kind transport code` of what happened to the client of the tab. */
    facts: string[]
  }
}

/** One column of the tests in a tab of its own. */
export interface ColumnTab {
  readonly name: string
  readonly net: Room
  readonly tab: PlainPage
}

/** What the client of each tab has got when the tab is handed out. */
export const FIRST = 3

export type OpenColumn = (
  column: (typeof COLUMNS)[number],
  timing: ClientOptions['timing'],
  where?: 'tab' | 'window',
) => Promise<ColumnTab>

interface PlainFixtures {
  /** Opens a tab (`where` as in `PlainBrowser`) with a client that has got `FIRST` messages, over its best transport. */
  openColumn: OpenColumn
}

interface PlainWorkerFixtures {
  /** Switches for Chromium, beside those of all tests. */
  switches: string[]
  /** One for all tests of a file. */
  plainBrowser: PlainBrowser
}

/** For tests with the tag `@chromium`, in a browser that Playwright has no hand on. */
export const test = base.extend<PlainFixtures, PlainWorkerFixtures>({
  switches: [[], { option: true, scope: 'worker' }],
  plainBrowser: [
    async ({ launchOptions: { executablePath = '', args = [] }, switches }, use) => {
      const browser = await startChromium(executablePath, [...args, ...switches])
      await use(browser)
      await browser.close()
    },
    { scope: 'worker' },
  ],
  openColumn: async ({ hubServer, newNet, plainBrowser }, use) => {
    const tabs: PlainPage[] = []
    await use(async ({ name, transports }, timing, where) => {
      const net = newNet()
      const tab = await plainBrowser.open(`${hubServer.url}/nothing-here`, where)
      tabs.push(tab)
      await tab.evaluate(
        () =>
          new Promise((resolve) => {
            const script = document.createElement('script')
            script.src = '/holdfast.min.js'
            script.onload = resolve
            document.head.append(script)
          }),
      )
      await installHarness(tab, net, transports)
      for (let note = 1; note <= FIRST; note++) await hubServer.hub.publish(net.channel, { note: String(note) })
      await tab.evaluate(
        async ({ timing = {}, first, best }) => {
          const { harness } = window
          const client = harness.createClient({ timing })
          window.facts = []
          client.on('trace', ({ kind, transport, code }) =>
            window.facts.push([kind, transport, code].filter(Boolean).join(' ')),
          )
          const { messages } = harness.record(client)
          await harness.until(
            () => messages.length === first && client.state.transport === best,
            `what there is, over ${best}`,
          )
        },
        { timing, first: FIRST, best: transports?.[0] ?? 'websocket' },
      )
      return { name, net, tab }
    })
    for (const tab of tabs) await tab.close()
  },
})
