import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { systemClock } from '../base/clock.ts'
import { createClient } from '../core.ts'
import { createHubIn } from '../server/hub.ts'
import { MemoryStore } from '../server/memory-store.ts'
import { nodeEnvironment } from '../server/node-clock.ts'
import { heapGrowth, heapUsed } from '../testing/heap-growth.ts'
import { keepResult } from '../testing/keep-result.ts'
import { longPoll, poll } from '../transports/poll.ts'
import { sse } from '../transports/sse.ts'
import type { Transport } from '../transports/transport.ts'
import { webSocket } from '../transports/websocket.ts'
import type { Client } from './types.ts'

const full = process.env['FULL'] === '1'
/** In full 1,000 cycles after those that warm up; a few show nothing in a heap that still settles. */
const SIZE = { batches: full ? 5 : 1, cycles: full ? 200 : 25, atOnce: 25 }
/** What a cycle of all columns may leave behind, bytes: a thousand of them less than 5 % of a heap of 40 MB. */
const MOST = 2_000
/** Sockets that are kept for a next request go after some seconds. */
const PATIENCE_MS = 20_000

const COLUMNS: Readonly<Record<string, () => readonly Transport[]>> = {
  websocket: () => [webSocket({ WebSocket })],
  sse: () => [sse()],
  'long-poll': () => [longPoll()],
  poll: () => [poll()],
  ladder: () => [webSocket({ WebSocket }), sse(), longPoll(), poll()],
}

const limits = { tailLingerMs: 1, positionCheckMs: 50, sweepMs: 50 }
/** The hub keeps the keys of publishes for two minutes, which are a tenth of a second here. */
const hasty = { ...systemClock, now: () => systemClock.now() * 1_200 }
const store = new MemoryStore({ messages: 10, ageMs: Infinity }, { ...nodeEnvironment, clock: hasty })
const hub = createHubIn({ authorize: () => true, allowMissingOrigin: true, limits, store }, nodeEnvironment)
const server = createServer()
let url = ''
beforeAll(async () => {
  hub.attach(server, { path: '/realtime' })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/realtime`
})
afterAll(async () => {
  await hub.close()
  server.close()
})

/** Every client that there was. */
const clients: WeakRef<Client>[] = []
/** A page that comes, publishes, reads, and goes. */
const visit = async (transports: readonly Transport[]): Promise<Client> => {
  const client = createClient({ url, transports, timing: { spreadMs: 0, pollIntervalMs: 10 } })
  clients.push(new WeakRef(client))
  const got = new Promise((resolve) => client.subscribe('a', resolve))
  await client.publish('a', 1)
  await got
  client.close()
  return client
}
/** How many are still in memory. */
const kept = async (): Promise<number> => {
  await heapUsed()
  return clients.filter((client) => client.deref()).length
}

const sockets = (): Promise<number> => new Promise((resolve) => server.getConnections((_, count) => resolve(count)))
const atRest = (): Promise<void> =>
  expect
    .poll(async () => [hub.core.links.size, hub.core.tails.size, await sockets()], {
      timeout: PATIENCE_MS,
      interval: 50,
    })
    .toEqual([0, 0, 0])

describe('R20 connecting and closing, over and over', () => {
  it('R20 leaves nothing behind, over each transport', { timeout: 300_000 }, async () => {
    const cycle = async (): Promise<void> => {
      await Promise.all(Object.values(COLUMNS).map((transports) => visit(transports())))
    }
    const { bytesPerCycle, heaps } = await heapGrowth(cycle, atRest, SIZE)
    expect(clients.length).toBe((SIZE.batches + 1) * SIZE.cycles * Object.keys(COLUMNS).length)
    expect(await kept()).toBe(0)
    if (!full) return
    const seen = `heap after each batch: ${heaps.map((bytes) => `${(bytes / 1e6).toFixed(2)} MB`).join(', ')}`
    const what = `${SIZE.batches} × ${SIZE.cycles} × connect, publish, read, close over each transport`
    keepResult('cycles', `${what}: ${bytesPerCycle.toFixed(0)} B a cycle; ${seen}`)
    expect(bytesPerCycle, seen).toBeLessThan(MOST)
  })

  it('R20 sees clients that somebody holds, and what they weigh', async () => {
    clients.length = 0
    const held: Client[] = []
    const cycle = async (): Promise<void> => void held.push(await visit([webSocket({ WebSocket })]))
    const { bytesPerCycle } = await heapGrowth(cycle, atRest, { batches: 3, cycles: 100, atOnce: 10 })
    expect(await kept()).toBe(held.length)
    expect(bytesPerCycle).toBeGreaterThan(MOST)
  })
})
