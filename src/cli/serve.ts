import type { Server } from 'node:http'
import type { Clock } from '../base/clock.ts'
import { systemClock } from '../base/clock.ts'
import { channelKinds } from '../server/channel-kinds.ts'
import type { ChannelKind } from '../server/channel-kinds.ts'
import { createHub } from '../server/hub.ts'
import type { Hub } from '../server/hub-types.ts'
import { errorFacts } from '../server/logger.ts'
import type { HubLogger } from '../server/logger.ts'
import type { Store } from '../server/store.ts'
import { Answers } from './answers.ts'
import { jsonLog } from './json-log.ts'
import { listen, makeServer, where } from './listen.ts'
import { metricsServer } from './metrics-server.ts'
import { openQueue } from './open-queue.ts'
import { openStore } from './open-store.ts'
import { called, loadPackage } from './packages.ts'
import type { LoadPackage } from './packages.ts'
import { permissionsOf } from './permissions.ts'
import type { Settings } from './effective.ts'

/** What the program takes from its process, so that tests can give it another. */
export interface Io {
  readonly out: (text: string) => void
  readonly err: (text: string) => void
  /** Calls back for each SIGTERM and SIGINT. Returns the function that ends it. */
  readonly onSignal: (heard: (signal: string) => void) => () => void
  /** Calls back for an error that nobody caught. Returns the function that ends it. */
  readonly onCrash: (heard: (error: unknown) => void) => () => void
  readonly load?: LoadPackage | undefined
}

interface Running {
  readonly hub: Hub
  readonly store: Store
  readonly servers: readonly Server[]
  /** Of the first server. */
  readonly answers: Answers
}

/** Serves until a signal or a crash. Resolves with the exit code. @throws StartError when it cannot start */
export const serve = async (settings: Settings, io: Io): Promise<number> => {
  const clock = systemClock
  const log = jsonLog(io.out, clock, settings.config.logLevel)
  for (const warning of settings.warnings) log.warn({ event: 'serve.warning' }, warning)
  const running = await start(settings, io.load ?? loadPackage, log, clock)
  return new Promise((resolve) => {
    let stopping = false
    const finish = (code: number): void => {
      offSignal()
      offCrash()
      for (const server of running.servers) {
        server.close()
        server.closeAllConnections()
      }
      resolve(code)
    }
    const offCrash = io.onCrash((error) => {
      const stack = error instanceof Error ? error.stack?.slice(0, 4000) : undefined
      log.error({ event: 'serve.crashed', error: errorFacts(error), stack }, 'an error that nobody caught')
      finish(1)
    })
    const offSignal = io.onSignal((signal) => {
      if (stopping) {
        log.warn({ event: 'serve.killed', signal }, 'a second signal: nothing is waited for')
        finish(1)
        return
      }
      stopping = true
      log.info({ event: 'serve.stopping', signal }, 'stopping')
      void stop(running, settings.config.drainSeconds * 1000, clock).then(() => {
        log.info({ event: 'serve.stopped' }, 'stopped')
        finish(0)
      })
    })
  })
}

const start = async (settings: Settings, load: LoadPackage, log: HubLogger, clock: Clock): Promise<Running> => {
  const { config } = settings
  const { authenticate, authorize } = await permissionsOf(settings, load)
  const kinds = config.kinds as readonly ChannelKind[] | undefined
  called((rules) => channelKinds(rules as typeof kinds), kinds, 'kinds')
  const answers = new Answers()
  const server = makeServer(config, answers)
  const store = await openStore(config, load, clock, log)
  const hub = createHub({
    store,
    authenticate,
    authorize,
    kinds,
    presence: config.presence,
    origins: config.origins,
    allowMissingOrigin: config.allowMissingOrigin,
    trustProxy: config.trustProxy,
    limits: { drainMs: config.drainSeconds * 1000, ...config.limits },
    logger: log,
  })
  hub.attach(server, { path: config.path })
  const servers = [server]
  try {
    const queue = await openQueue(config, hub, load, clock, log)
    const port = await listen(server, config.port, config.host)
    const metrics = await metricsServer(config, { hub, queue }, load)
    if (metrics) servers.push(metrics.server)
    const scheme = config.tlsCert === undefined ? 'http' : 'https'
    const url = `${scheme}://${where(config.host, port)}${config.path}`
    log.info({ event: 'serve.listening', url, ...(metrics && { metrics: metrics.url }) }, `listening on ${url}`)
    if (config.dev) log.warn({ event: 'serve.dev' }, '--dev: everybody may do everything; for trying out only')
    return { hub, store, servers, answers }
  } catch (error) {
    for (const opened of servers) opened.close()
    await hub.close()
    await store.close()
    throw error
  }
}

/** Drains, and waits for what is being answered, for `ms` at most. Never rejects. */
const stop = async ({ hub, store, servers, answers }: Running, ms: number, clock: Clock): Promise<void> => {
  const inOrder = async (): Promise<void> => {
    await hub.close()
    servers[0]?.close()
    await answers.over()
    await store.close()
  }
  await new Promise<void>((resolve) => {
    const cancel = clock.after(ms, resolve)
    inOrder()
      .catch(() => undefined)
      .finally(() => {
        cancel()
        resolve()
      })
  })
}
