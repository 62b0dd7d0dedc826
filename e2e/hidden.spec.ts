// A tab behind another one: its timers run once a second (N18).
import { timing } from './timing.ts'
import { COLUMNS, upTo } from './page-harness.ts'
import { beats, connections, hide, isThrottled, look } from './hidden-tabs.ts'
import { expect, FIRST, test } from './plain-fixture.ts'

test(
  'R9 N18 hidden for three beats, on each transport: no link is dropped, and what is published comes',
  { tag: ['@chromium', '@window'] },
  async ({ openColumn, hubServer }) => {
    test.slow()
    const tabs = await hide(openColumn, COLUMNS, { ...timing, heartbeatMs: 1_000, graceMs: 2_000 })
    const before = tabs.map(({ net }) => ({ beats: beats(net), connections: connections(net) }))
    // Beats and nothing else.
    for (const [index, { name, net }] of tabs.entries()) {
      if (name === 'poll' || name === 'long-poll') continue
      const wanted = (before[index]?.beats ?? 0) + 3
      await expect.poll(() => beats(net), { message: name, timeout: 20_000 }).toBeGreaterThanOrEqual(wanted)
    }
    for (const { net } of tabs)
      for (const note of upTo(5)) await hubServer.hub.publish(net.channel, { note: String(note) })
    for (const [index, tab] of tabs.entries()) {
      const { name, net } = tab
      await expect.poll(async () => (await look(tab)).offsets, { message: name }).toHaveLength(FIRST + 5)
      expect([name, await look(tab)]).toEqual([
        name,
        { visibility: 'hidden', offsets: upTo(FIRST + 5), gaps: [], facts: [] },
      ])
      expect([name, connections(net)]).toEqual([name, before[index]?.connections])
      await isThrottled(tab, 500)
    }
  },
)

test(
  'R9 N18 hidden, a link that goes mute is noticed, and what was missed comes over another one',
  { tag: ['@chromium', '@window'] },
  async ({ openColumn, hubServer }) => {
    test.slow()
    const beating = COLUMNS.filter(({ name }) => name !== 'poll' && name !== 'long-poll')
    const tabs = await hide(openColumn, beating, timing)
    for (const { net } of tabs) {
      const { faults } = net.room
      const mute = faults.add({ match: {}, action: { type: 'suppress', direction: 'both' } })
      await hubServer.hub.publish(net.channel, { note: 'lost on this link' })
      await faults.waitFor((event) => event.kind === 'fault' && event.rule === mute)
      faults.remove(mute)
    }
    for (const tab of tabs) {
      const { name } = tab
      await expect
        .poll(async () => (await look(tab)).offsets, { message: name, timeout: 20_000 })
        .toHaveLength(FIRST + 1)
      const { visibility, offsets, gaps, facts } = await look(tab)
      expect([name, visibility, offsets, gaps]).toEqual([name, 'hidden', upTo(FIRST + 1), []])
      expect([name, facts.filter((fact) => fact.startsWith('silent')).length]).toEqual([name, 1])
      await isThrottled(tab, 500)
    }
  },
)
