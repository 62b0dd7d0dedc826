import http from 'node:http'
import type { ClientRequest, IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { eventStreamSegmenter, jsonSegmenter, opaqueSegmenter } from './segments.ts'
import type { Segmenter } from './segments.ts'

/** The one address to which everything goes, whatever a request line or a Host header says. */
export interface Upstream {
  readonly host: string
  readonly port: number
}

/** What a request asks for. */
export interface RequestTarget {
  /** Path and query as they are sent upstream. */
  readonly target: string
  readonly pathname: string
}

/** Reads a request target. Scheme and authority of an absolute URI are dropped: there is one upstream only. */
export function targetOf(url: string, stripPrefix = ''): RequestTarget | undefined {
  let target = url.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, '')
  if (target === '' || target.startsWith('?')) target = `/${target}`
  if (target !== '*' && !target.startsWith('/')) return undefined
  const prefix = stripPrefix.replace(/\/$/, '')
  const next = target[prefix.length]
  if (prefix !== '' && target.startsWith(prefix) && (next === undefined || next === '/' || next === '?')) {
    target = target.slice(prefix.length)
    if (!target.startsWith('/')) target = `/${target}`
  }
  return { target, pathname: target.split('?', 1)[0] ?? '/' }
}

/** A body in which frames can be found: one JSON text, as it is. */
export function isJsonBody(type = '', encoding = 'identity'): boolean {
  return encoding === 'identity' && /json|^text\/plain|^$/i.test(type)
}

/** Starts a request to the upstream, on a connection of its own: an end or RST then concerns no other link. */
export function askUpstream(
  upstream: Upstream,
  req: IncomingMessage,
  target: string,
  rawHeaders: readonly string[] = req.rawHeaders,
): ClientRequest {
  const headers = [...rawHeaders]
  // Node would say "close" for us, and the hub's answer to that would end the client's keep-alive connection.
  if (req.headers.connection === undefined && req.httpVersion === '1.1') headers.push('Connection', 'keep-alive')
  return http.request({
    agent: new http.Agent({ keepAlive: false }),
    host: upstream.host,
    port: upstream.port,
    path: target,
    setHost: false,
    ...(req.method === undefined ? {} : { method: req.method }),
    // The flat raw list keeps order, spelling and repeated fields. Node takes it; its type does not say so.
    headers: headers as unknown as http.OutgoingHttpHeaders,
  })
}

/** Reads a whole body. Undefined when it is longer than allowed or never came to its end. */
export function readBody(message: IncomingMessage, maxBytes: number): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    let bytes = 0
    message.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > maxBytes) resolve(undefined)
      else chunks.push(chunk)
    })
    message.on('end', () => {
      resolve(Buffer.concat(chunks))
    })
    message.on('error', () => {
      resolve(undefined)
    })
    message.on('close', () => {
      resolve(undefined)
    })
  })
}

/** How to look for frames in a body. */
export function segmenterFor(message: IncomingMessage): Segmenter {
  const { 'content-type': type, 'content-encoding': encoding } = message.headers
  if (isJsonBody(type, encoding)) return jsonSegmenter()
  const isStream = /^text\/event-stream/i.test(type ?? '') && (encoding ?? 'identity') === 'identity'
  return isStream ? eventStreamSegmenter() : opaqueSegmenter()
}

/** Status line and headers as raw HTTP, for a socket that no server response owns any more. */
export function rawHead(status: number, message: string, rawHeaders: readonly string[]): string {
  let head = `HTTP/1.1 ${status} ${message}\r\n`
  for (let at = 0; at < rawHeaders.length; at += 2) head += `${rawHeaders[at] ?? ''}: ${rawHeaders[at + 1] ?? ''}\r\n`
  return `${head}\r\n`
}

/** Ends a socket with FIN or RST. */
export function endSocket(socket: Duplex, how: 'fin' | 'reset'): void {
  if (how === 'fin') {
    socket.end()
    // Nobody may be left to read: without this the other side's FIN would never be seen.
    socket.resume()
  } else if (isResettable(socket)) {
    socket.resetAndDestroy()
  } else {
    socket.destroy()
  }
}

/** A stand-in for a socket that knows how to send an RST. */
export interface Resettable {
  resetAndDestroy(): void
}

function isResettable(socket: Duplex): socket is Duplex & Resettable {
  return 'resetAndDestroy' in socket
}
