import type { IncomingMessage, ServerResponse } from 'node:http'
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import type { Duplex } from 'node:stream'
import type { HoldfastError } from '../base/errors.ts'
import { refusal } from './frame-text.ts'
import type { Gateway } from './gateway.ts'
import type { HubCore } from './hub-core.ts'
import { ignoreUpgrade } from './ignore-upgrade.ts'
import { answerNode } from './node-http.ts'
import { answerHttp2 } from './node-http2.ts'
import { MOST_WAITING, inTurn } from './pipelined.ts'
import type { WebSocketGateway } from './websocket-gateway.ts'

/** What `attach` needs of a server: those of `node:http`, `node:https` and `node:http2` have it. */
export interface AttachableServer {
  emit(event: string, ...values: unknown[]): boolean
  on(event: 'upgrade', listener: (request: IncomingMessage, socket: Duplex, head: Buffer) => void): unknown
  off(event: 'upgrade', listener: (request: IncomingMessage, socket: Duplex, head: Buffer) => void): unknown
  listenerCount(event: string): number
  readonly maxHeadersCount?: number | null
}

/**
 * Takes over the requests and upgrades below `path`, before any listener of the application hears of them, whenever it
 * was added. Returns the function that undoes it.
 */
export const attachTo = (
  server: AttachableServer,
  path: string,
  core: HubCore,
  gateway: Gateway,
  sockets: WebSocketGateway,
): (() => void) => {
  const base = path.replace(/\/+$/, '')
  if (!/^(\/[^/?#]+)*$/.test(base)) throw new TypeError(`holdfast: the path ${JSON.stringify(path)} must begin with /`)
  const { emit } = server
  let attached = true
  const emitOrTake = (event: string, ...values: unknown[]): boolean => {
    if (!attached) return emit.call(server, event, ...values)
    if (event === 'request' || event === 'checkContinue') {
      const [request, response] = values as [IncomingMessage, ServerResponse]
      const target = targetBelow(base, request.url)
      if (target !== null) {
        if (event === 'checkContinue') response.writeContinue()
        inTurn(request, response, {
          begin: () => void answerNode(gateway, target, request, response, core),
          tooMany: () => core.telemetry.refused(tooManyWait(), 'request'),
        })
        return true
      }
    } else if (event === 'stream') {
      // HTTP/2. Node makes a 'request' of it only where the application listens to those.
      const [stream, headers] = values as [ServerHttp2Stream, IncomingHttpHeaders]
      const target = targetBelow(base, headers[':path'])
      if (target !== null) {
        void answerHttp2(gateway, target, stream, headers, core)
        return true
      }
    } else if (event === 'upgrade') {
      const [request, socket, head] = values as [IncomingMessage, Duplex, Buffer]
      const target = targetBelow(base, request.url)
      // The application's own: without this listener of ours, Node would not have taken its request for an upgrade.
      const isOurs = target !== null || server.listenerCount('upgrade') === 1
      if (isOurs && ignoreUpgrade(server, request, socket, head)) return true
      if (target !== null) {
        sockets.upgrade(target, request, socket, head)
        return true
      }
    }
    return emit.call(server, event, ...values)
  }
  // With a listener Node hands over every upgrade; those that are for nobody are to be answered all the same.
  const onUpgrade = (_request: IncomingMessage, socket: Duplex): void => {
    if (server.listenerCount('upgrade') > 1) return
    socket.on('error', () => socket.destroy())
    socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
  }
  server.emit = emitOrTake
  server.on('upgrade', onUpgrade)
  return () => {
    server.off('upgrade', onUpgrade)
    attached = false
    // Somebody may have put a wrapper of their own around this one since; theirs goes on working.
    if (server.emit === emitOrTake) server.emit = emit
  }
}

const tooManyWait = (): HoldfastError =>
  refusal('too-many', `more than ${MOST_WAITING} requests wait on one connection`)

/** Path and query below the base, or null. Absolute request targets (RFC 9112 §3.2.2) are cut to their path first. */
const targetBelow = (base: string, url: string | undefined): string | null => {
  const target = url?.replace(/^https?:\/\/[^/?#]*/i, '')
  // Without one it is a CONNECT of HTTP/2.
  if (!target?.startsWith(base)) return null
  const rest = target.slice(base.length)
  if (rest === '' || rest.startsWith('?')) return `/${rest}`
  return rest.startsWith('/') ? rest : null
}
