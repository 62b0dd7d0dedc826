import type { WebSocketLike } from '../transports/websocket.ts'
import { SUBPROTOCOL } from '../protocol/frames.ts'
import type { SocketSink } from '../server/socket-session.ts'
import { createHubIn } from '../server/hub.ts'
import type { HubInternals } from '../server/hub.ts'
import type { Hub, HubOptions } from '../server/hub-types.ts'
import { MemoryStore } from '../server/memory-store.ts'
import type { MemoryStoreOptions } from '../server/memory-store.ts'
import type { Store } from '../server/store.ts'
import type { FakeClock } from './fake-clock.ts'
import type { Connection, Weather } from './weather.ts'

export interface VirtualNetwork {
  readonly hub: Hub & HubInternals
  /** For `webSocket({ WebSocket })` and `sse({ fetch })`, `longPoll`, `poll`. */
  readonly WebSocket: new (url: string, protocol: string) => WebSocketLike
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>
  /** Decides about each new connection. */
  weather: (connection: Connection) => Weather
  /** How long each request, chunk and WebSocket message is on its way, ms; asked for each. Order is kept. @default 0 */
  latencyMs: (connection: Connection) => number
  /** Is told what a connection carries: `up` as it is sent, `down` as it arrives. */
  tap: ((text: string, way: 'up' | 'down', connection: Connection) => void) | undefined
  /** Every connection so far, and when it began. */
  readonly connections: readonly (Connection & { readonly atMs: number; readonly weather: Weather })[]
  /** What is open now. */
  readonly open: ReadonlySet<Connection>
  /** Cuts what is open now; returns how many it were. */
  cut(which?: (connection: Connection) => boolean): number
  /** Lets nothing pass any more on the WebSockets that are open now, or nothing up, without closing them; returns how many they were. */
  mute(way?: 'both' | 'up'): number
  /** Another life of the hub: what was in memory is gone, everything is cut. */
  restart(): void
}

interface Open extends Connection {
  kill(): void
}

/** One for all: making its stack trace costs more than all else of an abort. */
const ABORTED = new DOMException('aborted', 'AbortError')

