import type { TimingOptions } from 'holdfast'
import type { Rule } from 'holdfast/testing'
import { describe, expect } from 'vitest'
import { flow, upTo } from '../e2e/page-harness.ts'
import type { TransportName } from '../e2e/page-harness.ts'
import { timing } from '../e2e/timing.ts'
import { until } from '../middleboxes/until.ts'
import { test } from './fixture.ts'
import type { Tab } from './tab.ts'

const ws = { kind: 'ws' } as const
const refuseUpgrade: Rule = { match: ws, action: { type: 'respond', status: 403, headers: {}, body: '' } }
const muteWebSocket: Rule = { match: ws, action: { type: 'suppress', direction: 'both' } }

const start = (tab: Tab, timing?: Partial<TimingOptions>): Promise<void> =>
  tab.evaluate(async (timing) => {
    const { harness } = window
    const client = harness.createClient(timing ? { timing } : {})
    const facts: string[] = []
    Object.assign(window, { facts })
    client.on('trace', ({ kind, transport }) => facts.push(`${kind} ${transport ?? ''}`.trim()))
    await harness.record(client).subscription.ready
  }, timing)

const carriedBy = (tab: Tab, name: TransportName): Promise<void> =>
  tab.evaluate((name) => window.harness.until(() => window.client.state.transport === name, name), name)

/** Everything that was published, once, in order and without a gap. */
const hasAll = async (tab: Tab, total: number): Promise<void> => {
  const seen = await tab.evaluate(async (total) => {
    const { harness, recording } = window
    await harness.until(() => recording.messages.length >= total, `${total} messages`)
    return { offsets: recording.offsets(), gaps: recording.gaps.length, errors: harness.errors }
  }, total)
  expect(seen).toEqual({ offsets: upTo(total), gaps: 0, errors: [] })
}

for (const [clause, name, rule] of [
  ['N1', 'refused', refuseUpgrade],
  ['N2', 'opened and mute', muteWebSocket],
] as const) {
  test(`R8 R18 ${clause} while WebSocket is ${name} SSE carries, and then the client climbs back without loss`, async ({
    open,
    net,
    hubServer,
  }) => {
    const { faults } = net.room
    const id = faults.add(rule)
    const tab = await open()
    await start(tab)
    const stop = flow(hubServer, net.channel, 50)
    await carriedBy(tab, 'sse')
    expect(faults.log.some((event) => event.kind === 'fault' && event.rule === id)).toBe(true)
    await tab.evaluate(() => window.client.publish(window.harness.channel, { note: 'up' }).then(() => undefined))
    faults.remove(id)
    await carriedBy(tab, 'websocket')
    await hasAll(tab, (await stop()) + 1)
  })
}

test('N14 a refused handshake is told as a failed connection, not as a policy of the page', async ({ open, net }) => {
  const { faults } = net.room
  const id = faults.add(refuseUpgrade)
  const tab = await open(['websocket'])
  // WebKit tells of the end some tasks after the error, and not always as many.
  const codes = await tab.evaluate(async () => {
    const { harness } = window
    const codes = new Set<string | undefined>()
    for (let count = 0; count < 20; count++) {
      const client = harness.createClient()
      harness.record(client)
      const ends = () => client.explain().timeline.filter(({ kind }) => kind === 'end')
      await harness.until(() => ends().length > 0, 'the end of the handshake')
      for (const { code, status } of ends()) codes.add(`${code} ${status}`)
      client.close()
    }
    return [...codes]
  })
  expect(codes).toEqual(['failed 1006'])
  expect(faults.log.filter((event) => event.kind === 'fault' && event.rule === id).length).toBeGreaterThanOrEqual(20)
})

