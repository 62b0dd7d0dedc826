import type { RedisStoreOptions } from '../../integrations/redis/options.ts'
import type { RedisServer } from '../redis-server.ts'
import type { TcpGate } from '../tcp-gate.ts'

export type RedisAddress = Pick<RedisStoreOptions, 'url' | 'cluster'>

/** A server, and one that has what it has. */
export interface ReplicatedServer {
  readonly server: RedisServer
  readonly replica: RedisServer
}

/** Where logs lie: one Redis or a cluster. Each hub has ways of its own to it. */
export interface RedisSite {
  /** Past all ways. */
  readonly address: RedisAddress
  /** By the ways of each hub. */
  readonly hubs: readonly RedisAddress[]
  readonly servers: readonly RedisServer[]
  /** How a server is asked who listens to a notice. */
  readonly numsub: 'NUMSUB' | 'SHARDNUMSUB'
  /** The one that has a channel now. */
  serverOf(channel: string): Promise<RedisServer>
  /** The ways of the hubs to one of its servers. */
  gatesTo(server: RedisServer): readonly TcpGate[]
  /** One that has channels, and its replica. */
  pair(): Promise<ReplicatedServer>
  /** A server is dead, and its replica serves in its place; `meanwhile` no hub has found that yet. */
  takeOver(replica: RedisServer, meanwhile: () => Promise<void>): Promise<void>
  stop(): Promise<void>
}
