import { expect, test } from './kept-page-fixture.ts'
import { COLUMNS, flow, installHarness, smokeOnce, upTo } from './page-harness.ts'

const MISSED = 10_000
/** Messages of one page at most. */
const PAGE = 1_000
const note = 'x'.repeat(100)

// Long-poll reads as interval polling does while there is more.
for (const { name, transports } of COLUMNS.filter(({ name }) => name !== 'long-poll')) {
  // Not over SSE, which the ladder may use: what the browser has of the stream already is handed over in one task, however much it is.
  const inTasks = name !== 'sse' && name !== 'ladder'
  // A long task blocks the main thread for more than 50 ms. On a slow machine everything takes longer, so a fixed piece of work of about
  // a millisecond is timed in the same page; and on a busy one a task is interrupted, so it may take 200 of it, where all of it in one task
  // would take a thousand. The listener only keeps what it gets: the time is the client's.
  test(
    `R22 ${name}: 10,000 missed messages come in pages, in order, merged with live ones${inTasks ? ', and no task is long' : ''}`,
    { tag: smokeOnce(name) },
    async ({ page, net, hubServer, browserName }) => {
      test.slow()
      const { faults } = net.room
      await installHarness(page, net, transports)
      await page.evaluate(async () => {
        const { harness } = window
        const client = harness.createClient()
        await harness.record(client).subscription.ready
        await harness.until(() => client.state.name === 'online', 'online')
        client.disconnect()
      })
      await expect.poll(() => faults.openLinks).toBe(0)
      for (let count = 0; count < MISSED; count++) await hubServer.hub.publish(net.channel, { note })
      const before = faults.log.length
      const stop = flow(hubServer, net.channel, 200)
      const { unitMs, knownMs, longestMs, merged } = await page.evaluate(async (missed) => {
        const { harness, client, recording } = window
        const tasks: number[] = []
        // Firefox knows no such entries.
        new PerformanceObserver((list) => tasks.push(...list.getEntries().map(({ duration }) => duration))).observe({
          type: 'longtask',
        })
        const unit = (): number => {
          const began = performance.now()
          JSON.parse(JSON.stringify(Array.from({ length: 1_500 }, (_, n) => ({ n, data: 'x'.repeat(100) }))))
          return performance.now() - began
        }
        const inTask = async (task: () => void) => {
          await new Promise((resolve) => setTimeout(resolve, 20))
          task()
        }
        const longest = async (): Promise<number> => {
          await inTask(() => undefined)
          return Math.max(0, ...tasks.splice(0))
        }
        const units: number[] = []
        const calibrate = async () => {
          for (let run = 0; run < 10; run++) await inTask(() => units.push(unit()))
        }
        await inTask(() => {
          for (const began = performance.now(); performance.now() - began < 100;) unit()
        })
        const knownMs = await longest()
        await calibrate()
        await longest()
        const began = Date.now()
        client.connect()
        await harness.until(() => recording.messages.length >= missed, 'what was missed')
        const ended = Date.now()
        const longestMs = await longest()
        await calibrate()
        return {
          unitMs: units.reduce((sum, each) => sum + each, 0) / units.length,
          knownMs,
          longestMs,
          merged: { began, ended },
        }
      }, MISSED)
      const sent = await stop()
      const seen = await page.evaluate(
        async ({ total, missed, began, ended }) => {
          const { harness, recording } = window
          const { messages } = recording
          await harness.until(() => messages.length >= total, 'what was published meanwhile')
          const live = messages.slice(missed).filter(({ timeMs }) => timeMs > began && timeMs < ended)
          return { offsets: recording.offsets(), gaps: recording.gaps, live: live.length, errors: harness.errors }
        },
        { total: MISSED + sent, missed: MISSED, ...merged },
      )
      expect(seen).toMatchObject({ offsets: upTo(MISSED + sent), gaps: [], errors: [] })
      expect(seen.live, 'published while the missed ones came').toBeGreaterThan(0)
      const runs = faults.log.slice(before).filter(({ frameType }) => frameType === 'run')
      expect(runs.length).toBeGreaterThanOrEqual(MISSED / PAGE)
      if (browserName !== 'chromium' || !inTasks) return
      expect(knownMs, 'a task of 100 ms is seen').toBeGreaterThanOrEqual(100)
      expect(longestMs).toBeLessThanOrEqual(200 * Math.max(1, unitMs))
    },
  )
}
