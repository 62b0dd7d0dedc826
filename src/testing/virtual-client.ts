import type { Clock } from '../base/clock.ts'
import { assembleClient } from '../client/client.ts'
import { completed } from '../client/full-client.ts'
import type { FullClient } from '../client/full-client.ts'
import type { PageSignal } from '../client/page-signals.ts'
import type { UntypedRequests } from '../client/request-types.ts'
import { TIMING } from '../client/timing.ts'
import type { CommonOptions, Untyped } from '../client/types.ts'
import type { TransportName } from '../transports/transport.ts'
import { words } from '../client/words.ts'
import { longPoll, poll } from '../transports/poll.ts'
import { sse } from '../transports/sse.ts'
import { webSocket } from '../transports/websocket.ts'
import type { VirtualNetwork } from './virtual-network.ts'

export interface VirtualClient extends FullClient {
  /** Plays a signal of the page. */
  signal(signal: PageSignal): void
}

/** The real client, with its real transports, on a virtual network and clock. */
export const createVirtualClient = (
  clock: Clock,
  network: VirtualNetwork,
  options: Partial<CommonOptions> & { readonly transports?: readonly TransportName[] } = {},
): VirtualClient => {
  const { fetch, WebSocket } = network
  const all = {
    websocket: () => webSocket({ WebSocket }),
    sse: () => sse({ fetch }),
    'long-poll': () => longPoll({ fetch }),
    poll: () => poll({ fetch }),
  }
  let heard: (signal: PageSignal) => void = () => undefined
  const client = assembleClient<Untyped>({
    options: { url: '', ...options },
    url: 'http://hub.test/realtime',
    transports: (options.transports ?? ['websocket', 'sse', 'long-poll', 'poll']).map((name) => all[name]()),
    timing: { ...TIMING, ...options.timing },
    clock,
    slots: { take: () => Promise.resolve(() => undefined) },
    listenToPage(listener) {
      heard = listener
      return () => (heard = () => undefined)
    },
    words,
  })
  return Object.assign(completed<Untyped, UntypedRequests, Untyped>(client, clock), {
    signal: (signal: PageSignal) => heard(signal),
  })
}
