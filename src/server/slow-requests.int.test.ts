import { once } from 'node:events'
import { createServer } from 'node:http'
import { connect } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { afterEach, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { createClient } from '../core.ts'
import type { Client } from '../core.ts'
import { longPoll } from '../transports/poll.ts'
import { sse } from '../transports/sse.ts'
import { webSocket } from '../transports/websocket.ts'
import { http2Pair } from '../testing/http2-fetch.ts'
import { createHub } from './hub.ts'

const SOCKETS_OF_A_KIND = 63
const TICK_MS = 20
const PATIENCE_MS = 30_000

const undo: (() => unknown)[] = []
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step()
})

/** What a kind sends at once, what it sends byte by byte, and how the connection ends. */
type Kind = readonly [title: string, atOnce: string, slowly: string, answer: RegExp]

const post = (path: string): string =>
  `POST /realtime${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n`
const UPGRADE = `GET /realtime HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: holdfast.1\r\n`
/** Head of a masked text frame of 65,535 bytes. */
const FRAME = '\x81\xfe\xff\xff\0\0\0\0'
const NODE = /^(HTTP\/1\.1 408 Request Timeout\r\nConnection: close\r\n\r\n)?$/
const HUB = /^HTTP\/1\.1 408 Request Timeout\r\n.*"code":"timeout"/s

const KINDS: readonly Kind[] = [
  ['nothing at all', '', '', NODE],
  ['a header without end', 'POST /realtime/poll HTTP/1.1\r\n', `X: ${'y'.repeat(10_000)}`, NODE],
  ['an upgrade without end', UPGRADE, `X: ${'y'.repeat(10_000)}`, NODE],
  ...['/poll', '/stream', '/publish', '/publish?channel=a'].map((path): Kind => [
    `a body to ${path}`,
    post(path),
    `[${' '.repeat(90_000)}`,
    HUB,
  ]),
  // The error frame, and the close with 4408.
  [
    'a hello on a WebSocket',
    `${UPGRADE}\r\n${FRAME}`,
    ' '.repeat(60_000),
    /^HTTP\/1\.1 101 .*"code":"timeout".*timeout$/s,
  ],
]

it('S15 S5 504 sockets that send a byte at a time are closed by the deadlines, and good clients notice nothing', async () => {
  const failures: unknown[] = []
  const hub = createHub({
    authorize: () => true,
    allowMissingOrigin: true,
    limits: { helloMs: 500, closeMs: 200 },
    onError: (failure) => failures.push(failure),
  })
  // What docs/security.md asks of the server, in small.
  const server = createServer({ headersTimeout: 500, requestTimeout: 5000, connectionsCheckingInterval: 50 })
  hub.attach(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  undo.push(async () => {
    server.closeAllConnections()
    await hub.close()
    server.close()
  })

  const good = [webSocket({ WebSocket }), sse(), longPoll()].map((transport) => {
    const client: Client = createClient({ url: `http://127.0.0.1:${port}/realtime`, transports: [transport] })
    undo.push(() => client.close())
    const got: unknown[] = []
    const { ready } = client.subscribe('good', ({ data }) => got.push(data))
    return { client, got, states: [] as string[], ready }
  })
  for (const { client, ready, states } of good) {
    await ready
    await expect.poll(() => client.state.name, { timeout: PATIENCE_MS }).toBe('online')
    client.on('state', ({ name }) => states.push(name))
  }

  const slow: { readonly kind: Kind; readonly socket: Socket; sent: number; text: string; open: boolean }[] = []
  for (const kind of KINDS) {
    for (let n = 0; n < SOCKETS_OF_A_KIND; n++) {
      const one = { kind, socket: connect(port, '127.0.0.1'), sent: 0, text: '', open: true }
      one.socket.setEncoding('latin1').on('data', (chunk: string) => (one.text += chunk))
      one.socket.on('error', () => undefined).on('close', () => (one.open = false))
      one.socket.write(kind[1], 'latin1')
      undo.push(() => one.socket.destroy())
      slow.push(one)
    }
  }
  expect(slow).toHaveLength(504)

  let published = 0
  const ticks = setInterval(() => {
    for (const one of slow) {
      const byte = one.kind[2][one.sent++] ?? ''
      if (one.open && !one.socket.writableEnded && byte) one.socket.write(byte, 'latin1')
    }
    void hub.publish('good', ++published)
  }, TICK_MS)
  undo.push(() => clearInterval(ticks))
  await expect.poll(() => slow.filter(({ open }) => open).length, { timeout: PATIENCE_MS }).toBe(0)
  clearInterval(ticks)

  for (const { kind, text } of slow) {
    const [title, , , answer] = kind
    expect(text, title).toMatch(answer)
  }
  // None of them had come to its end by itself.
  for (const { kind, sent } of slow) if (kind[2]) expect(sent).toBeLessThan(kind[2].length)
  const all = Array.from({ length: published }, (_, n) => n + 1)
  for (const { got, states } of good) {
    await expect.poll(() => got.length, { timeout: PATIENCE_MS }).toBe(published)
    expect([got, states]).toEqual([all, []])
  }
  expect(published).toBeGreaterThan(10)
  await expect.poll(() => hub.health.links, { timeout: PATIENCE_MS }).toBe(good.length)
  expect(failures).toEqual([])
}, 90_000)

it.each(['/poll', '/stream', '/publish', '/publish?channel=a'])(
  'S15 S5 over HTTP/2 a body to %s that comes a byte at a time is answered 408, and its stream is closed',
  async (path) => {
    const hub = createHub({ authorize: () => true, limits: { helloMs: 300 } })
    const pair = await http2Pair((server) => hub.attach(server))
    undo.push(async () => {
      pair.close()
      await hub.close()
    })
    const stream = pair.session.request({
      ':method': 'POST',
      ':path': `/realtime${path}`,
      'content-type': 'application/json',
    })
    let text = ''
    let status: unknown
    stream.on('error', () => undefined).on('response', (headers) => (status = headers[':status']))
    stream.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
    const ticks = setInterval(() => {
      if (stream.writable) stream.write(' ')
    }, TICK_MS)
    undo.push(() => clearInterval(ticks))
    await once(stream, 'close')
    expect([status, text]).toEqual([408, expect.stringContaining('"code":"timeout"')])
  },
  PATIENCE_MS,
)
