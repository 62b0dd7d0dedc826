import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'

/** Headers that are about the upgrade only (RFC 9110 §7.8, RFC 7540 §3.2.1). */
const ABOUT_UPGRADE = new Set(['upgrade', 'http2-settings'])

/** What of Node tells that the answer to an earlier request of this connection is not over: then nothing can come after it here. */
interface Answering {
  readonly _httpMessage?: object | null
}

/** Node's own, where the server says nothing else; 0: none. */
const MOST_HEADERS = 1000

interface GivenBackTo {
  readonly maxHeadersCount?: number | null
  emit(event: string, ...values: unknown[]): boolean
}

/**
 * Node hands over every request with an `Upgrade` header once somebody listens for WebSockets, also those that ask for HTTP/2 only if it is
 * there, as clients in Java do. Gives such a request back to its server without that wish, as a server does that does not know the protocol
 * (RFC 9110 §7.8). Returns false, and does nothing, for WebSocket, and where it cannot be done: behind a request that is not answered yet, and
 * where Node may have left headers out, for then nobody knows where the request ends.
 */
export const ignoreUpgrade = (
  server: GivenBackTo,
  { method, url, httpVersion, headers: { upgrade }, rawHeaders }: IncomingMessage,
  socket: Duplex & Answering,
  head: Buffer,
): boolean => {
  const most = server.maxHeadersCount ?? MOST_HEADERS
  const isWhole = most === 0 || rawHeaders.length < 2 * most
  if (!upgrade || /websocket/i.test(upgrade) || !isWhole || socket._httpMessage) return false
  const lines = [`${method} ${url} HTTP/${httpVersion}`]
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? ''
    const value = rawHeaders[at + 1] ?? ''
    if (ABOUT_UPGRADE.has(name.toLowerCase())) continue
    lines.push(`${name}: ${name.toLowerCase() === 'connection' ? withoutThose(value) : value}`)
  }
  // As Node has read it: a character of a header is a byte.
  socket.unshift(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), head]))
  server.emit('encrypted' in socket ? 'secureConnection' : 'connection', socket)
  return true
}

const withoutThose = (value: string): string =>
  value
    .split(',')
    .filter((name) => !ABOUT_UPGRADE.has(name.trim().toLowerCase()))
    .join(',')
