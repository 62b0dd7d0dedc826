import type { HubLogger } from '../../../server/logger.ts'
import { checkNumbers, checkedOptions } from '../options.ts'
import type { RedisOptions } from '../options.ts'
import { STREAM_NAME, isStreamName } from './queue-names.ts'

/** What of a hub is used. */
export interface QueueHub {
  publish(channel: string, data: unknown, options: { readonly key: string; readonly untilMs: number }): Promise<unknown>
  beforeClose(task: () => Promise<void>): () => void
}

export interface RedisQueueOptions extends RedisOptions {
  /** Where entries are published. The queue closes when it does. */
  readonly hub: QueueHub
  /**
   * Name of the stream, made when it is not there: 1 to 80 of `A–Z a–z 0–9 _ - . : /`, of which one part may stand in braces. All hubs on one store
   * name the same. Entries are removed when they are done.
   */
  readonly stream: string
  /** How long nobody reads when the one that does is gone without a word, in milliseconds. 1000 to 60000. @default 10000 */
  readonly leaseMs?: number | undefined
  /** How long `close` waits for what was read, in milliseconds. @default 5000 */
  readonly drainMs?: number | undefined
  /** Gets structured events, as that of a hub (docs/serve.md#events). @default nothing is logged */
  readonly logger?: HubLogger | undefined
}

/** With its defaults. @throws TypeError for what cannot be */
export const checkedQueueOptions = (options: RedisQueueOptions) => {
  const { hub, stream, leaseMs = 10_000, drainMs = 5000 } = options
  const redis = checkedOptions('redisQueue', options)
  checkNumbers('redisQueue', { leaseMs, drainMs })
  const wrong = (what: string): never => {
    throw new TypeError(`holdfast: redisQueue: ${what}`)
  }
  if (!isHub(hub)) wrong('hub must be a hub of createHub')
  if (!isStreamName(stream)) wrong(`stream must be ${STREAM_NAME}`)
  // Well below the two minutes in which an entry that comes again is known.
  if (leaseMs < 1000 || leaseMs > 60_000) wrong(`leaseMs must be 1000 to 60000, not ${leaseMs}`)
  return { ...redis, hub, stream, leaseMs, drainMs }
}

const isHub = (hub: unknown): hub is QueueHub =>
  typeof hub === 'object' &&
  hub !== null &&
  ['publish', 'beforeClose'].every((name) => typeof (hub as Readonly<Record<string, unknown>>)[name] === 'function')
