import { describe, expect } from 'vitest'
import { flow, upTo } from '../e2e/page-harness.ts'
import { until } from '../middleboxes/until.ts'
import { test } from './fixture.ts'

describe('R10 a page that is left and come back to', () => {
  for (const transports of [undefined, ['sse'], ['long-poll'], ['poll']] as const) {
    test(`${transports?.[0] ?? 'ladder'}: leaves no link, and gets what it missed`, async ({
      open,
      net,
      hubServer,
    }) => {
      const { faults } = net.room
      const tab = await open(transports && [...transports])
      await tab.evaluate(async () => {
        const { harness } = window
        addEventListener('pageshow', ({ persisted }) => Object.assign(window, { persisted }))
        const client = harness.createClient()
        const { messages } = harness.record(client)
        await harness.append([{ note: '1' }])
        await harness.until(() => messages.length === 1 && client.state.name === 'online', 'the first message')
      })
      await tab.goto(`${hubServer.url}/elsewhere`)
      await until('no open link', () => faults.openLinks === 0)
      for (const note of ['2', '3']) await hubServer.hub.publish(net.channel, { note })
      await tab.back()
      const seen = await tab.evaluate(async () => {
        const { harness, recording } = window
        await harness.until(() => recording.messages.length === 3, 'what was missed')
        const { persisted } = window as unknown as { persisted: boolean }
        return { persisted, offsets: recording.offsets(), gaps: recording.gaps.length }
      })
      expect(seen).toEqual({ persisted: true, offsets: [1, 2, 3], gaps: 0 })
      await hubServer.hub.publish(net.channel, { note: '4' })
      await tab.evaluate(() => window.harness.until(() => window.recording.messages.length === 4, 'what follows'))
    })
  }
})

test('R9 R10 a hidden tab gets every message, and publishes', async ({ open, net, hubServer }) => {
  const tab = await open(undefined, 'tab')
  const hidden = await tab.evaluate(async () => {
    const { harness } = window
    const client = harness.createClient()
    await harness.record(client).subscription.ready
    await harness.until(() => client.state.name === 'online', 'online')
    return document.visibilityState
  })
  expect(hidden).toBe('hidden')
  const stop = flow(hubServer, net.channel, 20)
  await tab.evaluate(async () => {
    const { harness, client, recording } = window
    await harness.until(() => recording.messages.length > 20, 'messages that flow')
    await client.publish(harness.channel, { note: 'up' })
  })
  const total = (await stop()) + 1
  const seen = await tab.evaluate(async (total) => {
    const { harness, recording, client } = window
    await harness.until(() => recording.messages.length === total, `${total} messages`)
    return { offsets: recording.offsets(), gaps: recording.gaps.length, transport: client.state.transport }
  }, total)
  expect(seen).toEqual({ offsets: upTo(total), gaps: 0, transport: 'websocket' })
})

for (const [title, count, transports] of [
  ['two windows over SSE alone', 2, ['sse']],
  ['seven windows without WebSocket (F27)', 7, undefined],
] as const) {
  test(`R23 ${title} on HTTP/1.1 all receive and can publish`, async ({ open, net, hubServer }) => {
    const { faults } = net.room
    const refused = faults.add({ match: { kind: 'ws' }, action: { type: 'refuse' } })
    const tabs = []
    while (tabs.length < count) {
      const tab = await open(transports && [...transports])
      tabs.push(tab)
      await tab.evaluate(async () => {
        const { harness } = window
        const client = harness.createClient()
        await harness.record(client).subscription.ready
        await harness.until(() => client.state.name === 'online', 'online')
      })
    }
    const kinds = []
    for (const tab of tabs) kinds.push(await tab.evaluate(() => window.client.state.transport))
    expect(kinds.filter((kind) => kind === 'websocket')).toEqual([])
    // Three requests of an origin may be kept open, or nothing is left of the six connections for the others.
    expect(kinds.filter((kind) => kind !== 'poll').length).toBeLessThanOrEqual(3)
    const stop = flow(hubServer, net.channel, 20)
    for (const [index, tab] of tabs.entries()) {
      await tab.evaluate((note) => {
        const { harness, client } = window
        return client.publish(harness.channel, { note }).then(() => undefined)
      }, `window ${index}`)
    }
    const total = (await stop()) + count
    for (const [index, tab] of tabs.entries()) {
      const seen = await tab.evaluate(async (total) => {
        const { harness, recording } = window
        await harness.until(() => recording.messages.length >= total, `${total} messages`)
        const own = recording.messages.filter((message) => message.own)
        return {
          offsets: recording.offsets(),
          gaps: recording.gaps.length,
          own: own.map(({ data }) => (data as { note: string }).note),
        }
      }, total)
      expect(seen).toEqual({ offsets: upTo(total), gaps: 0, own: [`window ${index}`] })
    }
    const protocols = await tabs[0]?.evaluate(() =>
      performance.getEntriesByType('resource').map((entry) => (entry as PerformanceResourceTiming).nextHopProtocol),
    )
    expect(protocols).toContain('http/1.1')
    if (!transports) expect(faults.log.some((event) => event.kind === 'fault' && event.rule === refused)).toBe(true)
  })
}
