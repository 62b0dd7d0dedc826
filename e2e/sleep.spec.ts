// A device that sleeps runs nothing, and when it wakes its clock may say something else (N22).
import type { Page } from '@playwright/test'
import { SCALE, timing } from './timing.ts'
import { connections } from './hidden-tabs.ts'
import { COLUMNS, openPage, upTo } from './page-harness.ts'
import { expect, FIRST, test } from './plain-fixture.ts'

declare global {
  interface Window {
    longestPauseMs: number
    /** What is added to the time of day. */
    jumpMs: number
  }
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
const BEAT_AND_GRACE_MS = 15_000 / SCALE

test(
  'R10 N22 the browser stopped for longer than beat and grace, on each transport: what was published comes, whether links outlived it or not',
  { tag: '@chromium' },
  async ({ plainBrowser, openColumn, hubServer }) => {
    test.slow()
    const tabs = await Promise.all(
      [...COLUMNS, ...COLUMNS.filter(({ name }) => name !== 'poll' && name !== 'long-poll')].map(
        async (column, index) => {
          const mute = index >= COLUMNS.length
          const opened = await openColumn(column, timing, 'window')
          await opened.tab.evaluate(() => {
            let last = performance.now()
            window.longestPauseMs = 0
            setInterval(() => {
              window.longestPauseMs = Math.max(window.longestPauseMs, performance.now() - last)
              last = performance.now()
            }, 100)
          })
          return { ...opened, mute, name: `${column.name}${mute ? ' that went mute' : ''}` }
        },
      ),
    )
    const asleepMs = 1.2 * BEAT_AND_GRACE_MS
    plainBrowser.signal('SIGSTOP')
    try {
      for (const { net, mute } of tabs) {
        const { faults } = net.room
        const isOpen = faults.openLinks > 0
        if (mute) faults.add({ match: {}, action: { type: 'suppress', direction: 'both' } })
        for (const note of upTo(5)) await hubServer.hub.publish(net.channel, { note: String(note) })
        if (mute && isOpen) await faults.waitFor(({ kind, action }) => kind === 'fault' && action === 'suppress')
      }
      await pause(asleepMs)
      for (const { net } of tabs) net.room.faults.clear()
    } finally {
      plainBrowser.signal('SIGCONT')
    }
    await Promise.all(
      tabs.map(async ({ name, tab }) => {
        const seen = await tab.evaluate(
          async ({ wanted, asleepMs }) => {
            const { harness, client, recording } = window
            const { messages } = recording
            await harness.until(() => window.longestPauseMs > asleepMs * 0.9, 'that the page slept')
            await harness.until(() => messages.length >= wanted, 'what came meanwhile')
            await client.publish(harness.channel, 'own')
            await harness.until(() => messages.at(-1)?.own === true, 'what it published')
            return { offsets: recording.offsets(), gaps: recording.gaps }
          },
          { wanted: FIRST + 5, asleepMs },
        )
        expect([name, seen]).toEqual([name, { offsets: upTo(FIRST + 6), gaps: [] }])
      }),
    )
  },
)

const HOUR = 3_600_000

test('R9 F18 the time of day jumps by hours and days, on each transport: no link is dropped, and messages flow', async ({
  context,
  newNet,
  hubServer,
}) => {
  test.slow()
  await context.addInitScript(() => {
    window.jumpMs = 0
    const { Date } = window
    window.Date = new Proxy(Date, {
      construct: (target, given: [] | [number]) => new target(given[0] ?? window.Date.now()),
      get: (target, name) =>
        name === 'now' ? () => target.now() + window.jumpMs : (Reflect.get(target, name) as unknown),
    })
  })
  // Short beats, so that each jump sees one.
  const beating = { ...timing, heartbeatMs: 600, graceMs: BEAT_AND_GRACE_MS - 600 }
  const tabs = await Promise.all(
    COLUMNS.map(async ({ name, transports }) => {
      const page: Page = await context.newPage()
      const net = newNet()
      await openPage(page, hubServer, net, transports)
      await page.evaluate(
        async ({ timing, best }) => {
          const { harness } = window
          const client = harness.createClient({ timing })
          await harness.record(client).subscription.ready
          await harness.until(() => client.state.transport === best, best)
          window.facts = []
          client.on('trace', ({ kind, transport }) => {
            // The answer to a first read may still come.
            if (kind !== 'welcome') window.facts.push(`${kind} ${transport ?? ''}`)
          })
        },
        { timing: beating, best: transports?.[0] ?? 'websocket' },
      )
      return { name, page, net, before: connections(net) }
    }),
  )
  for (const [index, ms] of [HOUR, -HOUR, 24 * HOUR, -24 * HOUR, 0].entries()) {
    await Promise.all(
      tabs.map(async ({ name, page, net }) => {
        const { faults } = net.room
        const seen = faults.log.length
        const shown = await page.evaluate((ms) => {
          const before = Date.now()
          const jump = ms - window.jumpMs
          window.jumpMs = ms
          return [Date.now() - before - jump, new Date().getTime() - before - jump]
        }, ms)
        for (const error of shown) expect(Math.abs(error), 'the clock jumped').toBeLessThan(HOUR / 2)
        await hubServer.hub.publish(net.channel, { note: 'news' })
        await page.evaluate(
          async (wanted) => {
            const { harness, client, recording } = window
            await client.publish(harness.channel, 'own')
            await harness.until(() => recording.messages.length === wanted, 'the news and its own message')
          },
          2 * (index + 1),
        )
        if (name === 'poll' || name === 'long-poll') return
        await expect.poll(() => faults.log.slice(seen).some(({ frameType }) => frameType === 'heartbeat')).toBe(true)
      }),
    )
  }
  for (const { name, page, net, before } of tabs) {
    const seen = await page.evaluate(() => [window.recording.offsets(), window.recording.gaps, window.facts])
    expect([name, ...seen]).toEqual([name, upTo(10), [], []])
    expect([name, connections(net)]).toEqual([name, before])
  }
})
