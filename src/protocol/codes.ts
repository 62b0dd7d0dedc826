import type { WireErrorCode } from '../base/errors.ts'

/** What PROTOCOL.md §10 says of a code. `status` 0: it appears in frames only. */
export interface CodeFacts {
  readonly status: number
  readonly retryable: boolean
  readonly meaning: string
}

/** The table of PROTOCOL.md §10; a test compares the two. */
export const CODES: Readonly<Record<WireErrorCode, CodeFacts>> = {
  'bad-request': {
    status: 400,
    retryable: false,
    meaning: 'a frame, body, query, position or name is malformed; `field` says where',
  },
  unauthorized: { status: 401, retryable: false, meaning: 'the token is missing, wrong or expired' },
  forbidden: { status: 403, retryable: false, meaning: 'the user may not do this on this channel' },
  'forbidden-origin': { status: 403, retryable: false, meaning: "the page's origin is not in the hub's `origins`" },
  'not-found': { status: 404, retryable: false, meaning: 'no such endpoint' },
  'method-not-allowed': { status: 405, retryable: false, meaning: 'the endpoint does not have this method' },
  timeout: { status: 408, retryable: true, meaning: 'the hello or body did not arrive in time' },
  conflict: { status: 409, retryable: false, meaning: 'the key was used with other data' },
  'too-large': { status: 413, retryable: false, meaning: 'a batch or a message is over its limit' },
  'unsupported-type': { status: 415, retryable: false, meaning: 'the content type is not taken here' },
  'too-many': { status: 400, retryable: false, meaning: 'over a count of §9' },
  'upgrade-required': { status: 426, retryable: false, meaning: 'the base path is for WebSocket' },
  'rate-limited': { status: 429, retryable: true, meaning: 'too many requests' },
  internal: { status: 500, retryable: true, meaning: 'the hub failed; its log says why' },
  unavailable: { status: 503, retryable: true, meaning: 'the hub, its store or a hook cannot answer now' },
  'out-of-order': { status: 0, retryable: true, meaning: 'an earlier publish of this link was refused (8.7)' },
  unknown: { status: 0, retryable: false, meaning: 'it cannot be said whether the publish was appended' },
}
