import { test as base } from './hub-fixture.ts'

export { expect } from './hub-fixture.ts'

/**
 * As `test` of hub-fixture.ts, with one page for all tests of a worker instead of a new one for each, which takes Firefox a second of both
 * cores: for tests that leave nothing in a page but its document. What they open beside it is closed.
 */
export const test = base.extend({
  context: ({ keptPage }, use) => use(keptPage.context()),
  page: async ({ keptPage }, use) => {
    await use(keptPage)
    for (const page of keptPage.context().pages()) if (page !== keptPage) await page.close()
    // Ends what is left of the client.
    await keptPage.goto('about:blank')
  },
})
