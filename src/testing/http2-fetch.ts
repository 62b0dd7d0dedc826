import { once } from 'node:events'
import { connect, createSecureServer } from 'node:http2'
import type { ClientHttp2Session, Http2SecureServer, IncomingHttpHeaders, SecureServerOptions } from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'
import { PassThrough, Readable } from 'node:stream'
import type { Writable } from 'node:stream'
import { generate } from 'selfsigned'

/** CANCEL of RFC 9113 §7: what a browser sends when a request is aborted. */
const CANCEL = 8

let made: Promise<{ readonly key: string; readonly cert: string }> | undefined

/** Key and certificate for localhost that nobody trusts, made once in a process. */
export const selfSigned = (): Promise<{ readonly key: string; readonly cert: string }> =>
  (made ??= generate([{ name: 'commonName', value: 'localhost' }], { keyType: 'ec', algorithm: 'sha256' }).then(
    (pem) => ({ key: pem.private, cert: pem.cert }),
  ))

/** A server of HTTP/2 over TLS, and one session with it. */
export interface Http2Pair {
  readonly server: Http2SecureServer
  readonly session: ClientHttp2Session
  readonly port: number
  readonly close: () => void
}

/** `prepare` comes before the first request; `windowBytes` is how much of an answer the client takes unread. */
export const http2Pair = async (
  prepare: (server: Http2SecureServer) => void,
  options: SecureServerOptions = {},
  windowBytes = 65_535,
): Promise<Http2Pair> => {
  const server = createSecureServer({ ...(await selfSigned()), ...options })
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => sockets.add(socket))
  prepare(server)
  server.listen(0, 'localhost')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const session = connect(`https://localhost:${port}`, {
    rejectUnauthorized: false,
    settings: { initialWindowSize: windowBytes },
  })
  session.on('error', () => undefined)
  await once(session, 'connect')
  const close = (): void => {
    session.destroy()
    for (const socket of sockets) socket.destroy()
    server.close()
  }
  return { server, session, port, close }
}

/** `fetch` over one session of HTTP/2, which Node's own does not speak. */
export const http2Fetch =
  ({ session, port }: Http2Pair) =>
  (path: string, init: RequestInit = {}): Promise<Response> =>
    new Promise((resolve, reject) => {
      const request = new Request(`https://localhost:${port}${path}`, init)
      const { method, body } = request
      const fields = { ...Object.fromEntries(request.headers), ':method': method, ':path': path }
      const stream = session.request(fields, { endStream: !body })
      stream.on('error', reject)
      stream.on('response', (headers: IncomingHttpHeaders & { ':status'?: number }) => {
        const status = headers[':status'] ?? 0
        const shown = Object.entries(headers).filter((field): field is [string, string] => !field[0].startsWith(':'))
        // An answer may be whole although the server did not want the rest of the request; `toWeb` would call that an error.
        const read = stream.pipe(new PassThrough())
        stream.on('close', () => {
          if (!stream.readableEnded) read.destroy()
        })
        const answer = method === 'HEAD' || status === 204 ? null : (Readable.toWeb(read) as unknown as BodyInit)
        resolve(new Response(answer, { status, headers: shown }))
      })
      request.signal.addEventListener('abort', () => {
        stream.close(CANCEL)
        reject(new Error('aborted'))
      })
      // What the server does not want is no error.
      if (body) send(body, stream).catch(() => undefined)
    })

const send = async (body: ReadableStream<Uint8Array>, stream: Writable): Promise<void> => {
  for await (const chunk of body as unknown as AsyncIterable<Uint8Array>) {
    if (!stream.write(chunk)) await once(stream, 'drain')
  }
  stream.end()
}
