import { WebSocket } from 'ws'

/** The status that a WebSocket handshake is answered with. A browser would hide it. */
export const handshake = (url: string): Promise<number> =>
  new Promise((resolve, reject) => {
    const socket = new WebSocket(url.replace(/^http/, 'ws'), 'holdfast.1')
    socket.on('open', () => {
      resolve(101)
      socket.terminate()
    })
    socket.on('unexpected-response', (request, response) => {
      resolve(response.statusCode ?? 0)
      request.destroy()
    })
    socket.on('error', reject)
  })
