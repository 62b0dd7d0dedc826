import { STATUS_CODES } from 'node:http'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocketServer } from 'ws'
import type { RawData, WebSocket } from 'ws'
import type { HoldfastError } from '../base/errors.ts'
import { SUBPROTOCOL } from '../protocol/frames.ts'
import { refusal } from './frame-text.ts'
import type { Gateway } from './gateway.ts'
import type { HubCore } from './hub-core.ts'
import { gatewayRequest } from './node-http.ts'
import { hookRequest } from './request-body.ts'
import { errorResponse } from './responses.ts'
import { SocketSession } from './socket-session.ts'
import type { SocketSink } from './socket-session.ts'
import { unsentBytes } from './unsent-bytes.ts'
import { textMessage } from './websocket-message.ts'

const NEVER = new AbortController().signal

/** Options of ws 8.23 that its types do not name yet. */
interface NewerOptions {
  readonly maxFragments: number
  readonly maxBufferedChunks: number
  readonly closeTimeout: number
}

/** The wire of WebSocket links (PROTOCOL.md §5); what is said on them is in `socket-session.ts`. */
export class WebSocketGateway {
  readonly #core: HubCore
  readonly #gateway: Gateway
  readonly #server: WebSocketServer

  constructor(core: HubCore, gateway: Gateway) {
    this.#core = core
    this.#gateway = gateway
    const newer: NewerOptions = { maxFragments: 64, maxBufferedChunks: 4096, closeTimeout: core.limits.closeMs }
    this.#server = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: core.limits.batchBytes,
      handleProtocols: () => SUBPROTOCOL,
      ...newer,
    })
    this.#server.on('wsClientError', (_error, socket: Duplex) => {
      this.#turnAway(socket, refusal('bad-request', 'this is not a valid WebSocket handshake'))
    })
  }

  /** Takes over the socket of an upgrade request. Never throws. */
  upgrade(target: string, request: IncomingMessage, socket: Duplex, head: Buffer): void {
    // A reset during the handshake must find a listener.
    socket.on('error', () => socket.destroy())
    try {
      const refused = this.#refuse(target, request)
      if (refused) this.#turnAway(socket, refused)
      else
        this.#server.handleUpgrade(request, socket, head, (webSocket) => this.#open(webSocket, target, request, socket))
    } catch (error) {
      this.#turnAway(socket, this.#core.asRefusal(error, 'a WebSocket handshake'))
    }
  }

  #turnAway(socket: Duplex, error: HoldfastError): void {
    this.#core.telemetry.refused(error, 'request')
    refuseUpgrade(socket, error)
  }

  #refuse(target: string, request: IncomingMessage): HoldfastError | null {
    const { header, remoteAddress } = gatewayRequest(target, request, NEVER)
    const foreign = this.#gateway.refuseOrigin(header, true)
    if (foreign) return foreign
    if (!/^\/(\?|$)/.test(target)) return refusal('not-found', 'WebSocket is served on the base path only')
    // Version 8, which ws takes too, names the origin in a header that nobody here reads.
    if (header('sec-websocket-version') !== '13') return refusal('bad-request', 'the WebSocket version must be 13')
    const offered = (header('sec-websocket-protocol') ?? '').split(',').map((name) => name.trim())
    if (!offered.includes(SUBPROTOCOL)) return refusal('bad-request', `the subprotocol must be ${SUBPROTOCOL}`)
    const { admission } = this.#core
    const peer = { address: admission.addressOf({ header, remoteAddress }) }
    return this.#core.refuseLink() ?? admission.refuseLink(peer) ?? admission.take('connect', peer)
  }

  #open(webSocket: WebSocket, target: string, request: IncomingMessage, socket: Duplex): void {
    const gatewayView = gatewayRequest(target, request, NEVER)
    const session = new SocketSession(this.#core, socketSink(webSocket, socket), hookRequest(gatewayView))
    // ws closes the socket itself, with 1002, 1007, 1008 or 1009.
    webSocket.on('error', () => {})
    webSocket.on('close', () => session.gone())
    webSocket.on('message', (data: RawData, isBinary: boolean) => {
      if (isBinary) session.receiveBinary()
      else session.receive(textOf(data))
    })
    socket.on('drain', () => session.drained())
  }
}

const textOf = (data: RawData): string => {
  if (Array.isArray(data)) return Buffer.concat(data).toString('utf8')
  return Buffer.isBuffer(data) ? data.toString('utf8') : Buffer.from(data).toString('utf8')
}

const socketSink = (webSocket: WebSocket, socket: Duplex): SocketSink => {
  // Whole messages go to the socket as they are. ws writes whole messages at once too (it would not with compression, which
  // is off), so they cannot come between the parts of one of its own. Not as text: of that Node holds three times its bytes
  // while they wait.
  const send = (message: Buffer): void => {
    if (webSocket.readyState === webSocket.OPEN) socket.write(message)
  }
  return {
    write: (batch) => send(textMessage(batch)),
    writeRun: (run) => send(run.socketMessage),
    buffered: () => webSocket.bufferedAmount,
    unsent: () => webSocket.bufferedAmount + unsentBytes(socket),
    pause: () => webSocket.pause(),
    resume: () => webSocket.resume(),
    close: (code, reason) => webSocket.close(code, reason),
    destroy: () => webSocket.terminate(),
  }
}

/** An answer in place of 101, with the headers and the body that every error of the hub has (PROTOCOL.md §6.2). */
const refuseUpgrade = (socket: Duplex, error: HoldfastError): void => {
  if (socket.destroyed || !socket.writable) return
  const { status, headers, body } = errorResponse(error)
  const text = typeof body === 'string' ? body : ''
  const all = { ...headers, Connection: 'close', 'Content-Length': String(Buffer.byteLength(text)) }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.once('finish', () => socket.destroy())
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('')}\r\n${text}`)
}
