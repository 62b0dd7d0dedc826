import type { Page } from '@playwright/test'
import { expect as expectSoon, test } from './demo-fixture.ts'

const expect = expectSoon.configure({ timeout: 15_000 })

// Pictures for the docs. Opt-in, because nothing is checked here: SCREENSHOTS=1 npx playwright test screenshots --project=chromium
test.use({ viewport: { width: 1200, height: 800 } })

const online = (page: Page) => expect(page.locator('#badge')).toHaveAttribute('data-state', 'online')

for (const colorScheme of ['light', 'dark'] as const) {
  const file = (name: string) => ({ path: `docs/screenshots/${name}-${colorScheme}.png` })

  test(`start in ${colorScheme}`, { tag: '@screenshots' }, async ({ page, demo }) => {
    await page.emulateMedia({ colorScheme })
    await page.goto(demo.url)
    await online(page)
    await page.waitForTimeout(1000)
    await page.screenshot(file('start'))
  })

  test(`chat in ${colorScheme}`, { tag: '@screenshots' }, async ({ page, context, demo }) => {
    await page.emulateMedia({ colorScheme })
    await page.goto(`${demo.url}/chat`)
    const other = await context.newPage()
    await other.goto(`${demo.url}/chat`)
    const say = async (from: Page, name: string, text: string) => {
      await from.getByLabel('Name').fill(name)
      await from.getByLabel('Message', { exact: true }).fill(text)
      await from.keyboard.press('Enter')
      await expect(page.locator('.said', { hasText: text }).last()).toBeVisible()
      await expect(other.locator('.said', { hasText: text }).last()).toBeVisible()
    }
    await online(page)
    await online(other)
    await say(other, 'Ben', 'Still on the train?')
    await say(page, 'Ann', 'Yes. Third tunnel now.')
    await say(page, 'Ann', 'I typed this one without any signal.')
    await say(other, 'Ben', 'All here, once, in order.')
    await say(other, 'Ben', 'What carries you at the moment?')
    await say(page, 'Ann', 'WebSocket again, since a minute or so.')
    await page.bringToFront()
    await page.screenshot(file('chat'))
  })

  test(`lab in ${colorScheme}`, { tag: '@screenshots' }, async ({ page, demo }) => {
    test.setTimeout(90_000)
    await page.emulateMedia({ colorScheme })
    await page.goto(`${demo.url}/lab`)
    await online(page)
    await page.waitForTimeout(12_000)
    await page.getByRole('switch', { name: 'No WebSocket' }).click()
    await expect(page.locator('.rung[data-transport=sse]')).toHaveAttribute('data-status', 'carrying')
    await page.waitForTimeout(14_000)
    await page.screenshot(file('lab'))
  })

  test(`quotes in ${colorScheme}`, { tag: '@screenshots' }, async ({ page, demo }) => {
    await page.emulateMedia({ colorScheme })
    await page.goto(`${demo.url}/quotes`)
    await online(page)
    await page.waitForTimeout(8000)
    await page.screenshot(file('quotes'))
  })
}
