import type { StreamIn, StreamOut } from './stream-session.ts'

/** A request body, read at most once and never beyond the limit. Never rejects. */
export type ReadBody = (maxBytes: number) => Promise<
  | { readonly kind: 'text'; readonly text: string }
  /** Over the limit; bytes that are not UTF-8; the client went away before the end. */
  | { readonly kind: 'too-large' | 'not-utf8' | 'gone' }
>

/** One request, whatever brought it. */
export interface GatewayRequest {
  readonly method: string
  /** Path below the hub's base, and the query: `/poll?channel=a`. The base itself is `/`. */
  readonly target: string
  /** A header by its lower-case name. */
  readonly header: (name: string) => string | undefined
  readonly body: ReadBody
  /** Aborted when the client goes away. */
  readonly signal: AbortSignal
  readonly remoteAddress: string | undefined
}

export interface GatewayResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** The whole body; or a function that starts a streamed one and returns who is to be told about it. */
  readonly body: string | ((out: StreamOut) => StreamIn)
  /** To be called once the peer has all of the answer, or is gone: until then it takes the place of a link. */
  readonly taken?: () => void
}
