import { once } from 'node:events'
import { createServer, request as httpRequest } from 'node:http'
import type { IncomingMessage, Server } from 'node:http'
import { connect } from 'node:net'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import type { ClientOptions } from 'ws'
import type { ServerFrame } from '../protocol/frames.ts'
import { hello } from '../testing/test-hub.ts'
import { createHub } from './hub.ts'
import type { Hub, HubOptions } from './hub-types.ts'

/** What every test needs undone, newest first. */
const undo: (() => unknown)[] = []
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step()
})

interface Served {
  readonly hub: Hub
  readonly server: Server
  readonly port: number
  readonly http: string
  readonly failures: unknown[]
}

const serve = async (options: Partial<HubOptions> = {}, path = '/realtime'): Promise<Served> => {
  const failures: unknown[] = []
  const hub = createHub({
    authorize: () => true,
    allowMissingOrigin: true,
    onError: (failure) => failures.push(failure),
    ...options,
  })
  const server = createServer((_request, response) => response.end('the app'))
  hub.attach(server, { path })
  server.listen(0)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  undo.push(async () => {
    await hub.close()
    server.closeAllConnections()
    server.close()
  })
  return { hub, server, port, http: `http://localhost:${port}${path}`, failures }
}

class TestClient {
  readonly frames: ServerFrame[] = []
  batches = 0
  readonly socket: WebSocket
  readonly closed: Promise<number>

  constructor(port: number, options: ClientOptions = {}, protocols: string | string[] = 'holdfast.1') {
    this.socket = new WebSocket(`ws://localhost:${port}/realtime`, protocols, { perMessageDeflate: false, ...options })
    this.socket.on('error', () => {})
    this.socket.on('message', (data: Buffer) => {
      this.batches++
      this.frames.push(...(JSON.parse(data.toString()) as ServerFrame[]))
    })
    this.closed = new Promise((resolve) => this.socket.on('close', resolve))
    undo.push(() => this.socket.terminate())
  }

  async open(channels: unknown[] = []): Promise<this> {
    await once(this.socket, 'open')
    this.send(hello({ channels }))
    await expect.poll(() => this.frames.filter((frame) => frame.type === 'run').length).toBe(channels.length)
    return this
  }

  send(...frames: unknown[]): void {
    this.socket.send(JSON.stringify(frames))
  }

  get offsets(): number[] {
    return this.frames.flatMap((frame) => (frame.type === 'run' ? frame.messages.map(({ offset }) => offset) : []))
  }
}

const upgrade = (port: number, headers: Record<string, string>, path = '/realtime'): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    const handshake = {
      Connection: 'Upgrade',
      Upgrade: 'websocket',
      'Sec-WebSocket-Version': '13',
      'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
      'Sec-WebSocket-Protocol': 'holdfast.1',
    }
    const request = httpRequest({ port, path, headers: { ...handshake, ...headers } })
    request.on('response', (response) => resolve(response.resume()))
    request.on('upgrade', (response, socket) => {
      socket.destroy()
      resolve(response)
    })
    request.on('error', reject)
    request.end()
  })

const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n + 1)
const A = [{ channel: 'a', from: 'latest' }]

