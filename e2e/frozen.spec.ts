// A freeze is what phones and Energy Saver do to pages: no task runs. Chromium ends a WebSocket then, and a body that is read through
// `fetch` never goes on, without any error (N19).
import { SCALE, timing } from './timing.ts'
import type { Room } from './hub-fixture.ts'
import { COLUMNS, upTo } from './page-harness.ts'
import { expect, FIRST, test } from './plain-fixture.ts'
import type { ColumnTab } from './plain-fixture.ts'

declare global {
  interface Window {
    resumedMs: number
  }
}

const HISTORY = 50
const BEAT_AND_GRACE_MS = 15_000

test.use({ history: HISTORY })

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** The tab gets one more message, so that its link has just given a sign of life, and is frozen at once. */
const freeze = async ({ name, net, tab }: ColumnTab, publish: (net: Room) => Promise<unknown>): Promise<void> => {
  await tab.evaluate(() => {
    document.addEventListener('freeze', () => window.facts.push('freeze'))
    addEventListener('resume', () => (window.resumedMs = performance.now()), { capture: true })
  })
  await publish(net)
  await tab.evaluate(
    (wanted) => window.harness.until(() => window.recording.messages.length === wanted, 'one more message'),
    FIRST + 1,
  )
  await tab.send('Page.setWebLifecycleState', { state: 'frozen' })
  // A freeze that the page does not hear of is none.
  await expect.poll(() => tab.evaluate(() => window.facts), { message: name, intervals: [10] }).toContain('freeze')
}

const thaw = ({ tab }: ColumnTab) => tab.send('Page.setWebLifecycleState', { state: 'active' })

/** What the tab has once it has `last`, and a message of its own after that. */
const look = ({ tab }: ColumnTab, last: number) =>
  tab.evaluate(async (last) => {
    const { harness, client, recording, facts } = window
    const { messages, gaps } = recording
    await harness.until(() => messages.at(-1)?.offset === last, 'what came meanwhile')
    const tookMs = performance.now() - window.resumedMs
    const since = facts.slice(facts.indexOf('freeze'))
    await client.publish(harness.channel, 'own')
    await harness.until(() => messages.at(-1)?.own === true, 'what it published')
    const offsetOf = (position: string) => Number(position.split('.')[1])
    return {
      offsets: recording.offsets(),
      gaps: gaps.map(({ from, to, reason }) => ({ from: offsetOf(from), to: offsetOf(to), reason })),
      tookMs,
      since,
    }
  }, last)

test(
  'R10 N19 F18 frozen for half a second, on each transport: what came meanwhile is there before any deadline',
  { tag: '@chromium' },
  async ({ openColumn, hubServer }) => {
    test.slow()
    const publish = ({ channel }: Room) => hubServer.hub.publish(channel, { note: 'meanwhile' })
    await Promise.all(
      COLUMNS.map(async (column) => {
        // The durations of a real page: the silence of a stream would count as its end after 15 s.
        const tab = await openColumn(column, {}, 'window')
        await freeze(tab, publish)
        for (const _ of upTo(5)) await publish(tab.net)
        await pause(500)
        // It stays hidden: nothing but `resume` tells it.
        await thaw(tab)
        const { offsets, gaps, since } = await look(tab, FIRST + 6)
        expect([tab.name, offsets, gaps]).toEqual([tab.name, upTo(FIRST + 7), []])
        expect([tab.name, ...since.filter((fact) => /silent|timeout/.test(fact))]).toEqual([tab.name])
      }),
    )
  },
)

test(
  'R10 N19 F18 frozen for longer than beat and grace, on each transport: what came meanwhile is there, once',
  { tag: '@chromium' },
  async ({ openColumn, hubServer }) => {
    test.slow()
    const publish = ({ channel }: Room) => hubServer.hub.publish(channel, { note: 'meanwhile' })
    const tabs = await Promise.all(COLUMNS.map((column) => openColumn(column, timing)))
    await Promise.all(tabs.map((tab) => freeze(tab, publish)))
    for (const { net } of tabs) for (const _ of upTo(5)) await publish(net)
    await pause((1.2 * BEAT_AND_GRACE_MS) / SCALE)
    for (const tab of tabs) {
      await thaw(tab)
      await tab.tab.activate()
      const { offsets, gaps, tookMs } = await look(tab, FIRST + 6)
      expect([tab.name, offsets, gaps]).toEqual([tab.name, upTo(FIRST + 7), []])
      expect(tookMs, tab.name).toBeLessThan(BEAT_AND_GRACE_MS / SCALE)
    }
  },
)

test(
  'R4 R10 F25 frozen while more came than history keeps, on each transport: one gap, and all that follows it',
  { tag: '@chromium' },
  async ({ openColumn, hubServer }) => {
    test.slow()
    const publish = ({ channel }: Room) => hubServer.hub.publish(channel, { note: 'meanwhile' })
    const tabs = await Promise.all(COLUMNS.map((column) => openColumn(column, timing)))
    await Promise.all(tabs.map((tab) => freeze(tab, publish)))
    for (const { net } of tabs) await publish(net)
    // A held poll has its answer now, so nothing of what follows is in it.
    const held = tabs.find(({ name }) => name === 'long-poll')
    await expect.poll(() => held?.net.room.faults.openLinks).toBe(0)
    for (const { net } of tabs) for (const _ of upTo(HISTORY + 9)) await publish(net)
    const last = FIRST + HISTORY + 11
    for (const tab of tabs) {
      await thaw(tab)
      await tab.tab.activate()
      const { offsets, gaps } = await look(tab, last)
      // The answer that was on its way when the page froze may count.
      const had = gaps[0]?.from ?? 0
      expect([FIRST + 1, FIRST + 2]).toContain(had)
      expect([tab.name, gaps]).toEqual([tab.name, [{ from: had, to: last - HISTORY, reason: 'trimmed' }]])
      const kept = upTo(last + 1).slice(last - HISTORY)
      expect([tab.name, offsets]).toEqual([tab.name, [...upTo(had), ...kept]])
    }
  },
)
