import type { WireErrorCode } from '../base/errors.ts'

const CLOSE_CODES: Partial<Record<WireErrorCode, number>> = {
  'bad-request': 4400,
  unauthorized: 4401,
  forbidden: 4403,
  'forbidden-origin': 4403,
  timeout: 4408,
  'too-large': 4413,
  'too-many': 4429,
  'rate-limited': 4429,
}

/** The close code of a WebSocket that ends for an error (PROTOCOL.md §5.6). */
export const closeCodeOf = (code: WireErrorCode): number => CLOSE_CODES[code] ?? 4503
