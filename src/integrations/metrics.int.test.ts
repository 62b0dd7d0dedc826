import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Registry } from 'prom-client'
import { WebSocket } from 'ws'
import { afterEach, describe, expect, it } from 'vitest'
import { createClient } from '../core.ts'
import type { Client, Transport } from '../core.ts'
import { longPoll } from '../transports/poll.ts'
import { sse } from '../transports/sse.ts'
import { webSocket } from '../transports/websocket.ts'
import { createHub } from '../server/hub.ts'
import type { Hub, HubOptions } from '../server/hub-types.ts'
import { hubMetrics } from './metrics.ts'

const undo: (() => unknown)[] = []
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step()
})

const startHub = async (options: Partial<HubOptions> = {}): Promise<{ hub: Hub; url: string }> => {
  const hub = createHub({ authorize: () => true, allowMissingOrigin: true, ...options })
  const server = createServer()
  hub.attach(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  undo.push(async () => {
    await hub.close()
    server.closeAllConnections()
    server.close()
  })
  return { hub, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/realtime` }
}

/** The value of each line of a scrape by its name and labels. */
const scrape = async (registry: Registry): Promise<Readonly<Record<string, number>>> => {
  const text = await registry.metrics()
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]))
}

const client = (url: string, transport: Transport): Client => {
  const made: Client = createClient({ url, transports: [transport] })
  undo.push(() => made.close())
  return made
}

/** Resolves when the client has the message with this data. */
const reads = (from: Client, channel: string, last: unknown): Promise<void> =>
  new Promise((resolve) => {
    from.subscribe(channel, ({ data }) => data === last && resolve(), { from: 'earliest' })
  })

describe('hubMetrics', () => {
  it('says what happened at a real hub, by names with units', async () => {
    const { hub, url } = await startHub({ authorize: ({ channel }) => channel !== 'no' })
    const registry = new Registry()
    expect(hubMetrics(hub, { registry })).toBe(registry)
    const readers = [client(url, webSocket({ WebSocket })), client(url, sse()), client(url, longPoll())]
    const all = Promise.all(readers.map((reader) => reads(reader, 'a', 'last')))
    await readers[0]?.publish('a', 'first')
    await readers[1]?.publish('no', 1).catch(() => undefined)
    await hub.publish('a', 'last')
    await all
    hub.handle('broken', () => Promise.reject(new Error('x')))
    await readers[0]?.publish('broken', 1)
    await expect.poll(() => hub.metrics.requests.count).toBe(1)
    await fetch(`${url}/nowhere`)
    const values = await scrape(registry)
    expect(values).toMatchObject({
      'holdfast_links{transport="websocket"}': 1,
      'holdfast_links_opened_total{transport="websocket"}': 1,
      holdfast_messages_delivered_total: hub.metrics.messagesDelivered,
      'holdfast_publishes_total{outcome="appended"}': 3,
      'holdfast_publishes_total{outcome="forbidden"}': 1,
      'holdfast_refusals_total{code="not-found"}': 1,
      'holdfast_hook_failures_total{hook="authorize",reason="refused"}': 1,
      'holdfast_store_duration_seconds_count{operation="append"}': 3,
      'holdfast_store_duration_seconds_bucket{le="+Inf",operation="append"}': 3,
      'holdfast_store_failures_total{operation="append"}': 0,
      holdfast_request_duration_seconds_count: 1,
      'holdfast_request_duration_seconds_bucket{le="+Inf"}': 1,
      holdfast_request_failures_total: 1,
      holdfast_requests: 0,
      holdfast_tails: 1,
      holdfast_draining: 0,
    })
    expect(values['holdfast_messages_delivered_total']).toBeGreaterThanOrEqual(6)
    expect(values['holdfast_links_opened_total{transport="sse"}']).toBeGreaterThanOrEqual(1)
    expect(values['holdfast_store_duration_seconds_sum{operation="append"}']).toBeGreaterThan(0)
    expect(values['holdfast_tail_bytes']).toBeGreaterThan(0)
    await hub.close()
    const after = await scrape(registry)
    expect(after['holdfast_draining']).toBe(1)
    expect(after['holdfast_links{transport="websocket"}']).toBe(0)
    expect(after['holdfast_links_closed_total{transport="websocket",reason="goodbye"}']).toBe(1)
  })

  it('a scrape adds nothing up twice, and the names have the prefix that was asked for', async () => {
    const { hub } = await startHub()
    const registry = hubMetrics(hub, { registry: new Registry(), prefix: 'rt_' })
    await hub.publish('a', 1)
    const before = await scrape(registry)
    expect(await scrape(registry)).toEqual(before)
    expect(before['rt_publishes_total{outcome="appended"}']).toBe(1)
    expect(Object.keys(before).filter((name) => !name.startsWith('rt_'))).toEqual([])
    expect(() => hubMetrics(hub, { registry, prefix: 'rt_' })).toThrow('already been registered')
  })

  it('has no label that a peer chose, and a bounded number of lines', async () => {
    const { hub, url } = await startHub({ authorize: () => false, authenticate: () => ({ userId: 'mallory' }) })
    const registry = hubMetrics(hub, { registry: new Registry() })
    const lines = Object.keys(await scrape(registry)).length
    for (let n = 0; n < 20; n++) await fetch(`${url}/poll?channel=mallory-${n}`)
    const text = await registry.metrics()
    expect(text).not.toContain('mallory')
    // One more: polls were answered.
    expect(Object.keys(await scrape(registry))).toHaveLength(lines + 1)
    for (const line of text.matchAll(/^# HELP (\S+)/gm)) expect(line[1]).toMatch(/^holdfast_[a-z_]+$/)
  })
})
