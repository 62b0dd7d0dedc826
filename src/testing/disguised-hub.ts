import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { WebSocketServer } from 'ws'
import type { WebSocket } from 'ws'
import type { Hello } from '../protocol/frames.ts'
import { CONTENT_TYPE, SUBPROTOCOL } from '../protocol/frames.ts'
import { createHub } from '../server/hub.ts'
import type { Hub } from '../server/hub-types.ts'

/** One request or connection of a client, in the hands of whoever answers in place of the hub. */
export interface Seized {
  readonly hello: Hello
  /** True for a stream of events. */
  readonly streamed: boolean
  /** Undefined on a WebSocket. */
  readonly response: ServerResponse | undefined
  /** A text in place of a batch, as each transport carries it. */
  say(text: string): void
}

export interface DisguisedHub {
  readonly url: string
  readonly hub: Hub
  /** Requests and connections that came to whoever answers. */
  readonly seized: number
  /** Answers in place of the hub; with null the hub answers itself. */
  answer: ((seized: Seized) => void) | null
  close(): Promise<void>
}

/** A real hub on a free port, and something else in front of it that answers for as long as a test says. */
export const disguisedHub = async (): Promise<DisguisedHub> => {
  const hub = createHub({ authorize: () => true, allowMissingOrigin: true })
  const server = createServer()
  hub.attach(server)
  const sockets = new WebSocketServer({ noServer: true, handleProtocols: () => SUBPROTOCOL })
  let seized = 0
  let answer: DisguisedHub['answer'] = null

  const overHttp = (request: IncomingMessage, response: ServerResponse): void => {
    const streamed = request.url?.endsWith('/stream') ?? false
    const type = streamed ? 'text/event-stream' : CONTENT_TYPE
    let body = ''
    request.setEncoding('utf8').on('data', (text: string) => (body += text))
    request.on('end', () => {
      const [hello] = JSON.parse(body) as [Hello]
      const say = (text: string): void => {
        response.writeHead(200, { 'content-type': type })
        if (streamed) response.write(`data: ${text}\n\n`)
        else response.end(text)
      }
      answer?.({ hello, streamed, response, say })
    })
  }
  const overWebSocket = (socket: WebSocket): void => {
    socket.on('error', () => undefined)
    socket.once('message', (batch: Buffer) => {
      const [hello] = JSON.parse(batch.toString()) as [Hello]
      answer?.({ hello, streamed: false, response: undefined, say: (text) => socket.send(text) })
    })
  }
  // Before the hub, which has put itself there in the same way.
  const toHub = server.emit.bind(server) as (event: string, ...values: unknown[]) => boolean
  server.emit = (event: string, ...values: unknown[]): boolean => {
    if (!answer || (event !== 'request' && event !== 'upgrade')) return toHub(event, ...values)
    seized++
    if (event === 'request') overHttp(...(values as [IncomingMessage, ServerResponse]))
    else sockets.handleUpgrade(...(values as [IncomingMessage, Socket, Buffer]), overWebSocket)
    return true
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/realtime`,
    hub,
    get seized() {
      return seized
    },
    get answer() {
      return answer
    },
    set answer(next) {
      answer = next
    },
    close: async () => {
      for (const socket of sockets.clients) socket.terminate()
      server.closeAllConnections()
      await hub.close()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
