import type { HubInternals } from '../server/hub.ts'
import type { Connection, Weather } from './weather.ts'

/** A connection that is open, and how the network cuts it. */
export interface Open extends Connection {
  kill(): void
}

/** What the interfaces of a virtual network share. */
export interface Wires {
  /** The hub in its present life. */
  readonly hub: () => HubInternals
  /** A new connection: what is decided about it. */
  accept(connection: Connection): Weather
  /** Counts a connection as open until the returned function is called; one that is to die young is killed in time. */
  track(connection: Open, weather: Weather): () => void
  /** One direction of a connection: runs tasks after the latency of each, in their order. */
  wire(connection: Connection): (task: () => void) => void
  /** Resolves after one latency. */
  travel(connection: Connection): Promise<void>
  /** What is called as `VirtualNetwork.tap` says; undefined while nobody listens. */
  readonly tap: () => ((text: string, way: 'up' | 'down', connection: Connection) => void) | undefined
}
