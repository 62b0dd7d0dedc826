import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer as createHttp } from 'node:http'
import type { IncomingMessage, Server } from 'node:http'
import { createSecureServer } from 'node:http2'
import type { Http2SecureServer, IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import { createServer as createHttps } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { Page } from '@playwright/test'
import { createHub } from 'holdfast/server'
import type { Hub } from 'holdfast/server'
import { generate } from 'selfsigned'
import { SCALE } from './hub-fixture.ts'
import { installHarness } from './page-harness.ts'
import { test as base } from './worker-fixture.ts'

export { expect } from './worker-fixture.ts'

/**
 * `https`: `https.createServer`, which speaks HTTP/1.1. `http2`: `http2.createSecureServer` with `allowHTTP1`, as WebSockets need it;
 * `http2-only`: without. `http`: no TLS.
 */
export type ServerKind = 'https' | 'http2' | 'http2-only' | 'http'

/** The channel of these tests: each has a hub of its own. */
export const channel = 'lab:tls'

/** One request or upgrade for the hub, as its server saw it. */
export interface Seen {
  readonly kind: 'request' | 'upgrade'
  readonly path: string
  readonly httpVersion: string
  /** The protocol that was agreed upon in the TLS handshake. */
  readonly alpn: unknown
  /** Equal for what came on the same connection. */
  readonly connection: number
}

export interface PageServer {
  /** Origin of the pages and of the hub, which is at `/realtime`. */
  readonly url: string
  readonly hub: Hub
  readonly seen: readonly Seen[]
  /** Connections that came, those on which the browser broke the TLS handshake off, and those that found the server shut. */
  readonly count: { readonly connections: number; readonly brokenOff: number; readonly refused: number }
  /** Resets every connection, and from now on those that come, until `open()`. Returns how many were reset at once. */
  shut(): number
  open(): void
}

type AnyServer = Server | Http2SecureServer

const html = '<!doctype html><title>Page</title><script src="/holdfast.min.js"></script>'

interface Answer {
  writeHead(status: number, headers: Record<string, string>): unknown
  end(body: string | Buffer): unknown
}

const answerPage = async ({ url }: { readonly url?: string | undefined }, answer: Answer): Promise<void> => {
  const isScript = url === '/holdfast.min.js'
  const body = isScript ? await readFile(new URL('../dist/holdfast.min.js', import.meta.url)) : html
  answer.writeHead(isScript || url === '/' ? 200 : 404, { 'content-type': isScript ? 'text/javascript' : 'text/html' })
  answer.end(body)
}

/** A key, and a certificate for localhost that no browser trusts. */
const makeCertificate = async (): Promise<{ readonly key: string; readonly cert: string }> => {
  const pem = await generate([{ name: 'commonName', value: 'localhost' }], {
    algorithm: 'sha256',
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }] }],
  })
  return { key: pem.private, cert: pem.cert }
}
let certificate: ReturnType<typeof makeCertificate> | undefined

const createServerOf = async (kind: ServerKind): Promise<AnyServer> => {
  const listener = (request: { readonly url?: string | undefined }, answer: Answer): void => {
    void answerPage(request, answer)
  }
  if (kind === 'http') return createHttp(listener)
  const pem = await (certificate ??= makeCertificate())
  if (kind === 'https') return createHttps(pem, listener)
  return createSecureServer({ ...pem, allowHTTP1: kind === 'http2' }, listener)
}

/** Notes what comes for the hub, before the hub takes it. */
const watch = (server: { emit(event: string, ...values: unknown[]): boolean }, seen: Seen[]): void => {
  const { emit } = server
  const numbers = new WeakMap<object, number>()
  let last = 0
  const note = (kind: Seen['kind'], path: string, httpVersion: string, carrier: object | undefined): void => {
    if (!carrier || !path.startsWith('/realtime')) return
    if (!numbers.has(carrier)) numbers.set(carrier, ++last)
    const alpn = 'alpnProtocol' in carrier ? carrier.alpnProtocol : undefined
    seen.push({ kind, path, httpVersion, alpn, connection: numbers.get(carrier) ?? 0 })
  }
  server.emit = (event, ...values) => {
    if (event === 'stream') {
      const [stream, headers] = values as [ServerHttp2Stream, IncomingHttpHeaders]
      note('request', headers[':path'] ?? '', '2.0', stream.session)
    } else if (event === 'request' || event === 'upgrade') {
      const [{ url = '', httpVersion, socket }] = values as [IncomingMessage]
      note(event, url, httpVersion, socket)
    }
    return emit.call(server, event, ...values)
  }
}

const start = async (
  kind: ServerKind,
  origins: readonly string[],
): Promise<PageServer & { close: () => Promise<void> }> => {
  const server = await createServerOf(kind)
  const hub = createHub({ authorize: () => true, origins, limits: { heartbeatMinMs: 300, sweepMs: 500 / SCALE } })
  const seen: Seen[] = []
  const count = { connections: 0, brokenOff: 0, refused: 0 }
  const sockets = new Set<Socket>()
  let isShut = false
  hub.attach(server)
  watch(server, seen)
  // Before TLS.
  server.on('connection', (socket: Socket) => {
    count.connections++
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => sockets.delete(socket))
    if (!isShut) return
    count.refused++
    socket.resetAndDestroy()
  })
  server.on('tlsClientError', () => count.brokenOff++)
  server.listen(0, 'localhost')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo

  const shut = (): number => {
    isShut = true
    const open = [...sockets]
    for (const socket of open) socket.resetAndDestroy()
    return open.length
  }
  return {
    url: `${kind === 'http' ? 'http' : 'https'}://localhost:${port}`,
    hub,
    seen,
    count,
    shut,
    open: () => {
      isShut = false
    },
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await hub.close()
      server.close()
      await once(server, 'close')
    },
  }
}

/** Opens the page of a server with the harness for a hub: its own, unless another one is given. */
export const openPage = async (
  page: Page,
  { url }: PageServer,
  transports: Parameters<typeof installHarness>[2],
  hub = '/realtime',
): Promise<void> => {
  await page.goto(url)
  await installHarness(page, { url: hub, channel }, transports)
}

/** `startServer`: a server of this kind on a free port, which is closed after the test. */
export const test = base.extend<{
  startServer: (kind: ServerKind, origins?: readonly string[]) => Promise<PageServer>
}>({
  // oxlint-disable-next-line no-empty-pattern -- Playwright reads the names of the fixtures from the pattern
  startServer: async ({}, use) => {
    const started: { close: () => Promise<void> }[] = []
    await use(async (kind, origins = []) => {
      const server = await start(kind, origins)
      started.push(server)
      return server
    })
    await Promise.all(started.map((server) => server.close()))
  },
})
