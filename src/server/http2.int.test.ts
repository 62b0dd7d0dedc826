import { once } from 'node:events'
import { request as httpsRequest } from 'node:https'
import { connect, createServer } from 'node:http2'
import type { Http2SecureServer, IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { http2Fetch, http2Pair } from '../testing/http2-fetch.ts'
import type { Http2Pair } from '../testing/http2-fetch.ts'
import { hello } from '../testing/test-hub.ts'
import { createHub } from './hub.ts'
import type { HookRequest } from './hub-core.ts'
import type { Hub, HubOptions } from './hub-types.ts'

const undo: (() => unknown)[] = []
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step()
})

interface Served extends Http2Pair {
  readonly hub: Hub
  readonly own: string
  readonly failures: unknown[]
}

/** A hub at /realtime behind HTTP/2. `prepare` is the application, which comes after the hub. */
const serve = async (
  options: Partial<HubOptions> = {},
  prepare: (server: Http2SecureServer) => void = () => undefined,
): Promise<Served> => {
  const failures: unknown[] = []
  const onError = (failure: unknown): void => {
    failures.push(failure)
  }
  const hub = createHub({ authorize: () => true, onError, ...options })
  const attached = (server: Http2SecureServer): void => {
    hub.attach(server)
    prepare(server)
  }
  const pair = await http2Pair(attached, { allowHTTP1: true })
  undo.push(pair.close, () => {
    expect(failures).toEqual([])
  })
  undo.push(() => hub.close())
  return { ...pair, hub, own: `https://localhost:${pair.port}`, failures }
}

interface Asked {
  readonly headers: IncomingHttpHeaders & { readonly ':status'?: number }
  readonly text: string
  readonly rstCode: number
}

/** One request as it is on the wire. Without a body the stream ends with the headers; null leaves it open. */
const ask = async (
  { session }: Pick<Http2Pair, 'session'>,
  fields: Record<string, string>,
  body?: string | null,
): Promise<Asked> => {
  const stream = session.request(fields, { endStream: body === undefined })
  let text = ''
  stream.on('data', (chunk: Buffer) => (text += chunk.toString()))
  if (typeof body === 'string') stream.end(body)
  const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders]
  if (!stream.closed) await once(stream, 'close')
  return { headers, text, rstCode: stream.rstCode }
}

const publishing = (headers: Record<string, string> = {}): Record<string, string> => ({
  ':method': 'POST',
  ':path': '/realtime/publish?channel=a',
  'content-type': 'application/json',
  ...headers,
})

