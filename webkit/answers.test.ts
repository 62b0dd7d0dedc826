import { describe, expect } from 'vitest'
import { flow, upTo } from '../e2e/page-harness.ts'
import type { Recording } from '../e2e/page-harness.ts'
import { test } from './fixture.ts'

/** Bytes of an answer after which it ends: in the welcome, between frames, in a message. */
const ENDS = [0, 1, 150, 320, 700]

for (const [name, path] of [
  ['websocket', ''],
  ['sse', '/stream'],
  ['long-poll', '/poll'],
  ['poll', '/poll'],
] as const) {
  describe(name, () => {
    for (const type of ['fin', 'reset'] as const) {
      test(`R1 R2 N31 an answer that ends too early by ${type === 'fin' ? 'FIN' : 'RST'} leaves no trace`, async ({
        open,
        net,
        hubServer,
      }) => {
        const { faults } = net.room
        for (const note of upTo(10).map(String)) await hubServer.hub.publish(net.channel, { note })
        const tab = await open([name])
        const match = name === 'websocket' ? ({ kind: 'ws' } as const) : { path }
        const rules = ENDS.map((bytes, index) =>
          faults.add({ match: { ...match, nth: index + 1 }, action: { type, bytes } }),
        )
        await tab.evaluate(() => window.harness.record(window.harness.createClient()).subscription.ready)
        for (const rule of rules) await faults.waitFor((event) => event.kind === 'fault' && event.rule === rule, 20_000)
        await hubServer.hub.publish(net.channel, { note: '11' })
        const seen = await tab.evaluate(async () => {
          const { harness, client, recording } = window
          await harness.until(() => recording.messages.length >= 11 && client.state.name === 'online', '11 messages')
          const notes = recording.messages.map(({ data }) => (data as { note: string }).note)
          return { offsets: recording.offsets(), notes, gaps: recording.gaps.length, errors: harness.errors }
        })
        expect(seen).toEqual({ offsets: upTo(11), notes: upTo(11).map(String), gaps: 0, errors: [] })
      })
    }
  })
}

for (const type of ['fin', 'reset'] as const) {
  test(`R5 a publish whose answer ends too early by ${type === 'fin' ? 'FIN' : 'RST'} is appended once`, async ({
    open,
    net,
  }) => {
    const { faults } = net.room
    const tab = await open(['sse'])
    await tab.evaluate(() => window.harness.record(window.harness.createClient()).subscription.ready)
    const rules = [0, 1, 150, 320].map((bytes, index) =>
      faults.add({ match: { path: '/publish', nth: index + 1 }, action: { type, bytes } }),
    )
    const seen = await tab.evaluate(async () => {
      const { harness, client, recording } = window
      const published = await Promise.all([1, 2, 3].map((note) => client.publish(harness.channel, note)))
      await client.publish(harness.channel, 4)
      await harness.until(() => recording.messages.length >= 4, 'four messages')
      return {
        data: recording.messages.map(({ data }) => data),
        same: published.every(({ id }, index) => recording.messages[index]?.id === id),
      }
    })
    expect(seen).toEqual({ data: upTo(4), same: true })
    for (const rule of rules) {
      expect(faults.log.some((event) => event.kind === 'fault' && event.rule === rule)).toBe(true)
    }
  })
}

for (const name of ['sse', 'long-poll'] as const) {
  test(`${name}: R26 channels added while messages flow cost none of them, and the links before go`, async ({
    open,
    net,
    hubServer,
  }) => {
    const tab = await open([name])
    await tab.evaluate(() => window.harness.record(window.harness.createClient()).subscription.ready)
    const stop = flow(hubServer, net.channel, 100)
    const added = await tab.evaluate(async () => {
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
      return recordings.map(({ offsets }) => offsets())
    })
    const total = await stop()
    const seen = await tab.evaluate(async (total) => {
      const { harness, recording } = window
      await harness.until(() => recording.messages.length >= total, `${total} messages`)
      return [recording.offsets(), recording.gaps.length, harness.errors]
    }, total)
    expect(added).toEqual([upTo(2), upTo(2), upTo(2)])
    expect(seen).toEqual([upTo(total), 0, []])
    await expect.poll(() => net.room.faults.openLinks, { timeout: 20_000 }).toBeLessThanOrEqual(1)
  })
}
