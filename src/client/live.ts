import type { Welcome } from '../protocol/frames.ts'
import type { Transport } from '../transports/transport.ts'
import type { ConnectionState } from './connection-state.ts'
import type { ClientState } from './types.ts'

/** What the outbox needs of the link that carries traffic. */
export interface Carrier {
  /** Several batches may be on their way; else one request at a time (PROTOCOL.md §8.8). */
  readonly duplex: boolean
  /** So much waits in the connection already that what is worth little has to be left out. */
  readonly full: boolean
  /** Sends frames in JSON text as one batch; rejects with a `LinkEnd`. */
  send(frames: readonly string[]): Promise<void>
}

/** One link with the frames understood. */
export interface Session extends Carrier {
  readonly transport: Transport
  /** Clock of the newest sign of life. */
  readonly aliveMs: number
  /** Asks for the channels that are wanted, and no longer for others. */
  sync(): void
  ping(): void
  close(): void
}

/** How the client stands, as far as publishes and reads depend on it. */
export interface Standing<C = Carrier> {
  /** No request may start before (PROTOCOL.md §10.4). */
  connection: { readonly notBeforeMs: number }
  /** The link that carries traffic. */
  carrier: C | undefined
  /** What the hub's clock is ahead of the own one, ms. */
  hubAheadMs: number
  /** Clock before which those who are behind are not read for again; none as soon as somebody else is behind. */
  catchUpMs: number
}

/** How the client stands. The driver and its links write it, and every part reads it. */
export interface Live extends Standing<Session> {
  connection: ConnectionState
  state: ClientState
  /** Open links by number. */
  readonly sessions: Map<number, Session>
  /** The newest welcome. */
  hub: Welcome | undefined
  /** A hello that asks for nothing, with the token of the newest link that was welcome. */
  hello: (() => string) | undefined
}
