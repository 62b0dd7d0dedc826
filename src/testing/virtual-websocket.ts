import { SUBPROTOCOL } from '../protocol/frames.ts'
import type { SocketSession, SocketSink } from '../server/socket-session.ts'
import type { WebSocketLike } from '../transports/websocket.ts'
import type { Wires } from './virtual-wires.ts'
import { neverAnswers } from './weather.ts'
import type { Connection, Weather } from './weather.ts'

interface Muteable {
  mute(way: 'both' | 'up'): void
}

type WebSocketClass = new (url: string, protocol: string) => WebSocketLike

/** The `WebSocket` of a virtual network, and those of it that are open or opening. */
export const virtualWebSocket = ({
  hub,
  accept,
  track,
  wire,
  tap,
}: Wires): {
  readonly WebSocket: WebSocketClass
  readonly sockets: ReadonlySet<Muteable>
} => {
  const sockets = new Set<Muteable>()

  class VirtualWebSocket implements WebSocketLike, Muteable {
    readonly protocol = SUBPROTOCOL
    readyState = 0
    onopen: ((event: never) => void) | null = null
    onerror: ((event: never) => void) | null = null
    onmessage: ((event: never) => void) | null = null
    onclose: ((event: never) => void) | null = null
    #session: SocketSession | undefined
    readonly #release: () => void
    readonly #connection: Connection = { path: '', held: false }
    readonly #up = wire(this.#connection)
    readonly #down = wire(this.#connection)
    #mute: boolean
    #muteUp: boolean

    constructor() {
      const weather = accept(this.#connection)
      this.#mute = this.#muteUp = weather === 'mute'
      sockets.add(this)
      this.#release = track({ ...this.#connection, kill: () => this.#end(1006, '') }, weather)
      if (!neverAnswers(weather)) this.#up(() => this.#down(() => this.#begin(weather)))
    }

    send(data: string): void {
      tap()?.(data, 'up', this.#connection)
      if (!this.#muteUp) this.#up(() => this.#session?.receive(data))
    }

    close(): void {
      this.#up(() => this.#end(1000, ''))
    }

    mute(way: 'both' | 'up'): void {
      this.#muteUp = true
      this.#mute ||= way === 'both'
    }

    #begin(weather: Weather): void {
      if (this.readyState !== 0) return
      if (weather === 'refuse' || (typeof weather === 'object' && 'respond' in weather)) {
        this.#end(1006, '')
        return
      }
      this.readyState = 1
      const sink: SocketSink = {
        write: (batch) => this.#receive(batch),
        writeRun: (run) => this.#receive(`[${run.frame()}]`),
        buffered: () => 0,
        unsent: () => 0,
        pause: () => undefined,
        resume: () => undefined,
        destroy: () => this.#end(1006, ''),
        close: (code, reason) => this.#end(code, reason),
      }
      this.#session = hub().connect(sink)
      this.#call(this.onopen, {})
      if (weather === 'cut') this.#end(1006, '')
    }

    #receive(data: string): void {
      if (this.#mute) return
      this.#down(() => {
        if (this.readyState !== 1) return
        tap()?.(data, 'down', this.#connection)
        this.#call(this.onmessage, { data })
      })
    }

    #end(code: number, reason: string): void {
      if (this.readyState === 3) return
      this.#down(() => {
        if (this.readyState === 3) return
        this.readyState = 3
        this.#release()
        sockets.delete(this)
        this.#session?.gone()
        this.#call(this.onclose, { code, reason })
      })
    }

    #call(handler: ((event: never) => void) | null, event: object): void {
      handler?.(event as never)
    }
  }

  return { WebSocket: VirtualWebSocket, sockets }
}
