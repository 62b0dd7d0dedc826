import { expect, test } from './kept-page-fixture.ts'
import { COLUMNS, flow, installHarness, openPage, smokeOnce, upTo } from './page-harness.ts'
import type { Recording } from './page-harness.ts'

// What a column may show to the network: the requests of its own kind, and reads and publishes beside them.
const PATHS: Readonly<Record<string, readonly string[]>> = {
  websocket: ['/realtime'],
  sse: ['/realtime/stream', '/realtime/poll', '/realtime/publish'],
  'long-poll': ['/realtime/poll', '/realtime/publish'],
  poll: ['/realtime/poll', '/realtime/publish'],
  ladder: ['/realtime', '/realtime/stream', '/realtime/poll', '/realtime/publish'],
}

for (const { name, transports } of COLUMNS) {
  test.describe(name, () => {
    test.beforeEach(({ page, net }) => installHarness(page, net, transports))

    test('R17 carries messages both ways and asks for nothing else', { tag: '@smoke' }, async ({ page, net }) => {
      const carrier = await page.evaluate(async () => {
        const { harness } = window
        const client = harness.createClient()
        const { messages, subscription } = harness.record(client)
        await subscription.ready
        await harness.append([{ note: 'down' }])
        await client.publish(harness.channel, { note: 'up' })
        await harness.until(() => messages.length === 2 && client.state.name === 'online', 'both messages, and online')
        return client.state.transport
      })
      expect(carrier).toBe(name === 'ladder' ? 'websocket' : name)
      const paths = new Set(net.room.faults.log.flatMap(({ path }) => path ?? []))
      expect(PATHS[name]).toEqual(expect.arrayContaining([...paths]))
      expect(paths.has(PATHS[name]?.[0] ?? '')).toBe(true)
    })

    test('§3.2 latest starts at the head', async ({ page }) => {
      const seen = await page.evaluate(async () => {
        const { harness } = window
        await harness.append([1, 2, 3])
        const { messages, subscription, offsets } = harness.record(harness.createClient(), undefined, {})
        await subscription.ready
        await harness.append([4, 5])
        await harness.until(() => messages.length >= 2, 'two messages')
        return [offsets(), messages.map(({ data }) => data), messages.map(({ replayed }) => replayed)]
      })
      expect(seen).toEqual([
        [4, 5],
        [4, 5],
        [false, false],
      ])
    })

    test('§3.2 earliest replays the log and goes on live', { tag: smokeOnce(name) }, async ({ page }) => {
      const seen = await page.evaluate(async () => {
        const { harness } = window
        await harness.append([1, 2, 3])
        const { messages, subscription, offsets } = harness.record(harness.createClient())
        await subscription.ready
        await harness.append([4])
        await harness.until(() => messages.length >= 4, 'four messages')
        return [offsets(), messages.map(({ replayed }) => replayed)]
      })
      expect(seen).toEqual([
        [1, 2, 3, 4],
        [true, true, true, false],
      ])
    })

    test('§3.2 last n starts n messages back, or at the first', async ({ page }) => {
      const seen = await page.evaluate(async () => {
        const { harness } = window
        await harness.append([1, 2, 3, 4, 5])
        const client = harness.createClient()
        const recordings = [0, 2, 100].map((last) => harness.record(client, undefined, { from: { last } }))
        await Promise.all(recordings.map(({ subscription }) => subscription.ready))
        await harness.append([6])
        await harness.until(
          () => recordings.every(({ messages }) => messages.some(({ offset }) => offset === 6)),
          'the sixth message in each',
        )
        return recordings.map(({ offsets }) => offsets())
      })
      expect(seen).toEqual([[6], [4, 5, 6], upTo(6)])
    })

    test('R11 a stored position goes on where another client stood, also before the first message', async ({
      page,
    }) => {
      const seen = await page.evaluate(async () => {
        const { harness } = window
        const before = harness.createClient()
        const recorded = harness.record(before)
        const empty = await recorded.subscription.ready
        await harness.append([1, 2])
        await harness.until(() => recorded.messages.length === 2, 'two messages')
        const stored = recorded.messages[1]?.position ?? ''
        const stands = recorded.subscription.position === stored
        before.close()
        await harness.append([3, 4, 5])
        const client = harness.createClient()
        const recordings = [stored, empty].map((after) => harness.record(client, undefined, { from: { after } }))
        await harness.until(
          () => recordings.every(({ messages }) => messages.some(({ offset }) => offset === 5)),
          'the fifth message in each',
        )
        return { stands, offsets: recordings.map(({ offsets }) => offsets()), gaps: recordings.map(({ gaps }) => gaps) }
      })
      expect(seen).toEqual({ stands: true, offsets: [[3, 4, 5], upTo(5)], gaps: [[], []] })
    })

    test('R6 50 publishes without await arrive once, own and in order', { tag: '@smoke' }, async ({ page }) => {
      const seen = await page.evaluate(async () => {
        const { harness } = window
        const client = harness.createClient()
        const { messages } = harness.record(client)
        const published = await Promise.all(
          Array.from({ length: 50 }, (_, index) => client.publish(harness.channel, { note: String(index + 1) })),
        )
        await client.publish(harness.channel, { note: 'last' })
        await harness.until(() => messages.some(({ data }) => (data as { note: string }).note === 'last'), 'the last')
        return {
          notes: messages.map(({ data }) => (data as { note: string }).note),
          own: messages.filter(({ own }) => own).length,
          answered: published.map(({ position, id }) => `${position} ${id}`),
          received: messages.slice(0, 50).map(({ position, id }) => `${position} ${id}`),
        }
      })
      expect(seen.notes).toEqual([...upTo(50).map(String), 'last'])
      expect(seen.own).toBe(51)
      expect(seen.answered).toEqual(seen.received)
    })

    test('§4.4 another page gets them once, in order and not as its own', async ({ page, context, net, hubServer }) => {
      const other = await context.newPage()
      await openPage(other, hubServer, net, transports)
      await other.evaluate(() => window.harness.record(window.harness.createClient()).subscription.ready)
      await page.evaluate(async () => {
        const client = window.harness.createClient()
        await Promise.all([1, 2, 3, 4, 5].map((n) => client.publish(window.harness.channel, { note: String(n) })))
      })
      const seen = await other.evaluate(async () => {
        const { messages } = window.recording
        await window.harness.until(() => messages.length >= 5, 'five messages')
        return messages.map(({ data, own }) => [(data as { note: string }).note, own])
      })
      expect(seen).toEqual(upTo(5).map((n) => [String(n), false]))
    })

    test('R1 subscriptions to one channel each have their own start and get all of it', async ({ page }) => {
      const seen = await page.evaluate(async () => {
        const { harness } = window
        await harness.append([1, 2, 3])
        const client = harness.createClient()
        const live = harness.record(client, undefined, { from: 'latest' })
        await live.subscription.ready
        await harness.append([4])
        await harness.until(() => live.messages.length === 1, 'the fourth message')
        const late = harness.record(client)
        const news = harness.record(client, undefined, { from: 'latest' })
        await harness.append([5, 6])
        await Promise.all([late.subscription.ready, news.subscription.ready])
        await harness.append([7])
        const all = [live, late, news]
        await harness.until(() => all.every(({ offsets }) => offsets().includes(7)), 'the seventh message in each')
        return [live.offsets(), late.offsets(), news.offsets().slice(-1), news.offsets().length <= 3]
      })
      expect(seen).toEqual([[4, 5, 6, 7], upTo(7), [7], true])
    })

    test('R26 channels added while messages flow cost none of them', async ({ page, net, hubServer }) => {
      const { channel, room } = net
      await page.evaluate(() => window.harness.record(window.harness.createClient()).subscription.ready)
      const stop = flow(hubServer, channel, 200)
      const added = await page.evaluate(async () => {
        const { harness, client, recording } = window
        await harness.until(() => recording.messages.length > 20, 'messages that flow')
        const recordings: Recording[] = []
        for (const suffix of ['b', 'c', 'd']) {
          const added = harness.record(client, `${harness.channel}-${suffix}`)
          await added.subscription.ready
          await harness.append([suffix, suffix], `${harness.channel}-${suffix}`)
          recordings.push(added)
        }
        await harness.until(() => recordings.every(({ messages }) => messages.length === 2), 'two of each added')
        window.recording = recording
        const before = recording.messages.length
        await harness.until(() => recording.messages.length > before + 20, 'messages that flow on')
        return recordings.map(({ offsets }) => offsets())
      })
      const sent = await stop()
      const seen = await page.evaluate(async (sent) => {
        const { harness, recording } = window
        await harness.until(() => recording.messages.length >= sent, `${sent} messages`)
        return [recording.offsets(), recording.gaps, harness.errors]
      }, sent)
      expect(added).toEqual([upTo(2), upTo(2), upTo(2)])
      expect(seen).toEqual([upTo(sent), [], []])
      // The links before are gone. Chromium reads an aborted answer for up to 5 s more, in the hope to use the connection again.
      await expect.poll(() => room.faults.openLinks, { timeout: 8_000 }).toBeLessThanOrEqual(1)
    })
  })
}
