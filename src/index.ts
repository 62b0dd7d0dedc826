import { invalidArgument } from './base/errors.ts'
import { completed } from './client/full-client.ts'
import type { FullClient } from './client/full-client.ts'
import type { UntypedRequests } from './client/request-types.ts'
import type { ClientOptions, Untyped } from './client/types.ts'
import { words } from './client/words.ts'
import { createClient as createCore } from './core.ts'
import { longPoll, poll } from './transports/poll.ts'
import { sse } from './transports/sse.ts'
import { webSocket } from './transports/websocket.ts'

/**
 * A client with all four transports. Nothing happens until the first `subscribe`, `read`, `history`, `publish` or `connect`.
 * Throws `invalid-argument`, naming the option, when the URL or a transport name is of no use.
 */
export const createClient = <
  Ch extends object = Untyped,
  Rq extends object = UntypedRequests,
  Pr extends object = Untyped,
>(
  options: ClientOptions,
): FullClient<Ch, Rq, Pr> => {
  const builtIn = [webSocket(), sse(), longPoll(), poll()]
  const transports = options.transports?.map((name) => {
    const transport = builtIn.find((each) => each.name === name)
    if (!transport) {
      const names = builtIn.map((each) => each.name).join(', ')
      throw invalidArgument('transports', `transports: ${name} is none of ${names}`)
    }
    return transport
  })
  return completed<Ch, Rq, Pr>(createCore<Ch>({ ...options, transports: transports ?? builtIn, words }))
}

export { HoldfastError, isHoldfastError } from './base/errors.ts'
export type { ErrorCode } from './base/errors.ts'
export type * from './client/types.ts'
export type { FullClient as Client } from './client/full-client.ts'
export type { History, HistoryOptions, HistoryPage } from './client/history-types.ts'
export type {
  Member,
  Presence,
  PresenceEvents,
  PresentSubscribe,
  PresentSubscription,
} from './client/presence-types.ts'
export type { AnswerOf, QuestionOf, Request, UntypedRequests } from './client/request-types.ts'
export type { GapReason } from './protocol/frames.ts'
export type { TransportName } from './transports/transport.ts'
