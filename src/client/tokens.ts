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
  if (typeof source !== 'function') return () => source ?? null
  let kept: { readonly refused: boolean; readonly atMs: number; readonly token: Token | Promise<Token> } | null = null
  return (refused) => {
    if (kept?.refused !== refused || clock.now() - kept.atMs > FRESH_MS) {
      const token = source({ reason: refused ? 'refused' : 'connect' })
      kept = { refused, atMs: clock.now(), token }
      // A source that failed is asked again by the next attempt.
      if (token instanceof Promise) token.catch(() => (kept = null))
    }
    return kept.token
  }
}
