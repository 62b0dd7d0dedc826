import { systemClock } from '../base/clock.ts'
import type { Authorize } from '../server/authorize.ts'
import { fitsPattern, readPattern } from '../server/channel-pattern.ts'
import type { Authenticate } from '../server/hub-core.ts'
import { jwtAuthenticateOn } from './jwt-authenticate.ts'
import type { JwtOptions, JwtUser } from './jwt-authenticate.ts'

/**
 * An `authenticate` that takes JSON Web Tokens (RFC 7519). Links end when their token expires.
 *
 * What is wrong with a token is told as `unauthorized`, without anything of the token. While the keys of a `jwksUrl` cannot be fetched
 * it is `unavailable`, so that clients come again with the same token.
 * @throws TypeError when the options are of no use
 */
export const jwtAuthenticate = (options: JwtOptions): Authenticate<JwtUser> =>
  jwtAuthenticateOn(options, () => systemClock.wall())

export interface JwtAuthorizeOptions {
  /**
   * The claim that says what a user may: `{ "subscribe": ["quotes:*"], "publish": ["chat:lobby"] }`. The names may have `*` and `{userId}`, as
   * those of `channelRules`; what cannot be read allows nothing.
   * @default 'channels'
   */
  readonly claim?: string | undefined
}

/** An `authorize` by a claim of the token. Whoever is not authenticated may nothing. */
export const jwtAuthorize =
  ({ claim = 'channels' }: JwtAuthorizeOptions = {}): Authorize<JwtUser> =>
  ({ user, action, channel }) => {
    if (user === null) return false
    const patterns = ownOf(ownOf(user.claims, claim), action)
    return Array.isArray(patterns) && patterns.some((pattern) => allows(pattern, channel, user.userId))
  }

const ownOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined

const allows = (pattern: unknown, channel: string, userId: string): boolean => {
  try {
    return fitsPattern(readPattern(pattern), channel, userId)
  } catch {
    return false
  }
}

export type { JwtKeySource } from './jwt-keys.ts'
export type { JwtOptions, JwtUser } from './jwt-authenticate.ts'
