import type { Clock } from '../base/clock.ts'
import { createHistory } from './history.ts'
import type { History } from './history-types.ts'
import { createPresence } from './presence.ts'
import type { PresentSubscribe } from './presence-types.ts'
import { createRequests } from './requests.ts'
import type { RequestingClient, UntypedRequests } from './request-types.ts'
import type { Client, Subscription, Untyped } from './types.ts'

/**
 * The client of `holdfast`: it can ask, page back, and see who is there. `Ch`: channel → data. `Rq`: channel → function from what is asked to the answer.
 * `Pr`: channel → what a client shows of itself there.
 */
export interface FullClient<
  Ch extends object = Untyped,
  Rq extends object = UntypedRequests,
  Pr extends object = Untyped,
> extends Omit<RequestingClient<Ch, Rq>, 'subscribe'> {
  /** Throws `invalid-argument` on a bad name or start, `closed` after `close()`. */
  readonly subscribe: PresentSubscribe<Ch, Pr>
  /**
   * A page of what was published before: no subscription is needed, and none moves. Waits for a connection, and asks again after a failure.
   * Rejects as `forbidden` or what else the hub refuses it with for good, as `aborted` by its signal, `closed` or `invalid-argument`.
   */
  readonly history: History<Ch>
}

/** Adds to a client what it does beside channels. */
export const completed = <Ch extends object, Rq extends object, Pr extends object>(
  client: Client<Ch>,
  clock?: Clock,
): FullClient<Ch, Rq, Pr> => {
  const presenceOf = createPresence(client)
  const subscribe: typeof client.subscribe = client.subscribe
  const withPresence: typeof subscribe = (...given) =>
    Object.defineProperty(subscribe(...given), 'presence', {
      get(this: Subscription) {
        return presenceOf(this)
      },
    })
  // Not a copy: `state` and `publisher` are read when they are asked for.
  return Object.assign(client, {
    request: createRequests<Rq>(client, clock),
    history: createHistory(client),
    subscribe: withPresence as PresentSubscribe<Ch, Pr>,
  })
}
