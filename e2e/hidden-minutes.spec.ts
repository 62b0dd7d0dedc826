// The timers of a tab that was hidden for five minutes run once a minute (N18). Here they begin to after two seconds.
import { COLUMNS, upTo } from './page-harness.ts'
import { connections, hide, isThrottled, look } from './hidden-tabs.ts'
import { expect, FIRST, test } from './plain-fixture.ts'

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

test.use({ switches: ['--enable-features=IntensiveWakeUpThrottling:grace_period_seconds/2'] })

test(
  'R9 N18 hidden for three minutes with timers that run once a minute, on each transport: no false alarm, nothing lost',
  { tag: ['@chromium', '@window', '@real'] },
  async ({ openColumn, hubServer }) => {
    test.setTimeout(400_000)
    const tabs = await hide(openColumn, COLUMNS, {})
    const before = tabs.map(({ net }) => connections(net))
    for (const note of upTo(6)) {
      for (const { net } of tabs) await hubServer.hub.publish(net.channel, { note: String(note) })
      await pause(32_000)
    }
    for (const [index, tab] of tabs.entries()) {
      const { name, net } = tab
      expect([name, await look(tab)]).toEqual([
        name,
        { visibility: 'hidden', offsets: upTo(FIRST + 6), gaps: [], facts: [] },
      ])
      expect([name, connections(net)]).toEqual([name, before[index]])
      // Once a second until the minutes began, somewhere within the first of them: only the last pause is surely a whole one.
      await tab.tab.evaluate(() => window.ticks.splice(0, window.ticks.length - 2))
      await isThrottled(tab, 50_000)
    }
  },
)
