import { expect, it } from 'vitest'
import { CONTENT_TYPE } from '../protocol/frames.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { pacedFetch } from '../testing/paced-fetch.ts'
import { createVirtualClient } from '../testing/virtual-client.ts'
import { createVirtualNetwork } from '../testing/virtual-network.ts'

it('R22 a page of catching up that needs longer than a deadline on a slow line is read to its end', async () => {
  const clock = new FakeClock()
  const network = createVirtualNetwork(clock)
  for (let n = 1; n <= 200; n++) await network.hub.publish('a', `${n} ${'x'.repeat(1000)}`)
  const { WebSocket } = network
  const slow = { ...network, WebSocket, fetch: pacedFetch(clock, network, 2_000) }
  const client = createVirtualClient(clock, slow)
  client.subscribe('a', () => undefined)
  await clock.advance(5_000)
  expect(client.state.transport).toBe('websocket')
  let got = 0
  client.subscribe('a', () => got++, { from: 'earliest' })
  await clock.advance(60_000)
  expect(got).toBe(200)
  client.close()
})

it('§10.4 a read that is told to come again later does so', async () => {
  const clock = new FakeClock()
  const network = createVirtualNetwork(clock)
  const client = createVirtualClient(clock, network, { firstRead: false })
  client.subscribe('a', () => undefined)
  await clock.advance(5_000)
  const respond = () =>
    new Response('[{"type":"error","code":"rate-limited","message":"later"}]', {
      status: 429,
      headers: { 'content-type': CONTENT_TYPE, 'retry-after': '20' },
    })
  network.weather = ({ path }) => (path === '' ? 'clear' : { respond })
  client.subscribe('a', () => undefined, { from: 'earliest' })
  await clock.advance(70_000)
  const times = network.connections.filter(({ path }) => path === '/poll').map(({ atMs }) => atMs)
  expect(times.length).toBeGreaterThan(2)
  for (const [index, atMs] of times.slice(1).entries()) expect(atMs - times[index]!).toBeGreaterThanOrEqual(20_000)
  client.close()
})
