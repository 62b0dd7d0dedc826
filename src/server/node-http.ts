import { isUtf8 } from 'node:buffer'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'
import type { Clock } from '../base/clock.ts'
import { cutWhenStalled } from './cut-when-stalled.ts'
import type { Gateway } from './gateway.ts'
import type { GatewayRequest, GatewayResponse, ReadBody } from './gateway-types.ts'
import type { HubLimits } from './limits.ts'
import type { StreamOut } from './stream-session.ts'
import { unsentBytes } from './unsent-bytes.ts'

/** How long the rest of a body that nobody wants is taken, so that the answer is read before the connection closes. */
const LINGER_MS = 1000

/** What the wire of an answer needs of its hub. */
export interface WireContext {
  readonly clock: Clock
  readonly limits: Pick<HubLimits, 'stallMs'>
}

/** Answers one request of Node's HTTP/1.1 server. Never throws. */
export const answerNode = async (
  gateway: Gateway,
  target: string,
  request: IncomingMessage,
  response: ServerResponse,
  context: WireContext,
): Promise<void> => {
  const gone = new AbortController()
  response.on('close', () => {
    // An abort makes an error object: only for those who did go.
    if (!response.writableFinished) gone.abort()
  })
  // Without a listener an error of the socket would end the process.
  response.on('error', () => gone.abort())
  request.on('error', () => gone.abort())
  // Nobody reads the body of a GET. While one waits to be read, nothing tells that the peer has gone.
  if (request.method === 'GET') request.resume()
  const answer = await gateway.handle(gatewayRequest(target, request, gone.signal))
  if (response.destroyed) {
    answer.taken?.()
    return
  }
  if (answer.taken) response.once('close', answer.taken)
  send(answer, request, response, context)
}

/** A request as the gateway sees it. */
export const gatewayRequest = (target: string, request: IncomingMessage, signal: AbortSignal): GatewayRequest => ({
  method: request.method ?? 'GET',
  target,
  header: (name) => {
    const value = request.headers[name]
    return Array.isArray(value) ? value.join(', ') : value
  },
  body: readNodeBody(request),
  signal,
  remoteAddress: request.socket.remoteAddress,
})

/** Reads the body of a request: a message of HTTP/1.1, or a stream of HTTP/2. */
export const readNodeBody =
  (request: Readable): ReadBody =>
  (maxBytes) =>
    new Promise((resolve) => {
      const chunks: Buffer[] = []
      let bytes = 0
      const onData = (chunk: Buffer): void => {
        bytes += chunk.length
        if (bytes > maxBytes) finish({ kind: 'too-large' })
        else chunks.push(chunk)
      }
      const onEnd = (): void => {
        const whole = chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)
        finish(isUtf8(whole) ? { kind: 'text', text: whole.toString('utf8') } : { kind: 'not-utf8' })
      }
      const onGone = (): void => finish({ kind: 'gone' })
      const finish = (result: Awaited<ReturnType<ReadBody>>): void => {
        request.off('data', onData).off('end', onEnd).off('close', onGone)
        if (result.kind === 'too-large') request.pause()
        resolve(result)
      }
      request.on('data', onData).on('end', onEnd).on('close', onGone)
    })

const send = (
  answer: GatewayResponse,
  request: IncomingMessage,
  response: ServerResponse,
  context: WireContext,
): void => {
  const { status, headers, body } = answer
  if (typeof body !== 'string') {
    response.writeHead(status, headers)
    response.flushHeaders()
    const stream = body(nodeStream(response))
    // Of the socket, for shared runs go to it past the response.
    const { socket } = response
    const drained = (): void => stream.drained()
    socket?.on('drain', drained)
    response.on('close', () => {
      socket?.off('drain', drained)
      stream.gone()
    })
    return
  }
  const length = { 'Content-Length': String(Buffer.byteLength(body)) }
  if (request.complete) {
    response.writeHead(status, status === 204 ? headers : { ...headers, ...length })
    response.end(body)
    watch(response, context)
    return
  }
  // The body was not read to its end. What still comes is dropped for a moment, for a close with unread bytes is a
  // reset that can overtake the answer.
  response.writeHead(status, { ...headers, ...length, Connection: 'close' })
  response.write(body)
  request.resume()
  const end = (): void => {
    cancel()
    response.end()
    watch(response, context)
  }
  const cancel = context.clock.after(LINGER_MS, end)
  request.once('end', end)
  response.once('close', cancel)
}

/** Whoever does not take an answer that has ended is cut off in time. */
const watch = (response: ServerResponse, { clock, limits: { stallMs } }: WireContext): void => {
  const unsent = (): number => response.writableLength + unsentBytes(response.socket)
  // All of it has gone to the operating system, as nearly always.
  if (unsent() === 0) return
  response.once(
    'close',
    cutWhenStalled({ clock, stallMs }, unsent, () => response.destroy()),
  )
}

const nodeStream = (response: ServerResponse): StreamOut => ({
  write: (chunk) => {
    // Not as text: of that Node holds three times its bytes while they wait.
    if (!response.writableEnded && !response.destroyed) response.write(Buffer.from(chunk))
  },
  writeRun: (run) => {
    if (response.writableEnded || response.destroyed) return
    // The response would send size, data and end of a chunk as three pieces; the bytes of all receivers are the same.
    if (response.chunkedEncoding && response.socket?.writable) response.socket.write(run.eventChunk)
    else response.write(run.eventBatch)
  },
  buffered: () => response.writableLength,
  unsent: () => response.writableLength + unsentBytes(response.socket),
  end: () => {
    response.end()
  },
  destroy: () => {
    response.destroy()
  },
})