describe('HTTP/2', () => {
  it('§6.11 `:authority` is the own host: its page may publish, no other may, whatever `Host` says', async () => {
    const served = await serve()
    const { own, port } = served
    expect((await ask(served, publishing({ origin: own }), '1')).headers[':status']).toBe(200)
    const foreign = publishing({ origin: 'https://evil.example' })
    expect((await ask(served, foreign, '2')).headers[':status']).toBe(403)
    const claimed = publishing({
      ':authority': `localhost:${port}`,
      host: 'evil.example',
      origin: 'https://evil.example',
    })
    expect((await ask(served, claimed, '3')).headers[':status']).toBe(403)
    const { text } = await ask(served, { ':path': '/realtime/poll?channel=a&since=earliest' })
    expect([...text.matchAll(/"data":(\d)/g)].map(([, data]) => data)).toEqual(['1'])
  })

  it('§5.7 §6.2 a GET of the base path is answered 426, without the header that HTTP/2 forbids', async () => {
    const served = await serve()
    const { headers, text } = await ask(served, { ':path': '/realtime' })
    expect(headers).toMatchObject({ ':status': 426, 'content-type': 'application/holdfast+json' })
    expect(headers).not.toHaveProperty('upgrade')
    expect(text).toContain('"code":"upgrade-required"')
    expect((await ask(served, { ':path': '/realtime/health' })).headers[':status']).toBe(200)
  })

  it('no answer makes Node warn of a header', async () => {
    const warnings: Error[] = []
    const onWarning = (warning: Error): void => {
      warnings.push(warning)
    }
    process.on('warning', onWarning)
    undo.push(() => process.off('warning', onWarning))
    const served = await serve()
    for (const path of ['/realtime', '/realtime/health', '/realtime/poll?channel=a', '/realtime/nowhere'])
      await ask(served, { ':path': path })
    await ask(served, publishing({ origin: 'https://evil.example' }), '1')
    await ask(served, publishing(), 'x'.repeat(300_000))
    await new Promise((resolve) => setImmediate(resolve))
    expect(warnings).toEqual([])
  })

  it('the hub needs no listener of the application, and those hear of other paths only', async () => {
    const paths: string[] = []
    const onStream = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void => {
      paths.push(`stream ${headers[':path'] ?? ''}`)
      if (headers[':path'] !== '/mine') return
      stream.respond()
      stream.end('mine')
    }
    const served = await serve({}, (server) => server.on('stream', onStream))
    expect((await ask(served, { ':path': '/realtime/health' })).text).toBe('{"status":"ready"}')
    expect((await ask(served, { ':path': '/mine' })).text).toBe('mine')
    served.server.on('request', ({ url }, response) => {
      paths.push(`request ${url}`)
      if (url === '/page') response.end('page')
    })
    expect((await ask(served, { ':path': '/realtime/health' })).text).toBe('{"status":"ready"}')
    expect((await ask(served, { ':path': '/page' })).text).toBe('page')
    expect(paths).toEqual(['stream /mine', 'stream /page', 'request /page'])
  })

  it('a CONNECT, which has no path, is left to the application', async () => {
    const hub = createHub({ authorize: () => true })
    const pair = await http2Pair((server) => {
      hub.attach(server, { path: '/' })
      server.on('request', (_request, response) => response.end())
    })
    undo.push(pair.close, () => hub.close())
    const stream = pair.session.request({ ':method': 'CONNECT', ':authority': 'x:80' })
    const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders]
    // By Node itself: there is no listener for it.
    expect([headers[':status'], headers['content-type']]).toEqual([405, undefined])
    stream.destroy()
    expect((await ask(pair, { ':path': '/health' })).headers[':status']).toBe(200)
  })

  it('§9 a body over the limit is answered before its end, and no more of it is asked for', async () => {
    const served = await serve()
    const stream = served.session.request(publishing())
    stream.on('error', () => undefined)
    stream.write('x'.repeat(300_000))
    const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders]
    expect(headers).toMatchObject({ ':status': 413 })
    stream.resume()
    // The client has not ended it.
    await once(stream, 'close')
    expect(stream.rstCode).toBe(0)
  })

  it('asked to, the hub says that it waits for a body', async () => {
    const served = await serve()
    const stream = served.session.request(publishing({ expect: '100-continue' }))
    await once(stream, 'continue')
    stream.end('1')
    const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders]
    expect(headers).toMatchObject({ ':status': 200 })
  })

  it('§6.8 §6.10 an answer without a body ends in good order', async () => {
    const served = await serve()
    const head = await ask(served, { ':method': 'HEAD', ':path': '/realtime/health' })
    const preflight = await ask(served, { ':method': 'OPTIONS', ':path': '/realtime/poll', origin: served.own })
    expect([head.headers[':status'], head.text, head.rstCode]).toEqual([200, '', 0])
    expect([preflight.headers[':status'], preflight.text, preflight.rstCode]).toEqual([204, '', 0])
  })

  it('§7.4 a drain ends a stream in good order, behind all that waits', async () => {
    const served = await serve({ limits: { closeMs: 20_000 } })
    const { hub } = served
    for (const n of [1, 2]) await hub.publish('a', `${n} ${'x'.repeat(60_000)}`)
    const stream = served.session.request({ ':path': '/realtime/stream?channel=a&since=earliest' })
    await once(stream, 'readable')
    // More than an unread window takes, so it waits at the hub.
    const closing = hub.close()
    let text = ''
    stream.on('data', (chunk: Buffer) => (text += chunk.toString()))
    await once(stream, 'close')
    expect(text.length).toBeGreaterThan(120_000)
    expect(text).toMatch(/"type":"goodbye","reason":"drain"[^\n]*\n\n$/)
    expect(stream.rstCode).toBe(0)
    await closing
  })

  it('without TLS, as a proxy may speak it, the hub is served too', async () => {
    const hub = createHub({ authorize: () => true })
    const server = createServer()
    hub.attach(server)
    server.listen(0, 'localhost')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const session = connect(`http://localhost:${port}`)
    undo.push(
      () => server.close(),
      () => hub.close(),
      () => session.destroy(),
    )
    // The proxy has taken TLS off, and passes on what the browser said.
    const fields = publishing({ ':authority': 'app.example', origin: 'https://app.example' })
    expect((await ask({ session }, fields, '1')).headers).toMatchObject({ ':status': 200 })
  })

  it('authenticate sees the address, and `:authority` as `host`', async () => {
    const seen: HookRequest[] = []
    const authenticate = ({ request }: { request: HookRequest }) => {
      seen.push(request)
      return null
    }
    const served = await serve({ authenticate })
    await ask(served, { ':path': '/realtime/poll?channel=a', cookie: 'a=1; b=2' })
    const [request] = seen
    expect(request?.remoteAddress).toMatch(/^(127\.0\.0\.1|::1|::ffff:127\.0\.0\.1)$/)
    expect([request?.header('host'), request?.header('cookie')]).toEqual([`localhost:${served.port}`, 'a=1; b=2'])
  })

  it('S16 requests that are given up at any moment harm nobody and leave nothing', async () => {
    const served = await serve()
    const { hub, session } = served
    const body = JSON.stringify([hello({ waitMs: 20_000, channels: [{ channel: 'a', from: 'latest' }] })])
    const fields = (path: string) => publishing({ ':path': `/realtime${path}` })
    for (let n = 0; n < 60; n++) {
      const stream = session.request(fields(n % 2 === 0 ? '/poll' : '/stream'))
      stream.on('error', () => undefined)
      if (n % 3 > 0) stream.write(body)
      if (n % 3 > 1) stream.end()
      if (n % 4 > 1) await new Promise((resolve) => setImmediate(resolve))
      // CANCEL, or INTERNAL_ERROR, which is an error event on the other side.
      stream.close(n % 5 > 0 ? 8 : 2)
    }
    await hub.publish('a', 1)
    const { text } = await ask(served, { ':path': '/realtime/poll?channel=a&since=earliest' })
    expect(text).toContain('"data":1')
    await expect.poll(() => hub.health.links).toBe(0)
  })

  it('a session that breaks off releases all its streams', async () => {
    const served = await serve()
    const call = http2Fetch(served)
    const body = JSON.stringify([hello({ channels: [{ channel: 'a', from: 'latest' }] })])
    const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body }
    for (let n = 0; n < 10; n++) await call('/realtime/stream', init)
    expect(served.hub.health.links).toBe(10)
    served.session.destroy()
    await expect.poll(() => served.hub.health.links).toBe(0)
  })
})

describe('HTTP/1.1 on a server of HTTP/2 with `allowHTTP1`', () => {
  it('§5.1 serves WebSocket over TLS, and requests', async () => {
    const { hub, own, port } = await serve()
    const socket = new WebSocket(`wss://localhost:${port}/realtime`, 'holdfast.1', {
      rejectUnauthorized: false,
      origin: own,
    })
    undo.push(() => socket.terminate())
    let text = ''
    socket.on('message', (data: Buffer) => (text += data.toString()))
    await once(socket, 'open')
    socket.send(JSON.stringify([hello({ channels: [{ channel: 'a', from: 'latest' }] })]))
    await expect.poll(() => text).toContain('"type":"run"')
    await hub.publish('a', 'over TLS')
    await expect.poll(() => text).toContain('"data":"over TLS"')

    const request = httpsRequest({ port, path: '/realtime/health', rejectUnauthorized: false }).end()
    const [response] = (await once(request, 'response')) as [{ httpVersion: string; statusCode: number }]
    expect([response.httpVersion, response.statusCode]).toEqual(['1.1', 200])
  })
})
