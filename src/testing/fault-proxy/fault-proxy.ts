import http from 'node:http'
import net from 'node:net'
import type { AddressInfo } from 'node:net'
import { createFaults, innerOf } from './faults.ts'
import type { Faults, FaultsOptions } from './faults.ts'
import type { Upstream } from './http-message.ts'
import { proxyRequest } from './http-proxy.ts'
import { acceptConnection } from './tcp-connection.ts'
import { proxyUpgrade } from './websocket-proxy.ts'

/** Options of `startFaultProxy`. */
export interface FaultProxyOptions extends FaultsOptions {
  readonly upstream: Upstream
  /** @default 0, any free port */
  readonly port?: number
  /** @default '127.0.0.1' */
  readonly host?: string
}

/** A proxy on a port of its own. */
export interface FaultProxy {
  readonly port: number
  /** `http://127.0.0.1:<port>` */
  readonly origin: string
  readonly faults: Faults
  /** Destroys every connection and resolves when nothing is left. Idempotent. */
  close(): Promise<void>
}

/** Starts a proxy of its own, which also knows rules of kind `tcp`. @throws the error of `listen` */
export async function startFaultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  const { upstream, port = 0, host = '127.0.0.1', ...rest } = options
  const faults = createFaults(rest)
  const proxied = { faults, upstream }
  // No deadline of its own: a proxy that ends slow requests would hide what the hub does about them.
  const server = http.createServer({ requestTimeout: 0, headersTimeout: 0, keepAliveTimeout: 0 })
  server.on('request', (req, res) => {
    proxyRequest(req, res, proxied)
  })
  server.on('upgrade', (req, socket, head) => {
    proxyUpgrade(req, socket, head, proxied)
  })
  const listener = net.createServer({ allowHalfOpen: true }, (socket) => {
    const connection = acceptConnection(socket, innerOf(faults))
    if (connection !== undefined) server.emit('connection', connection)
  })
  await new Promise<void>((resolve, reject) => {
    listener.once('error', reject)
    listener.listen(port, host, resolve)
  })
  const address = listener.address() as AddressInfo
  let closing: Promise<void> | undefined
  return {
    port: address.port,
    origin: `http://${host}:${address.port}`,
    faults,
    close: () =>
      (closing ??= new Promise((resolve) => {
        listener.close(() => {
          resolve()
        })
        faults.close()
        // It never listened, but it has a timer that looks for late requests.
        server.close()
        server.closeAllConnections()
      })),
  }
}
