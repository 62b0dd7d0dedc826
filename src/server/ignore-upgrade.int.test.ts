import { createServer } from 'node:http'
import type { RequestListener, Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { afterEach, describe, expect, it } from 'vitest'
import { selfSigned } from '../testing/http2-fetch.ts'
import { serveOnPath } from '../testing/serve-on-path.ts'
import { createHub } from './hub.ts'

const undo: (() => unknown)[] = []
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step()
})

const app: RequestListener = (request, response) => {
  let body = ''
  request.on('data', (chunk: Buffer) => (body += chunk.toString()))
  request.on('end', () => response.end(`${request.method} ${request.url} ${JSON.stringify(request.headers)} ${body}`))
}

/** What a connection sends and has got; a hub is at `/realtime`, and everything else is the application's. */
const serve = async (
  make: (listener: RequestListener) => Server = createServer,
  dial: (path: string) => Socket = connect,
) => {
  const hub = createHub({ authorize: () => true })
  const server = make(app)
  hub.attach(server)
  const { path, close } = await serveOnPath(server, hub)
  undo.push(close)
  const socket = dial(path)
  let text = ''
  socket.on('error', () => undefined).on('data', (chunk: Buffer) => (text += chunk.toString()))
  undo.push(() => socket.destroy())
  const sees = (what: string | RegExp): Promise<void> => expect.poll(() => text, { timeout: 10_000 }).toMatch(what)
  return { server, socket, sees, text: () => text }
}

/** As the HTTP client of Java asks for HTTP/2. */
const WISH = 'Connection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAEAAEAAAAIAAAAB\r\nUpgrade: h2c\r\n'
const post = (target: string, body: string, more = WISH): string =>
  `POST ${target} HTTP/1.1\r\nHost: x\r\n${more}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`

describe('§5.7 a wish for a protocol that is not there is ignored', () => {
  it('a publish is taken, whose body comes later, and the connection goes on', async () => {
    const { socket, sees, text } = await serve()
    const first = post('/realtime/publish?channel=a', '"one"')
    socket.write(first.slice(0, -3))
    await new Promise((resolve) => setImmediate(resolve))
    socket.write(first.slice(-3))
    await sees(/HTTP\/1\.1 200 .*"position":"[^"]+\.1\./s)
    socket.write(post('/realtime/publish?channel=a', '"two"'))
    await sees(/"position":"[^"]+\.2\./)
    socket.write(post('/realtime/publish?channel=a', '"three"', ''))
    await sees(/"position":"[^"]+\.3\./)
    expect(text()).not.toMatch(/HTTP\/1\.1 [^2]/)
  })

  it('over TLS as well', async () => {
    const pem = await selfSigned()
    const { socket, sees } = await serve(
      (listener) => createTlsServer(pem, listener),
      (path) => connectTls({ path, rejectUnauthorized: false }),
    )
    socket.write(post('/realtime/publish?channel=a', '1'))
    await sees(/HTTP\/1\.1 200 .*"position":"[^"]+\.1\./s)
  })

  it('a stream is opened', async () => {
    const { socket, sees } = await serve()
    socket.write(`GET /realtime/stream?channel=a HTTP/1.1\r\nHost: x\r\n${WISH}\r\n`)
    await sees(/text\/event-stream.*"welcome"/s)
  })

  it('the application gets its own request, without the wish', async () => {
    const { socket, sees, text } = await serve()
    socket.write(post('/elsewhere', '{}', `X-Name: caf\xe9\r\nConnection: keep-alive, Upgrade\r\nUpgrade: h2c\r\n`))
    await sees('POST /elsewhere')
    expect(text()).toMatch(/"connection":"keep-alive".* \{\}/)
    expect(text()).not.toMatch(/upgrade|h2c/i)
  })

  it('an application that listens for upgrades gets those that are not for the hub as they are', async () => {
    const { server, socket, sees } = await serve()
    server.on('upgrade', ({ headers }, other: Socket) => other.end(`it is ${headers.upgrade}`))
    socket.write(post('/elsewhere', '{}'))
    await sees('it is h2c')
  })

  it('a WebSocket for nobody is answered 404, and the hub keeps its own', async () => {
    const { socket, sees } = await serve()
    socket.write('GET /elsewhere HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
    await sees('HTTP/1.1 404')
  })

  it('again and again on one connection, which gets no heavier', async () => {
    const { server, socket, sees } = await serve()
    const listeners: number[] = []
    server.on('connection', (other: Socket) => {
      const count = other.eventNames().reduce((sum, name) => sum + other.listenerCount(name), 0)
      // The first has none of Node's yet, which come with it.
      listeners.push(count)
    })
    for (let n = 1; n <= 30; n++) {
      socket.write(post('/realtime/publish?channel=a', String(n)))
      await sees(`.${n}.`)
    }
    expect(listeners).toHaveLength(31)
    expect(listeners.at(-1)).toBe(listeners[1])
  })

  it('is none where Node has left headers out: what follows could be taken for the next request', async () => {
    const { server, socket, sees, text } = await serve()
    server.maxHeadersCount = 4
    // Node hands over headers by the thirty.
    const many = Array.from({ length: 64 }, (_, n) => `X-${n}: x\r\n`).join('')
    const hidden = 'GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n'
    socket.write(
      `POST /elsewhere HTTP/1.1\r\nUpgrade: h2c\r\nConnection: Upgrade\r\nHost: x\r\n${many}Content-Length: ${hidden.length}\r\n\r\n${hidden}`,
    )
    await expect.poll(() => socket.readableEnded || socket.destroyed, { timeout: 10_000 }).toBe(true)
    await sees(/HTTP\/1\.1 4\d\d/)
    expect(text().match(/HTTP\/1\.1/g)).toHaveLength(1)
  })

  it('behind a request that is not answered yet it is refused, and nothing hangs', async () => {
    const { socket, sees } = await serve()
    socket.write(`GET /realtime/stream?channel=a HTTP/1.1\r\nHost: x\r\n\r\n`)
    await sees('"welcome"')
    socket.write(post('/realtime/publish?channel=a', '1'))
    await expect.poll(() => socket.readableEnded || socket.destroyed, { timeout: 10_000 }).toBe(true)
  })
})
