/**
 * What went wrong, by code. The codes that travel on the wire are those of PROTOCOL.md §10; the others arise in the
 * client. docs/errors.md lists each with its cause and cure.
 */
export type ErrorCode = WireErrorCode | ClientErrorCode

/** Codes that a hub sends (PROTOCOL.md §10). */
export type WireErrorCode =
  | 'bad-request'
  | 'unauthorized'
  | 'forbidden'
  | 'forbidden-origin'
  | 'not-found'
  | 'method-not-allowed'
  | 'timeout'
  | 'conflict'
  | 'too-large'
  | 'unsupported-type'
  | 'too-many'
  | 'upgrade-required'
  | 'rate-limited'
  | 'internal'
  | 'unavailable'
  | 'out-of-order'
  | 'unknown'

/** Codes that arise in the client. */
export type ClientErrorCode =
  | 'aborted'
  | 'closed'
  | 'outbox-full'
  | 'invalid-argument'
  | 'offline'
  | 'token-failed'
  | 'listener-failed'

/** Facts beside the code; each is present only where it is known. */
export interface ErrorFacts {
  readonly retryable?: boolean | undefined
  /** Path of the offending field or option, as `channels[2].from.after`. */
  readonly field?: string | undefined
  readonly channel?: string | undefined
  /** HTTP status, when there was one. */
  readonly status?: number | undefined
  /** No request before this many milliseconds have passed. */
  readonly retryAfterMs?: number | undefined
  readonly cause?: unknown
}

/** The one error class of the public API. Tell errors apart by `code`, not by message. */
export class HoldfastError extends Error {
  override readonly name = 'HoldfastError'
  declare readonly code: ErrorCode
  /** True when the same call may work later. */
  declare readonly retryable: boolean
  declare readonly field: string | undefined
  declare readonly channel: string | undefined
  declare readonly status: number | undefined
  declare readonly retryAfterMs: number | undefined

  constructor(code: ErrorCode, message: string, facts?: ErrorFacts) {
    super(message, facts)
    Object.assign(this, { code, retryable: false }, facts)
  }

  /** An `Error` keeps its message out of JSON; a report needs it. */
  toJSON(): object {
    return Object.assign({}, this, { message: this.message })
  }
}

/** An argument that is of no use; `field` names it. */
export const invalidArgument = (field: string, message: string): HoldfastError =>
  new HoldfastError('invalid-argument', message, { field })

/** Works across realms and bundles, where `instanceof` does not. */
export const isHoldfastError = (value: unknown): value is HoldfastError =>
  value instanceof Error && value.name === 'HoldfastError'
