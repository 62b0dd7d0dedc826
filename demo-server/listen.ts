import { createServer } from 'node:http'
import type { Server } from 'node:http'
import { ConfigError } from './config.ts'
import type { ListenOptions } from './config.ts'

const firstPort = 8080
const triedPorts = 20

/** A server that listens on one port, on each of its addresses. */
export interface Listening {
  readonly port: number
  /** Address on which this process can reach itself. */
  readonly ownAddress: string
  /** Stops listening and drops what is still connected. */
  close(): Promise<void>
}

/**
 * Listens on both loopback addresses, so that no other program can answer for `localhost` on the same port; or on `host` alone.
 * `server` gets all requests and upgrades, whichever address they came to.
 * @throws ConfigError when the address cannot be used
 */
export async function listen(server: Server, { port, host }: ListenOptions): Promise<Listening> {
  if (host !== undefined) return await listenOn(server, port ?? firstPort, [host])
  const loopback = ['127.0.0.1', '::1']
  if (port !== undefined && port !== 0) return await listenOn(server, port, loopback)
  for (let tried = 0; ; tried++) {
    try {
      return await listenOn(server, port ?? firstPort + tried, loopback)
    } catch (error) {
      const mayRetry = error instanceof ConfigError && codeOf(error.cause) === 'EADDRINUSE'
      if (!mayRetry || tried >= triedPorts) throw error
    }
  }
}

async function listenOn(server: Server, port: number, hosts: readonly string[]): Promise<Listening> {
  const bound: Server[] = []
  const closeAll = async () => {
    await Promise.all(bound.map(closeServer))
  }
  let chosen = port
  try {
    for (const host of hosts) {
      const next = bound.length === 0 ? server : mirrorOf(server)
      try {
        await bind(next, chosen, host)
      } catch (error) {
        // A machine without IPv6 has no second loopback address, and nobody else can have it.
        if (bound.length > 0 && /^(EADDRNOTAVAIL|EAFNOSUPPORT|EINVAL)$/.test(codeOf(error))) continue
        throw error
      }
      bound.push(next)
      chosen = portOf(next)
    }
  } catch (error) {
    await closeAll()
    throw new ConfigError(explain(codeOf(error), chosen, hosts), { cause: error })
  }
  return { port: chosen, ownAddress: ownAddress(hosts[0] ?? '127.0.0.1'), close: closeAll }
}

/** What Node checks of requests that come slowly; its own values are minutes. The bodies of the hub's are timed by the hub. */
export const SLOW_REQUESTS = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  connectionsCheckingInterval: 1_000,
  maxHeaderSize: 16_384,
} as const

/** Another listening socket for the same server. */
function mirrorOf(server: Server): Server {
  const mirror = createServer(SLOW_REQUESTS)
  for (const event of ['request', 'upgrade', 'checkContinue', 'clientError'] as const) {
    if (event !== 'request' && server.listenerCount(event) === 0) continue
    mirror.on(event, (...args: unknown[]) => {
      server.emit(event, ...args)
    })
  }
  return mirror
}

function bind(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ port, host, exclusive: true }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}

function portOf(server: Server): number {
  const address = server.address()
  return typeof address === 'object' && address ? address.port : 0
}

function ownAddress(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  return host === '::' ? '::1' : host
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}

function explain(code: string, port: number, hosts: readonly string[]): string {
  const where = `port ${port} on ${hosts.join(' and ')}`
  if (code === 'EADDRINUSE') return `Cannot listen on ${where}: another program has it. Set PORT to a free one.`
  if (code === 'EACCES') return `Cannot listen on ${where}: not permitted. Set PORT to one above 1023.`
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    return `Cannot listen on ${where}: this machine has no such address. Set HOST to one that it has.`
  }
  return `Cannot listen on ${where} (${code || 'unknown error'}).`
}
