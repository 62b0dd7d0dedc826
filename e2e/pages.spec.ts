import { AxeBuilder } from '@axe-core/playwright'
import type { Page } from '@playwright/test'
import { expect as expectSoon, test } from './demo-fixture.ts'

// A busy machine is slow, and the transports have seconds to choose.
const expect = expectSoon.configure({ timeout: 30_000 })

const pages = ['/', '/chat', '/lab', '/quotes', '/examples/script-tag/', '/examples/quotes/', '/examples/vite-npm/']
const ownPages = pages.slice(0, 4)

async function isOnline(page: Page): Promise<void> {
  const state = page.locator('#badge, #state').first()
  await expect(state).toContainText(/websocket/i)
}

for (const path of pages) {
  test(`${path} loads, connects, fits 360 pixels and has nothing to complain about`, async ({
    page,
    demo,
    problems,
  }) => {
    await page.setViewportSize({ width: 360, height: 740 })
    const response = await page.goto(demo.url + path)
    expect(response?.status()).toBe(200)
    await isOnline(page)
    const overflow = await page.evaluate(() => {
      const { scrollWidth, clientWidth } = document.documentElement
      return scrollWidth - clientWidth
    })
    expect(overflow).toBe(0)
    expect(problems).toEqual([])
  })
}

for (const path of ownPages) {
  // What axe judges is the same in each browser.
  test(`${path} is accessible in light and in dark colours`, { tag: '@chromium' }, async ({ page, demo }) => {
    await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' })
    await page.goto(demo.url + path)
    await isOnline(page)
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme })
      const { violations } = await new AxeBuilder({ page }).analyze()
      const found = violations
        .filter(({ impact }) => impact === 'serious' || impact === 'critical')
        .map(({ id, nodes }) => `${colorScheme}, ${id}: ${nodes.map(({ html }) => html).join(', ')}`)
      expect(found).toEqual([])
    }
  })
}

test('the theme is chosen by hand, and kept', async ({ page, demo }) => {
  await page.goto(demo.url)
  const theme = page.getByRole('button', { name: /^Colours/ })
  await theme.press('Enter')
  await theme.press('Enter')
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark')
  await page.reload()
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark')
})

test('chat: two windows talk, and a third finds the history @smoke', async ({ page, context, demo, problems }) => {
  const said = `Hello ${Date.now()}`
  await page.goto(`${demo.url}/chat`)
  const other = await context.newPage()
  await other.goto(`${demo.url}/chat`)
  await isOnline(page)
  await isOnline(other)
  await page.getByLabel('Name').fill('Ann')
  await page.getByLabel('Message', { exact: true }).fill(said)
  await page.keyboard.press('Enter')
  const own = page.locator('.bubble.own', { hasText: said })
  await expect(own).toHaveAttribute('data-fate', 'sent')
  await expect(own).toHaveCount(1)
  const theirs = other.locator('.bubble', { hasText: said })
  await expect(theirs).toHaveCount(1)
  await expect(theirs).not.toHaveClass(/own/)
  await expect(theirs).toContainText('Ann')
  await other.getByLabel('Message', { exact: true }).fill(`${said} too`)
  await other.getByRole('button', { name: 'Send' }).click()
  await expect(page.locator('.bubble:not(.own)', { hasText: `${said} too` })).toBeVisible()

  const third = await context.newPage()
  await third.goto(`${demo.url}/chat`)
  await expect(third.locator('.bubble', { hasText: said })).toHaveCount(2)
  expect(problems).toEqual([])
})

test('chat: shows who is there, under which name, and who left at once @smoke', async ({
  page,
  context,
  freshDemo: demo,
  problems,
}) => {
  const people = page.getByRole('list', { name: 'Here now' }).getByRole('listitem')
  await page.goto(`${demo.url}/chat`)
  await page.getByLabel('Name').clear()
  await page.getByLabel('Name').pressSequentially('Ann')
  await page.keyboard.press('Tab')
  await expect(people).toHaveText(['Ann (you)'])
  const other = await context.newPage()
  await other.goto(`${demo.url}/chat`)
  await other.getByLabel('Name').clear()
  await other.getByLabel('Name').pressSequentially('<b>Bob</b>')
  await other.keyboard.press('Tab')
  await expect(people).toHaveText(['Ann (you)', '<b>Bob</b>'])
  await expect(other.getByRole('list', { name: 'Here now' }).getByRole('listitem')).toHaveText([
    '<b>Bob</b> (you)',
    'Ann',
  ])
  await other.goto(`${demo.url}/quotes`)
  await expect(people).toHaveText(['Ann (you)'])
  expect(problems).toEqual([])
})

