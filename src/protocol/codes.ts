import type { WireErrorCode } from '../base/errors.ts'

/** What PROTOCOL.md §10 says of a code. `status` 0: it appears in frames only. */
export interface CodeFacts {
  readonly status: number
  /** The same may work later, without another token or other data. */
  readonly retryable: boolean
  readonly meaning: string
}

const STATUS: Readonly<Record<WireErrorCode, number>> = {
  'bad-request': 400,
  unauthorized: 401,
  forbidden: 403,
  'forbidden-origin': 403,
  'not-found': 404,
  'method-not-allowed': 405,
  timeout: 408,
  conflict: 409,
  'too-large': 413,
  'unsupported-type': 415,
  'too-many': 400,
  'upgrade-required': 426,
  'rate-limited': 429,
  internal: 500,
  unavailable: 503,
  'out-of-order': 0,
  unknown: 0,
}

const MEANINGS: Readonly<Record<WireErrorCode, string>> = {
  'bad-request': 'a frame, body, query, position or name is malformed; `field` says where',
  unauthorized: 'the token is missing, wrong or expired',
  forbidden: 'the user may not do this on this channel',
  'forbidden-origin': "the page's origin is not in the hub's `origins`",
  'not-found': 'no such endpoint',
  'method-not-allowed': 'the endpoint does not have this method',
  timeout: 'the hello or body did not arrive in time',
  conflict: 'the key was used with other data',
  'too-large': 'a batch or a message is over its limit',
  'unsupported-type': 'the content type is not taken here',
  'too-many': 'over a count of §9',
  'upgrade-required': 'the base path is for WebSocket',
  'rate-limited': 'too many requests',
  internal: 'the hub failed; its log says why',
  unavailable: 'the hub, its store or a hook cannot answer now',
  'out-of-order': 'an earlier publish of this link was refused (8.7)',
  unknown: 'it cannot be said whether the publish was appended',
}

const RETRYABLE: ReadonlySet<WireErrorCode> = new Set([
  'timeout',
  'rate-limited',
  'internal',
  'unavailable',
  'out-of-order',
])

/** The table of PROTOCOL.md §10; a test compares the two. */
export const CODES = Object.fromEntries(
  Object.entries(MEANINGS).map(([name, meaning]) => {
    const code = name as WireErrorCode
    return [code, { status: STATUS[code], retryable: RETRYABLE.has(code), meaning }]
  }),
) as Readonly<Record<WireErrorCode, CodeFacts>>
