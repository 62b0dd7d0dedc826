import { createHmac, generateKeyPairSync } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { SignJWT } from 'jose'
import type { JWTPayload } from 'jose'
import { describe, expect, it } from 'vitest'
import { isHoldfastError } from '../base/errors.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { TestSocket, framesOf, hello, testHub } from '../testing/test-hub.ts'
import { jwtAuthenticateOn } from './jwt-authenticate.ts'
import type { JwtOptions } from './jwt-authenticate.ts'
import { jwtAuthorize } from './jwt.ts'

const SECRET = 'a secret that has 32 bytes or more.'
const SIGNER: Uint8Array | KeyObject = new TextEncoder().encode(SECRET)
const clock = new FakeClock()
const nowS = clock.wall() / 1000
const request = { url: '/', header: () => undefined, remoteAddress: undefined }

const sign = (
  claims: JWTPayload,
  { alg = 'HS256', key = SIGNER }: { alg?: string; key?: Uint8Array | KeyObject } = {},
) => new SignJWT(claims).setProtectedHeader({ alg }).sign(key)
const good: JWTPayload = { sub: 'ann', exp: nowS + 60, iat: nowS }

const ask = async (token: string | undefined, options: Partial<JwtOptions> = {}) => {
  const source = 'publicKey' in options ? {} : { secret: SECRET }
  return jwtAuthenticateOn({ ...source, ...options }, clock.wall)({ token, request })
}
const refusalOf = async (token: string | undefined, options: Partial<JwtOptions> = {}): Promise<string> => {
  const error: unknown = await ask(token, options).catch((thrown: unknown) => thrown)
  if (!isHoldfastError(error)) throw new Error(`no refusal: ${JSON.stringify(error)}`)
  expect([error.code, error.cause]).toEqual(['unauthorized', undefined])
  const said = JSON.stringify([error, error.message, error.stack])
  // No part of it: neither the signature nor what it claims.
  for (const part of (token ?? '').split('.').filter((text) => text.length > 8)) expect(said).not.toContain(part)
  expect(said).not.toContain('ann')
  return error.message
}

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const ec384 = generateKeyPairSync('ec', { namedCurve: 'P-384' })
const ed = generateKeyPairSync('ed25519')
const pem = (key: KeyObject): string => key.export({ type: 'spki', format: 'pem' }) as string

