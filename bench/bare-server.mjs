// @ts-check
// What Holdfast is compared with: the loop that everybody writes first. It keeps no log, checks nothing, and gives a
// reader that comes back nothing.
import { WebSocketServer } from 'ws'
import { serveBench } from './serve-bench.mjs'

const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false })
server.on('connection', (from) => {
  from.on('error', () => {})
  from.on('message', (data) => {
    const text = String(data)
    for (const socket of server.clients) socket.send(text)
  })
})
server.on('listening', () => serveBench(server.address()))
