import type { WireErrorCode } from '../base/errors.ts'

/** HTTP status of each error code (PROTOCOL.md §10); 0: it appears in frames only. */
export const STATUS: Readonly<Record<WireErrorCode, number>> = {
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
