import type { HoldfastError } from '../base/errors.ts'
import { CODES } from '../protocol/codes.ts'
import type { CodeFacts } from '../protocol/codes.ts'
import { CONTENT_TYPE } from '../protocol/frames.ts'
import { batchText, errorText } from './frame-text.ts'
import type { GatewayResponse } from './gateway-types.ts'
import type { StreamIn, StreamOut } from './stream-session.ts'

/** On every answer, errors included (PROTOCOL.md §6.2). */
const COMMON = {
  'Cache-Control': 'no-store, no-transform',
  'X-Content-Type-Options': 'nosniff',
  'X-Accel-Buffering': 'no',
  Vary: 'Origin',
}

export const batchResponse = (batch: string, status = 200): GatewayResponse => ({
  status,
  headers: { ...COMMON, 'Content-Type': CONTENT_TYPE },
  body: batch,
})

export const streamResponse = (start: (out: StreamOut) => StreamIn): GatewayResponse => ({
  status: 200,
  headers: { ...COMMON, 'Content-Type': 'text/event-stream', 'Content-Encoding': 'identity' },
  body: start,
})

/** An error frame with the status of its code (PROTOCOL.md §10). `Retry-After` is in seconds, rounded up. */
export const errorResponse = (
  error: HoldfastError,
  headers: Readonly<Record<string, string>> = {},
): GatewayResponse => {
  const retryAfter =
    error.retryAfterMs === undefined ? {} : { 'Retry-After': String(Math.ceil(error.retryAfterMs / 1000)) }
  const response = batchResponse(batchText([errorText(error)]), statusOf(error))
  return { ...response, headers: { ...response.headers, ...retryAfter, ...headers } }
}

export const jsonResponse = (value: unknown, status: number): GatewayResponse => ({
  status,
  headers: { ...COMMON, 'Content-Type': 'application/json' },
  body: JSON.stringify(value),
})

/** The answer to a preflight (PROTOCOL.md §6.10). */
export const preflightResponse = (): GatewayResponse => ({
  status: 204,
  headers: {
    ...COMMON,
    'Access-Control-Allow-Methods': 'GET, POST',
    'Access-Control-Allow-Headers': 'Authorization, Content-Type, Idempotency-Key, Last-Event-ID',
    'Access-Control-Max-Age': '7200',
  },
  body: '',
})

/** Lets the page of an allowed origin read the answer, an error too. Never `*`. */
export const withCors = (response: GatewayResponse, origin: string | undefined): GatewayResponse =>
  origin === undefined
    ? response
    : {
        ...response,
        headers: {
          ...response.headers,
          'Access-Control-Allow-Origin': origin,
          'Access-Control-Allow-Credentials': 'true',
          'Access-Control-Expose-Headers': 'Retry-After',
          // Else a page of another origin cannot see that it speaks HTTP/2, and keeps to three streams.
          'Timing-Allow-Origin': origin,
        },
      }

// An outcome that has no status of its own is a conflict when it is the whole answer.
const table: Readonly<Partial<Record<string, CodeFacts>>> = CODES
const statusOf = (error: HoldfastError): number => {
  const status = table[error.code]?.status ?? 0
  return status === 0 ? 409 : status
}
