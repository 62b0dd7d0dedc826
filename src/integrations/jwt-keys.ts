import { createPublicKey } from 'node:crypto'
import type { JsonWebKey, KeyObject } from 'node:crypto'
import { createRemoteJWKSet } from 'jose'
import type { JWTVerifyGetKey } from 'jose'
import { HoldfastError } from '../base/errors.ts'

/** Where the key comes from that tokens are checked with: exactly one of the three. */
export interface JwtKeySource {
  /** Shared with whoever signs, HS256: at least 32 bytes, in UTF-8 where it is a text. */
  readonly secret?: string | Uint8Array | undefined
  /** In PEM (`BEGIN PUBLIC KEY`) or as a JWK. */
  readonly publicKey?: string | JsonWebKey | undefined
  /** A JWK set that is fetched when it is needed and kept for 10 minutes; https, or http on this machine. */
  readonly jwksUrl?: string | URL | undefined
  /** Signatures that are taken. @default HS256; those of the public key's type; RS256, PS256, ES256 and EdDSA for a JWK set */
  readonly algorithms?: readonly string[] | undefined
}

export interface JwtKeys {
  readonly key: Uint8Array | KeyObject | JWTVerifyGetKey
  readonly algorithms: string[]
}

const SHORTEST_SECRET = 32
const RSA = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']
const EDWARDS = ['EdDSA', 'Ed25519']
const CURVES: ReadonlyMap<string | undefined, string> = new Map([
  ['prime256v1', 'ES256'],
  ['secp384r1', 'ES384'],
  ['secp521r1', 'ES512'],
])

export const fail = (what: string): never => {
  throw new TypeError(`holdfast: jwtAuthenticate: ${what}`)
}

/** @throws TypeError */
export const readKeys = ({ secret, publicKey, jwksUrl, algorithms }: JwtKeySource): JwtKeys => {
  const given = Object.entries({ secret, publicKey, jwksUrl }).filter(([, value]) => value !== undefined)
  if (given.length !== 1) {
    const names = given.map(([name]) => name).join(' and ') || 'none'
    fail(`exactly one of secret, publicKey and jwksUrl must be given, not ${names}`)
  }
  if (secret !== undefined) return fromSecret(secret, algorithms)
  if (publicKey !== undefined) return fromPublicKey(publicKey, algorithms)
  return fromUrl(jwksUrl ?? '', algorithms)
}

const fromSecret = (secret: string | Uint8Array, algorithms: JwtKeySource['algorithms']): JwtKeys => {
  const key = typeof secret === 'string' ? new TextEncoder().encode(secret) : secret
  if (!(key instanceof Uint8Array)) return fail('the secret must be a text or bytes')
  if (key.length < SHORTEST_SECRET) {
    fail(`the secret must have at least ${SHORTEST_SECRET} bytes, not ${key.length}; a shorter one can be guessed`)
  }
  return { key, algorithms: choose(algorithms, ['HS256', 'HS384', 'HS512'], ['HS256'], 'a secret') }
}

const fromPublicKey = (publicKey: string | JsonWebKey, algorithms: JwtKeySource['algorithms']): JwtKeys => {
  const isPrivate =
    typeof publicKey === 'string' ? publicKey.includes('PRIVATE KEY') : 'd' in publicKey || 'k' in publicKey
  if (isPrivate)
    fail('the publicKey is a private key or a secret; whoever has it can sign. Give the hub the public one')
  const key = parseKey(publicKey)
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key
  const what = `a public key of type ${type ?? 'unknown'}`
  if (type === 'rsa') {
    const bits = details?.modulusLength ?? 0
    if (bits < 2048) fail(`the publicKey has ${bits} bits; RSA needs 2048 at least`)
    return { key, algorithms: choose(algorithms, RSA, ['RS256'], what) }
  }
  if (type === 'ed25519') return { key, algorithms: choose(algorithms, EDWARDS, EDWARDS, what) }
  const curve = type === 'ec' ? CURVES.get(details?.namedCurve) : undefined
  if (curve === undefined) return fail(`the publicKey is of a type that is not taken here (${type ?? 'unknown'})`)
  return { key, algorithms: choose(algorithms, [curve], [curve], what) }
}

const parseKey = (publicKey: string | JsonWebKey): KeyObject => {
  try {
    return createPublicKey(typeof publicKey === 'string' ? publicKey : { key: publicKey, format: 'jwk' })
  } catch {
    return fail('the publicKey is neither a public key in PEM (BEGIN PUBLIC KEY) nor a JWK')
  }
}

const fromUrl = (jwksUrl: string | URL, algorithms: JwtKeySource['algorithms']): JwtKeys => {
  if (!URL.canParse(jwksUrl)) fail('the jwksUrl is no URL')
  const url = new URL(jwksUrl)
  const isHere = ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname)
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isHere)) {
    fail('the jwksUrl must be https: whoever can change the keys on the way can sign')
  }
  const all = [...RSA, ...CURVES.values(), ...EDWARDS]
  const set = createRemoteJWKSet(url)
  return {
    algorithms: choose(algorithms, all, ['RS256', 'PS256', 'ES256', ...EDWARDS], 'a JWK set'),
    key: async (header, token) => {
      try {
        return await set(header, token)
      } catch (error) {
        // The set was there, and has no such key: that is the token's fault.
        if (/^ERR_(JWKS_NO_MATCHING_KEY|JWKS_MULTIPLE_MATCHING_KEYS|JOSE_NOT_SUPPORTED)$/.test(codeOf(error)))
          throw error
        const message = 'tokens cannot be checked now, for their keys cannot be fetched; try again'
        throw new HoldfastError('unavailable', message, { retryable: true, cause: error })
      }
    },
  }
}

export const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''

const choose = (
  given: JwtKeySource['algorithms'],
  allowed: readonly string[],
  byDefault: readonly string[],
  what: string,
): string[] => {
  if (given === undefined) return [...byDefault]
  const isList: boolean = Array.isArray(given)
  if (!isList || given.length === 0) fail('algorithms must be a list that is not empty')
  const bad = given.find((name) => !allowed.includes(name))
  if (bad !== undefined)
    fail(`the algorithm ${JSON.stringify(bad)} does not go with ${what}; ${allowed.join(', ')} may`)
  return [...given]
}
