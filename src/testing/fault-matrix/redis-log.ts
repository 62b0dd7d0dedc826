import { RedisStore } from '../../integrations/redis/redis-store.ts'
import { namesOf } from '../../integrations/redis/names.ts'
import { formatPosition } from '../../protocol/position.ts'
import type { Place } from '../../protocol/position.ts'
import { nodeEnvironment } from '../../server/node-clock.ts'
import type { Historian, Marked } from '../historian.ts'
import type { RedisServer } from '../redis-server.ts'
import { headsOf, KEPT } from './cell-log.ts'
import type { RedisAddress, ReplicatedServer, RedisSite } from './redis-site.ts'

type Entry = readonly [id: string, fields: readonly string[]]

/** What the test itself asks waits until Redis serves. */
const PATIENCE_MS = 20_000
const ATTEMPTS = 10
/** Longer than any test. */
const FOREVER_MS = '600000'

/** What all names in this Redis begin with. */
export const PREFIX = 'cell'

export const openRedisStore = (address: RedisAddress, commandMs: number): RedisStore =>
  new RedisStore({ ...address, prefix: PREFIX, ...KEPT, commandMs }, nodeEnvironment)

/** In a real Redis. What was appended is read back from there before it may be lost. */
export class RedisLog<Site extends RedisSite = RedisSite> {
  readonly site: Site
  readonly #historian: Historian
  readonly #channels: readonly string[]
  readonly #written = new Set<string>()
  #witness: RedisStore

  constructor(historian: Historian, channels: readonly string[], site: Site) {
    this.site = site
    this.#historian = historian
    this.#channels = channels
    this.#witness = openRedisStore(site.address, PATIENCE_MS)
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
      const server = await this.site.serverOf(channel)
      const epoch = String(await server.command('HGET', meta, 'epoch'))
      for (const [at, fields] of (await server.command('XRANGE', log, '-', '+')) as Entry[]) {
        const [, id = '', , , , json = ''] = fields
        const position = { epoch, offset: Number.parseInt(at, 10), id }
        const name = `${channel} ${epoch} ${id}`
        if (this.#written.has(name)) continue
        this.#written.add(name)
        this.#historian.add({ type: 'append', channel, key: (JSON.parse(json) as Marked).key, position })
      }
    }
  }

  /** Nothing is written there any more; what was is in the history. For ever: this server is about to end. */
  async freeze(server: RedisServer): Promise<void> {
    await server.command('CLIENT', 'PAUSE', FOREVER_MS, 'WRITE')
    await this.settle()
  }

  /** The same address without its memory, or with what is on its disk. */
  async restart(): Promise<void> {
    const before = await this.heads()
    for (const server of this.site.servers) await this.freeze(server)
    for (const server of this.site.servers) await server.restart()
    for (const [channel, { epoch }] of await this.heads()) {
      if (epoch !== before.get(channel)?.epoch) this.#historian.add({ type: 'epoch', channel, epoch })
    }
  }

  /** Appends past all hubs. */
  async publish(channel: string, data: Marked): Promise<{ readonly position: string }> {
    const appended = await this.#witness.append(channel, { json: JSON.stringify(data) })
    if (appended.kind !== 'appended') throw new Error(`an append without a key came to ${appended.kind}`)
    return { position: formatPosition(appended.place) }
  }

  /** Messages of a channel so far. */
  async countOf(channel: string): Promise<number> {
    const server = await this.site.serverOf(channel)
    return Number(await server.command('HGET', namesOf(PREFIX, channel).meta, 'head'))
  }

  /** How many hubs are told of what is appended, of the channel of which the fewest are. */
  async hearers(): Promise<number> {
    const counts = this.#channels.map(async (channel) => {
      const server = await this.site.serverOf(channel)
      const [, count] = (await server.command('PUBSUB', this.site.numsub, namesOf(PREFIX, channel).notice)) as unknown[]
      return Number(count)
    })
    return Math.min(...(await Promise.all(counts)))
  }

  /**
   * A server dies, and its replica serves in its place; `meanwhile` no hub has found that yet. Resolves with how many messages of each of
   * its channels the replica does not have.
   */
  async failOver(
    { server, replica }: ReplicatedServer,
    meanwhile: (lost: ReadonlyMap<string, number>) => Promise<void> = () => Promise.resolve(),
  ): Promise<ReadonlyMap<string, number>> {
    await this.freeze(server)
    const before = new Map<string, number>()
    for (const channel of this.#channels) {
      if ((await this.site.serverOf(channel)) === server) before.set(channel, await this.countOf(channel))
    }
    await server.kill()
    const lost = new Map<string, number>()
    await this.site.takeOver(replica, async () => {
      await this.#witness.close()
      this.#witness = openRedisStore(this.site.address, PATIENCE_MS)
      for (const [channel, after] of await this.heads()) {
        const count = (before.get(channel) ?? 0) - after.offset
        if (!before.has(channel)) continue
        lost.set(channel, count)
        if (count > 0) this.#historian.add({ type: 'lost-tail', channel, after })
      }
      await meanwhile(lost)
    })
    return lost
  }

  async close(): Promise<void> {
    await this.#witness.close()
    await this.site.stop()
  }
}
