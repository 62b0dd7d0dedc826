import type { WebSocketLike } from '../transports/websocket.ts'
import type { VirtualNetwork } from './virtual-network.ts'

/** Resolves when its turn has come; the label says what waits. */
export type Wait = (label: string) => Promise<unknown>

type Handler = ((event: never) => void) | null

/**
 * The interfaces of a network on which everything waits for its turn: requests before they leave, their answers, each piece of a body,
 * what is sent on a WebSocket and the events of one. Those of one WebSocket and one body keep their order; all others may overtake
 * each other, and come long after somebody has stopped to wait for them.
 */
export const scheduledNetwork = (network: VirtualNetwork, wait: Wait): Pick<VirtualNetwork, 'fetch' | 'WebSocket'> => {
  class ScheduledWebSocket implements WebSocketLike {
    onopen: Handler = null
    onerror: Handler = null
    onmessage: Handler = null
    onclose: Handler = null
    readonly #inner: WebSocketLike
    #opened = false
    #down: Promise<unknown> = Promise.resolve()
    #up: Promise<unknown> = Promise.resolve()

    constructor(url: string, protocol: string) {
      this.#inner = new network.WebSocket(url, protocol)
      const open: Handler = (event) => {
        this.#opened = true
        this.onopen?.(event)
      }
      this.#inner.onopen = (event: object) => this.#tell('open', () => open, event)
      this.#inner.onmessage = (event: object) => this.#tell('message', () => this.onmessage, event)
      this.#inner.onclose = (event: object) => this.#tell('close', () => this.onclose, event)
    }

    get readyState(): number {
      // It is open from the event on, not before.
      return this.#opened ? this.#inner.readyState : 0
    }

    get protocol(): string {
      return this.#inner.protocol
    }

    send(data: string): void {
      this.#up = this.#up.then(() => wait('send')).then(() => this.#inner.send(data))
    }

    close(code?: number, reason?: string): void {
      this.#inner.close(code, reason)
    }

    #tell(name: string, handler: () => Handler, event: object): void {
      this.#down = this.#down.then(() => wait(name)).then(() => handler()?.(event as never))
    }
  }

  return {
    WebSocket: ScheduledWebSocket,
    async fetch(url, init) {
      const path = url.slice(url.lastIndexOf('/'))
      await wait(`request ${path}`)
      init.signal?.throwIfAborted()
      const response = await network.fetch(url, init)
      await wait(`answer ${path}`)
      const reader = response.body?.getReader()
      if (!reader) return response
      const body = new ReadableStream<Uint8Array>({
        async pull(controller) {
          const piece = await reader.read().catch((error: unknown) => ({ error }))
          await wait(`piece ${path}`)
          if ('error' in piece) controller.error(piece.error)
          else if (piece.done) controller.close()
          else controller.enqueue(piece.value)
        },
        cancel: () => reader.cancel(),
      })
      return new Response(body, { status: response.status, headers: response.headers })
    },
  }
}
