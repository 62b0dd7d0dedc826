import { deafen, hasAll, isFollowing, startRedisServer, startReplica } from './redis-server.ts'
import type { RedisServer } from './redis-server.ts'
import { startTcpGate } from './tcp-gate.ts'
import type { TcpGate } from './tcp-gate.ts'

/** A Redis and its replica, with one address for the one that serves. */
export class RedisPair {
  readonly server: RedisServer
  readonly replica: RedisServer
  readonly #gate: TcpGate
  #isDead = false

  private constructor(server: RedisServer, replica: RedisServer, gate: TcpGate) {
    this.server = server
    this.replica = replica
    this.#gate = gate
  }

  static async start(): Promise<RedisPair> {
    const server = await startRedisServer()
    return new RedisPair(server, await startReplica(server), await startTcpGate(server.port))
  }

  /** By way of the gate. */
  get url(): string {
    return `redis://127.0.0.1:${this.#gate.port}`
  }

  /** Past the gate, to the one that serves. */
  command(...words: string[]): Promise<unknown> {
    return (this.#isDead ? this.replica : this.server).command(...words)
  }

  /** The replica has all that was done so far, and will have nothing of what is done from now on. */
  async part(): Promise<void> {
    await hasAll(this)
    await deafen(this.replica)
    if (await isFollowing(this.replica)) throw new Error('the replica still hears')
  }

  /** The first dies: nobody is at the address. Returns how many connections were cut. */
  async kill(): Promise<number> {
    const cut = this.#gate.shut()
    await this.server.kill()
    return cut
  }

  /** The replica is a primary, and nobody has found it yet. */
  async promote(): Promise<void> {
    await this.replica.command('REPLICAOF', 'NO', 'ONE')
    this.#isDead = true
  }

  /** The replica is at the address. */
  open(): void {
    this.#gate.target = this.replica.port
    this.#gate.open()
  }

  async stop(): Promise<void> {
    await this.#gate.close()
    await this.replica.stop()
    await this.server.stop()
  }
}
