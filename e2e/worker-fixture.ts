import { test as base } from '@playwright/test'
import type { Page } from '@playwright/test'
import { startDemoServer } from '../demo-server/server.ts'
import type { DemoServer } from '../demo-server/server.ts'
import { startHubServer } from './hub-server.ts'

export { expect } from '@playwright/test'

interface WorkerFixtures {
  /** How many messages of a channel the store of `hubServer` keeps. */
  history: number
  /** As `startHubServer` makes it. */
  hubServer: DemoServer
  /** As `withDemo` makes it. */
  demo: DemoServer
  /** A page that outlives the tests. */
  keptPage: Page
}

/** A demo server as `npm start` has it, on a free port, for as long as it is used. */
export const withDemo = async (use: (demo: DemoServer) => Promise<void>): Promise<void> => {
  const demo = await startDemoServer({ port: 0 })
  await use(demo)
  await demo.close()
}

/**
 * What tests in one worker share, begun for the first that asks for it. In one place: Playwright begins another worker, and in it another
 * browser, for each set of worker fixtures, and Firefox needs ten seconds of the processor to begin.
 */
export const test = base.extend<object, WorkerFixtures>({
  history: [20_000, { option: true, scope: 'worker' }],
  hubServer: [
    async ({ history }, use) => {
      const server = await startHubServer({ messages: history })
      await use(server)
      await server.close()
    },
    { scope: 'worker' },
  ],
  demo: [
    // oxlint-disable-next-line no-empty-pattern -- Playwright reads the names of the fixtures from the pattern
    ({}, use) => withDemo(use),
    { scope: 'worker' },
  ],
  keptPage: [
    async ({ browser }, use) => {
      const context = await browser.newContext()
      await use(await context.newPage())
      await context.close()
    },
    { scope: 'worker' },
  ],
})
