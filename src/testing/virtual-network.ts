import type { WebSocketLike } from '../transports/websocket.ts'
import { createHubIn } from '../server/hub.ts'
import type { HubInternals } from '../server/hub.ts'
import type { Hub, HubOptions } from '../server/hub-types.ts'
import { MemoryStore } from '../server/memory-store.ts'
import type { MemoryStoreOptions } from '../server/memory-store.ts'
import type { Store } from '../server/store.ts'
import type { FakeClock } from './fake-clock.ts'
import { virtualFetch } from './virtual-fetch.ts'
import { virtualWebSocket } from './virtual-websocket.ts'
import type { Open, Wires } from './virtual-wires.ts'
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
  const connections: (Connection & { atMs: number; weather: Weather })[] = []

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

  const wires: Wires = { hub: () => hub, accept, track, wire, travel, tap: () => network.tap }
  const { WebSocket, sockets } = virtualWebSocket(wires)
  const network: VirtualNetwork = {
    get hub() {
      return hub
    },
    WebSocket,
    fetch: virtualFetch(wires),
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
