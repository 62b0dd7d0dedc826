import { jwtVerify } from 'jose'
import type { JWTPayload, JWTVerifyOptions } from 'jose'
import { HoldfastError, isHoldfastError } from '../base/errors.ts'
import type { Authenticate } from '../server/hub-core.ts'
import { codeOf, fail, readKeys } from './jwt-keys.ts'
import type { JwtKeySource } from './jwt-keys.ts'

/** The user behind a JWT. */
export interface JwtUser {
  readonly userId: string
  /** From `exp`, or from `iat` and `maxTokenAgeS`; with the tolerance. */
  readonly expiresMs?: number | undefined
  /** All claims of the token, as they were signed. */
  readonly claims: Readonly<Record<string, unknown>>
}

export interface JwtOptions extends JwtKeySource {
  /** Who must have signed (`iss`): one of these. @default not looked at */
  readonly issuer?: string | readonly string[]
  /** Whom it must be for (`aud`): one of these. @default not looked at */
  readonly audience?: string | readonly string[]
  /** The claim that names the user. Readers see it as the `sender` of messages. @default 'sub' */
  readonly userIdClaim?: string | undefined
  /** By how many seconds the clocks of the hub and of who signs may differ. @default 5 */
  readonly clockToleranceS?: number | undefined
  /** Age, in seconds since `iat`, from which a token holds no more. @default no limit but `exp` */
  readonly maxTokenAgeS?: number | undefined
  /** Whether a token must have an `exp`. One without it, and without `maxTokenAgeS`, holds for ever. @default true */
  readonly requireExpiry?: boolean | undefined
  /** Lets those in who have no token, as nobody; a wrong token is refused all the same. @default false */
  readonly anonymous?: boolean | undefined
}

const OPTIONS: readonly string[] = [
  ...['secret', 'publicKey', 'jwksUrl', 'algorithms', 'issuer', 'audience', 'userIdClaim'],
  ...['clockToleranceS', 'maxTokenAgeS', 'requireExpiry', 'anonymous'],
]

/** `jwtAuthenticate` on a clock; `wall` says ms since 1970. */
export const jwtAuthenticateOn = (options: JwtOptions, wall: () => number): Authenticate<JwtUser> => {
  checkOptions(options)
  const { userIdClaim = 'sub', clockToleranceS = 5, maxTokenAgeS, requireExpiry = true, anonymous = false } = options
  const { key, algorithms } = readKeys(options)
  const rules: JWTVerifyOptions = {
    algorithms,
    clockTolerance: clockToleranceS,
    requiredClaims: requireExpiry ? ['exp'] : [],
    ...(options.issuer === undefined ? {} : { issuer: listOf(options.issuer) }),
    ...(options.audience === undefined ? {} : { audience: listOf(options.audience) }),
    ...(maxTokenAgeS === undefined ? {} : { maxTokenAge: maxTokenAgeS }),
  }
  const userOf = (claims: JWTPayload): JwtUser => {
    const userId = Object.hasOwn(claims, userIdClaim) ? claims[userIdClaim] : undefined
    if (typeof userId !== 'string' || userId === '' || /\p{Cc}/u.test(userId)) {
      throw refused(`the claim ${JSON.stringify(userIdClaim)} of the token must be a text that names the user`)
    }
    const { exp = Infinity, iat = Infinity } = claims
    const untilS = Math.min(exp, iat + (maxTokenAgeS ?? Infinity)) + clockToleranceS
    return { userId, claims, ...(untilS === Infinity ? {} : { expiresMs: untilS * 1000 }) }
  }
  return async ({ token }) => {
    if (token === undefined) {
      if (anonymous) return null
      throw refused('a token is needed here')
    }
    try {
      // oxlint-disable-next-line no-restricted-globals -- of a time that is given
      const all = { ...rules, currentDate: new Date(wall()) }
      // The two are overloads of one function.
      const { payload } = await (typeof key === 'function' ? jwtVerify(token, key, all) : jwtVerify(token, key, all))
      return userOf(payload)
    } catch (error) {
      throw isHoldfastError(error) ? error : refused(reasonOf(error))
    }
  }
}

// The error of jose holds the claims, so it goes nowhere as a cause.
const refused = (message: string): HoldfastError => new HoldfastError('unauthorized', message)

const REASONS: Readonly<Partial<Record<string, string>>> = {
  ERR_JWT_EXPIRED: 'the token has expired; come with a new one',
  ERR_JWS_SIGNATURE_VERIFICATION_FAILED: 'the signature of the token is wrong',
  ERR_JOSE_ALG_NOT_ALLOWED: 'the token is signed with an algorithm that is not taken here',
  ERR_JWKS_NO_MATCHING_KEY: 'the token is signed with a key that is not known here',
  ERR_JWKS_MULTIPLE_MATCHING_KEYS: 'the token does not say which key it is signed with (kid)',
  ERR_JWS_INVALID: 'the token is no JWT',
  ERR_JWT_INVALID: 'the token is no JWT',
}
const CLAIMS: Readonly<Partial<Record<string, string>>> = {
  aud: 'the token is for another audience (aud)',
  iss: 'the token is of another issuer (iss)',
  nbf: 'the token does not hold yet (nbf)',
  iat: 'the token says no time at which it was issued, or one to come (iat)',
  exp: 'the token says no time at which it expires (exp)',
}

const reasonOf = (error: unknown): string => {
  const code = codeOf(error)
  if (code !== 'ERR_JWT_CLAIM_VALIDATION_FAILED') return REASONS[code] ?? 'the token was refused'
  const claim = error instanceof Error && 'claim' in error ? String(error.claim) : ''
  return (Object.hasOwn(CLAIMS, claim) ? CLAIMS[claim] : undefined) ?? 'a claim of the token is wrong'
}

const listOf = (value: string | readonly string[]): string[] => (typeof value === 'string' ? [value] : [...value])

const checkOptions = (options: JwtOptions): void => {
  for (const name of Object.keys(options)) {
    if (!OPTIONS.includes(name)) fail(`${JSON.stringify(name)} is no option`)
  }
  for (const name of ['issuer', 'audience'] as const) {
    if (!Object.hasOwn(options, name)) continue
    const value: unknown = options[name]
    const list: readonly unknown[] = Array.isArray(value) ? value : [value]
    // A setting that is missing must not switch the check off.
    if (list.length === 0 || !list.every((each) => typeof each === 'string' && each !== '')) {
      fail(`${name} must be a text or a list of texts, none empty; leave it out if it is not to be looked at`)
    }
  }
  const { userIdClaim = 'sub', clockToleranceS = 5, maxTokenAgeS = 1 } = options
  if (typeof userIdClaim !== 'string' || userIdClaim === '') fail('userIdClaim must be the name of a claim')
  if (!(clockToleranceS >= 0 && clockToleranceS < Infinity)) fail('clockToleranceS must be seconds, 0 or more')
  if (!(maxTokenAgeS > 0 && maxTokenAgeS < Infinity)) fail('maxTokenAgeS must be seconds, more than 0')
}
