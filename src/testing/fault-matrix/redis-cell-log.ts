import type { Store } from '../../server/store.ts'
import type { Historian } from '../historian.ts'
import type { CellLog } from './cell-log.ts'
import { openRedisStore, RedisLog } from './redis-log.ts'
import type { RedisSite } from './redis-site.ts'

/** Half of the real time. */
const COMMAND_MS = 1_000

/** In a real Redis, with a store for each hub of this process. */
export class RedisCellLog extends RedisLog implements CellLog {
  readonly #stores: readonly Store[]
  #appended = 0

  private constructor(historian: Historian, channels: readonly string[], site: RedisSite) {
    super(historian, channels, site)
    this.#stores = site.hubs.map((address) => this.#counted(openRedisStore(address, COMMAND_MS)))
  }

  static of =
    (start: () => Promise<RedisSite>) =>
    async (historian: Historian, channels: readonly string[]): Promise<RedisCellLog> =>
      new RedisCellLog(historian, channels, await start())

  get appended(): number {
    return this.#appended
  }

  store(index: number): Store {
    const store = this.#stores[index]
    if (!store) throw new Error(`this log was made for ${this.#stores.length} hubs`)
    return store
  }

  override async close(): Promise<void> {
    for (const store of this.#stores) await store.close()
    await super.close()
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