describe('jwtAuthenticate', () => {
  it('returns the user, the claims, and until when the token holds', async () => {
    const token = await sign({ ...good, role: 'admin' })
    expect(await ask(token)).toEqual({
      userId: 'ann',
      expiresMs: (nowS + 65) * 1000,
      claims: { ...good, role: 'admin' },
    })
    expect(await ask(await sign({ ...good, email: 'a@b' }), { userIdClaim: 'email' })).toMatchObject({ userId: 'a@b' })
    expect(await ask(token, { maxTokenAgeS: 10, clockToleranceS: 0 })).toMatchObject({ expiresMs: (nowS + 10) * 1000 })
    const endless = await sign({ sub: 'ann' })
    expect(await ask(endless, { requireExpiry: false })).toEqual({ userId: 'ann', claims: { sub: 'ann' } })
  })

  it.each([
    ['RS256', rsa],
    ['ES256', ec],
    ['ES384', ec384],
    ['EdDSA', ed],
    ['Ed25519', ed],
  ] as const)('takes %s with its public key, in PEM and as a JWK', async (alg, { privateKey, publicKey }) => {
    const token = await sign(good, { alg, key: privateKey })
    for (const key of [pem(publicKey), publicKey.export({ format: 'jwk' })]) {
      expect(await ask(token, { publicKey: key })).toMatchObject({ userId: 'ann' })
    }
  })

  it('takes PS256 where it is asked for', async () => {
    const token = await sign(good, { alg: 'PS256', key: rsa.privateKey })
    expect(await refusalOf(token, { publicKey: pem(rsa.publicKey) })).toMatch(/algorithm/)
    const options = { publicKey: pem(rsa.publicKey), algorithms: ['PS256'] }
    expect(await ask(token, options)).toMatchObject({ userId: 'ann' })
  })

  it.each([
    ['expired', { ...good, exp: nowS - 6 }, {}, /has expired/],
    ['too old', { ...good, iat: nowS - 100 }, { maxTokenAgeS: 50 }, /has expired/],
    ['without an age', { sub: 'ann', exp: nowS + 9 }, { maxTokenAgeS: 50 }, /iat/],
    ['without an end', { sub: 'ann' }, {}, /expires \(exp\)/],
    ['with an end that is no number', { ...good, exp: '9' as never }, {}, /exp/],
    ['not valid yet', { ...good, nbf: nowS + 60 }, {}, /nbf/],
    ['for others', { ...good, aud: 'other' }, { audience: 'me' }, /another audience/],
    ['for nobody', good, { audience: ['me', 'us'] }, /another audience/],
    ['of others', { ...good, iss: 'evil' }, { issuer: 'https://id.example' }, /another issuer/],
    ['without a user', { exp: nowS + 9 }, {}, /"sub"/],
    ['with an empty user', { ...good, sub: '' }, {}, /"sub"/],
    ['with a user of another type', { ...good, sub: 7 as never }, {}, /"sub"/],
    ['S12 with a user that has control characters', { ...good, sub: '\0application' }, {}, /"sub"/],
    ['S11 whose claim is a name of all objects', good, { userIdClaim: 'constructor' }, /"constructor"/],
  ] as const)('a token %s is refused, and the text says why', async (_, claims, options, message) => {
    expect(await refusalOf(await sign(claims), options)).toMatch(message)
  })

  it('a token of another secret, or changed after it was signed, has a wrong signature', async () => {
    const other = await sign(good, { key: new TextEncoder().encode('another secret of 32 bytes or more') })
    expect(await refusalOf(other)).toMatch(/signature/)
    const [head, , tail] = (await sign(good)).split('.')
    const body = Buffer.from(JSON.stringify({ ...good, sub: 'root' })).toString('base64url')
    expect(await refusalOf([head, body, tail].join('.'))).toMatch(/signature/)
  })

  it('S8 `none` is never taken, in no spelling', async () => {
    const body = Buffer.from(JSON.stringify(good)).toString('base64url')
    for (const alg of ['none', 'None', 'NONE', '']) {
      const head = Buffer.from(JSON.stringify({ alg, typ: 'JWT' })).toString('base64url')
      expect(await refusalOf(`${head}.${body}.`)).toMatch(/algorithm|no JWT/)
    }
  })

  it('a public key is never taken as a secret', async () => {
    const publicKey = pem(rsa.publicKey)
    const head = Buffer.from('{"alg":"HS256"}').toString('base64url')
    const body = Buffer.from(JSON.stringify(good)).toString('base64url')
    const mac = createHmac('sha256', publicKey).update(`${head}.${body}`).digest('base64url')
    expect(await refusalOf(`${head}.${body}.${mac}`, { publicKey })).toMatch(/algorithm/)
  })

  it.each(['', 'x', 'a.b', 'a.b.c', '....', '\0', 'é.é.é', `${'A'.repeat(8_000)}.e30.x`, 'e30.e30.e30'])(
    '%# what is no JWT is refused',
    async (token) => {
      expect(await refusalOf(token)).toMatch(/token/)
    },
  )

  it('nobody without a token, unless anonymous; then a wrong one is refused all the same', async () => {
    expect(await refusalOf(undefined)).toBe('a token is needed here')
    expect(await ask(undefined, { anonymous: true })).toBeNull()
    expect(await refusalOf('x', { anonymous: true })).toMatch(/no JWT/)
  })

  it('the tolerance is that of the end too, and not more', async () => {
    expect(await ask(await sign({ ...good, exp: nowS - 4 }))).toMatchObject({ expiresMs: (nowS + 1) * 1000 })
    expect(await refusalOf(await sign({ ...good, exp: nowS - 4 }), { clockToleranceS: 3 })).toMatch(/has expired/)
  })

  it.each([
    [{}, /exactly one of secret, publicKey and jwksUrl must be given, not none/],
    [{ secret: undefined }, /not none/],
    [{ secret: SECRET, jwksUrl: 'https://id.example/keys' }, /not secret and jwksUrl/],
    [{ secret: 'short' }, /at least 32 bytes, not 5/],
    [{ secret: new Uint8Array(31) }, /at least 32 bytes, not 31/],
    [{ secret: {} }, /a text or bytes/],
    [{ secret: SECRET, algorithms: ['none'] }, /"none" does not go with/],
    [{ secret: SECRET, algorithms: ['RS256'] }, /"RS256" does not go with a secret/],
    [{ secret: SECRET, algorithms: [] }, /not empty/],
    [{ publicKey: pem(rsa.publicKey), algorithms: ['HS256'] }, /"HS256" does not go with a public key/],
    [{ publicKey: pem(ec.publicKey), algorithms: ['RS256'] }, /"RS256" does not go with/],
    [{ publicKey: 'x' }, /neither/],
    [{ publicKey: rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }) }, /private key/],
    [{ publicKey: rsa.privateKey.export({ format: 'jwk' }) }, /private key/],
    [{ publicKey: { kty: 'oct', k: 'AAAA' } }, /secret/],
    [{ publicKey: pem(generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey) }, /1024 bits/],
    [{ publicKey: pem(generateKeyPairSync('x25519').publicKey) }, /not taken here \(x25519\)/],
    [{ jwksUrl: 'http://id.example/keys' }, /https/],
    [{ jwksUrl: '/keys' }, /no URL/],
    [{ jwksUrl: 'https://id.example', algorithms: ['HS256'] }, /"HS256" does not go with a JWK set/],
    [{ secret: SECRET, audience: undefined }, /audience/],
    [{ secret: SECRET, issuer: '' }, /issuer/],
    [{ secret: SECRET, issuer: [] }, /issuer/],
    [{ secret: SECRET, audiance: 'x' }, /"audiance" is no option/],
    [{ secret: SECRET, userIdClaim: '' }, /userIdClaim/],
    [{ secret: SECRET, clockToleranceS: -1 }, /clockToleranceS/],
    [{ secret: SECRET, clockToleranceS: Number.NaN }, /clockToleranceS/],
    [{ secret: SECRET, maxTokenAgeS: 0 }, /maxTokenAgeS/],
  ])('options of no use are a TypeError at the start: %#', (options, message) => {
    const start = () => jwtAuthenticateOn(options as never, clock.wall)
    expect(start).toThrow(TypeError)
    expect(start).toThrow(message)
    expect(start).not.toThrow(SECRET)
  })
})

