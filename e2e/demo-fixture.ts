import type { DemoServer } from '../demo-server/server.ts'
import { test as base, withDemo } from './worker-fixture.ts'

export { expect } from './worker-fixture.ts'

/** `freshDemo`: a demo server of this test, in which nothing was said. `problems`: console errors and exceptions of the page so far. */
export const test = base.extend<{ problems: string[]; freshDemo: DemoServer }>({
  // oxlint-disable-next-line no-empty-pattern -- Playwright reads the names of the fixtures from the pattern
  freshDemo: ({}, use) => withDemo(use),
  problems: async ({ page }, use) => {
    const problems: string[] = []
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') problems.push(message.text())
    })
    page.on('pageerror', (error) => problems.push(String(error)))
    await use(problems)
  },
})
