import { WebSocket } from 'ws'
import type { Client, CommonOptions } from '../../client/types.ts'
import { words } from '../../client/words.ts'
import { createClient, longPoll, poll, sse, webSocket } from '../../core.ts'
import type { Transport, TransportName } from '../../core.ts'
import { TIMING } from './columns.ts'

// An option of ws that its types do not have yet.
const SOON: object = { closeTimeout: 1_000 }

/** One that gives up soon when the server does not take part in closing. */
class Socket extends WebSocket {
  constructor(url: string, protocol: string) {
    super(url, protocol, SOON)
  }
}

const transportOf: Readonly<Record<TransportName, () => Transport>> = {
  websocket: () => webSocket({ WebSocket: Socket }),
  sse: () => sse(),
  'long-poll': () => longPoll(),
  poll: () => poll(),
}

/** The real client in Node, with these transports and the durations of the matrix. */
export const openClient = (
  url: string,
  names: readonly TransportName[],
  options: Partial<CommonOptions> = {},
): Client =>
  createClient({
    words,
    ...options,
    url,
    transports: names.map((name) => transportOf[name]()),
    timing: { ...TIMING, ...options.timing },
  })
