import { CONTENT_TYPE } from '../protocol/frames.ts'
import { sseParser } from '../transports/sse-parser.ts'
import type { WebSocketLike } from '../transports/websocket.ts'
import type { VirtualNetwork } from './virtual-network.ts'

/** What becomes of a batch on its way to the client: the texts that come in its place. */
export type Tap = (batch: string) => readonly string[]

type Handler = ((event: never) => void) | null

/**
 * The interfaces of a network with somebody in the middle who changes what the hub says. `thrown` gets what the client throws out of
 * a handler of its own, which a platform would report as uncaught.
 */
export const tappedNetwork = (
  network: VirtualNetwork,
  tap: Tap,
  thrown: (error: unknown) => void,
): Pick<VirtualNetwork, 'fetch' | 'WebSocket'> => {
  const call = (handler: Handler, event: object): void => {
    try {
      handler?.(event as never)
    } catch (error) {
      thrown(error)
    }
  }

  class TappedWebSocket implements WebSocketLike {
    onopen: Handler = null
    onerror: Handler = null
    onmessage: Handler = null
    onclose: Handler = null
    readonly #inner: WebSocketLike

    constructor(url: string, protocol: string) {
      this.#inner = new network.WebSocket(url, protocol)
      this.#inner.onopen = (event: object) => call(this.onopen, event)
      this.#inner.onclose = (event: object) => call(this.onclose, event)
      this.#inner.onmessage = ({ data }: { data: string }) => {
        for (const batch of tap(data)) call(this.onmessage, { data: batch })
      }
    }

    get readyState(): number {
      return this.#inner.readyState
    }

    get protocol(): string {
      return this.#inner.protocol
    }

    send(data: string): void {
      this.#inner.send(data)
    }

    close(code?: number, reason?: string): void {
      this.#inner.close(code, reason)
    }
  }

  return {
    WebSocket: TappedWebSocket,
    async fetch(url, init) {
      const response = await network.fetch(url, init)
      const { status, headers, body } = response
      if (headers.get('content-type') === CONTENT_TYPE) {
        const batches = tap(await response.text())
        return new Response(batches.join(''), { status, headers })
      }
      if (!body || headers.get('content-type') !== 'text/event-stream') return response
      return new Response(body.pipeThrough(tappedEvents(tap)), { status, headers })
    },
  }
}

const tappedEvents = (tap: Tap): TransformStream<Uint8Array, Uint8Array> => {
  const [encoder, decoder] = [new TextEncoder(), new TextDecoder()]
  let say: (event: string) => void = () => undefined
  const parse = sseParser((data) => {
    for (const batch of tap(data)) say(`data: ${batch.replace(/\r\n?|\n/g, '\ndata: ')}\n\n`)
  }, Infinity)
  return new TransformStream({
    start(controller) {
      say = (event) => controller.enqueue(encoder.encode(event))
    },
    transform(chunk) {
      parse(decoder.decode(chunk, { stream: true }))
    },
  })
}
