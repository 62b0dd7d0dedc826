import { RedisStore } from '../../integrations/redis/redis-store.ts'
import { namesOf } from '../../integrations/redis/names.ts'
import { formatPosition } from '../../protocol/position.ts'
import type { Place } from '../../protocol/position.ts'
import { nodeEnvironment } from '../../server/node-clock.ts'
import type { Historian, Marked } from '../historian.ts'
import { startRedisServer } from '../redis-server.ts'
import type { RedisServer } from '../redis-server.ts'
import { startTcpGate } from '../tcp-gate.ts'
import type { TcpGate } from '../tcp-gate.ts'
import { headsOf, KEPT } from './cell-log.ts'

type Entry = readonly [id: string, fields: readonly string[]]

/** What the test itself asks waits until Redis serves. */
const PATIENCE_MS = 20_000
const ATTEMPTS = 10
/** Longer than any test. */
const FOREVER_MS = '600000'

/** What all names in this Redis begin with. */
export const PREFIX = 'cell'

export interface RedisParts {
  readonly server: RedisServer
  readonly gates: readonly TcpGate[]
}

/** A Redis, and ways to it for so many hubs; `args` are those of `redis-server`. */
export const startRedisParts = async (hubs: number, args?: readonly string[]): Promise<RedisParts> => {
  const server = await startRedisServer(args)
  const gates: TcpGate[] = []
  for (let hub = 0; hub < hubs; hub++) gates.push(await startTcpGate(server.port))
  return { server, gates }
}

export const openRedisStore = (url: string, commandMs: number): RedisStore =>
  new RedisStore({ url, prefix: PREFIX, ...KEPT, commandMs }, nodeEnvironment)

/** A real Redis with a way of its own for each hub. What was appended is read back from there before it may be lost. */
export class RedisLog {
  readonly #historian: Historian
  readonly #channels: readonly string[]
  readonly #gates: readonly TcpGate[]
  readonly #written = new Set<string>()
  #server: RedisServer
  readonly #servers: RedisServer[]
  #witness: RedisStore

  constructor(historian: Historian, channels: readonly string[], { server, gates }: RedisParts) {
    this.#historian = historian
    this.#channels = channels
    this.#server = server
    this.#servers = [server]
    this.#gates = gates
    this.#witness = openRedisStore(server.url, PATIENCE_MS)
  }

  get server(): RedisServer {
    return this.#server
  }

  /** Between each hub and Redis. */
  get gates(): readonly TcpGate[] {
    return this.#gates
  }

  /** Once Redis serves: what is under way when it ends is refused. */
  async heads(): Promise<ReadonlyMap<string, Place>> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await headsOf(this.#witness, this.#channels)
      } catch (error) {
        if (attempt === ATTEMPTS) throw error
      }
    }
  }

  async settle(): Promise<void> {
    for (const channel of this.#channels) {
      const { meta, log } = namesOf(PREFIX, channel)
      const epoch = String(await this.#server.command('HGET', meta, 'epoch'))
      for (const [at, fields] of (await this.#server.command('XRANGE', log, '-', '+')) as Entry[]) {
        const [, id = '', , , , json = ''] = fields
        const position = { epoch, offset: Number.parseInt(at, 10), id }
        const name = `${channel} ${epoch} ${id}`
        if (this.#written.has(name)) continue
        this.#written.add(name)
        this.#historian.add({ type: 'append', channel, key: (JSON.parse(json) as Marked).key, position })
      }
    }
  }

  /** Nothing is written any more; what was is in the history. For ever: this Redis is about to end. */
  async freeze(): Promise<void> {
    await this.#server.command('CLIENT', 'PAUSE', FOREVER_MS, 'WRITE')
    await this.settle()
  }

  /** The same address without its memory, or with what is on its disk. */
  async restart(): Promise<void> {
    const before = await this.heads()
    await this.freeze()
    await this.#server.restart()
    for (const [channel, { epoch }] of await this.heads()) {
      if (epoch !== before.get(channel)?.epoch) this.#historian.add({ type: 'epoch', channel, epoch })
    }
  }

  /** A second Redis that follows the first. */
  async replica(): Promise<RedisServer> {
    const replica = await startRedisServer(['--save', '', '--replicaof', '127.0.0.1', String(this.#server.port)])
    this.#servers.push(replica)
    while (!String(await replica.command('INFO', 'replication')).includes('master_link_status:up'));
    return replica
  }

  /** Appends past all hubs. */
  async publish(channel: string, data: Marked): Promise<{ readonly position: string }> {
    const appended = await this.#witness.append(channel, { json: JSON.stringify(data) })
    if (appended.kind !== 'appended') throw new Error(`an append without a key came to ${appended.kind}`)
    return { position: formatPosition(appended.place) }
  }

  /**
   * The first dies, and a replica that follows it no more serves in its place; `meanwhile` no hub has found that yet. Resolves with how many
   * messages of each channel it does not have.
   */
  async failOver(
    replica: RedisServer,
    meanwhile: (lost: ReadonlyMap<string, number>) => Promise<void> = () => Promise.resolve(),
  ): Promise<ReadonlyMap<string, number>> {
    await this.freeze()
    const before = await this.#headsOf(this.#server)
    await this.#server.kill()
    this.#server = replica
    await this.#witness.close()
    this.#witness = openRedisStore(replica.url, PATIENCE_MS)
    const lost = new Map<string, number>()
    for (const [channel, after] of await this.heads()) {
      this.#historian.add({ type: 'lost-tail', channel, after })
      lost.set(channel, (before.get(channel) ?? 0) - after.offset)
    }
    await meanwhile(lost)
    for (const gate of this.#gates) gate.target = replica.port
    return lost
  }

  async close(): Promise<void> {
    await this.#witness.close()
    for (const gate of this.#gates) await gate.close()
    for (const server of this.#servers) await server.stop()
  }

  async #headsOf(server: RedisServer): Promise<ReadonlyMap<string, number>> {
    const heads = new Map<string, number>()
    for (const channel of this.#channels) {
      heads.set(channel, Number(await server.command('HGET', namesOf(PREFIX, channel).meta, 'head')))
    }
    return heads
  }
}
