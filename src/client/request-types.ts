import type { ChannelOf, Client, RequestOptions, Untyped } from './types.ts'

/** The requests of a client that does not name them. */
export type UntypedRequests = Readonly<Record<string, (data: unknown) => unknown>>

/** What a request sends. */
export type QuestionOf<Rq extends object, R extends string> = R extends keyof Rq
  ? Rq[R] extends (data: infer Data) => unknown
    ? Data
    : never
  : never

/** What a request resolves with. */
export type AnswerOf<Rq extends object, R extends string> = R extends keyof Rq
  ? Rq[R] extends (data: never) => infer Answer
    ? Awaited<Answer>
    : never
  : never

/** Asks the hub, on the channels of a map from channel to a function from what is asked to the answer. */
export type Request<Rq extends object = UntypedRequests> = <R extends ChannelOf<Rq>>(
  channel: R,
  data: QuestionOf<Rq, R>,
  options?: RequestOptions,
) => Promise<AnswerOf<Rq, R>>

/** A client that can ask. `Ch`: channel → data. `Rq`: channel → function from what is asked to the answer. */
export interface RequestingClient<Ch extends object = Untyped, Rq extends object = UntypedRequests> extends Client<Ch> {
  /**
   * Asks the hub (`hub.handle`) and resolves with its answer; it is handled once, however often it has to be sent. Rejects with the error of the
   * handler; as `not-found` where nobody handles it; as `unknown` when no answer came in its time, though it may have been handled.
   */
  readonly request: Request<Rq>
}
