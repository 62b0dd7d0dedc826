import { nodeEnvironment } from '../server/node-clock.ts'
import type { Store } from '../server/store.ts'
import type { RedisStoreOptions } from './redis/options.ts'
import type { RedisQueueOptions } from './redis/queue/queue-options.ts'
import type { RedisQueue } from './redis/queue/queue-status.ts'
import { Queue } from './redis/queue/redis-queue.ts'
import { RedisStore } from './redis/redis-store.ts'

export type { RedisOptions, RedisStoreOptions } from './redis/options.ts'
export type { QueueHub, RedisQueueOptions } from './redis/queue/queue-options.ts'
export type { QueueStatus, RedisQueue } from './redis/queue/queue-status.ts'

/**
 * A store in Redis 6.2 or later, or in a Redis Cluster of 7.0 or later, so that any number of hubs serve one site: pass it to
 * `createHub({ store })`. It connects at once, comes back by itself, and is closed by `store.close()`.
 * @throws TypeError for options that cannot be
 */
export const redisStore = (options: RedisStoreOptions = {}): Store => new RedisStore(options, nodeEnvironment)

/**
 * Publishes what a back end adds to a stream in Redis: `XADD outbound * channel orders:7 data '{"state":"paid"}'`, with a field `key` of its own where it may
 * add an entry again. In order within a channel, and once: what is published, and when it is not, is in docs/publish.md. Of all hubs that share the stream one
 * reads it at a time. It begins at once, goes on by itself when Redis is back, and closes with its hub.
 * @throws TypeError for options that cannot be
 */
export const redisQueue = (options: RedisQueueOptions): RedisQueue => new Queue(options, nodeEnvironment)
