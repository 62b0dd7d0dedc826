import { once } from 'node:events'
import { createServer } from 'node:http'
import { connect } from 'node:net'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import type { ServerFrame } from '../protocol/frames.ts'
import { http2Fetch, http2Pair } from '../testing/http2-fetch.ts'
import { hello } from '../testing/test-hub.ts'
import { createHub } from './hub.ts'
import type { Hub, HubOptions } from './hub-types.ts'

const undo: (() => unknown)[] = []
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step()
})

type Ask = (path: string, init?: RequestInit) => Promise<Response>

const overSocket = async (hub: Hub): Promise<{ ask: Ask; port: number }> => {
  const server = createServer()
  hub.attach(server, { path: '/' })
  server.listen(0)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  undo.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return { port, ask: (path, init) => fetch(`http://localhost:${port}${path}`, init) }
}

const overHttp2 = async (hub: Hub): Promise<Ask> => {
  const pair = await http2Pair((server) => hub.attach(server, { path: '/' }))
  undo.push(pair.close)
  return http2Fetch(pair)
}

const make = (options: Partial<HubOptions> = {}): Hub => {
  const hub = createHub({ authorize: () => true, ...options })
  undo.push(() => hub.close())
  return hub
}

const post = (body: unknown, signal: AbortSignal | null = null): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
  signal,
})

/** The frames of a stream as they come. */
const follow = (response: Response): ServerFrame[] => {
  const frames: ServerFrame[] = []
  const read = async (): Promise<void> => {
    let text = ''
    const decoder = new TextDecoder()
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      text += decoder.decode(chunk, { stream: true })
      const events = text.split('\n\n')
      text = events.pop() ?? ''
      for (const event of events)
        frames.push(...(JSON.parse(/^data: (.*)$/m.exec(event)?.[1] ?? '[]') as ServerFrame[]))
    }
  }
  read().catch(() => undefined)
  return frames
}

const offsets = (frames: readonly ServerFrame[]): number[] =>
  frames.flatMap((frame) => (frame.type === 'run' ? frame.messages.map(({ offset }) => offset) : []))
const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n + 1)
const A = [hello({ channels: [{ channel: 'a', from: 'latest' }] })]

const ways: readonly [string, (hub: Hub) => Promise<Ask>][] = [
  ['over a socket', async (hub) => (await overSocket(hub)).ask],
  ['over HTTP/2', overHttp2],
  ['through hub.fetch', async (hub) => (path, init) => hub.fetch(new Request(`http://hub.example/base${path}`, init))],
]

describe.each(ways)('HTTP %s', (_way, open) => {
  it('§6.4 streams what is published, and the second frame that proves it', async () => {
    const hub = make()
    const ask = await open(hub)
    const response = await ask('/stream', post(A))
    expect(response.headers.get('content-type')).toBe('text/event-stream')
    expect(response.headers.get('cache-control')).toBe('no-store, no-transform')
    const frames = follow(response)
    await expect.poll(() => frames.map((frame) => frame.type)).toEqual(['welcome', 'run', 'heartbeat'])
    await hub.publish('a', 1)
    await expect.poll(() => offsets(frames)).toEqual([1])
  })

  it('§6.3 §6.5 holds a poll until a publish over HTTP is there', async () => {
    const hub = make()
    const ask = await open(hub)
    const first = (await (await ask('/poll', post(A))).json()) as ServerFrame[]
    const after = first.find((frame) => frame.type === 'run')?.after
    const held = ask('/poll', post([hello({ waitMs: 20_000, channels: [{ channel: 'a', from: { after } }] })]))
    await expect.poll(() => hub.health.links).toBe(1)
    const acks = await ask('/publish', post([hello(), { type: 'publish', channel: 'a', sequence: 1, data: 1 }]))
    expect(((await acks.json()) as ServerFrame[])[1]).toMatchObject({ type: 'ack', sequence: 1 })
    expect(offsets((await (await held).json()) as ServerFrame[])).toEqual([1])
    await expect.poll(() => hub.health.links).toBe(0)
  })

  it('a held poll and a stream that the client leaves are released at once', async () => {
    const hub = make()
    const ask = await open(hub)
    const first = (await (await ask('/poll', post(A))).json()) as ServerFrame[]
    const after = first.find((frame) => frame.type === 'run')?.after
    const client = new AbortController()
    const body = [hello({ waitMs: 20_000, channels: [{ channel: 'a', from: { after } }] })]
    const held = ask('/poll', post(body, client.signal)).catch(() => undefined)
    const stream = await ask('/stream', post(A, client.signal))
    follow(stream)
    await expect.poll(() => hub.health.links).toBe(2)
    client.abort()
    await held
    await expect.poll(() => hub.health.links).toBe(0)
  })

  it('§9 a body over 256 KiB is answered 413, whatever its length says', async () => {
    const hub = make()
    const ask = await open(hub)
    const response = await ask('/poll', post([hello(), 'x'.repeat(400_000)]))
    expect(response.status).toBe(413)
    expect(await response.json()).toMatchObject([{ type: 'error', code: 'too-large' }])
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new Uint8Array(65_536).fill(32)),
    })
    const init = { ...post(null), body: endless, duplex: 'half' } as RequestInit
    const cut = await ask('/poll', init).catch(() => null)
    expect([413, undefined]).toContain(cut?.status)
    expect((await ask('/health')).status).toBe(200)
  })

  it('bytes that are not UTF-8 are a bad request', async () => {
    const ask = await open(make())
    const response = await ask('/poll', { ...post(null), body: new Uint8Array([0x5b, 0x22, 0xc0, 0x8a, 0x22, 0x5d]) })
    expect([response.status, await response.json()]).toMatchObject([400, [{ code: 'bad-request' }]])
  })

  it('§6.10 a preflight has no body, and HEAD asks for health', async () => {
    const ask = await open(make({ origins: ['https://app.example'] }))
    const headers = { origin: 'https://app.example', 'access-control-request-method': 'POST' }
    expect((await ask('/publish', { method: 'OPTIONS', headers })).status).toBe(204)
    expect((await ask('/health', { method: 'HEAD' })).status).toBe(200)
  })

  it('S6 a stream that is not read is not filled, and then gets everything', async () => {
    const hub = make()
    const ask = await open(hub)
    const response = await ask('/stream', post(A))
    const text = 'x'.repeat(50_000)
    for (const n of upTo(600)) await hub.publish('a', `${n} ${text}`)
    const frames = follow(response)
    await expect.poll(() => offsets(frames).at(-1), { timeout: 8000 }).toBe(600)
    // Through fetch the response is there before its start is known.
    expect(offsets(frames)).toEqual(upTo(600).slice(-offsets(frames).length))
    expect(offsets(frames).length).toBeGreaterThan(500)
  })

  it('§7.4 a drain ends streams and answers held polls', async () => {
    const hub = make()
    const ask = await open(hub)
    const frames = follow(await ask('/stream', post(A)))
    await expect.poll(() => offsets(frames).length + frames.length).toBeGreaterThan(1)
    await hub.close()
    await expect.poll(() => frames.at(-1)?.type).toBe('goodbye')
  })
})

