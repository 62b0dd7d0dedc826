import { startRedisServer } from '../redis-server.ts'
import { Fleet } from './fleet.ts'
import type { FleetOptions } from './fleet.ts'

/** Hubs as processes behind nginx, and the Redis that they share: for trials in which nothing stands between them. */
export const startRedisFleet = async (
  hubs: number,
  options: Omit<FleetOptions, 'redisPorts'>,
): Promise<{ readonly fleet: Fleet; close(): Promise<void> }> => {
  const redis = await startRedisServer()
  const fleet = await Fleet.start({ ...options, redisPorts: Array.from({ length: hubs }, () => redis.port) })
  return {
    fleet,
    async close() {
      await fleet.close()
      await redis.stop()
    },
  }
}
