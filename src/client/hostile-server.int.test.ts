import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, it } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { createClient } from '../core.ts'
import { CONTENT_TYPE } from '../protocol/frames.ts'
import type { Hello } from '../protocol/frames.ts'
import { disguisedHub } from '../testing/disguised-hub.ts'
import type { DisguisedHub } from '../testing/disguised-hub.ts'
import { longPoll, poll } from '../transports/poll.ts'
import { sse } from '../transports/sse.ts'
import type { Transport } from '../transports/transport.ts'
import { webSocket } from '../transports/websocket.ts'
import { words } from './words.ts'
import type { Client, ClientState } from './types.ts'

const TRANSPORTS = {
  websocket: () => webSocket({ WebSocket }),
  sse: () => sse(),
  'long-poll': () => longPoll(),
  poll: () => poll(),
}
type Name = keyof typeof TRANSPORTS
const NAMES = Object.keys(TRANSPORTS) as Name[]
const OVER_HTTP = NAMES.filter((name) => name !== 'websocket')

const undo: (() => unknown)[] = []
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step()
})

/** Short durations; the limits of attempts stay as they are. */
const timing = { pollIntervalMs: 20, spreadMs: 20, backoffMs: 10, maxBackoffMs: 5_000, connectMs: 5_000, holdMs: 1_000 }
const connect = (url: string, transports: readonly Transport[]) => {
  const client = createClient({ url, transports, timing, firstRead: false, words })
  undo.push(() => client.close())
  const got: unknown[] = []
  client.subscribe('c', ({ data }) => got.push(data))
  return { client, got }
}
const start = async (answer: DisguisedHub['answer'], transport: Name) => {
  const server = await disguisedHub()
  server.answer = answer
  undo.push(() => server.close())
  const { client, got } = connect(server.url, [TRANSPORTS[transport]()])
  const reach = (name: ClientState['name']): Promise<void> =>
    expect.poll(() => client.state.name, { timeout: 8_000, interval: 5 }).toBe(name)
  /** From now on the hub answers itself: everything is as it should be. */
  const heal = async (): Promise<void> => {
    server.answer = null
    await reach('online')
    const { position } = await client.publish('c', 'good')
    expect(position).not.toBe('')
    await expect.poll(() => got, { timeout: 8_000, interval: 5 }).toEqual(['good'])
  }
  return { server, client, got, reach, heal }
}
/** How the links of the client have ended. */
const endsOf = (client: Client) => client.explain().timeline.filter(({ kind }) => kind === 'end')

const welcome = ({ nonce }: Pick<Hello, 'nonce'>) => ({
  type: 'welcome',
  protocol: 1,
  nonce,
  timeMs: 1_700_000_000_000,
  heartbeatMs: 10_000,
  user: 'u',
  publisher: 'p',
  maxDataBytes: 65_536,
  maxBatchBytes: 262_144,
})

const rows: readonly (readonly [string, (hello: Hello) => string])[] = [
  ['HTML', () => '<title>Log in</title>'],
  ['nothing at all', () => ''],
  ['null', () => 'null'],
  ['an empty batch', () => '[]'],
  ['JSON that is cut off', (hello) => JSON.stringify([welcome(hello)]).slice(0, -9)],
  ['JSON, then garbage', (hello) => `${JSON.stringify([welcome(hello)])}<!-- -->`],
  ['a batch in a byte order mark', (hello) => `\uFEFF${JSON.stringify([welcome(hello)])}\uFEFF`],
  ['a batch without a welcome', () => '[{"type":"heartbeat"},{"type":"run","channel":"c","messages":[]}]'],
  ['the nonce of another attempt', (hello) => JSON.stringify([{ ...welcome(hello), nonce: 'foreign' }])],
  ['another protocol', (hello) => JSON.stringify([{ ...welcome(hello), protocol: 2 }])],
  ['arrays 100,000 deep', () => '['.repeat(100_000)],
]

/** For the transports beside each other: most of the time is waiting. */
const overEach = async (names: readonly Name[], test: (name: Name) => Promise<void>): Promise<void> => {
  await Promise.all(names.map(test))
}

