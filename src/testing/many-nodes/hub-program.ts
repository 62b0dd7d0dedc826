// A hub in a process of its own: `holdfast serve` as it is, but that Redis has another time for its answers, and a queue a shorter lease.
// node hub-program.js <ms> <flags of holdfast serve>
import { main } from '../../cli/main.ts'
import type { LoadPackage } from '../../cli/packages.ts'
import { hubMetrics, queueMetrics } from '../../integrations/metrics.ts'
import { redisQueue, redisStore } from '../../integrations/redis.ts'
import type { RedisQueueOptions, RedisStoreOptions } from '../../integrations/redis.ts'
import type { Store } from '../../server/store.ts'

const [redisMs, ...flags] = process.argv.slice(2)

/** About the 5 s that `serve` has for it. */
const FIRST_TRIES = 12

/** Where many processes start at once, the first answer may take longer than the scaled time. */
const patientAtFirst = (store: Store): Store => {
  let tries = FIRST_TRIES
  const check = async (): Promise<void> => {
    try {
      await store.check?.()
      tries = 0
    } catch (error) {
      if (tries-- <= 0) throw error
      await check()
    }
  }
  const lease = store.lease?.bind(store)
  return {
    append: (...append) => store.append(...append),
    read: (...read) => store.read(...read),
    watch: (...watch) => store.watch(...watch),
    ...(lease && { lease: (channel, request) => lease(channel, request) }),
    announce: (text) => store.announce(text),
    hear: (heard) => store.hear(heard),
    close: () => store.close(),
    check,
  }
}

const load: LoadPackage = (subpath) => {
  if (subpath === 'metrics') return Promise.resolve({ hubMetrics, queueMetrics })
  return Promise.resolve({
    redisStore: (options: RedisStoreOptions) => patientAtFirst(redisStore({ ...options, commandMs: Number(redisMs) })),
    redisQueue: (options: RedisQueueOptions) => redisQueue({ ...options, leaseMs: 2000 }),
  })
}
/** Calls back for any of these events of the process. */
const onAny = (names: readonly string[], heard: (what: unknown) => void): (() => void) => {
  for (const name of names) process.on(name, heard)
  return () => {
    for (const name of names) process.off(name, heard)
  }
}

const code = await main(
  ['serve', ...flags],
  {},
  {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    onSignal: (heard) => onAny(['SIGTERM', 'SIGINT'], (signal) => heard(String(signal))),
    onCrash: (heard) => onAny(['uncaughtException', 'unhandledRejection'], heard),
    load,
  },
  '0.0.0',
)
process.exit(code)
