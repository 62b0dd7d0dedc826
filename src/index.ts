import { invalidArgument } from './base/errors.ts'
import { createHistory } from './client/history.ts'
import type { FullClient } from './client/history-types.ts'
import { createRequests } from './client/requests.ts'
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
export const createClient = <Ch extends object = Untyped, Rq extends object = UntypedRequests>(
  options: ClientOptions,
): FullClient<Ch, Rq> => {
  const builtIn = [webSocket(), sse(), longPoll(), poll()]
  const transports = options.transports?.map((name) => {
    const transport = builtIn.find((each) => each.name === name)
    if (!transport) {
      const names = builtIn.map((each) => each.name).join(', ')
      throw invalidArgument('transports', `transports: ${name} is none of ${names}`)
    }
    return transport
  })
  const client = createCore<Ch>({ ...options, transports: transports ?? builtIn, words })
  // Not a copy: `state` and `publisher` are read when they are asked for.
  return Object.assign(client, { request: createRequests<Rq>(client), history: createHistory(client) })
}

export { HoldfastError, isHoldfastError } from './base/errors.ts'
export type { ErrorCode } from './base/errors.ts'
export type * from './client/types.ts'
export type { FullClient as Client, History, HistoryOptions, HistoryPage } from './client/history-types.ts'
export type { AnswerOf, QuestionOf, Request, UntypedRequests } from './client/request-types.ts'
export type { GapReason } from './protocol/frames.ts'
export type { TransportName } from './transports/transport.ts'
