import { createServer } from 'node:net'
import type { AddressInfo, Server } from 'node:net'

/** A port for each name, on loopback, that nobody had a moment ago. */
export const freePorts = async <Name extends string>(names: readonly Name[]): Promise<Record<Name, number>> => {
  // All of them are held at once, so that none is given twice.
  const servers = await Promise.all(names.map(listen))
  const ports = names.map((name, index) => [name, (servers[index]!.address() as AddressInfo).port])
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return Object.fromEntries(ports) as Record<Name, number>
}

const listen = (): Promise<Server> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => resolve(server))
  })
