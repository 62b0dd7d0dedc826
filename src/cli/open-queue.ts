import type { Clock } from '../base/clock.ts'
import type { RedisQueue } from '../integrations/redis/queue/queue-status.ts'
import type { Hub } from '../server/hub-types.ts'
import type { HubLogger } from '../server/logger.ts'
import { StartError } from './config-error.ts'
import { because, redisAccess, within } from './open-store.ts'
import { called, exported } from './packages.ts'
import type { LoadPackage } from './packages.ts'
import type { Config } from './settings.ts'

/** The queue of the settings, if they ask for one, after Redis has let it look at the stream. The hub closes it. @throws StartError */
export const openQueue = async (
  config: Config,
  hub: Hub,
  load: LoadPackage,
  clock: Clock,
  log: HubLogger,
): Promise<RedisQueue | undefined> => {
  const { redisQueue: stream } = config
  if (stream === undefined) return undefined
  const make = await exported(load, 'redis', 'redisQueue', 'redisQueue')
  // What goes wrong is an event of its own.
  const { onError: _, ...access } = redisAccess(config, log)
  const queue = called(make, { ...access, hub, stream, logger: log }, 'redisQueue') as RedisQueue
  try {
    await within(clock, queue.ready)
    return queue
  } catch (error) {
    await queue.close()
    throw new StartError(`redisQueue ${stream} cannot be used${because(error)}`)
  }
}
