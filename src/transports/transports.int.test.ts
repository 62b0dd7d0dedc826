import { vi } from 'vitest'
import { WebSocket } from 'ws'
import { transportSuite } from '../testing/transport-suite.ts'
import { longPoll, poll } from './poll.ts'
import { sse } from './sse.ts'
import { webSocket } from './websocket.ts'

// What is waited for is bounded in turns of the fake clock (`until`), and a busy machine takes longer for each.
vi.setConfig({ testTimeout: 120_000 })

const fails = (): never => {
  throw new Error('the platform forbids it')
}
class Forbidden extends WebSocket {
  constructor() {
    super('http://[')
  }
}

transportSuite({
  name: 'webSocket',
  make: () => webSocket({ WebSocket }),
  makeBroken: () => webSocket({ WebSocket: Forbidden }),
})
transportSuite({ name: 'sse', make: () => sse(), makeBroken: () => sse({ fetch: fails }) })
transportSuite({ name: 'longPoll', make: () => longPoll(), makeBroken: () => longPoll({ fetch: fails }) })
transportSuite({ name: 'poll', make: () => poll(), makeBroken: () => poll({ fetch: fails }) })
