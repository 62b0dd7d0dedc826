import type { Match } from 'holdfast/testing'
import { expect, test } from './kept-page-fixture.ts'
import { COLUMNS, installHarness, smokeOnce, upTo } from './page-harness.ts'

const COUNT = 95

/** A transport that is alone without polls reads by a short link of its own kind. */
const READS: Readonly<Record<string, Match>> = { websocket: { kind: 'ws' }, sse: { path: '/stream' } }

for (const { name, transports } of COLUMNS) {
  test.describe(name, () => {
    test.beforeEach(async ({ page, net, hubServer }) => {
      for (let n = 1; n <= COUNT; n++) await hubServer.hub.publish(net.channel, { note: String(n) })
      await installHarness(page, net, transports)
    })

    test(
      '§3.16 pages back to the first message, beside a subscription that stays where it is and goes on',
      { tag: smokeOnce(name) },
      async ({ page }) => {
        const seen = await page.evaluate(async () => {
          const { harness } = window
          const client = harness.createClient()
          const recording = harness.record(client, undefined, { from: { last: 5 } })
          await harness.until(() => recording.messages.length === 5, 'the newest five')
          const read: number[] = []
          const moved: unknown[] = []
          const { position } = recording.subscription
          let before = recording.messages[0]?.position
          for (let more = true; more;) {
            const page = await client.history(harness.channel, { before, limit: 20 })
            read.unshift(...page.messages.map(({ offset }) => offset))
            moved.push(recording.subscription.position === position, page.gap)
            before = page.messages[0]?.position
            more = page.more
          }
          const newest = await client.history(harness.channel, { limit: 2 })
          await client.publish(harness.channel, { note: 'afterwards' })
          await harness.until(() => recording.messages.length === 6, 'what is published afterwards')
          return {
            read,
            newest: newest.messages.map(({ data, own, replayed }) => [data, own, replayed]),
            live: recording.offsets(),
            moved: [...new Set(moved)],
            errors: harness.errors,
          }
        })
        expect(seen).toEqual({
          read: upTo(COUNT - 5),
          newest: [
            [{ note: String(COUNT - 1) }, false, true],
            [{ note: String(COUNT) }, false, true],
          ],
          live: upTo(COUNT + 1).slice(-6),
          moved: [true, undefined],
          errors: [],
        })
      },
    )

    test('without a subscription it connects, and says when a position is none any more', async ({ page }) => {
      const seen = await page.evaluate(async () => {
        const { harness } = window
        const client = harness.createClient()
        const { messages, more } = await client.history(harness.channel, { limit: 3 })
        const strange = messages[2]?.position.replace(/\.(\d+)\./, '.7$1.')
        const lost = await client.history(harness.channel, { before: strange })
        return {
          newest: [messages.map(({ offset }) => offset), more],
          lost: [lost.messages, lost.more, lost.gap?.reason, lost.gap?.from === strange],
          refused: await harness.outcome(client.history('nobody:may')),
          bad: await harness.outcome(client.history(harness.channel, { limit: 0 })),
          aborted: await harness.outcome(client.history(harness.channel, { signal: AbortSignal.abort() })),
        }
      })
      expect(seen).toEqual({
        newest: [upTo(COUNT).slice(-3), true],
        lost: [[], false, 'lost-tail', true],
        refused: 'forbidden',
        bad: 'invalid-argument',
        aborted: 'aborted',
      })
    })

    // What an interval poll asks looks like a read.
    if (name !== 'poll') {
      test('a read that is cut is done again', async ({ page, net }) => {
        const { faults } = net.room
        await page.evaluate(async () => {
          const { harness } = window
          const client = harness.createClient()
          await harness.record(client, undefined, { from: 'latest' }).subscription.ready
          await harness.until(() => client.state.name === 'online', 'online')
        })
        faults.add({ match: READS[name] ?? { path: '/poll', held: false }, action: { type: 'reset' }, times: 1 })
        const since = faults.log.length
        const read = await page.evaluate(async () => {
          const { messages } = await window.client.history(window.harness.channel, { limit: 2 })
          return messages.map(({ offset }) => offset)
        })
        expect(read).toEqual(upTo(COUNT).slice(-2))
        expect(faults.log.slice(since).filter(({ kind }) => kind === 'fault')).toHaveLength(1)
      })
    }
  })
}
