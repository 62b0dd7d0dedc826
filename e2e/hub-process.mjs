// A hub in a process of its own, so that a test can kill it: node e2e/hub-process.mjs <port>
import { createServer } from 'node:http'
import { readFileSync } from 'node:fs'
import { createHub } from 'holdfast/server'

const script = readFileSync(new URL('../dist/holdfast.min.js', import.meta.url))
const hub = createHub({ authorize: () => true, limits: { heartbeatMinMs: 300, sweepMs: 100, goodbyeSpreadMs: 500 } })
const server = createServer((request, response) => {
  const isScript = request.url === '/holdfast.min.js'
  response.writeHead(200, { 'Content-Type': isScript ? 'text/javascript' : 'text/html' })
  response.end(isScript ? script : '<!doctype html><title>Restart</title><link rel="icon" href="data:," />')
})
hub.attach(server, { path: '/realtime' })
server.listen(Number(process.argv[2]), 'localhost', () => process.stdout.write('listening\n'))
process.once('SIGTERM', () => {
  void hub.close().then(() => {
    server.close()
    server.closeAllConnections()
  })
})
