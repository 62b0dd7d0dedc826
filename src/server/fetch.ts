import { isUtf8 } from 'node:buffer'
import type { Gateway } from './gateway.ts'
import type { GatewayRequest, ReadBody } from './gateway-types.ts'
import type { StreamIn, StreamOut } from './stream-session.ts'

/**
 * The HTTP endpoints by web standards. The last part of the path names the endpoint, so it works below any base.
 * WebSocket is not served here: it needs a server's upgrade.
 */
export const answerFetch = async (gateway: Gateway, request: Request): Promise<Response> => {
  const url = new URL(request.url)
  const { status, headers, body, taken } = await gateway.handle({
    method: request.method,
    target: url.pathname.slice(url.pathname.lastIndexOf('/')) + url.search,
    header: (name) => request.headers.get(name) ?? (name === 'host' ? url.host : undefined),
    body: readFetchBody(request),
    signal: request.signal,
    remoteAddress: undefined,
  } satisfies GatewayRequest)
  // The platform does not tell when.
  taken?.()
  if (typeof body === 'string') return new Response(status === 204 ? null : body, { status, headers })
  return new Response(streamBody(body, request.signal), { status, headers })
}

const readFetchBody =
  (request: Request): ReadBody =>
  async (maxBytes) => {
    const chunks: Uint8Array[] = []
    let bytes = 0
    try {
      const reader = request.body?.getReader()
      for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) {
        bytes += part.value.byteLength
        if (bytes > maxBytes) {
          void reader?.cancel().catch(() => undefined)
          return { kind: 'too-large' }
        }
        chunks.push(part.value)
      }
    } catch {
      return { kind: 'gone' }
    }
    const whole = Buffer.concat(chunks)
    return isUtf8(whole) ? { kind: 'text', text: whole.toString('utf8') } : { kind: 'not-utf8' }
  }

/** A stream whose reader sets the pace: the queue here is what the session sees as buffered. */
const streamBody = (start: (out: StreamOut) => StreamIn, signal: AbortSignal): ReadableStream<Uint8Array> => {
  let session: StreamIn | undefined
  const queue: Uint8Array[] = []
  let bytes = 0
  let ended = false
  let hungry = false
  return new ReadableStream<Uint8Array>(
    {
      start: (controller) => {
        const close = (): void => {
          signal.removeEventListener('abort', gone)
          session?.gone()
        }
        const gone = (): void => {
          if (ended) return
          ended = true
          queue.length = 0
          bytes = 0
          controller.error(new Error('the stream was ended'))
          close()
        }
        signal.addEventListener('abort', gone)
        const push = (data: Uint8Array): void => {
          if (ended) return
          queue.push(data)
          bytes += data.byteLength
          if (hungry) feed(controller)
        }
        session = start({
          write: (chunk) => push(Buffer.from(chunk)),
          writeRun: (run) => push(run.eventBatch),
          buffered: () => bytes,
          unsent: () => bytes,
          end: () => {
            if (ended) return
            ended = true
            for (const data of queue.splice(0)) controller.enqueue(data)
            bytes = 0
            controller.close()
            close()
          },
          destroy: gone,
        })
        if (signal.aborted) gone()
      },
      pull: (controller) => {
        hungry = true
        feed(controller)
      },
      cancel: () => {
        ended = true
        queue.length = 0
        session?.gone()
      },
    },
    { highWaterMark: 1 },
  )

  function feed(controller: ReadableStreamDefaultController<Uint8Array>): void {
    const data = queue.shift()
    if (!data || ended) return
    hungry = false
    bytes -= data.byteLength
    controller.enqueue(data)
    if (bytes === 0) session?.drained()
  }
}
