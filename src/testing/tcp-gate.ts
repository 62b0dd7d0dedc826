import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'

/** A way to a TCP server that can be cut: what a program behind it sees is a network that is gone. */
export interface TcpGate {
  readonly port: number
  /** Where new connections go. */
  target: number
  /** Connections that have come so far. */
  readonly connections: number
  /** Cuts what is open and takes nothing new, until `open`. Returns how many it cut. */
  shut(): number
  /** Lets nothing pass on what is open, and says nothing of it, until `open`. Returns how many it holds. */
  hold(): number
  open(): void
  close(): Promise<void>
}

const host = '127.0.0.1'

/** Starts one to a port of this machine; without `at` it is on a free port. */
export const startTcpGate = async (target: number, at = { host, port: 0 }): Promise<TcpGate> => {
  const pairs = new Set<readonly [Socket, Socket]>()
  let state: 'open' | 'shut' | 'held' = 'open'
  let connections = 0
  const server = createServer((near) => {
    if (state === 'shut') return void near.destroy()
    connections++
    const far = connect(gate.target, host)
    const pair = [near, far] as const
    pairs.add(pair)
    for (const [from, to] of [pair, [far, near] as const]) {
      from.on('data', (chunk) => {
        // What is held is lost, as the network loses it: the connection is cut before anything else passes.
        if (state !== 'open' || to.write(chunk)) return
        // Who does not read is felt on the other side, as without a gate.
        from.pause()
        to.once('drain', () => from.resume())
      })
      from.on('error', () => undefined)
      from.on('close', () => {
        pairs.delete(pair)
        to.destroy()
      })
    }
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(at.port, at.host, resolve)
  })
  const cut = (): number => {
    const count = pairs.size
    for (const [near, far] of pairs) {
      near.destroy()
      far.destroy()
    }
    return count
  }
  const gate: TcpGate = {
    port: (server.address() as AddressInfo).port,
    target,
    get connections() {
      return connections
    },
    shut() {
      state = 'shut'
      return cut()
    },
    hold() {
      state = 'held'
      return pairs.size
    },
    open() {
      if (state === 'held') cut()
      state = 'open'
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        cut()
      }),
  }
  return gate
}
