import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, expect, vi } from 'vitest'
import { WebSocket } from 'ws'
import { createClient } from '../core.ts'
import type { Client } from '../core.ts'
import { createHubIn } from '../server/hub.ts'
import type { HubInternals } from '../server/hub.ts'
import type { HubMetrics } from '../server/counters.ts'
import type { Hub, HubOptions } from '../server/hub-types.ts'
import { nodeEnvironment } from '../server/node-clock.ts'
import { sse } from '../transports/sse.ts'
import { webSocket } from '../transports/websocket.ts'

/** Long enough for a machine that has other things to do, ms. */
export const PATIENCE_MS = 8_000

export interface BesiegedHub {
  readonly port: number
  /** Where the hub is. */
  readonly path: string
  /** What it has counted. */
  readonly metrics: HubMetrics
  /** What has to hold after whatever came: nobody else noticed, nothing is left, and nothing has failed inside. */
  harmless(): Promise<void>
}

/** A real hub with sockets for the tests of one file, and two clients at it that do nothing wrong. */
export const besiegedHub = (options: Pick<HubOptions, 'limits' | 'store'> = {}): BesiegedHub => {
  const path = '/realtime'
  const good: { readonly client: Client; readonly got: unknown[] }[] = []
  const failures: unknown[] = []
  const thrown: unknown[] = []
  const onThrown = (error: unknown): void => void thrown.push(error)
  const server = createServer((_, response) => {
    response.writeHead(404, { 'content-type': 'text/plain' }).end('the app')
  })
  let hub: Hub & HubInternals
  let port = 0
  let published = 0

  const connections = (): Promise<number> =>
    new Promise((resolve) => server.getConnections((_, count) => resolve(count)))

  beforeAll(async () => {
    process.on('unhandledRejection', onThrown).on('uncaughtException', onThrown)
    hub = createHubIn(
      {
        allowMissingOrigin: true,
        origins: ['https://app.example'],
        authenticate: ({ token }) => {
          if (token === 'bad') throw new Error('no')
          return token ? { userId: token } : null
        },
        authorize: ({ channel }) => (channel === 'b' ? Promise.resolve(true) : channel !== 'constructor'),
        onError: (failure) => failures.push(failure),
        ...options,
        limits: {
          helloMs: 400,
          holdMs: 100,
          tailLingerMs: 50,
          positionCheckMs: 50,
          closeMs: 200,
          connectsPerMinute: Infinity,
          ...options.limits,
        },
      },
      nodeEnvironment,
    )
    hub.attach(server, { path })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    port = (server.address() as AddressInfo).port
    for (const transport of [webSocket({ WebSocket }), sse()]) {
      const client = createClient({ url: `http://127.0.0.1:${port}${path}`, transports: [transport], firstRead: false })
      const got: unknown[] = []
      await client.subscribe('good', ({ data }) => got.push(data)).ready
      await vi.waitFor(() => expect(client.state.name).toBe('online'), { timeout: PATIENCE_MS })
      good.push({ client, got })
    }
  })
  afterAll(async () => {
    for (const { client } of good) client.close()
    server.closeAllConnections()
    await hub.close()
    server.close()
    process.off('unhandledRejection', onThrown).off('uncaughtException', onThrown)
  })
  beforeEach(() => {
    published = 0
    for (const { got } of good) got.length = 0
  })

  return {
    path,
    get metrics() {
      return hub.metrics
    },
    get port() {
      return port
    },
    async harmless() {
      await hub.publish('good', ++published)
      const all = Array.from({ length: published }, (_, n) => n + 1)
      for (const { client, got } of good) {
        await expect.poll(() => got.length, { timeout: PATIENCE_MS, interval: 2 }).toBe(published)
        expect([got, client.state.name]).toEqual([all, 'online'])
      }
      const left = async (): Promise<number[]> => [hub.core.links.size, hub.core.tails.size, await connections()]
      await expect.poll(left, { timeout: PATIENCE_MS, interval: 5 }).toEqual([good.length, 1, good.length])
      expect([failures, thrown]).toEqual([[], []])
      expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
    },
  }
}
