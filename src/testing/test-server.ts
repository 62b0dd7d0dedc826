import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createHub } from '../server.ts'
import type { Hub, HubOptions, Untyped } from '../server.ts'
import { startFaultProxy } from './fault-proxy/fault-proxy.ts'
import type { Faults, FaultsOptions } from './fault-proxy/faults.ts'

export interface TestServerOptions {
  /**
   * Options of the hub, over those of the test server: everybody may do everything, and programs that send no `Origin` are
   * let in. A page that another server serves needs its origin in `origins`.
   */
  readonly hub?: Partial<HubOptions> | undefined
  /** Where the hub is. @default '/realtime' */
  readonly path?: string | undefined
  /** Answers what is not for the hub, as the pages of the application; the faults act on it too. @default 404 */
  readonly app?: ((request: IncomingMessage, response: ServerResponse) => void) | undefined
  /** Bounds of the fault proxy. */
  readonly faults?: FaultsOptions | undefined
  /** Port of the fault proxy. @default 0, any free port */
  readonly port?: number | undefined
}

/** A hub on loopback, and the fault proxy in front of it. */
export interface TestServer<Channels extends object = Untyped> {
  /** What a client takes as `url`: the hub through the faults, as `http://127.0.0.1:40123/realtime`. */
  readonly url: string
  /** The same server without the path, through the faults: for the pages of `app`. */
  readonly origin: string
  /** The hub past the faults, for a control reader or a publisher that must get through. */
  readonly directUrl: string
  /** The hub itself: `hub.publish` is never in the way of a fault. */
  readonly hub: Hub<Channels>
  /** The rules, the links and the log. `faults.clear()` after each test. */
  readonly faults: Faults
  /** Destroys every connection, closes the hub, and resolves when nothing is left. Idempotent. */
  close(): Promise<void>
}

const host = '127.0.0.1'

/**
 * Starts a hub and a fault proxy in front of it, each on a loopback port. Until a rule is added to `faults`, nothing is changed.
 * @throws the error of `listen` when `port` cannot be had; TypeError for bad options of the hub
 */
export async function startTestServer<Channels extends object = Untyped>(
  options: TestServerOptions = {},
): Promise<TestServer<Channels>> {
  const { path = '/realtime', app = notFound, port = 0 } = options
  const hub = createHub<Channels>({ authorize: () => true, allowMissingOrigin: true, ...options.hub })
  const server = createServer(app)
  const stop = async (): Promise<void> => {
    await hub.close()
    await closed(server)
  }
  try {
    hub.attach(server, { path })
    const upstream = { host, port: await listening(server) }
    const proxy = await startFaultProxy({ ...options.faults, upstream, port, host })
    // First the proxy: behind faults a hub that takes its leave could wait for links that will never answer.
    const close = async (): Promise<void> => {
      await proxy.close()
      await stop()
    }
    let closing: Promise<void> | undefined
    return {
      url: proxy.origin + path,
      origin: proxy.origin,
      directUrl: `http://${host}:${upstream.port}${path}`,
      hub,
      faults: proxy.faults,
      close: () => (closing ??= close()),
    }
  } catch (error) {
    await stop()
    throw error
  }
}

function notFound(_request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(404, { 'Content-Type': 'text/plain' })
  response.end('Only the hub is here.')
}

function listening(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, host, () => {
      server.off('error', reject)
      resolve((server.address() as AddressInfo).port)
    })
  })
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    // Not listening is an error to `close`, and just what is wanted here.
    server.close(() => {
      resolve()
    })
    server.closeAllConnections()
  })
}
