import type { Page } from '@playwright/test'
import type * as Holdfast from 'holdfast'
import type { Rule } from 'holdfast/testing'
import { expect, onTransport, received, SCALE, seenBy, startClient, test } from './hub-fixture.ts'
import type { Room } from './hub-fixture.ts'
import { flow, upTo } from './page-harness.ts'

const login = {
  type: 'respond',
  status: 200,
  headers: { 'content-type': 'text/html' },
  body: '<title>Log in</title>',
} as const
const busy = { type: 'respond', status: 503, headers: { 'retry-after': '2' }, body: '' } as const

/** Networks that give no way in, and what the client says of them. */
const OUTAGES: readonly { name: string; action: Rule['action']; says: string }[] = [
  { name: 'a captive portal', action: login, says: 'Log in' },
  { name: '503 with Retry-After', action: busy, says: '503' },
  { name: 'everything down', action: { type: 'refuse' }, says: 'tries again by itself' },
]

const summary = (page: Page): Promise<string> =>
  page.evaluate(() => (window as unknown as { client: { explain(): { summary: string } } }).client.explain().summary)

const waiting = (page: Page) => expect.poll(async () => (await seenBy(page)).states.at(-1), { timeout: 20_000 })

/** How often a rule of the net fired. */
const timesFired = ({ room: { faults } }: Room, id: number): number =>
  faults.log.filter(({ kind, rule }) => kind === 'fault' && rule === id).length

const publish = async (
  net: Room,
  server: { hub: { publish(channel: `lab:${string}`, data: { note: string }): Promise<unknown> } },
) => server.hub.publish(net.channel, { note: 'x' })

for (const { name, action, says } of OUTAGES) {
  test(`R17 ${name}: waits, says why, and is back by itself with all that was missed`, async ({
    page,
    net,
    hubServer,
  }) => {
    test.slow()
    await startClient(page, net)
    await onTransport(page, 'websocket')
    await publish(net, hubServer)
    await received(page, 1)

    const { faults } = net.room
    const id = faults.add({ match: {}, action })
    faults.cut()
    await waiting(page).toMatch(/^waiting/)
    // Between two tries: while one runs, there is nothing to say of the next.
    await expect.poll(() => summary(page), { timeout: 20_000 }).toContain(says)
    for (let i = 0; i < 5; i++) await publish(net, hubServer)
    expect(timesFired(net, id)).toBeGreaterThan(0)

    faults.remove(id)
    await received(page, 6, 60_000)
    const { offsets, gaps, errors } = await seenBy(page)
    expect([offsets, gaps, errors]).toEqual([[1, 2, 3, 4, 5, 6], [], []])
  })
}

test('R8 every WebSocket is cut soon after it works: SSE carries, and the page waits for nothing', async ({
  page,
  net,
  hubServer,
}) => {
  test.slow()
  const id = net.room.faults.add({ match: { kind: 'ws' }, action: { type: 'limit', ms: 1_500 / SCALE } })
  await startClient(page, net)
  const stop = flow(hubServer, net.channel, 50)
  // At the start, and at two probes.
  await expect.poll(() => timesFired(net, id), { timeout: 60_000 }).toBeGreaterThanOrEqual(3)
  await onTransport(page, 'sse')
  const sent = await stop()
  await received(page, sent)
  const { offsets, gaps, errors, states } = await seenBy(page)
  expect([offsets, gaps, errors]).toEqual([upTo(sent), [], []])
  expect(states.filter((state) => state.startsWith('waiting'))).toEqual([])
})

test('§10.4 503 with Retry-After: 2: once it was received no request starts before it has passed', async ({
  page,
  net,
}) => {
  const { faults } = net.room
  faults.add({ match: {}, action: busy })
  await page.evaluate(
    ({ url, channel }) => {
      const { createClient } = (window as unknown as { holdfast: typeof Holdfast }).holdfast
      createClient({ url }).subscribe(channel, () => undefined)
    },
    { url: net.url, channel: net.channel },
  )
  const first = await faults.waitFor((event) => event.kind === 'fault', 10_000)
  const later = await faults.waitFor((event) => event.kind === 'fault' && event.timeMs > first.timeMs + 1_000, 30_000)
  expect(later.timeMs - first.timeMs).toBeGreaterThanOrEqual(1_990)
})

test(
  'a hub that dies at once is asked seldom: at most 11 connections in the first 30 s',
  { tag: '@real' },
  async ({ page, net }) => {
    test.setTimeout(90_000)
    const { faults } = net.room
    faults.add({ match: {}, action: { type: 'refuse' } })
    await page.evaluate(
      ({ url, channel }) => {
        const { createClient } = (window as unknown as { holdfast: typeof Holdfast }).holdfast
        createClient({ url }).subscribe(channel, () => undefined)
      },
      { url: net.url, channel: net.channel },
    )
    const first = await faults.waitFor((event) => event.kind === 'fault', 10_000)
    await new Promise((resolve) => setTimeout(resolve, 30_000))
    const within = faults.log.filter(({ kind, timeMs }) => kind === 'fault' && timeMs - first.timeMs < 30_000)
    expect(within.length).toBeGreaterThan(2)
    // One race, of four transports and a first read, which all start when a refusal takes longer than the head starts;
    // then single tries after at least 0, 0, 1, 2, 4 and 8 s. The next comes 30 s after the first at the earliest.
    expect(within.length).toBeLessThanOrEqual(5 + 6)
  },
)

test('a signal of the page ends the waiting at once', async ({ page, net }) => {
  const { faults } = net.room
  const id = faults.add({ match: {}, action: { type: 'refuse' } })
  await page.evaluate(
    ({ url, channel }) => {
      const { createClient } = (window as unknown as { holdfast: typeof Holdfast }).holdfast
      const client = createClient({ url })
      Object.assign(window, { client, seen: { states: [], offsets: [] } })
      client.on('state', ({ name }) => (window as unknown as { seen: { states: string[] } }).seen.states.push(name))
      client.subscribe(channel, () => undefined)
    },
    { url: net.url, channel: net.channel },
  )
  // The real back-off: by now the next try is seconds away.
  await expect
    .poll(() => faults.log.filter((event) => event.kind === 'fault').length, { timeout: 30_000 })
    .toBeGreaterThan(4)
  await waiting(page).toBe('waiting')
  faults.remove(id)
  await page.evaluate(() => window.dispatchEvent(new Event('online')))
  await onTransport(page, 'websocket', 10_000 / SCALE)
})
