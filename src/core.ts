import { systemClock } from './base/clock.ts'
import { invalidArgument } from './base/errors.ts'
import { assembleClient } from './client/client.ts'
import type { Words } from './client/explain.ts'
import { listenToPage } from './client/page-signals.ts'
import { TIMING } from './client/timing.ts'
import type { CommonOptions, Client, Untyped } from './client/types.ts'
import { resolveUrl } from './client/url.ts'
import type { Transport } from './transports/transport.ts'

/** Options of `holdfast/core`: the transports are objects, and words are brought along or left out. */
export interface CoreOptions extends CommonOptions {
  /** In order of preference, as `[webSocket(), longPoll()]`. */
  readonly transports: readonly Transport[]
  /** What puts the facts of `explain()` into words. */
  readonly words?: Words | undefined
}

/**
 * The client without built-in transports and words, for small bundles. Without `poll` or `longPoll` there is no first read, so a
 * failed WebSocket handshake is reported without its cause.
 * Throws `invalid-argument` when the URL or the list of transports is of no use.
 */
export const createClient = <Ch extends object = Untyped>(options: CoreOptions): Client<Ch> => {
  const { transports } = options
  const url = resolveUrl(options.url)
  if (!(transports as readonly Transport[] | undefined)?.length) {
    throw invalidArgument('transports', 'transports: at least one is needed')
  }
  const slots = transports.find((transport) => transport.slots)?.slots?.(url, systemClock)
  return assembleClient<Ch>({
    options,
    url,
    transports,
    timing: { ...TIMING, ...options.timing },
    clock: systemClock,
    slots,
    listenToPage,
    words: options.words,
  })
}

export { HoldfastError, isHoldfastError } from './base/errors.ts'
export type { ErrorCode } from './base/errors.ts'
export type * from './client/types.ts'
export type { Words } from './client/explain.ts'
export type { GapReason } from './protocol/frames.ts'
export { createHistory } from './client/history.ts'
export type * from './client/history-types.ts'
export { createPresence } from './client/presence.ts'
export type * from './client/presence-types.ts'
export { createRequests } from './client/requests.ts'
export type { RequestClient } from './client/requests.ts'
export type * from './client/request-types.ts'
export { longPoll, poll } from './transports/poll.ts'
export { sse } from './transports/sse.ts'
export { webSocket } from './transports/websocket.ts'
export type { Transport, TransportName } from './transports/transport.ts'
