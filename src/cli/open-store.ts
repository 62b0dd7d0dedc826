import type { Clock } from '../base/clock.ts'
import { memoryStore } from '../server/memory-store.ts'
import { errorFacts } from '../server/logger.ts'
import type { HubLogger } from '../server/logger.ts'
import type { Store } from '../server/store.ts'
import { StartError } from './config-error.ts'
import { readPem } from './listen.ts'
import { called, exported } from './packages.ts'
import type { LoadPackage } from './packages.ts'
import { withoutPassword } from './print-config.ts'
import { quoted } from './quoted.ts'
import type { Config } from './settings.ts'

/** How long a store has to answer at the start. */
const REACH_MS = 5000

/** The store of the settings, after it has answered once. @throws StartError */
export const openStore = async (config: Config, load: LoadPackage, clock: Clock, log: HubLogger): Promise<Store> => {
  const history = { messages: config.historyMessages, ageMs: config.historySeconds * 1000 }
  const { redisUrl: url, redisCluster: cluster } = config
  if (url === undefined && cluster === undefined) return memoryStore(history)
  const setting = cluster ? 'redisCluster' : 'redisUrl'
  const make = await exported(load, 'redis', 'redisStore', setting)
  const options = { ...redisAccess(config, log), prefix: config.redisPrefix, ...history }
  const store = called(make, options, setting) as Store
  try {
    await within(clock, reach(store))
    return store
  } catch (error) {
    // Nothing waits for a close of what was never reached.
    store.close().catch(() => undefined)
    const where = (cluster ?? [url ?? '']).map(withoutPassword).join(', ')
    throw new StartError(`Redis at ${where} cannot be used${because(error)}`)
  }
}

/** What `holdfast/redis` takes to reach Redis. @throws StartError */
export const redisAccess = (config: Config, log: HubLogger) => {
  const { redisUrl: url, redisCluster: cluster, redisTlsCa, redisTlsCert, redisTlsKey } = config
  const pem = (path: string | undefined, name: string) => (path === undefined ? undefined : readPem(path, name))
  const [ca, cert] = [pem(redisTlsCa, 'redisTlsCa'), pem(redisTlsCert, 'redisTlsCert')]
  const key = pem(redisTlsKey, 'redisTlsKey')
  const hasTls = ca !== undefined || cert !== undefined
  return {
    url,
    cluster,
    ...(hasTls && { client: { socket: { tls: true, ca, cert, key } } }),
    onError: ({ error, context }: { readonly error: unknown; readonly context: string }) =>
      log.warn({ event: 'serve.redis', context, error: errorFacts(error) }, 'Redis is lost, or answers nonsense'),
  }
}

const reach = async (store: Store): Promise<void> => {
  await store.check?.()
  // More than that it is there: that it may be used.
  await store.read('holdfast:health', 'latest', { messages: 1, bytes: 1 })
}

/** The end of a sentence that says why, where that is known. */
export const because = (error: unknown): string =>
  error instanceof Error && error.message !== '' ? `: ${quoted(error.message)}` : ''

/** Rejects when it does not come in time. */
export const within = (clock: Clock, answer: Promise<void>): Promise<void> =>
  new Promise((resolve, reject) => {
    const cancel = clock.after(REACH_MS, () => reject(new Error(`no answer in ${REACH_MS / 1000} s`)))
    answer.then(resolve, reject).finally(cancel)
  })
