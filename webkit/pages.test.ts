import { describe, expect } from 'vitest'
import { test as base } from './fixture.ts'
import type { Tab } from './tab.ts'
import { startWatchedDemo } from './watched-demo.ts'
import type { WatchedDemo } from './watched-demo.ts'

const test = base.extend<{ demo: WatchedDemo; visit: (path: string) => Promise<Tab> }>({
  demo: [
    // oxlint-disable-next-line no-empty-pattern -- Vitest reads the names of the fixtures from the pattern
    async ({}, use) => {
      const demo = await startWatchedDemo()
      await use(demo)
      await demo.close()
    },
    { scope: 'file' },
  ],
  visit: async ({ browser, demo }, use) => {
    const tabs: Tab[] = []
    await use(async (path) => {
      const tab = await browser.open('window')
      tabs.push(tab)
      await tab.goto(demo.url + path)
      return tab
    })
    for (const tab of tabs) await tab.close()
  },
})

const problemsOf = (tab: Tab): Promise<string[]> => tab.evaluate(() => window.problems)

test('the watcher sees what a page complains of', async ({ visit }) => {
  const tab = await visit('/chat')
  await tab.evaluate(() => {
    console.error('on purpose')
    void Promise.reject(new Error('nobody cares'))
    document.body.append(Object.assign(new Image(), { src: 'http://127.0.0.1:1/' }))
    setTimeout(() => {
      throw new Error('late')
    })
  })
  await expect
    .poll(() => problemsOf(tab), { timeout: 10_000 })
    .toEqual(
      expect.arrayContaining([
        'console.error: on purpose',
        'rejection: Error: nobody cares',
        expect.stringContaining('policy: http://127.0.0.1:1'),
        expect.stringContaining('late'),
      ]),
    )
})

describe('the pages of the demo', () => {
  for (const path of ['/', '/chat', '/lab', '/quotes', '/examples/script-tag/', '/examples/quotes/']) {
    test(`${path} connects by WebSocket and has nothing to complain of`, async ({ visit }) => {
      const tab = await visit(path)
      const state = () => tab.evaluate(() => document.querySelector('#badge, #state')?.textContent)
      await expect.poll(state, { timeout: 20_000 }).toMatch(/websocket/i)
      expect(await problemsOf(tab)).toEqual([])
    })
  }

  test('chat: what one window says comes to the other, once', async ({ visit }) => {
    const [ann, bob] = [await visit('/chat'), await visit('/chat')]
    const said = 'Grüße, Ω'
    await ann.fill('#name', 'Ann')
    await ann.fill('#text', `${said}\uE007`)
    const bubbles = (tab: Tab) =>
      tab.evaluate(
        (said) =>
          [...document.querySelectorAll<HTMLElement>('.bubble')]
            .filter(({ textContent }) => textContent.includes(said))
            .map(({ classList, dataset }) => [classList.contains('own'), dataset['fate'] ?? '']),
        said,
      )
    await expect.poll(() => bubbles(ann), { timeout: 20_000 }).toEqual([[true, 'sent']])
    await expect.poll(() => bubbles(bob), { timeout: 20_000 }).toEqual([[false, '']])
    for (const tab of [ann, bob]) expect(await problemsOf(tab)).toEqual([])
  })

  test('lab: without WebSocket the beats go on over SSE, and what is published comes back once', async ({ visit }) => {
    const tab = await visit('/lab')
    const carrying = () =>
      tab.evaluate(() => document.querySelector<HTMLElement>('.rung[data-status=carrying]')?.dataset['transport'])
    await expect.poll(carrying, { timeout: 20_000 }).toBe('websocket')
    await tab.click('#weathers [role=switch]')
    await expect.poll(carrying, { timeout: 20_000 }).toBe('sse')
    await tab.click('#publish')
    const text = (selector: string) =>
      tab.evaluate((selector) => document.querySelector(selector)?.textContent ?? '', selector)
    await expect.poll(() => text('#published'), { timeout: 20_000 }).toBe('Published 1, stored 1, came back 1.')
    expect(await text('#messages')).toContain('SSE')
    expect(await problemsOf(tab)).toEqual([])
  })
})