it.each(rows)(
  '§9 R16 %s instead of a batch is not the hub: few attempts, and afterwards it goes on',
  async (_, text) => {
    await overEach(NAMES, async (name) => {
      const { server, client, reach, heal } = await start(({ hello, say }) => say(text(hello)), name)
      await reach('waiting')
      expect([name, new Set(endsOf(client).map(({ code }) => code))]).toEqual([name, new Set(['foreign'])])
      expect(server.seized).toBeLessThanOrEqual(3)
      await heal()
    })
  },
)

describe('§9 an answer of 50 MB ends with a typed error, and is not kept', () => {
  const MB = 1024 * 1024
  /** Writes `text` again and again, as fast as it is taken; returns how much was. */
  const pour = async (response: ServerResponse, text: string): Promise<number> => {
    let bytes = 0
    while (bytes < 50 * MB && !response.destroyed) {
      bytes += text.length
      if (!response.write(text)) await Promise.race([once(response, 'drain'), once(response, 'close')])
    }
    response.end()
    return bytes
  }

  it.each(OVER_HTTP)('P over %s', async (name) => {
    const poured: Promise<number>[] = []
    const { client, reach, heal } = await start(({ streamed, response }) => {
      if (!response) return
      response.setMaxListeners(0)
      response.writeHead(200, { 'content-type': streamed ? 'text/event-stream' : CONTENT_TYPE })
      response.write(streamed ? 'data: ' : '["')
      poured.push(pour(response, 'x'.repeat(65_536)))
    }, name)
    await reach('waiting')
    const ends = endsOf(client)
    expect(ends.map(({ code }) => code)).toContain('too-large')
    expect(ends.every(({ detail = '' }) => detail.length <= 200)).toBe(true)
    // What is in the buffers of two sockets when the client hangs up was taken too.
    for (const bytes of await Promise.all(poured)) expect(bytes).toBeLessThan(20 * MB)
    await heal()
  })

  it('compressed a thousand to one', async () => {
    const bomb = gzipSync(Buffer.alloc(50 * MB, 'x'))
    await overEach(OVER_HTTP, async (name) => {
      const { client, reach, heal } = await start(({ streamed, response }) => {
        const type = streamed ? 'text/event-stream' : CONTENT_TYPE
        response?.writeHead(200, { 'content-type': type, 'content-encoding': 'gzip' }).end(bomb)
      }, name)
      await reach('waiting')
      expect(endsOf(client).map(({ code }) => code)).toContain('too-large')
      await heal()
    })
  })
})

describe('§10 what is said to be encoded in ways that nobody asked for', () => {
  it.each([
    ['gzip a thousand times', Array(1_000).fill('gzip').join(', ')],
    ['gzip twice, and it is once', 'gzip, gzip'],
    ['nothing that there is', 'x-none'],
    ['brotli, and it is gzip', 'br'],
  ])('%s: it is not the hub, and afterwards it goes on', async (_, encoding) => {
    const body = gzipSync('[{"type":"heartbeat"}]')
    await overEach(OVER_HTTP, async (name) => {
      const { server, client, reach, heal } = await start(({ streamed, response }) => {
        const type = streamed ? 'text/event-stream' : CONTENT_TYPE
        response?.writeHead(200, { 'content-type': type, 'content-encoding': encoding }).end(body)
      }, name)
      await reach('waiting')
      expect(endsOf(client).length).toBeGreaterThan(0)
      expect(server.seized).toBeLessThanOrEqual(3)
      await heal()
    })
  })
})

it('§9 a stream that ends before its last empty line is cut, and its last event was none', async () => {
  const { client, got, reach, heal } = await start(({ hello, response }) => {
    const run = { type: 'run', channel: 'c', after: 'E.0.0', ref: hello.channels?.[0]?.ref, messages: [] }
    const message = { offset: 1, id: 'm1', timeMs: 1, data: 'never' }
    response?.writeHead(200, { 'content-type': 'text/event-stream' })
    response?.write(`data: ${JSON.stringify([welcome(hello)])}\n\n`)
    response?.end(`data: ${JSON.stringify([{ ...run, messages: [message] }])}\n`)
  }, 'sse')
  await reach('waiting')
  expect(endsOf(client).map(({ code }) => code)).toContain('cut')
  expect(got).toEqual([])
  await heal()
})

