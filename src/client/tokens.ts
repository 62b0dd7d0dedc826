import type { Clock } from '../base/clock.ts'
import type { CommonOptions } from './types.ts'

/** The links of one race share a token: the source is not asked again within so many ms. */
const FRESH_MS = 5_000

export type Token = string | null

/** The application's token, asked for on every attempt. `refused`: the hub did not take the last one. */
export const createTokens = (
  source: CommonOptions['token'],
  clock: Clock,
): ((refused: boolean) => Token | Promise<Token>) => {
  let token: Token | Promise<Token>
  /** What `token` was given for; undefined while there is none. */
  let isRefused: boolean | undefined
  let staleMs = 0
  return (refused) => {
    if (typeof source !== 'function') return source ?? null
    if (isRefused !== refused || clock.now() > staleMs) {
      token = source({ reason: refused ? 'refused' : 'connect' })
      isRefused = refused
      staleMs = clock.now() + FRESH_MS
      // A source that failed is asked again by the next attempt.
      if (token instanceof Promise) token.catch(() => (isRefused = undefined))
    }
    return token
  }
}
