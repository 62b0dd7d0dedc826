import { RedisStore } from '../../integrations/redis/redis-store.ts'
import { namesOf } from '../../integrations/redis/names.ts'
import type { Place } from '../../protocol/position.ts'
import { nodeEnvironment } from '../../server/node-clock.ts'
import type { Store } from '../../server/store.ts'
import type { Historian, Marked } from '../historian.ts'
import { startRedisServer } from '../redis-server.ts'
import type { RedisServer } from '../redis-server.ts'
import { startTcpGate } from '../tcp-gate.ts'
import type { TcpGate } from '../tcp-gate.ts'
import { headsOf, KEPT } from './cell-log.ts'
import type { CellLog } from './cell-log.ts'

type Entry = readonly [id: string, fields: readonly string[]]

/** Half of the real time. */
const COMMAND_MS = 1_000
/** What the test itself asks waits until Redis serves. */
const PATIENCE_MS = 20_000
const ATTEMPTS = 10
const PREFIX = 'cell'
/** Longer than any cell. */
const FOREVER_MS = '600000'

/** In a real Redis, to which each hub has a way of its own. What was appended is read back from there. */
export class RedisCellLog implements CellLog {
  readonly #historian: Historian
  readonly #channels: readonly string[]
  readonly #gates: TcpGate[] = []
  readonly #stores: Store[] = []
  readonly #written = new Set<string>()
  #server: RedisServer
  readonly #servers: RedisServer[]
  #witness: RedisStore
  #appended = 0

  private constructor(historian: Historian, channels: readonly string[], server: RedisServer, gates: TcpGate[]) {
    this.#historian = historian
    this.#channels = channels
    this.#server = server
    this.#servers = [server]
    this.#gates = gates
    this.#witness = this.#open(server.url, PATIENCE_MS)
    for (const { port } of gates) this.#stores.push(this.#counted(this.#open(`redis://127.0.0.1:${port}`, COMMAND_MS)))
  }

  /** For so many hubs; `args` are those of `redis-server`. */
  static of =
    (hubs: number, args?: readonly string[]) =>
    async (historian: Historian, channels: readonly string[]): Promise<RedisCellLog> => {
      const server = await startRedisServer(args)
      const gates: TcpGate[] = []
      for (let hub = 0; hub < hubs; hub++) gates.push(await startTcpGate(server.port))
      return new RedisCellLog(historian, channels, server, gates)
    }

  get appended(): number {
    return this.#appended
  }

  get server(): RedisServer {
    return this.#server
  }

  /** Between each hub and Redis. */
  get gates(): readonly TcpGate[] {
    return this.#gates
  }

  store(index: number): Store {
    const store = this.#stores[index]
    if (!store) throw new Error(`this log was made for ${this.#stores.length} hubs`)
    return store
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

  /** The first dies, and a replica that follows it no more serves in its place. Returns how many messages that does not have. */
  async failOver(replica: RedisServer): Promise<number> {
    await this.freeze()
    const before = await this.#headsOf(this.#server)
    await this.#server.kill()
    this.#server = replica
    await this.#witness.close()
    this.#witness = this.#open(replica.url, PATIENCE_MS)
    let lost = 0
    for (const [channel, after] of await this.heads()) {
      this.#historian.add({ type: 'lost-tail', channel, after })
      lost += (before.get(channel) ?? 0) - after.offset
    }
    for (const gate of this.#gates) gate.target = replica.port
    return lost
  }

  async close(): Promise<void> {
    for (const store of [this.#witness, ...this.#stores]) await store.close()
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

  #open(url: string, commandMs: number): RedisStore {
    return new RedisStore({ url, prefix: PREFIX, ...KEPT, commandMs }, nodeEnvironment)
  }

  #counted(store: Store): Store {
    return {
      append: async (...append) => {
        const appended = await store.append(...append)
        if (appended.kind === 'appended' && !appended.duplicate) this.#appended++
        return appended
      },
      read: (...read) => store.read(...read),
      watch: (...watch) => store.watch(...watch),
      announce: (text) => store.announce(text),
      hear: (heard) => store.hear(heard),
      close: () => store.close(),
    }
  }
}