it('§9 `retry: 999999999999` in a stream puts nothing off', async () => {
  const { server, client, reach, heal } = await start(({ hello, response }) => {
    response?.writeHead(200, { 'content-type': 'text/event-stream' })
    response?.write(`retry: 999999999999\n\ndata: ${JSON.stringify([welcome(hello), { type: 'heartbeat' }])}\n\n`)
    if (server.seized < 2) response?.end()
  }, 'sse')
  await expect.poll(() => server.seized, { timeout: 8_000 }).toBe(2)
  await reach('online')
  client.disconnect()
  client.connect()
  await heal()
})

it.each([-30, 30])(
  '§9 from a hub whose clock is %i days away it goes on, and publishes get their ack',
  async (days) => {
    await overEach(NAMES, async (name) => {
      // The welcome is of another clock; the messages and acks come later, from the hub itself.
      const { server, client, reach, heal } = await start(({ hello, say }) => {
        say(JSON.stringify([{ ...welcome(hello), timeMs: Date.now() + days * 86_400_000 }, { type: 'heartbeat' }]))
      }, name)
      await reach('online')
      expect(server.seized).toBeGreaterThan(0)
      client.disconnect()
      client.connect()
      await heal()
    })
  },
)

describe('what is not even HTTP or WebSocket as it should be', () => {
  const listen = async (server: Server): Promise<string> => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    undo.push(() => {
      server.closeAllConnections()
      server.close()
    })
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  it.each(OVER_HTTP)('§9 R16 a loop of redirects over %s fails, within the limits of attempts', async (name) => {
    let requests = 0
    const url = await listen(
      createServer((request: IncomingMessage, response: ServerResponse) => {
        requests++
        request.resume()
        response.writeHead(307, { location: `/${requests}` }).end()
      }),
    )
    const { client } = connect(url, [TRANSPORTS[name]()])
    await expect.poll(() => client.state.name, { timeout: 8_000 }).toBe('waiting')
    expect(new Set(endsOf(client).map(({ code }) => code))).toEqual(new Set(['failed']))
    // `fetch` follows 20 of them, and three rounds start in a second.
    expect(requests).toBeLessThanOrEqual(3 * 21)
  })

  it.each(['0', '7', '16', '99', 'x', '15; server_max_window_bits=15'])(
    '§10 a 101 with the extension permessage-deflate; server_max_window_bits=%s is no link',
    async (bits) => {
      let handshakes = 0
      const server = createServer((_, response) => response.writeHead(404).end())
      server.on('upgrade', ({ headers }, socket) => {
        handshakes++
        const key = `${headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`
        socket.on('error', () => undefined)
        socket.write(
          [
            'HTTP/1.1 101 Switching Protocols',
            'Upgrade: websocket',
            'Connection: Upgrade',
            `Sec-WebSocket-Accept: ${createHash('sha1').update(key).digest('base64')}`,
            'Sec-WebSocket-Protocol: holdfast.1',
            `Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=${bits}`,
            '\r\n',
          ].join('\r\n'),
        )
      })
      const { client } = connect(await listen(server), [webSocket({ WebSocket })])
      await expect.poll(() => client.state.name, { timeout: 8_000 }).toBe('waiting')
      expect(handshakes).toBeGreaterThan(0)
      expect(new Set(endsOf(client).map(({ code }) => code))).toEqual(new Set(['failed']))
    },
  )

  it.each([['another'], [undefined]])(
    '§5.1 a 101 with the subprotocol %s is no link, and nothing is said on it',
    async (protocol) => {
      const heard: unknown[] = []
      let handshakes = 0
      const server = createServer((_, response) => response.writeHead(404).end())
      const sockets = new WebSocketServer({ server, handleProtocols: () => protocol ?? false })
      sockets.on('connection', (socket) => {
        handshakes++
        socket.on('message', (data) => heard.push(data)).on('error', () => undefined)
      })
      undo.push(() => sockets.clients.forEach((socket) => socket.terminate()))
      const { client } = connect(await listen(server), [webSocket({ WebSocket })])
      await expect.poll(() => client.state.name, { timeout: 8_000 }).toBe('waiting')
      expect(handshakes).toBeGreaterThan(0)
      expect(heard).toEqual([])
      expect(endsOf(client).map(({ code }) => code)).toContain('failed')
    },
  )
})
