import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import { cutWhenStalled } from './cut-when-stalled.ts'
import type { Gateway } from './gateway.ts'
import type { GatewayRequest } from './gateway-types.ts'
import { readNodeBody } from './node-http.ts'
import type { WireContext } from './node-http.ts'
import type { StreamOut } from './stream-session.ts'

/** Node says of one write only that all of it is gone. Small ones show that a slow peer takes a large batch bit by bit. */
const PIECE_BYTES = 16_384
/** CANCEL of RFC 9113 §7. */
const CANCEL = 8

/** Answers one request of Node's HTTP/2 server. Never throws. */
export const answerHttp2 = async (
  gateway: Gateway,
  target: string,
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  { clock, limits: { stallMs } }: WireContext,
): Promise<void> => {
  const gone = new AbortController()
  let answered = false
  // Not `writableFinished`: Node ends a stream that the peer has reset.
  stream.on('close', () => {
    if (!answered) gone.abort()
  })
  // Without a listener an error would end the process. The close follows.
  stream.on('error', () => {})
  if (headers.expect === '100-continue') stream.additionalHeaders({ ':status': 100 })
  const answer = await gateway.handle(http2Request(target, stream, headers, gone.signal))
  const { status, headers: fields, body, taken } = answer
  if (stream.destroyed || stream.closed) {
    taken?.()
    return
  }
  answered = true
  if (taken) stream.once('close', taken)
  // There is no upgrade in HTTP/2, and Node throws at the attempt to name one (RFC 9113 §8.2.2).
  const { Upgrade: _upgrade, ...allowed } = fields
  if (typeof body !== 'string') {
    stream.respond({ ':status': status, ...allowed })
    const session = body(streamOut(stream))
    stream.on('drain', () => session.drained())
    stream.on('close', () => session.gone())
    return
  }
  const length = status === 204 ? {} : { 'Content-Length': Buffer.byteLength(body) }
  stream.respond({ ':status': status, ...allowed, ...length })
  // Of a body that nobody wants no more is to come (RFC 9113 §8.1).
  stream.on('finish', () => {
    if (!stream.readableEnded) stream.close()
  })
  // Where there is no body, as for HEAD, the answer ended with its headers.
  if (stream.writableEnded) return
  const out = streamOut(stream)
  out.write(body)
  out.end()
  if (out.unsent() > 0) {
    stream.once('close', cutWhenStalled({ clock, stallMs }, out.unsent, out.destroy))
  }
}

/** A request as the gateway sees it. */
const http2Request = (
  target: string,
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  signal: AbortSignal,
): GatewayRequest => ({
  method: headers[':method'] ?? 'GET',
  target,
  header: (name) => {
    // `:authority` takes the place of `Host` (RFC 9113 §8.3.1).
    const value = (name === 'host' ? headers[':authority'] : undefined) ?? headers[name]
    return Array.isArray(value) ? value.join(', ') : value
  },
  body: readNodeBody(stream),
  signal,
  remoteAddress: stream.session?.socket.remoteAddress,
})

const streamOut = (stream: ServerHttp2Stream): StreamOut => {
  const pieces: Buffer[] = []
  let bytes = 0
  let ending = false
  const pump = (): void => {
    while (!stream.writableNeedDrain) {
      const piece = pieces.shift()
      if (!piece) break
      bytes -= piece.length
      stream.write(piece)
    }
    if (ending && pieces.length === 0) stream.end()
  }
  const push = (data: Buffer): void => {
    if (ending || stream.destroyed || stream.closed) return
    for (let at = 0; at < data.length; at += PIECE_BYTES) pieces.push(data.subarray(at, at + PIECE_BYTES))
    bytes += data.length
    pump()
  }
  const left = (): number => bytes + stream.writableLength
  stream.on('drain', pump)
  return {
    write: (chunk) => push(Buffer.from(chunk)),
    writeRun: (run) => push(run.eventBatch),
    buffered: left,
    unsent: left,
    end: () => {
      ending = true
      pump()
    },
    destroy: () => stream.close(CANCEL),
  }
}
