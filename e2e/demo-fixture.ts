import { test as base } from '@playwright/test'
import { startDemoServer } from '../demo-server/server.ts'
import type { DemoServer } from '../demo-server/server.ts'

export { expect } from '@playwright/test'

/** `demo`: a demo server of this worker on a free port. `problems`: console errors and exceptions of the page so far. */
export const test = base.extend<{ problems: string[] }, { demo: DemoServer }>({
  demo: [
    // eslint-disable-next-line no-empty-pattern -- Playwright reads the names of the fixtures from the pattern
    async ({}, use) => {
      const demo = await startDemoServer({ port: 0 })
      await use(demo)
      await demo.close()
    },
    { scope: 'worker' },
  ],
  problems: async ({ page }, use) => {
    const problems: string[] = []
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') problems.push(message.text())
    })
    page.on('pageerror', (error) => problems.push(String(error)))
    await use(problems)
  },
})
