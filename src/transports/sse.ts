import { webLockSlots } from './slots.ts'
import { httpLink } from './http-link.ts'
import { MAX_CHARS, overHttp } from './http.ts'
import type { HttpOptions } from './http.ts'
import { sseParser } from './sse-parser.ts'
import type { Transport } from './transport.ts'

/**
 * A streamed answer, read through `fetch` (PROTOCOL.md §6.4): unlike an EventSource it can be asked by `POST`, says how it failed
 * and never gives up by itself.
 */
export const sse = (options: HttpOptions = {}): Transport => ({
  ...overHttp(options),
  name: 'sse',
  proof: 'heartbeat',
  slots: webLockSlots,
  beats: true,
  supported: () => !!options.fetch || (typeof Response === 'function' && 'body' in Response.prototype),
  open: httpLink(options, ({ stream }, on) => stream(sseParser((data) => on.data(data), MAX_CHARS))),
})