test('R8 R9 a WebSocket that goes mute is left for SSE, and what it swallowed comes', async ({
  open,
  net,
  hubServer,
}) => {
  const { faults } = net.room
  const tab = await open()
  await start(tab)
  await carriedBy(tab, 'websocket')
  const stop = flow(hubServer, net.channel, 50)
  const id = faults.add(muteWebSocket)
  await carriedBy(tab, 'sse')
  expect(faults.log.some((event) => event.kind === 'fault' && event.rule === id)).toBe(true)
  faults.remove(id)
  await carriedBy(tab, 'websocket')
  await hasAll(tab, await stop())
})

describe('streams that are held', () => {
  for (const [clause, name, action] of [
    ['N4', 'held until they end', { type: 'bufferAll' }],
    ['N5', 'one chunk behind', { type: 'oneBehind' }],
  ] as const) {
    test(`R8 ${clause} without WebSocket and with streams ${name}, long-poll carries`, async ({
      open,
      net,
      hubServer,
    }) => {
      const { faults } = net.room
      const refused = faults.add(refuseUpgrade)
      const held = faults.add({ match: { path: '/stream' }, action })
      const tab = await open()
      // A beat would hand on what is held before it, so none comes in this test.
      await start(tab, { ...timing, secondFrameMs: 1_000, heartbeatMs: 10_000 })
      await carriedBy(tab, 'long-poll')
      // Nor is anything published before.
      const facts = await tab.evaluate(async () => {
        const { facts } = window as unknown as { facts: string[] }
        await window.harness.until(() => facts.includes('demote sse'), 'the verdict on SSE')
        return facts
      })
      expect(facts).not.toContain('proven sse')
      for (const id of [refused, held]) {
        expect(faults.log.some((event) => event.kind === 'fault' && event.rule === id)).toBe(true)
      }
      for (const note of upTo(5).map(String)) await hubServer.hub.publish(net.channel, { note })
      await tab.evaluate(() => window.client.publish(window.harness.channel, { note: 'up' }).then(() => undefined))
      await hasAll(tab, 6)
    })
  }

  test('N6 the last chunk of a stream is handed over, though no later one comes', async ({ open, net, hubServer }) => {
    const { faults } = net.room
    const tab = await open(['sse'])
    await start(tab, { ...timing, heartbeatMs: 10_000 })
    await carriedBy(tab, 'sse')
    await hubServer.hub.publish(net.channel, { note: 'first' })
    await hasAll(tab, 1)
    const lastFrame = () => faults.log.filter(({ kind, path }) => kind === 'frame' && path?.endsWith('/stream')).at(-1)
    await until('the beat behind it', () => lastFrame()?.frameType === 'heartbeat')
    // Behind the next message nothing passes any more: not the beat either that would push it on.
    const mute = faults.add({ match: { path: '/stream', frame: 'heartbeat' }, action: { type: 'suppress' } })
    const requests = () => faults.log.filter(({ kind }) => kind === 'request').length
    const before = requests()
    await hubServer.hub.publish(net.channel, { note: 'last' })
    await hasAll(tab, 2)
    expect(requests()).toBe(before)
    await faults.waitFor(({ kind, rule }) => kind === 'fault' && rule === mute, 20_000)
  })
})

test('R16 R17 with every way refused the client waits, says so, and comes back by itself with what it missed', async ({
  open,
  net,
  hubServer,
}) => {
  const { faults } = net.room
  const tab = await open()
  await start(tab)
  await carriedBy(tab, 'websocket')
  const id = faults.add({
    match: {},
    action: { type: 'respond', status: 200, headers: { 'content-type': 'text/html' }, body: '<title>Log in</title>' },
  })
  faults.cut()
  const stop = flow(hubServer, net.channel, 20)
  const summary = await tab.evaluate(async () => {
    const { harness, client } = window
    const says = () => client.explain().summary
    await harness.until(() => client.state.name === 'waiting' && says().includes('Log in'), 'the title of the page')
    return says()
  })
  expect(summary).toContain('Log in')
  expect(faults.log.some((event) => event.kind === 'fault' && event.rule === id)).toBe(true)
  faults.remove(id)
  await carriedBy(tab, 'websocket')
  await hasAll(tab, await stop())
})
