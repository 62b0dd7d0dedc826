import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { createHub } from '../../server/hub.ts'
import type { Hub, HubOptions } from '../../server/hub-types.ts'
import type { Store } from '../../server/store.ts'

/** A hub on a port of its own, which can die and come back there. */
export interface HubNode {
  readonly url: string
  readonly port: number
  /** The hub of this life. */
  readonly hub: Hub
  /** As a crash: no goodbye, every connection is cut, the port is closed. */
  crash(): Promise<void>
  /** As SIGTERM: drains, then closes the port. */
  drain(): Promise<void>
  /** Another life, on the same port. */
  start(store: Store): Promise<void>
  close(): Promise<void>
}

const HOST = '127.0.0.1'
const PATH = '/realtime'

/** Beats as fast as the clients of the matrix ask for, and a close that waits for nobody. */
const LIMITS = {
  heartbeatMinMs: 100,
  sweepMs: 50,
  drainMs: 500,
  closeMs: 200,
  goodbyeSpreadMs: 200,
  positionCheckMs: 1_000,
  publishMs: 300,
}

/** Starts a hub. What it complains of (a store that fails, a bug) goes to `complain`. */
export const startHubNode = async (
  store: Store,
  complain: (what: string) => void,
  options: Partial<HubOptions> = {},
): Promise<HubNode> => {
  const launch = async (store: Store, port: number) => {
    const hub = createHub({
      authorize: () => true,
      allowMissingOrigin: true,
      onError: ({ context, error }) => complain(`${context}: ${String(error)}`),
      ...options,
      store,
      limits: { ...LIMITS, ...options.limits },
    })
    const server = createServer((_, response) => response.writeHead(404).end())
    hub.attach(server, { path: PATH })
    const sockets = new Set<Socket>()
    server.on('connection', (socket) => {
      sockets.add(socket)
      socket.once('close', () => sockets.delete(socket))
    })
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, HOST, resolve)
    })
    const closeServer = (): Promise<void> =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      })
    return { hub, closeServer, port: (server.address() as AddressInfo).port }
  }
  let life = await launch(store, 0)
  const { port } = life
  return {
    port,
    url: `http://${HOST}:${port}${PATH}`,
    get hub() {
      return life.hub
    },
    async crash() {
      await life.closeServer()
      await life.hub.close()
    },
    async drain() {
      await life.hub.close()
      await life.closeServer()
    },
    async start(next) {
      life = await launch(next, port)
    },
    async close() {
      await life.closeServer()
      await life.hub.close()
    },
  }
}
