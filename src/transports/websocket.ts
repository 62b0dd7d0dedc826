import { SUBPROTOCOL } from '../protocol/frames.ts'
import type { EndCode, Transport } from './transport.ts'

export interface WebSocketOptions {
  /** The implementation, where the platform has none: `ws` in Node 20. @default globalThis.WebSocket */
  readonly WebSocket?: (new (url: string, protocol: string) => WebSocketLike) | undefined
}

/** What of the WHATWG WebSocket is used here; that of the browsers and that of `ws` have it. */
export interface WebSocketLike {
  readonly readyState: number
  readonly protocol: string
  readonly bufferedAmount?: number
  onopen: ((event: never) => void) | null
  onerror: ((event: never) => void) | null
  onmessage: ((event: never) => void) | null
  onclose: ((event: never) => void) | null
  send(data: string): void
  close(code?: number, reason?: string): void
}

const ignore = (): void => {}

/** One connection, both ways (PROTOCOL.md §5). */
export const webSocket = (options: WebSocketOptions = {}): Transport => ({
  name: 'websocket',
  duplex: true,
  proof: 'welcome',
  beats: true,
  supported: () => !!(options.WebSocket ?? globalThis.WebSocket),
  open: (request, on) => {
    let socket: WebSocketLike | undefined
    /** What a loss of the connection means now. */
    let code: EndCode = 'failed'
    let cancel = ignore

    /** Also while the handshake hangs: Firefox lets no second socket to that host begin before. */
    const close = (): void => {
      cancel()
      if (!socket) return
      // Not null: `ws` emits an `error` for a closed handshake, which must find a listener.
      socket.onopen = socket.onmessage = socket.onclose = socket.onerror = ignore
      socket.close(1000)
      socket = undefined
    }
    const end = (ended: EndCode, detail = '', status?: number): void => {
      close()
      on.end({ code: ended, status, detail: detail.slice(0, 200) || undefined })
    }
    /** Later, for nothing is called inside `open()`, and after an error `close` follows with the status: in WebKit some tasks later. */
    const failed = (detail?: string): void => {
      // Where no `close` follows, Chromium's CSP has blocked the connection.
      cancel = request.clock.after(100, () => end(code === 'failed' ? 'blocked' : code, detail))
    }

    try {
      const Implementation: NonNullable<WebSocketOptions['WebSocket']> = options.WebSocket ?? WebSocket
      const opened = (socket = new Implementation(request.url.replace(/^http/, 'ws'), SUBPROTOCOL))
      opened.onopen = () => {
        if (opened.protocol === SUBPROTOCOL) {
          code = 'cut'
          opened.send(request.hello())
        } else end('foreign', opened.protocol)
      }
      opened.onmessage = ({ data }: { data: unknown }) => {
        if (typeof data === 'string') on.data(data)
        else end('foreign', 'binary')
      }
      opened.onclose = ({ code: status, reason }: { code: number; reason: string }) => end(code, reason, status)
      opened.onerror = () => failed()
    } catch (error) {
      failed(String(error))
    }

    return {
      close,
      get full() {
        return (socket?.bufferedAmount ?? 0) > 65_536
      },
      send: async (batch) => {
        // oxlint-disable-next-line typescript/only-throw-error -- T4: the contract rejects with plain facts
        if (socket?.readyState !== 1) throw { code }
        socket.send(batch)
      },
    }
  },
})
