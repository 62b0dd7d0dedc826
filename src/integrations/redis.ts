import { nodeEnvironment } from '../server/node-clock.ts'
import type { Store } from '../server/store.ts'
import type { RedisStoreOptions } from './redis/options.ts'
import { RedisStore } from './redis/redis-store.ts'

export type { RedisOptions, RedisStoreOptions } from './redis/options.ts'

/**
 * A store in Redis 6.2 or later, or in a Redis Cluster of 7.0 or later, so that any number of hubs serve one site: pass it to
 * `createHub({ store })`. It connects at once, comes back by itself, and is closed by `store.close()`.
 * @throws TypeError for options that cannot be
 */
export const redisStore = (options: RedisStoreOptions = {}): Store => new RedisStore(options, nodeEnvironment)
