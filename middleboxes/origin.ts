import { createServer } from 'node:http'
import type { IncomingMessage } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { createHub } from 'holdfast/server'
import type { Hub, Store } from 'holdfast/server'

/** A request as it came out of the box. */
export interface Arrival {
  readonly method: string
  readonly url: string
  readonly httpVersion: string
  /** The `Upgrade` header, if the box left it in. */
  readonly upgrade: string | undefined
}

/** A real hub on a port of its own, which notes what reaches it. */
export interface Origin {
  readonly hub: Hub
  readonly port: number
  readonly arrivals: readonly Arrival[]
  /** As a crash would: no goodbye, every connection is cut and the port is closed. */
  stop(): Promise<void>
  /** On the same port again. */
  restart(): Promise<void>
  close(): Promise<void>
}

export const startOrigin = async (store: Store): Promise<Origin> => {
  const hub = createHub({
    authorize: () => true,
    allowMissingOrigin: true,
    store,
    // Beats as fast as the clients of these tests ask for, and a close that waits for nobody.
    limits: { heartbeatMinMs: 100, sweepMs: 50, drainMs: 100, closeMs: 100 },
  })
  // The hub takes its requests before any listener hears of them. So it sits on a server that does not listen, behind one that notes.
  const inner = createServer()
  hub.attach(inner, { path: '/realtime' })
  const arrivals: Arrival[] = []
  const note = ({ method = '', url = '', httpVersion, headers }: IncomingMessage): void => {
    arrivals.push({ method, url, httpVersion, upgrade: headers.upgrade })
  }
  const server = createServer((request, response) => {
    note(request)
    inner.emit('request', request, response)
  })
  server.on('upgrade', (request, socket, head) => {
    note(request)
    inner.emit('upgrade', request, socket, head)
  })
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })

  const listen = (port: number): Promise<void> =>
    new Promise((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, '127.0.0.1', () => {
        server.off('error', reject)
        resolve()
      })
    })
  const stop = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve())
      for (const socket of sockets) socket.destroy()
    })

  await listen(0)
  const { port } = server.address() as AddressInfo
  return {
    hub,
    port,
    arrivals,
    stop,
    restart: () => listen(port),
    close: async () => {
      await stop()
      await hub.close()
    },
  }
}