test('chat: markup in a message is text', async ({ page, demo, problems }) => {
  await demo.hub.publish('chat:lobby', { user: '<b>Eve</b>', text: '<img src=x onerror=alert(1)>' })
  await page.goto(`${demo.url}/chat`)
  await expect(page.locator('.said').last()).toHaveText('<img src=x onerror=alert(1)>')
  expect(problems).toEqual([])
})

test('chat: earlier messages come by keyboard, in order, and what is read stays where it is @smoke', async ({
  page,
  freshDemo: demo,
  problems,
}) => {
  const said = (n: number) => `no ${n}.`
  for (let n = 1; n <= 100; n++) await demo.hub.publish('chat:lobby', { user: n % 3 ? 'Ann' : 'Ben', text: said(n) })
  await page.goto(`${demo.url}/chat`)
  const shown = page.locator('.said')
  await expect(shown).toHaveCount(50)
  const button = page.getByRole('button', { name: 'Load earlier messages' })
  const log = page.getByRole('log', { name: 'Messages' })
  await log.press('Home')
  await expect.poll(() => log.evaluate((list) => list.scrollTop)).toBe(0)
  await log.press('Tab')
  await expect(button).toBeFocused()
  const top = page.locator('.said', { hasText: said(51) })
  const place = async () => Math.round((await top.boundingBox())?.y ?? NaN)
  const before = await place()
  await page.keyboard.press('Enter')
  await expect(shown).toHaveCount(80)
  expect(Math.abs((await place()) - before)).toBeLessThanOrEqual(1)
  await expect(log).toHaveAttribute('aria-busy', 'false')
  await expect(button).toBeFocused()
  await button.focus()
  const standing = await place()
  await page.keyboard.press('Enter')
  await expect(shown).toHaveCount(100)
  // Also where the button goes, since there is nothing earlier.
  await expect(button).toBeHidden()
  expect(Math.abs((await place()) - standing)).toBeLessThanOrEqual(1)
  await expect(log).toBeFocused()
  expect(await shown.allTextContents()).toEqual(Array.from({ length: 100 }, (_, index) => said(index + 1)))
  // What comes now is shown as ever.
  await demo.hub.publish('chat:lobby', { user: 'Ann', text: said(101) })
  await expect(page.locator('.said', { hasText: said(101) })).toHaveCount(1)
  expect(problems).toEqual([])
})

test('lab: without WebSocket the beats go on over SSE, and climb back, worked by keyboard @smoke', async ({
  page,
  demo,
}) => {
  await page.goto(`${demo.url}/lab`)
  await isOnline(page)
  const noWebSocket = page.getByRole('switch', { name: 'No WebSocket' })
  await noWebSocket.focus()
  await page.keyboard.press('Space')
  await expect(noWebSocket).toBeChecked()
  await expect(page.locator('.rung[data-transport=sse]')).toHaveAttribute('data-status', 'carrying')
  await expect(page.locator('.rung[data-transport=websocket]')).toHaveAttribute('data-status', 'probation')
  await expect(page.locator('#messages')).toContainText('SSE')
  await page.getByRole('button', { name: 'Everything fine' }).press('Enter')
  await expect(noWebSocket).not.toBeChecked()
  await expect(page.locator('.rung[data-transport=websocket]')).toHaveAttribute('data-status', 'carrying', {
    timeout: 20_000,
  })
  await page.getByRole('button', { name: 'Publish one' }).press('Enter')
  await expect(page.locator('#published')).toHaveText('Published 1, stored 1, came back 1.')
  for (const label of ['lost', 'repeated', 'out of order']) {
    await expect(page.locator('.tile', { hasText: label }).locator('dd')).toHaveText('0')
  }
})

test('quotes: prices move', async ({ page, demo }) => {
  await page.goto(`${demo.url}/quotes`)
  await expect(page.locator('#rows tr')).toHaveCount(20)
  await expect(page.locator('#rows .price').first()).toHaveText(/^\d+\.\d\d$/)
  await expect(page.locator('#rows tr[class*=flash]').first()).toBeVisible()
  await expect(page.locator('#rate')).not.toHaveText('0.0')
})

test('examples: the script tag and the bundle do what they say', async ({ page, demo }) => {
  await page.goto(`${demo.url}/examples/script-tag/`)
  await page.getByLabel('Message').fill('From one file')
  await page.getByRole('button', { name: 'Send' }).click()
  await expect(page.locator('#log')).toContainText('script tag: From one file')
  await page.goto(`${demo.url}/examples/vite-npm/`)
  await expect(page.locator('#price')).toHaveText(/^\d+\.\d\d \/ \d+\.\d\d$/)
  await page.goto(`${demo.url}/examples/quotes/`)
  await expect(page.locator('tbody tr').first()).toContainText(/ALDR\s*\d+\.\d\d/)
})
