import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** Requests that may wait on one connection behind those that were sent before them. */
export const MOST_WAITING = 64

const waiting = new WeakMap<Socket, number>()

/**
 * Calls `begin` when the answer to a request can be sent: at once, unless requests that came before it on its connection are not
 * answered yet (RFC 9112 §9.3.2). What waits is a head and nothing else: no link is counted, no page is read and no stream is
 * begun, of which Node would not tell that it has ended. When the connection ends first nothing is called. When more than
 * `MOST_WAITING` wait the connection is ended, after `tooMany`.
 */
export const inTurn = (
  request: IncomingMessage,
  response: ServerResponse,
  { begin, tooMany }: { readonly begin: () => void; readonly tooMany: () => void },
): void => {
  if (response.socket) {
    begin()
    return
  }
  const { socket } = request
  if (socket.destroyed) return
  const count = (waiting.get(socket) ?? 0) + 1
  if (count > MOST_WAITING) {
    tooMany()
    socket.destroy()
    return
  }
  waiting.set(socket, count)
  // With this call Node gives the connection to the next response, and it tells nobody.
  const assign = response.assignSocket.bind(response)
  response.assignSocket = (assigned) => {
    waiting.set(socket, (waiting.get(socket) ?? 1) - 1)
    assign(assigned)
    begin()
  }
}
