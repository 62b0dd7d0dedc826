import { Agent, request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { Readable } from 'node:stream'
import { WebSocket } from 'ws'

// Node's fetch and ws know no forward proxy. A browser that has one set does with them what stands here.

/** A `fetch` that asks the proxy for the whole URL. Takes what the client's transports use of it. */
export const fetchThrough =
  (port: number): typeof fetch =>
  (url, { method = 'GET', headers, body, signal } = {}) =>
    new Promise((resolve, reject) => {
      const target = new Request(url).url
      const asking = request(
        {
          host: '127.0.0.1',
          port,
          path: target,
          method,
          headers: { ...(headers as Record<string, string>), host: new URL(target).host },
          ...(signal && { signal }),
        },
        (answer) => resolve(responseOf(answer)),
      )
      asking.on('error', reject)
      asking.end(body)
    })

const responseOf = (answer: IncomingMessage): Response =>
  new Response(Readable.toWeb(answer) as ReadableStream, {
    status: answer.statusCode ?? 0,
    headers: answer.headers as Record<string, string>,
  })

/** Asks the proxy for a tunnel. Rejects when it does not answer 200. */
export const tunnel = (port: number, target: string): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const asking = request({ host: '127.0.0.1', port, method: 'CONNECT', path: target, agent: false })
    asking.on('connect', ({ statusCode = 0 }, socket: Socket) => {
      if (statusCode === 200) resolve(socket)
      else {
        socket.destroy()
        reject(new Error(`CONNECT was answered ${statusCode}`))
      }
    })
    asking.on('error', reject)
    asking.end()
  })

/** A WebSocket in a tunnel through the proxy. */
export const webSocketThrough = (port: number): typeof WebSocket => {
  const agent = new Agent()
  agent.createConnection = ({ host, port: to }, done) => {
    tunnel(port, `${host}:${to}`).then(
      (socket) => done?.(null, socket),
      (error: unknown) => done?.(error as Error, undefined as never),
    )
    return undefined
  }
  return class extends WebSocket {
    constructor(url: string | URL, protocols: string | string[]) {
      super(url, protocols, { agent })
    }
  } as typeof WebSocket
}
