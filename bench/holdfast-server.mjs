// @ts-check
import { createServer } from 'node:http'
import { createHub, memoryStore } from 'holdfast/server'
import { serveBench } from './serve-bench.mjs'

const hub = createHub({
  // Readers that a busy machine leaves behind for a moment must find all of a round; a gap would fail the benchmark.
  store: memoryStore({ messages: 20_000 }),
  authorize: () => true,
  // The clients here are programs, which send no Origin.
  allowMissingOrigin: true,
  // One link publishes as fast as it can.
  limits: {
    publishesPerMinutePerLink: Infinity,
    publishesPerMinutePerAddress: Infinity,
    connectsPerMinute: Infinity,
  },
  onError: (failure) => console.error(failure),
})
const server = createServer()
hub.attach(server, { path: '/realtime' })
server.listen({ host: '127.0.0.1', port: 0, backlog: 1024 }, () => serveBench(server.address()))