describe('a hub with JWTs', () => {
  const tokenOf = (claims: JWTPayload) => sign({ ...good, ...claims })
  const hubOf = () => {
    const own = new FakeClock()
    return testHub(
      { authenticate: jwtAuthenticateOn({ secret: SECRET }, own.wall), authorize: jwtAuthorize() as never },
      own,
    )
  }

  /** A signature is checked on another thread, which no fake clock waits for. */
  const pumped = async <Result>(hub: ReturnType<typeof hubOf>, asked: Promise<Result>): Promise<Result> => {
    const over: true[] = []
    void asked.finally(() => over.push(true))
    while (over.length === 0) await hub.clock.settle()
    return asked
  }

  it('S8 hands over nothing 5 s after `exp`', async () => {
    const hub = hubOf()
    const token = await tokenOf({ channels: { subscribe: ['a'] } })
    const socket = new TestSocket().open(hub, hello({ token, channels: [{ channel: 'a', from: 'latest' }] }))
    while (socket.ofType('run').length === 0) await hub.clock.settle()
    let last = 0
    while (hub.clock.now() < 70_000) {
      await hub.publish('a', hub.clock.now())
      await hub.clock.advance(100)
    }
    for (const { messages } of socket.ofType('run')) for (const { data } of messages) last = data as number
    expect(last).toBeGreaterThan(60_000)
    expect(last).toBeLessThan(65_000)
    const late = await pumped(hub, hub.ask('/poll', { body: [hello({ token })] }))
    expect([late.status, framesOf(late.frames, 'error')[0]?.message]).toMatchObject([401, /has expired/])
  })

  it('the claim says who may do what', async () => {
    const hub = hubOf()
    const allowed = async (channels: unknown, channel: string, as: 'subscribe' | 'publish' = 'subscribe') => {
      const token = await tokenOf({ channels })
      if (as === 'publish') {
        const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
        return (await pumped(hub, hub.ask(`/publish?channel=${channel}`, { body: '1', headers }))).status === 200
      }
      const body = [hello({ token, channels: [{ channel, from: 'latest' }] })]
      const { frames } = await pumped(hub, hub.ask('/poll', { body }))
      return framesOf(frames, 'run').length === 1
    }
    const claim = { subscribe: ['quotes:*', 'inbox:{userId}'], publish: ['chat:lobby'] }
    expect(await allowed(claim, 'quotes:AAPL')).toBe(true)
    expect(await allowed(claim, 'inbox:ann')).toBe(true)
    expect(await allowed(claim, 'inbox:ben')).toBe(false)
    expect(await allowed(claim, 'chat:lobby')).toBe(false)
    expect(await allowed(claim, 'chat:lobby', 'publish')).toBe(true)
    expect(await allowed(claim, 'quotes:AAPL', 'publish')).toBe(false)
    const bad = [undefined, null, 'x', ['a'], { subscribe: 'a' }, { subscribe: [7, null, '', '{x}', '*****'] }]
    for (const channels of bad) expect(await allowed(channels, 'a')).toBe(false)
    expect(await allowed(JSON.parse('{"__proto__":{"subscribe":["*"]}}'), 'a')).toBe(false)
    expect(hub.failures).toEqual([])
  })

  it('another claim can be named, and who is nobody may nothing', () => {
    const authorize = jwtAuthorize({ claim: 'https://id.example/may' })
    const user = { userId: 'ann', claims: { 'https://id.example/may': { subscribe: ['*'] } } }
    expect(authorize({ user, action: 'subscribe', channel: 'a' })).toBe(true)
    expect(authorize({ user, action: 'publish', channel: 'a' })).toBe(false)
    expect(authorize({ user: null, action: 'subscribe', channel: 'a' })).toBe(false)
  })
})
