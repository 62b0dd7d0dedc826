import { startRedisServer, startReplica } from '../redis-server.ts'
import type { RedisServer } from '../redis-server.ts'
import { startTcpGate } from '../tcp-gate.ts'
import type { TcpGate } from '../tcp-gate.ts'
import type { RedisAddress, ReplicatedServer, RedisSite } from './redis-site.ts'

/** One Redis. */
export class SingleRedis implements RedisSite {
  readonly numsub = 'NUMSUB'
  readonly hubs: readonly RedisAddress[]
  /** Between each hub and Redis. */
  readonly gates: readonly TcpGate[]
  #server: RedisServer
  readonly #started: RedisServer[]

  private constructor(server: RedisServer, gates: readonly TcpGate[]) {
    this.#server = server
    this.#started = [server]
    this.gates = gates
    this.hubs = gates.map(({ port }) => ({ url: `redis://127.0.0.1:${port}` }))
  }

  /** With ways to it for so many hubs; `args` are those of `redis-server`. */
  static async start(hubs: number, args?: readonly string[]): Promise<SingleRedis> {
    const server = await startRedisServer(args)
    const gates: TcpGate[] = []
    for (let hub = 0; hub < hubs; hub++) gates.push(await startTcpGate(server.port))
    return new SingleRedis(server, gates)
  }

  get server(): RedisServer {
    return this.#server
  }

  get servers(): readonly RedisServer[] {
    return [this.#server]
  }

  get address(): RedisAddress {
    return { url: this.#server.url }
  }

  serverOf(): Promise<RedisServer> {
    return Promise.resolve(this.#server)
  }

  gatesTo(): readonly TcpGate[] {
    return this.gates
  }

  async pair(): Promise<ReplicatedServer> {
    const server = this.#server
    const replica = await startReplica(server)
    this.#started.push(replica)
    return { server, replica }
  }

  async takeOver(replica: RedisServer, meanwhile: () => Promise<void>): Promise<void> {
    await replica.command('REPLICAOF', 'NO', 'ONE')
    this.#server = replica
    await meanwhile()
    for (const gate of this.gates) gate.target = replica.port
  }

  async stop(): Promise<void> {
    for (const gate of this.gates) await gate.close()
    for (const server of this.#started) await server.stop()
  }
}
