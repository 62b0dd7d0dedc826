import { expect, test } from './kept-page-fixture.ts'
import { COLUMNS, installHarness } from './page-harness.ts'

for (const { name, transports } of COLUMNS) {
  test(
    `§8.14 over ${name}: a page is seen by others, whatever it says of itself, and is gone as soon as it is left`,
    // Firefox closes WebSockets before it tells a page that it goes: then only a request is left to say so.
    { tag: name === 'websocket' ? '@chromium' : '@smoke' },
    async ({ page, context, net, hubServer }) => {
      const seen = async (): Promise<unknown[]> => (await hubServer.hub.members(net.channel)).map(({ data }) => data)
      const other = await context.newPage()
      for (const tab of [page, other]) {
        await tab.goto(`${hubServer.url}/nothing-here`)
        await tab.addScriptTag({ url: '/holdfast.min.js' })
        await installHarness(tab, net, transports)
      }
      const own = await page.evaluate(async () => {
        const { harness } = window
        const client = harness.createClient()
        const { presence } = client.subscribe(harness.channel, () => undefined)
        Object.assign(window, { presence })
        await presence.ready
        await presence.enter({ name: 'Ann' })
        await harness.until(() => presence.members.length === 1, 'itself')
        await presence.enter({ name: 'Ann', away: true })
        return presence.members.map(({ own: isOwn, id }) => [isOwn, id === client.publisher])
      })
      expect(own).toEqual([[true, true]])
      const watched = await other.evaluate(async () => {
        const { harness } = window
        const client = harness.createClient()
        const { presence } = client.subscribe(harness.channel, () => undefined)
        await presence.ready
        const before = presence.members.map(({ data, own: isOwn }) => [data, isOwn])
        Object.assign(window, { presence })
        return before
      })
      expect(watched).toEqual([[{ name: 'Ann', away: true }, false]])
      expect(await seen()).toEqual([{ name: 'Ann', away: true }])
      // Long before the 75 s after which the hub finds it out.
      await page.goto(`${hubServer.url}/elsewhere`)
      await expect.poll(seen, { timeout: 20_000 }).toEqual([])
      await other.evaluate(() => {
        const { harness, presence } = window as unknown as {
          harness: typeof window.harness
          presence: { members: unknown[] }
        }
        return harness.until(() => presence.members.length === 0, 'that it is gone')
      })
    },
  )
}
