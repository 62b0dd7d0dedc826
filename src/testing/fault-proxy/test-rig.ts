import http from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import net from 'node:net'
import type { AddressInfo } from 'node:net'
import { WebSocket, WebSocketServer } from 'ws'
import { startFaultProxy } from './fault-proxy.ts'
import type { FaultProxy, FaultProxyOptions } from './fault-proxy.ts'

/** A small upstream, and the proxy in front of it. For the tests beside it. */
export interface Rig {
  readonly proxy: FaultProxy
  readonly upstream: { readonly host: string; readonly port: number }
  /** Requests that reached the upstream: method, path and body, in order. */
  readonly requests: readonly string[]
  /** Open `/stream` answers, newest last. */
  readonly streams: readonly ServerResponse[]
  /** Open WebSockets on the upstream's side, newest last. */
  readonly sockets: readonly WebSocket[]
  /** Resolves when the condition holds; looked at after each thing that happens upstream. */
  until(condition: () => boolean): Promise<void>
  connections(): Promise<number>
  close(): Promise<void>
}

export async function startRig(options: Partial<FaultProxyOptions> = {}): Promise<Rig> {
  const requests: string[] = []
  const streams: ServerResponse[] = []
  const sockets: WebSocket[] = []
  const watchers = new Set<() => void>()
  const changed = (): void => {
    for (const watcher of [...watchers]) watcher()
  }
  const leave = <T>(list: T[], item: T): void => {
    list.splice(list.indexOf(item), 1)
    changed()
  }
  const server = http.createServer((req, res) => {
    void bodyOf(req).then((body) => {
      requests.push(`${req.method ?? ''} ${req.url ?? ''} ${body}`)
      if (req.url === '/stream') {
        res.writeHead(200, { 'Content-Type': 'text/event-stream', 'Content-Encoding': 'identity' })
        res.flushHeaders()
        streams.push(res)
        res.on('close', () => leave(streams, res))
      } else if (req.url?.endsWith('/echo')) {
        res.setHeader('Content-Type', 'application/json')
        res.end(body)
      } else {
        res.setHeader('X-Twice', ['a', 'b'])
        res.end(`answer ${requests.length}: ${body}`)
      }
      changed()
    })
  })
  server.keepAliveTimeout = 0
  const wss = new WebSocketServer({ server, path: '/' })
  wss.on('connection', (socket) => {
    sockets.push(socket)
    socket.on('message', (data: Buffer) => socket.send(data.toString()))
    socket.on('close', () => leave(sockets, socket))
    socket.on('error', () => {})
    changed()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const upstream = { host: '127.0.0.1', port: (server.address() as AddressInfo).port }
  const proxy = await startFaultProxy({ upstream, ...options })
  return {
    proxy,
    upstream,
    requests,
    streams,
    sockets,
    until: (condition) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (!condition()) return
          watchers.delete(look)
          resolve()
        }
        watchers.add(look)
        look()
      }),
    connections: () =>
      new Promise((resolve, reject) => {
        server.getConnections((error, count) => (error === null ? resolve(count) : reject(error)))
      }),
    close: async () => {
      await proxy.close()
      for (const socket of wss.clients) socket.terminate()
      wss.close()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

export async function bodyOf(message: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  try {
    for await (const chunk of message) chunks.push(chunk as Buffer)
  } catch {
    // A body that was cut off counts as far as it came.
  }
  return Buffer.concat(chunks).toString()
}

/** What one request came to. */
export interface Outcome {
  readonly status?: number
  readonly headers?: IncomingMessage['headers']
  readonly body: string
  /** `ok`, or the code of the error. */
  readonly end: string
}

/** Sends a request on a connection of its own and waits for its end, good or bad. */
export function send(port: number, path: string, body?: string, options: http.RequestOptions = {}): Promise<Outcome> {
  return new Promise((resolve) => {
    const method = body === undefined ? 'GET' : 'POST'
    const req = http.request({ port, path, method, host: '127.0.0.1', agent: false, ...options })
    req.on('error', (error: NodeJS.ErrnoException) => resolve({ body: '', end: error.code ?? error.message }))
    req.on('response', (res) => {
      let text = ''
      const done = (end: string): void =>
        resolve({ status: res.statusCode ?? 0, headers: res.headers, body: text, end })
      res.on('data', (chunk: Buffer) => (text += chunk.toString()))
      res.on('error', (error: NodeJS.ErrnoException) => done(error.code ?? error.message))
      res.on('end', () => done('ok'))
    })
    req.end(body)
  })
}

/** A raw client: what it got so far, and how it ended. */
export interface RawClient {
  readonly socket: net.Socket
  readonly chunks: readonly Buffer[]
  text(): string
  /** Resolves when the text has come. */
  sees(text: string): Promise<void>
  /** `fin`, or the code of the error. */
  readonly end: Promise<string>
}

export function connectRaw(port: number, first = ''): RawClient {
  const socket = net.connect(port, '127.0.0.1')
  const chunks: Buffer[] = []
  const text = (): string => Buffer.concat(chunks).toString()
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  socket.write(first)
  return {
    socket,
    chunks,
    text,
    sees: (wanted) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (!text().includes(wanted)) return
          socket.off('data', look)
          resolve()
        }
        socket.on('data', look)
        look()
      }),
    end: new Promise((resolve) => {
      socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
      socket.on('end', () => resolve('fin'))
    }),
  }
}

/** Events of a WebSocket in order: `open`, `message …`, `close <code>`, `status <code>`. */
export interface SocketWatch {
  readonly ws: WebSocket
  readonly seen: readonly string[]
  sees(entry: string): Promise<void>
}

export function openSocket(port: number, path = '/'): SocketWatch {
  const ws = new WebSocket(`ws://127.0.0.1:${port}${path}`, { perMessageDeflate: false })
  const seen: string[] = []
  const watchers = new Set<() => void>()
  const note = (entry: string): void => {
    seen.push(entry)
    for (const watcher of [...watchers]) watcher()
  }
  ws.on('open', () => note('open'))
  ws.on('message', (data: Buffer) => note(`message ${data.toString()}`))
  ws.on('unexpected-response', (_req, res) => note(`status ${res.statusCode ?? 0}`))
  ws.on('error', (error: NodeJS.ErrnoException) => note(`error ${error.code ?? error.message}`))
  ws.on('close', (code) => note(`close ${code}`))
  return {
    ws,
    seen,
    sees: (entry) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (!seen.includes(entry)) return
          watchers.delete(look)
          resolve()
        }
        watchers.add(look)
        look()
      }),
  }
}
