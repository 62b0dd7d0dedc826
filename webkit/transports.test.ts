import { describe, expect } from 'vitest'
import { COLUMNS, upTo } from '../e2e/page-harness.ts'
import { until } from '../middleboxes/until.ts'
import { test } from './fixture.ts'

// What a column may show to the network: the requests of its own kind, and reads and publishes beside them.
const PATHS: Readonly<Record<string, readonly string[]>> = {
  websocket: ['/realtime'],
  sse: ['/realtime/stream', '/realtime/poll', '/realtime/publish'],
  'long-poll': ['/realtime/poll', '/realtime/publish'],
  poll: ['/realtime/poll', '/realtime/publish'],
  ladder: ['/realtime', '/realtime/stream', '/realtime/poll', '/realtime/publish'],
}

for (const { name, transports } of COLUMNS) {
  const carrier = name === 'ladder' ? 'websocket' : name

  describe(name, () => {
    test('R1 R5 R6 R17 messages both ways come once, in order and acked, over this transport alone', async ({
      open,
      net,
      hubServer,
    }) => {
      const tab = await open(transports)
      await tab.evaluate(() => window.harness.record(window.harness.createClient()).subscription.ready)
      for (const note of ['a', 'b', 'c']) await hubServer.hub.publish(net.channel, { note })
      const answered = tab.evaluate(async (notes) => {
        const { harness, client } = window
        const published = await Promise.all(notes.map((note) => client.publish(harness.channel, { note })))
        return published.map(({ position, id }) => `${position} ${id}`)
      }, upTo(10).map(String))
      for (const note of ['d', 'e', 'f']) await hubServer.hub.publish(net.channel, { note })
      const acks = await answered
      const seen = await tab.evaluate(async () => {
        const { harness, client, recording } = window
        const { messages, offsets, gaps } = recording
        await harness.until(() => messages.length >= 16 && client.state.name === 'online', '16 messages, and online')
        const own = messages.filter(({ own }) => own)
        return {
          offsets: offsets(),
          gaps: gaps.length,
          own: own.map(({ data }) => (data as { note: string }).note),
          acked: own.map(({ position, id }) => `${position} ${id}`),
          transport: client.state.transport,
          errors: harness.errors,
        }
      })
      expect(seen).toEqual({
        offsets: upTo(16),
        gaps: 0,
        own: upTo(10).map(String),
        acked: acks,
        transport: carrier,
        errors: [],
      })
      const paths = new Set(net.room.faults.log.flatMap(({ path }) => path ?? []))
      expect(PATHS[name]).toEqual(expect.arrayContaining([...paths]))
      expect(paths.has(PATHS[name]?.[0] ?? '')).toBe(true)
    })

    test('R1 R2 what was published during an outage comes after it, once and without a gap', async ({
      open,
      net,
      hubServer,
    }) => {
      const { faults } = net.room
      const tab = await open(transports)
      await tab.evaluate(async () => {
        const { harness } = window
        const client = harness.createClient()
        const { messages } = harness.record(client)
        await client.publish(harness.channel, { note: 'first' })
        await harness.until(() => messages.length === 1 && client.state.name === 'online', 'the first, and online')
      })
      // Interval polling has none between two requests.
      if (name !== 'poll') await until('an open link', () => faults.openLinks > 0)
      const refused = faults.add({ match: {}, action: { type: 'refuse' } })
      expect(faults.cut() > 0 || name === 'poll').toBe(true)
      for (const note of ['2', '3', '4']) await hubServer.hub.publish(net.channel, { note })
      const waits = tab.evaluate(() =>
        window.client.publish(window.harness.channel, { note: 'meanwhile' }).then(() => 1),
      )
      await faults.waitFor(({ kind, rule }) => kind === 'fault' && rule === refused, 20_000)
      faults.remove(refused)
      expect(await waits).toBe(1)
      await hubServer.hub.publish(net.channel, { note: 'last' })
      const seen = await tab.evaluate(async () => {
        const { harness, client, recording } = window
        const { messages, offsets, gaps } = recording
        await harness.until(() => messages.length >= 6 && client.state.name === 'online', 'six messages, and online')
        return {
          offsets: offsets(),
          gaps: gaps.length,
          notes: messages.map(({ data }) => (data as { note: string }).note),
        }
      })
      expect(seen.offsets).toEqual(upTo(6))
      expect(seen.gaps).toBe(0)
      expect(seen.notes).toEqual(['first', '2', '3', '4', 'meanwhile', 'last'])
    })

    test('§1.4 N31 32 KiB of any script, and signs that a slice cuts in two, come as they were published', async ({
      open,
      net,
    }) => {
      const { faults } = net.room
      const tab = await open(transports)
      await tab.evaluate(() => window.harness.record(window.harness.createClient()).subscription.ready)
      const sizes = [
        [1_021, 1],
        [1, 1],
      ] as const
      const same: boolean[] = []
      for (const [bytes, gapMs] of sizes) {
        const rule = faults.add({ match: {}, action: { type: 'slice', bytes, gapMs } })
        same.push(
          ...(await tab.evaluate(async (many) => {
            const { harness, client, recording } = window
            const signs =
              '👩‍👩‍👧 🏳️‍🌈 漢字 ÄßéŁ Ω ש ع ก 한글 e\u0301 \u202e\u200f\ufeff\u2028\u2029\u00a0\u0085 \n\ndata: x\r\r:\n'
            const texts = many
              ? [signs.repeat(400).slice(0, 16_384), '\u2028漢'.repeat(5_461), 'é'.repeat(16_383)]
              : [signs]
            const before = recording.messages.length
            await Promise.all(texts.map((text) => client.publish(harness.channel, text)))
            await harness.until(() => recording.messages.length === before + texts.length, 'all that was published')
            return texts.map((text, index) => recording.messages[before + index]?.data === text)
          }, bytes > 1)),
        )
        expect(faults.log.some((event) => event.kind === 'fault' && event.rule === rule)).toBe(true)
        faults.remove(rule)
      }
      expect(same).toEqual([true, true, true, true])
      expect(await tab.evaluate(() => window.recording.offsets())).toEqual(upTo(4))
    })

    test('R7 R20 close() leaves no request open, and what was sent without an answer is unknown', async ({
      open,
      net,
    }) => {
      const { faults } = net.room
      const tab = await open(transports)
      await tab.evaluate(async () => {
        const { harness } = window
        const client = harness.createClient()
        await harness.record(client).subscription.ready
        await harness.until(() => client.state.name === 'online', 'online')
      })
      const unanswered = faults.add(
        carrier === 'websocket'
          ? { match: { kind: 'ws', frame: 'ack' }, action: { type: 'replace', frame: { type: 'heartbeat' } } }
          : { match: { path: '/publish' }, action: { type: 'hang' } },
      )
      await tab.evaluate(() => {
        const { harness, client } = window
        const outcome = harness.outcome(client.publish(harness.channel, 1))
        Object.assign(window, { outcome })
      })
      await faults.waitFor(({ kind, rule }) => kind === 'fault' && rule === unanswered, 20_000)
      expect(faults.openLinks).toBeGreaterThan(0)
      const outcome = await tab.evaluate(() => {
        window.client.close()
        return (window as unknown as { outcome: Promise<unknown> }).outcome
      })
      expect(outcome).toBe('unknown')
      await until(
        'no open link',
        () => faults.openLinks === 0,
        () => faults.log.slice(-10),
      )
    })
  })
}
