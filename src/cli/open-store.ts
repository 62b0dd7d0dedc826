import type { Clock } from '../base/clock.ts'
import { memoryStore } from '../server/memory-store.ts'
import type { Store } from '../server/store.ts'
import { StartError } from './config-error.ts'
import { called, exported } from './packages.ts'
import type { LoadPackage } from './packages.ts'
import { withoutPassword } from './print-config.ts'
import { quoted } from './quoted.ts'
import type { Config } from './settings.ts'

/** How long a store has to answer at the start. */
const REACH_MS = 5000

/** The store of the settings, after it has answered once. @throws StartError */
export const openStore = async (config: Config, load: LoadPackage, clock: Clock): Promise<Store> => {
  const history = { messages: config.historyMessages, ageMs: config.historySeconds * 1000 }
  const { redisUrl: url, redisCluster: cluster } = config
  if (url === undefined && cluster === undefined) return memoryStore(history)
  const setting = cluster ? 'redisCluster' : 'redisUrl'
  const make = await exported(load, 'redis', 'redisStore', setting)
  const store = called(make, { url, cluster, prefix: config.redisPrefix, ...history }, setting) as Store
  try {
    await within(clock, reach(store))
    return store
  } catch (error) {
    // Nothing waits for a close of what was never reached.
    store.close().catch(() => undefined)
    const why = error instanceof Error && error.message !== '' ? `: ${quoted(error.message)}` : ''
    const where = (cluster ?? [url ?? '']).map(withoutPassword).join(', ')
    throw new StartError(`Redis at ${where} cannot be used${why}`)
  }
}

const reach = async (store: Store): Promise<void> => {
  await store.check?.()
  // More than that it is there: that it may be used.
  await store.read('holdfast:health', 'latest', { messages: 1, bytes: 1 })
}

const within = (clock: Clock, answer: Promise<void>): Promise<void> =>
  new Promise((resolve, reject) => {
    const cancel = clock.after(REACH_MS, () => reject(new Error(`no answer in ${REACH_MS / 1000} s`)))
    answer.then(resolve, reject).finally(cancel)
  })
