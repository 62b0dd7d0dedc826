import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { WebSocket } from 'ws'
import { createClient } from '../core.ts'
import { longPoll, poll } from '../transports/poll.ts'
import { sse } from '../transports/sse.ts'
import { webSocket } from '../transports/websocket.ts'
import { createHubIn } from './hub.ts'
import { memoryStore } from './memory-store.ts'
import { nodeEnvironment } from './node-clock.ts'

const PATIENCE_MS = 20_000
const TIMING = { stableMs: 100, spreadMs: 0, pollIntervalMs: 50, holdMs: 1_000 }

/** Those that a client came with, by its first one. */
const used = new Map<string, Set<string>>()
const hub = createHubIn(
  {
    allowMissingOrigin: true,
    store: memoryStore({ messages: 100_000 }),
    limits: { renewMs: 800, sweepMs: 50, holdMs: 1_000 },
    authenticate: ({ token = '' }) => {
      const [userId = '', expiresMs] = token.split(' ')
      used.set(userId, (used.get(userId) ?? new Set()).add(token))
      return { userId, expiresMs: Number(expiresMs) }
    },
    authorize: ({ user, channel }) => channel === user?.userId,
  },
  nodeEnvironment,
)
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
  server.closeAllConnections()
  server.close()
})

describe('S8 with real sockets', () => {
  it.concurrent.each([
    ['websocket', 4, 1_500, () => webSocket({ WebSocket })],
    ['sse', 4, 1_500, () => sse()],
    ['long-poll', 4, 1_500, () => longPoll()],
    // It learns of the end by a refusal, and a client does not ask for another token twice in 5 s for that.
    ['poll', 1, 5_100, () => poll()],
  ] as const)('%s has everything once and in order after %i renewals', async (name, renewals, lifeMs, transport) => {
    const token = () => `${name} ${Date.now() + lifeMs}`
    const client = createClient({ url, token, transports: [transport()], firstRead: false, timing: TIMING })
    const errors: unknown[] = []
    client.on('error', (error) => errors.push(error))
    const got: unknown[] = []
    const gaps: unknown[] = []
    const subscription = client.subscribe(name, ({ data }) => got.push(data), { from: 'earliest' })
    subscription.on('gap', (gap) => gaps.push(gap))
    await subscription.ready
    let sent = 0
    while ((used.get(name)?.size ?? 0) <= renewals) {
      await hub.publish(name, ++sent)
      await client.publish(name, ++sent)
    }
    await vi.waitFor(() => expect(got).toHaveLength(sent), { timeout: PATIENCE_MS })
    client.close()
    expect(got).toEqual(got.map((_, n) => n + 1))
    expect([errors, gaps]).toEqual([[], []])
  })
})