describe('WebSocket over a real socket', () => {
  it('§5.1 serves messages and publishes, and leaves other paths to the application', async () => {
    const { hub, port } = await serve()
    const client = await new TestClient(port).open(A)
    expect(client.socket.protocol).toBe('holdfast.1')
    await hub.publish('a', { from: 'hub' })
    client.send({ type: 'publish', channel: 'a', sequence: 1, data: { from: 'client' } })
    await expect.poll(() => client.offsets).toEqual([1, 2])
    await expect.poll(() => client.frames.some((frame) => frame.type === 'ack')).toBe(true)
    expect(await (await fetch(`http://localhost:${port}/other`)).text()).toBe('the app')
    expect(await (await fetch(`http://localhost:${port}/realtimes`)).text()).toBe('the app')
  })

  it('16 publishes in one turn reach each reader in one WebSocket message', async () => {
    const { hub, port } = await serve()
    const clients = await Promise.all(upTo(5).map(() => new TestClient(port).open(A)))
    for (const client of clients) client.batches = 0
    await Promise.all(upTo(16).map((n) => hub.publish('a', n)))
    for (const client of clients) await expect.poll(() => client.offsets).toEqual(upTo(16))
    expect(clients.map((client) => client.batches)).toEqual([1, 1, 1, 1, 1])
  })

  it('S6 a reader that is not read from is bounded, delays nobody, and then gets everything', async () => {
    const { hub, port } = await serve()
    const slow = await new TestClient(port).open(A)
    const quick = await new TestClient(port).open(A)
    slow.socket.pause()
    const text = 'x'.repeat(50_000)
    const before = process.memoryUsage().arrayBuffers
    for (const n of upTo(800)) {
      await hub.publish('a', `${n} ${text}`)
      if (n % 20 === 0) await expect.poll(() => quick.offsets.at(-1), { interval: 1 }).toBe(n)
    }
    // 800 × 50 KB were published; what is held for the slow one is a mark, a page, and the sockets' own buffers.
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(25_000_000)
    slow.socket.resume()
    await expect.poll(() => slow.offsets.length, { timeout: 8000 }).toBe(800)
    expect(slow.offsets).toEqual(upTo(800))
    expect(slow.frames.some((frame) => frame.type === 'gap')).toBe(false)
  })

  it('S6 a reader that history was trimmed past gets one gap, and then the rest', async () => {
    const { hub, port } = await serve()
    const slow = await new TestClient(port).open(A)
    slow.socket.pause()
    const text = 'x'.repeat(10_000)
    for (const n of upTo(3000)) await hub.publish('a', `${n} ${text}`)
    slow.socket.resume()
    await expect.poll(() => slow.offsets.at(-1), { timeout: 8000 }).toBe(3000)
    const gaps = slow.frames.filter((frame) => frame.type === 'gap')
    expect(gaps).toHaveLength(1)
    const [from, to] = [gaps[0]!.from, gaps[0]!.to].map((position) => Number(position.split('.')[1]))
    expect(slow.offsets).toEqual(upTo(3000).filter((offset) => offset <= from! || offset > to!))
  })

  it('§6.11 refuses an upgrade without Origin unless that is allowed, and takes the own origin', async () => {
    const { port } = await serve({ allowMissingOrigin: false })
    expect((await upgrade(port, {})).statusCode).toBe(403)
    expect((await upgrade(port, { Origin: `http://localhost:${port}` })).statusCode).toBe(101)
    expect((await upgrade(port, {}, '/realtime/poll')).statusCode).toBe(403)
    const open = await serve()
    expect((await upgrade(open.port, {}, '/realtime/poll')).statusCode).toBe(404)
    expect((await upgrade(open.port, {}, '/elsewhere')).statusCode).toBe(404)
    expect((await upgrade(open.port, {}, `http://localhost:${open.port}/realtime`)).statusCode).toBe(101)
  })

  it.each<[string, (client: TestClient) => void, number]>([
    ['a binary message', (client) => client.socket.send(Buffer.from('[]')), 4400],
    ['no JSON', (client) => client.socket.send('{'), 4400],
    ['null', (client) => client.socket.send('null'), 4400],
    ['an empty batch', (client) => client.socket.send('[]'), 4400],
    ['depth 100,000', (client) => client.socket.send('['.repeat(100_000)), 4400],
    ['257 frames', (client) => client.send(...upTo(257).map(() => ({ type: 'ping' }))), 4429],
    ['a message over 256 KiB', (client) => client.socket.send('x'.repeat(262_145)), 1009],
    ['a second hello', (client) => client.send(hello()), 4400],
    ['100 fragments', (client) => upTo(100).forEach((n) => client.socket.send(' ', { fin: n === 100 })), 1008],
  ])('§5.6 §9 %s closes the link, and no other', async (_title, act, code) => {
    const { hub, port, failures } = await serve()
    const good = await new TestClient(port).open(A)
    const bad = await new TestClient(port).open(A)
    act(bad)
    expect(await bad.closed).toBe(code)
    await hub.publish('a', 1)
    await expect.poll(() => good.offsets).toEqual([1])
    await expect.poll(() => hub.health.links).toBe(1)
    expect(failures).toEqual([])
  })

  it('§10.3 single bad frames are refused and the link goes on', async () => {
    const { port } = await serve()
    const client = await new TestClient(port).open(A)
    client.send(
      null,
      7,
      {},
      { type: 'unheard of' },
      { type: 'subscribe' },
      { type: 'subscribe', channel: 'b', from: 'newest', ref: 4 },
      { type: 'publish', channel: 'a', sequence: 0, data: 1 },
      { type: 'publish', channel: 'a', sequence: 2 ** 53, data: 1 },
      { type: 'publish', channel: 'a', sequence: 5 },
      { type: 'ping' },
    )
    await expect.poll(() => client.frames.at(-1)?.type).toBe('heartbeat')
    const errors = client.frames.filter((frame) => frame.type === 'error')
    expect(errors.map(({ field, channel, ref, sequence }) => ({ field, channel, ref, sequence }))).toEqual([
      {},
      {},
      { field: 'type' },
      { field: 'channel' },
      { field: 'from', channel: 'b', ref: 4 },
      { field: 'sequence' },
      { field: 'sequence' },
      { field: 'data', sequence: 5 },
    ])
  })

  it('S16 sockets that break off anywhere harm nobody', async () => {
    const { hub, port, failures } = await serve()
    const head =
      'GET /realtime HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n'
    const key = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: holdfast.1\r\n'
    for (const text of [
      'G',
      head,
      `${head}${key}`,
      `${head}${key}\r\n`,
      `${head}${key}\r\n\x81\xfe`,
      `${head}${key}\r\n\xff\xff\xff`,
    ]) {
      const socket = connect(port, 'localhost')
      socket.on('error', () => {})
      await once(socket, 'connect')
      await new Promise((resolve) => socket.write(text, 'latin1', resolve))
      socket.resetAndDestroy()
      await once(socket, 'close')
    }
    const good = await new TestClient(port).open(A)
    await hub.publish('a', 1)
    await expect.poll(() => good.offsets).toEqual([1])
    await expect.poll(() => hub.health.links).toBe(1)
    expect(failures).toEqual([])
  })

  it('§7.4 a drain says goodbye, closes with 1000, and ends', async () => {
    const { hub, port } = await serve()
    const client = await new TestClient(port).open(A)
    await hub.close()
    expect(await client.closed).toBe(1000)
    expect(client.frames.at(-1)).toMatchObject({ type: 'goodbye', reason: 'drain' })
    await hub.close()
  })

  it('attach is undone, and works for two hubs on one server', async () => {
    const { hub, server, port } = await serve()
    const other = createHub({ authorize: () => true, allowMissingOrigin: true })
    const detach = other.attach(server, { path: '/second' })
    expect((await fetch(`http://localhost:${port}/second/health`)).status).toBe(200)
    detach()
    expect(await (await fetch(`http://localhost:${port}/second/health`)).text()).toBe('the app')
    expect((await fetch(`http://localhost:${port}/realtime/health`)).status).toBe(200)
    await other.close()
    expect(hub.health.status).toBe('ready')
  })
})