/** A hub without sockets and the platform's network interfaces in front of it, on one virtual clock. */
export const createVirtualNetwork = (
  clock: FakeClock,
  options: Partial<HubOptions> = {},
  storeOptions: MemoryStoreOptions = { messages: 20_000, ageMs: 3_600_000 },
  /** What the hub gets instead of its store, for each of its lives. */
  eachStore: (store: MemoryStore) => Store = (store) => store,
): VirtualNetwork => {
  let tokens = 0
  const environment = {
    clock,
    turn: clock.turn,
    token: (bytes: number) => `${'t'.repeat(Math.max(1, bytes - 4))}${(tokens++).toString(36)}`,
  }
  const start = (): Hub & HubInternals =>
    createHubIn(
      {
        authorize: () => true,
        allowMissingOrigin: true,
        store: eachStore(new MemoryStore(storeOptions, environment)),
        ...options,
      },
      environment,
    )
  let hub = start()
  const open = new Set<Open>()
  const sockets = new Set<{ mute(way: 'both' | 'up'): void }>()
  const connections: (Connection & { atMs: number; weather: Weather })[] = []
  const cached = new Map<string, Response>()

  /** One direction of a connection: runs tasks after the latency of each, in their order. */
  const wire = (connection: Connection): ((task: () => void) => void) => {
    let freeMs = 0
    return (task) => {
      const dueMs = Math.max(freeMs, clock.now() + network.latencyMs(connection))
      if (dueMs <= clock.now()) void Promise.resolve().then(task)
      else clock.after(dueMs - clock.now(), task)
      freeMs = dueMs
    }
  }
  const travel = (connection: Connection): Promise<void> => {
    const ms = network.latencyMs(connection)
    return ms > 0 ? new Promise((resolve) => clock.after(ms, resolve)) : Promise.resolve()
  }

  const accept = (connection: Connection): Weather => {
    const weather = network.weather(connection)
    connections.push({ ...connection, atMs: clock.now(), weather })
    return weather
  }
  const track = (connection: Open, weather: Weather): (() => void) => {
    open.add(connection)
    const cancel =
      typeof weather === 'object' && 'diesAfterMs' in weather
        ? clock.after(weather.diesAfterMs, connection.kill)
        : () => undefined
    return () => {
      cancel()
      open.delete(connection)
    }
  }

  const fetchThrough = async (url: string, init: RequestInit): Promise<Response> => {
    const path = (/\/(?:poll|stream|publish)$/.exec(url)?.[0] ?? '') as Connection['path']
    const held = path === '/poll' && typeof init.body === 'string' && /"waitMs":[1-9]/.test(init.body)
    const connection: Connection = { path, held }
    const weather = accept(connection)
    if (typeof init.body === 'string') network.tap?.(init.body, 'up', connection)
    if (typeof weather === 'object' && 'respond' in weather) return weather.respond()
    if (weather === 'refuse') throw new TypeError('fetch failed')
    const gone = new AbortController()
    const { signal } = gone
    // Not AbortSignal.any(): Node 20 keeps what listens to one for as long as the process lives.
    init.signal?.addEventListener('abort', () => gone.abort(ABORTED))
    let release = (): void => undefined
    // Kept until the end: in Node the signal of a Request that was collected does not abort any more.
    const requests: Request[] = []
    const killed = new Promise<never>((_, reject) => {
      const kill = (): void => {
        gone.abort(ABORTED)
        reject(new TypeError('fetch failed'))
      }
      const untrack = track({ ...connection, kill }, weather)
      release = () => {
        untrack()
        // Node keeps the signal of a Request until that is collected, and the signal knows this array.
        requests.length = 0
      }
      if (weather === 'cut') kill()
      signal.addEventListener('abort', () => {
        release()
        reject(ABORTED)
      })
    })
    killed.catch(() => undefined)
    if (weather === 'hang' || (typeof weather === 'object' && !weather.answers)) return killed
    const ask = (): Promise<Response> => {
      const request = new Request(url, { ...init, signal })
      requests.push(request)
      return hub.fetch(request)
    }
    await Promise.race([travel(connection), killed])
    if (weather === 'twice') await Promise.race([ask(), killed])
    const answer = await Promise.race([ask(), killed])
    if (weather === 'lost') return killed
    const old = cached.get(path)
    if (path !== '/stream') cached.set(path, answer.clone())
    const response = weather === 'stale' && old ? old.clone() : answer
    if (weather === 'hold') {
      const text = await Promise.race([response.text(), killed])
      await Promise.race([travel(connection), killed])
      release()
      network.tap?.(text, 'down', connection)
      return new Response(text, { status: response.status, headers: response.headers })
    }
    const reader = response.body?.getReader()
    if (!reader) return response
    let kept: Uint8Array | undefined
    const down = wire(connection)
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        const fail = (error: unknown): void => {
          controller.error(error)
          reader.cancel().catch(() => undefined)
        }
        const pump = async (): Promise<void> => {
          for (;;) {
            const { done, value } = await reader.read()
            const chunk = weather === 'one-behind' ? kept : value
            kept = value
            down(() => {
              if (signal.aborted) return
              if (chunk) {
                network.tap?.(new TextDecoder().decode(chunk), 'down', connection)
                controller.enqueue(chunk)
              }
              if (!done) return
              release()
              controller.close()
            })
            if (done) return
          }
        }
        killed.catch(fail)
        pump().catch(fail)
      },
    })
    // The head and the first chunk are on their way together.
    await Promise.race([travel(connection), killed])
    return new Response(body, { status: response.status, headers: response.headers })
  }

  class VirtualWebSocket implements WebSocketLike {
    readonly protocol = SUBPROTOCOL
    readyState = 0
    onopen: ((event: never) => void) | null = null
    onerror: ((event: never) => void) | null = null
    onmessage: ((event: never) => void) | null = null
    onclose: ((event: never) => void) | null = null
    #session: ReturnType<HubInternals['connect']> | undefined
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
      if (weather !== 'hang' && !(typeof weather === 'object' && 'answers' in weather && !weather.answers))
        this.#up(() => this.#down(() => this.#begin(weather)))
    }

    send(data: string): void {
      network.tap?.(data, 'up', this.#connection)
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
      this.#session = hub.connect(sink)
      this.#call(this.onopen, {})
      if (weather === 'cut') this.#end(1006, '')
    }

    #receive(data: string): void {
      if (this.#mute) return
      this.#down(() => {
        if (this.readyState !== 1) return
        network.tap?.(data, 'down', this.#connection)
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

  const network: VirtualNetwork = {
    get hub() {
      return hub
    },
    WebSocket: VirtualWebSocket,
    fetch: fetchThrough,
    weather: () => 'clear',
    latencyMs: () => 0,
    tap: undefined,
    connections,
    open,
    cut(which = () => true) {
      const chosen = [...open].filter(which)
      for (const connection of chosen) connection.kill()
      return chosen.length
    },
    mute(way = 'both') {
      for (const socket of sockets) socket.mute(way)
      return sockets.size
    },
    restart() {
      hub = start()
      network.cut()
    },
  }
  return network
}
