import { once } from 'node:events'
import { createServer, request as httpRequest } from 'node:http'
import type { IncomingMessage } from 'node:http'
import type { ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { afterEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { createClient } from '../core.ts'
import { http2Fetch, http2Pair } from '../testing/http2-fetch.ts'
import { hello } from '../testing/test-hub.ts'
import { webSocket } from '../transports/websocket.ts'
import { createHub } from './hub.ts'
import type { Hub, HubOptions } from './hub-types.ts'

const undo: (() => unknown)[] = []
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step()
})

const make = (options: Partial<HubOptions>): Hub => {
  const hub = createHub({ authorize: () => true, allowMissingOrigin: true, ...options })
  undo.push(() => hub.close())
  return hub
}

const serve = async (options: Partial<HubOptions>): Promise<{ hub: Hub; port: number }> => {
  const hub = make(options)
  const server = createServer()
  hub.attach(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  undo.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return { hub, port: (server.address() as AddressInfo).port }
}

interface Upgrade {
  readonly answer: IncomingMessage
  readonly text: string
  readonly socket: Duplex | undefined
}

/** What comes of an upgrade that a proxy has brought from this address. */
const upgrade = async (port: number, address: string): Promise<Upgrade> => {
  const headers = {
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Protocol': 'holdfast.1',
    'X-Forwarded-For': `203.0.113.1, ${address}`,
  }
  const request = httpRequest({ port, host: '127.0.0.1', path: '/realtime', headers })
  request.end()
  return await new Promise((resolve, reject) => {
    request.on('error', reject)
    request.on('upgrade', (answer, socket) => {
      undo.push(() => socket.destroy())
      resolve({ answer, text: '', socket })
    })
    request.on('response', (answer) => {
      let text = ''
      answer.on('data', (chunk: Buffer) => (text += chunk.toString()))
      answer.on('end', () => resolve({ answer, text, socket: undefined }))
    })
  })
}

const expectRefused = ({ answer, text }: Upgrade): void => {
  expect(answer.statusCode).toBe(429)
  expect(answer.headers['content-type']).toBe('application/holdfast+json')
  expect(Number(answer.headers['retry-after'])).toBeGreaterThanOrEqual(1)
  expect(JSON.parse(text)).toMatchObject([{ type: 'error', code: 'rate-limited', status: 429 }])
}

describe('S7 §9 by address, on real sockets', () => {
  it('an upgrade over the rate is answered 429 in place of 101, others are not touched', async () => {
    const { port } = await serve({ trustProxy: 1, limits: { connectsPerMinutePerAddress: 3, rateBurstMs: 60_000 } })
    for (const host of [1, 2, 3]) expect((await upgrade(port, `2001:db8::${host}`)).answer.statusCode).toBe(101)
    expectRefused(await upgrade(port, '2001:db8::9'))
    expect((await upgrade(port, '2001:db8:0:1::9')).answer.statusCode).toBe(101)
  })

  it('an upgrade over the number of links is answered 429; the others live on, and one that ends makes room', async () => {
    const { hub, port } = await serve({ trustProxy: 1, limits: { linksPerAddress: 2 } })
    const first = await upgrade(port, '198.51.100.7')
    const second = await upgrade(port, '198.51.100.7')
    expectRefused(await upgrade(port, '198.51.100.7'))
    expect((await upgrade(port, '198.51.100.8')).answer.statusCode).toBe(101)
    expect([first.socket?.destroyed, second.socket?.destroyed, hub.health.links]).toEqual([false, false, 3])
    first.socket?.destroy()
    await expect.poll(() => hub.health.links).toBe(2)
    expect((await upgrade(port, '198.51.100.7')).answer.statusCode).toBe(101)
  })

  it('without trustProxy the header is nothing, and the peer of the socket counts', async () => {
    const { port } = await serve({ limits: { connectsPerMinutePerAddress: 2, rateBurstMs: 60_000 } })
    for (const host of [1, 2]) expect((await upgrade(port, `198.51.100.${host}`)).answer.statusCode).toBe(101)
    expectRefused(await upgrade(port, '198.51.100.3'))
  })

  const limits = { pollsPerMinutePerAddress: 2, rateBurstMs: 60_000 }
  const ways: readonly [string, () => Promise<(path: string, init: RequestInit) => Promise<Response>>][] = [
    [
      'HTTP/1.1',
      async () => {
        const { port } = await serve({ limits })
        return (path, init) => fetch(`http://127.0.0.1:${port}${path}`, init)
      },
    ],
    [
      'HTTP/2',
      async () => {
        const hub = make({ limits })
        const pair = await http2Pair((server) => hub.attach(server))
        undo.push(pair.close)
        return http2Fetch(pair)
      },
    ],
  ]
  it.each(ways)('over %s a poll over the rate is answered 429', async (_way, open) => {
    const ask = await open()
    const poll = (): Promise<Response> =>
      ask('/realtime/poll', {
        method: 'POST',
        headers: { 'content-type': 'text/plain' },
        body: JSON.stringify([hello()]),
      })
    for (const _ of [1, 2]) expect((await poll()).status).toBe(200)
    const refused = await poll()
    expect([refused.status, refused.headers.get('content-type')]).toEqual([429, 'application/holdfast+json'])
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
    expect(await refused.json()).toMatchObject([{ type: 'error', code: 'rate-limited' }])
  })

  it('a stream that ends over HTTP/2 while its answer is on the way leaves its place', async () => {
    const waiting: (() => void)[] = []
    const streams: ServerHttp2Stream[] = []
    const hub = make({
      limits: { linksPerAddress: 1 },
      authenticate: () => new Promise((resolve) => waiting.push(() => resolve(null))),
    })
    const pair = await http2Pair((server) => {
      hub.attach(server)
      const emit = server.emit.bind(server)
      server.emit = (event: string, ...values: unknown[]): boolean => {
        if (event === 'stream') streams.push(values[0] as ServerHttp2Stream)
        return emit(event, ...values)
      }
    })
    undo.push(pair.close)
    const ask = http2Fetch(pair)
    ask('/realtime/stream?channel=a').catch(() => undefined)
    await expect.poll(() => waiting.length).toBe(1)
    // Both in one turn: the user is known, and the stream is closed.
    streams[0]?.close()
    waiting[0]?.()
    await once(streams[0]!, 'close')
    const second = ask('/realtime/stream?channel=a')
    await expect.poll(() => waiting.length).toBe(2)
    waiting[1]?.()
    expect((await second).status).toBe(200)
  })

  it('a client whose upgrade was refused comes in as soon as it may, and misses nothing', async () => {
    const { hub, port } = await serve({ limits: { connectsPerMinutePerAddress: 60, rateBurstMs: 1000 } })
    const got: unknown[] = []
    // The one that there is at the moment is taken.
    await upgrade(port, '')
    const url = `http://127.0.0.1:${port}/realtime`
    const client = createClient({ url, transports: [webSocket({ WebSocket })], firstRead: false })
    undo.push(() => client.close())
    client.subscribe('a', ({ data }) => got.push(data), { from: 'earliest' })
    const seen: unknown[] = []
    client.on('state', ({ name }) => seen.push(name))
    await hub.publish('a', 1)
    await expect.poll(() => got, { timeout: 30_000 }).toEqual([1])
    expect(seen).toContain('waiting')
  }, 40_000)
})
