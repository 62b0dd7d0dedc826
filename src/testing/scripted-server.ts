import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { WebSocketServer } from 'ws'
import type { WebSocket } from 'ws'
import type { ClientFrame, Hello, ServerFrame } from '../protocol/frames.ts'
import { CONTENT_TYPE, SUBPROTOCOL } from '../protocol/frames.ts'

export type Endpoint = 'websocket' | 'stream' | 'poll' | 'publish'

/** One connection or request of a client, in the hands of a test. */
export interface Exchange {
  readonly endpoint: Endpoint
  readonly hello: Hello
  /** Every frame that came, the hello included. */
  readonly frames: ClientFrame[]
  readonly headers: IncomingMessage['headers']
  /** Null on a WebSocket. */
  readonly response: ServerResponse | null
  readonly socket: WebSocket | null
  /** One batch; it ends the answer of a poll or publish. */
  reply(...frames: ServerFrame[]): void
  /** Cuts the connection without a goodbye. */
  cut(): void
}

export type Script = (exchange: Exchange) => void

export interface ScriptedServer {
  readonly url: string
  /** Everything that came, in order. */
  readonly exchanges: Exchange[]
  /** Those that were not answered or cut yet, on either side. */
  readonly open: Set<Exchange>
  /** Called with each exchange once its hello is there. Default: acts as a hub with one channel, `c`. */
  script: Script
  /** Appends messages to the channel and hands them to whoever waits. */
  append(...data: unknown[]): void
  close(): Promise<void>
}

const welcome = (hello: Hello): ServerFrame => ({
  type: 'welcome',
  protocol: 1,
  nonce: hello.nonce,
  timeMs: 1_700_000_000_000,
  heartbeatMs: 10_000,
  user: 'u',
  publisher: 'p',
  maxDataBytes: 65_536,
  maxBatchBytes: 262_144,
})

/** A real server of HTTP and WebSocket on a free port that does what a test says: it speaks the frames and keeps no rules. */
export const scriptedServer = async (): Promise<ScriptedServer> => {
  const log: unknown[] = []
  const readers = new Map<Exchange, number>()
  const exchanges: Exchange[] = []
  const open = new Set<Exchange>()

  const run = (from: number): ServerFrame => ({
    type: 'run',
    channel: 'c',
    after: `E.${from}.x`,
    messages: log.slice(from).map((data, index) => ({ offset: from + index + 1, id: 'x', timeMs: 1, data })),
  })
  const hub: Script = (exchange) => {
    const { endpoint, hello, frames } = exchange
    if (endpoint === 'publish') {
      const acks = frames.flatMap((frame): ServerFrame[] =>
        frame.type === 'publish' ? [{ type: 'ack', sequence: frame.sequence, position: 'E.1.x', id: 'x' }] : [],
      )
      exchange.reply(welcome(hello), ...acks)
      return
    }
    const start = hello.channels?.[0]?.from
    const from = typeof start === 'object' && 'after' in start ? Number(start.after.split('.')[1]) : log.length
    if (endpoint !== 'poll') exchange.reply(welcome(hello), run(from), { type: 'heartbeat' })
    else if (!hello.waitMs || from < log.length) {
      exchange.reply(welcome(hello), run(from))
      return
    }
    readers.set(exchange, endpoint === 'poll' ? from : log.length)
  }

  const begin = (exchange: Exchange): void => {
    exchanges.push(exchange)
    open.add(exchange)
    server.script(exchange)
  }
  const done = (exchange: Exchange): void => {
    open.delete(exchange)
    readers.delete(exchange)
  }

  const http = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (text: string) => (body += text))
    request.on('end', () => {
      const frames = JSON.parse(body) as ClientFrame[]
      const endpoint = (request.url ?? '').slice(1) as Endpoint
      const exchange: Exchange = {
        endpoint,
        hello: frames[0] as Hello,
        frames,
        headers: request.headers,
        response,
        socket: null,
        reply: (...batch) => {
          const text = JSON.stringify(batch)
          if (endpoint === 'stream') {
            if (!response.headersSent) response.writeHead(200, { 'content-type': 'text/event-stream' })
            response.write(`data: ${text}\n\n`)
          } else response.writeHead(200, { 'content-type': CONTENT_TYPE }).end(text)
        },
        cut: () => response.destroy(),
      }
      response.on('close', () => done(exchange))
      begin(exchange)
    })
  })
  const sockets = new WebSocketServer({ server: http, handleProtocols: () => SUBPROTOCOL })
  sockets.on('connection', (socket, request) => {
    let exchange: Exchange | undefined
    const frames: ClientFrame[] = []
    socket.on('message', (message: Buffer) => {
      frames.push(...(JSON.parse(message.toString()) as ClientFrame[]))
      if (exchange) return
      exchange = {
        endpoint: 'websocket',
        hello: frames[0] as Hello,
        frames,
        headers: request.headers,
        response: null,
        socket,
        reply: (...batch) => socket.send(JSON.stringify(batch)),
        cut: () => socket.terminate(),
      }
      begin(exchange)
    })
    socket.on('close', () => exchange && done(exchange))
    socket.on('error', () => {})
  })

  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  const server: ScriptedServer = {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    exchanges,
    open,
    script: hub,
    append: (...data) => {
      log.push(...data)
      for (const [exchange, from] of [...readers]) {
        const frame = run(from)
        if (exchange.endpoint === 'poll') readers.delete(exchange)
        else readers.set(exchange, log.length)
        exchange.reply(...(exchange.endpoint === 'poll' ? [welcome(exchange.hello), frame] : [frame]))
      }
    },
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets.clients) socket.terminate()
        http.close(() => resolve())
        http.closeAllConnections()
      }),
  }
  return server
}