describe('HTTP on a raw socket', () => {
  it.each(['/stream?channel=a', '/poll?channel=a&wait=20000'])(
    'S16 who asks by GET %s with a body, which nobody reads, is noticed when they go',
    async (asked) => {
      const hub = make()
      const { port, ask } = await overSocket(hub)
      const known = (await (await ask('/poll?channel=a')).json()) as ServerFrame[]
      const path = `${asked}&since=${known.find((frame) => frame.type === 'run')?.after}`
      const socket = connect(port, 'localhost')
      socket.on('error', () => undefined)
      // More than the buffers before the hub take while nobody reads.
      socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 300000\r\n\r\n${'x'.repeat(300_000)}`)
      await expect.poll(() => hub.health.links).toBe(1)
      socket.destroy()
      // A beat, which would find out too, comes after 10 s.
      await expect.poll(() => hub.health.links, { timeout: 5_000 }).toBe(0)
    },
  )

  it('§9 a body that stops is answered 408, and the connection is closed', async () => {
    const { port } = await overSocket(make({ limits: { helloMs: 50 } }))
    const text = 'POST /poll HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 100\r\n\r\n['
    const socket = connect(port, 'localhost')
    let answer = ''
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString()))
    socket.write(text)
    await once(socket, 'close')
    expect(answer).toMatch(/^HTTP\/1.1 408 /)
    expect(answer).toContain('"code":"timeout"')
  })
})

describe('a stream on the wire', () => {
  /** What a raw client gets of a stream with two messages, up to the second. */
  const raw = async (version: string): Promise<string> => {
    const hub = make()
    const { port } = await overSocket(hub)
    const socket = connect(port, '127.0.0.1')
    undo.push(() => socket.destroy())
    let text = ''
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()))
    const body = JSON.stringify(A)
    const head = ['content-type: application/json', `content-length: ${body.length}`, 'host: localhost']
    socket.write(`POST /stream HTTP/${version}\r\n${head.join('\r\n')}\r\n\r\n${body}`)
    await expect.poll(() => text).toContain('"messages":[]')
    for (const data of ['one', 'two']) {
      await hub.publish('a', data)
      await expect.poll(() => text).toContain(`"data":"${data}"`)
    }
    return text
  }

  it('§6.4 is whole chunks on HTTP/1.1, also where a run goes past the response', async () => {
    const text = await raw('1.1')
    // Every size line is followed by so many bytes.
    const sizes = [...text.matchAll(/\r\n([0-9a-f]+)\r\n(data: .*\n\n)/g)]
    expect(sizes.length).toBeGreaterThanOrEqual(2)
    for (const [, size = '', event = ''] of sizes) expect(Number.parseInt(size, 16)).toBe(Buffer.byteLength(event))
  })

  it('§6.4 has no chunks on HTTP/1.0, which a proxy may speak to the hub', async () => {
    const text = await raw('1.0')
    expect(text).not.toMatch(/\r\n[0-9a-f]+\r\ndata/)
    expect(text).toMatch(/\n\ndata: \[\{"type":"run".*"data":"two"/s)
  })
})
