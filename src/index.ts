import { HoldfastError } from './base/errors.ts'
import type { Client, ClientOptions, Untyped } from './client/types.ts'
import { words } from './client/words.ts'
import { createClient as createCore } from './core.ts'
import { longPoll, poll } from './transports/poll.ts'
import { sse } from './transports/sse.ts'
import type { Transport, TransportName } from './transports/transport.ts'
import { webSocket } from './transports/websocket.ts'

const BUILT_IN: Readonly<Record<TransportName, () => Transport>> = {
  websocket: webSocket,
  sse,
  'long-poll': longPoll,
  poll,
}

/**
 * A client with all four transports. Nothing happens until the first `subscribe`, `read`, `publish` or `connect`.
 * Throws `invalid-argument`, naming the option, when the URL or a transport name is of no use.
 */
export const createClient = <Ch extends object = Untyped>(options: ClientOptions): Client<Ch> => {
  const names = options.transports ?? (Object.keys(BUILT_IN) as TransportName[])
  const transports = names.map((name) => {
    if (!Object.hasOwn(BUILT_IN, name)) {
      throw new HoldfastError(
        'invalid-argument',
        `transports: ${name} is none of ${Object.keys(BUILT_IN).join(', ')}`,
        {
          field: 'transports',
        },
      )
    }
    return BUILT_IN[name]()
  })
  return createCore<Ch>({ ...options, transports, words })
}

export { HoldfastError, isHoldfastError } from './base/errors.ts'
export type { ErrorCode } from './base/errors.ts'
export type * from './client/types.ts'
export type { GapReason } from './protocol/frames.ts'
export type { TransportName } from './transports/transport.ts'
