import { afterAll, afterEach, describe, expect, it } from 'vitest'
import type { AuthorizeQuestion } from '../server/authorize.ts'
import { Program, codeOf, fileFolder, publish, read } from '../testing/program.ts'
import type { LoadPackage } from './packages.ts'
import type { Variables } from './effective.ts'

const { write, remove } = fileFolder()
afterAll(remove)
const running: Program[] = []
afterEach(async () => {
  for (const program of running.splice(0)) await program.kill()
})
const start = (args: readonly string[], env: Variables = {}, load?: LoadPackage): Program => {
  const program = new Program(args, env, load)
  running.push(program)
  return program
}

const KEY = 'k'.repeat(32)

describe('who may do what', () => {
  it('a publish key publishes to its channels under its name, and may nothing else', async () => {
    const keys = [
      { name: 'shop', key: KEY, channels: ['orders:*', 'news'] },
      { name: 'root', key: `${KEY}-root` },
    ]
    const program = start(['--port', '0', '--anonymous', 'subscribe', '--publish-keys-file', write('keys.json', keys)])
    const url = await program.url()
    expect((await publish(url, 'orders:7', KEY)).status).toBe(200)
    expect((await publish(url, 'news', KEY)).status).toBe(200)
    expect((await publish(url, 'news:x', KEY)).status).toBe(403)
    expect((await publish(url, 'anything', `${KEY}-root`)).status).toBe(200)
    expect((await publish(url, 'news')).status).toBe(403)
    expect((await publish(url, 'news', `${KEY}x`)).status).toBe(401)
    const [, run] = await read(url, 'news')
    expect(run).toMatchObject({ messages: [{ data: { n: 1 }, sender: 'shop' }] })
    const asked = fetch(`${url}/poll?channel=news`, { headers: { authorization: `Bearer ${KEY}` } })
    expect(await codeOf(asked)).toBe('forbidden')
    expect(program.out).not.toContain('kkkk')
  })

  it('kinds of channels are those of the file, and a wrong one is named', async () => {
    const kinds = [{ channel: 'quotes', kind: 'conflated', by: 'symbol' }]
    const program = start(['--port', '0', '--anonymous', 'all', '--config', write('kinds.json', { kinds })])
    const url = await program.url()
    await publish(url, 'quotes', undefined, { symbol: 'A', price: 1 })
    await publish(url, 'quotes', undefined, { symbol: 'A', price: 2 })
    const [, run] = await read(url, 'quotes')
    expect(run).toMatchObject({ kind: 'conflated', messages: [{ offset: 2, data: { price: 2 } }] })
    expect(await codeOf(publish(url, 'quotes', undefined, { price: 1 }))).toBe('bad-request')
    const wrong = start([
      '--port',
      '0',
      '--dev',
      '--config',
      write('wrong.json', { kinds: [{ channel: 'x', kind: 'lg' }] }),
    ])
    expect(await wrong.code).toBe(1)
    expect(wrong.err).toBe('holdfast: kinds cannot be used: "kinds[0]: kind must be one of log, conflated, volatile"\n')
  })

  it('JWTs, claims and rules are handed to holdfast/jwt and holdfast/server', async () => {
    const asked: unknown[] = []
    const load: LoadPackage = async (subpath) => {
      if (subpath === 'server') {
        return {
          channelRules: (rules: unknown) => {
            asked.push(rules)
            return ({ channel }: AuthorizeQuestion) => channel === 'by-rule'
          },
        }
      }
      return {
        jwtAuthenticate: (options: unknown) => {
          asked.push(options)
          return ({ token }: { readonly token: string }) => ({ userId: token })
        },
        jwtAuthorize: (options: unknown) => {
          asked.push(options)
          return async ({ user, channel }: AuthorizeQuestion) => user?.userId === 'ann' && channel === 'by-claim'
        },
      }
    }
    const config = write('jwt.json', {
      jwksUrl: 'https://login.example/jwks',
      jwtIssuer: 'https://login.example',
      jwtAudience: 'chat',
      jwtAlgorithms: ['ES256'],
      jwtClaim: 'channels',
      rules: [{ some: 'rule' }],
      publishKeys: [{ name: 'shop', key: KEY }],
    })
    const program = start(['--port', '0', '--config', config], {}, load)
    const url = await program.url()
    expect(asked).toEqual([
      {
        jwksUrl: 'https://login.example/jwks',
        algorithms: ['ES256'],
        issuer: 'https://login.example',
        audience: 'chat',
      },
      [{ some: 'rule' }],
      { claim: 'channels' },
    ])
    expect((await publish(url, 'by-claim', 'ann')).status).toBe(200)
    expect((await publish(url, 'by-claim', 'bob')).status).toBe(403)
    expect((await publish(url, 'by-rule', 'bob')).status).toBe(200)
    expect((await publish(url, 'by-rule')).status).toBe(200)
    // The name of a key is nobody else's.
    expect((await publish(url, 'by-claim', 'shop')).status).toBe(401)
    expect((await publish(url, 'by-claim', KEY)).status).toBe(200)
  })

  it('where only claims let anybody in, who has no token gets 401', async () => {
    const load: LoadPackage = async () => ({
      jwtAuthenticate: () => () => ({ userId: 'ann' }),
      jwtAuthorize: () => () => true,
    })
    const program = start(['--port', '0', '--jwt-claim', 'c'], { HOLDFAST_JWT_SECRET: 'x' }, load)
    const url = await program.url()
    expect((await publish(url, 'a')).status).toBe(401)
    expect((await publish(url, 'a', 'any')).status).toBe(200)
  })

  it('hooks of a module file decide', async () => {
    const config = write(
      'hooks.mjs',
      `export const authenticate = ({ token }) => (token ? { userId: token } : null)
       export const authorize = async ({ user }) => user?.userId === 'ann'`,
    )
    const program = start(['--port', '0', '--config', config])
    const url = await program.url()
    expect((await publish(url, 'a', 'ann')).status).toBe(200)
    expect((await publish(url, 'a', 'bob')).status).toBe(403)
  })

  it('a package that is missing is named', async () => {
    const load: LoadPackage = (subpath) => {
      const missing = subpath === 'redis' ? "Cannot find package 'redis' imported from x" : 'no such subpath'
      return Promise.reject(new Error(missing))
    }
    const redis = start(['--dev', '--redis-url', 'redis://u:secret@127.0.0.1'], {}, load)
    expect(await redis.code).toBe(1)
    expect(redis.err).toContain('holdfast: redisUrl needs the package redis: npm install redis\n')
    const jwt = start(['--dev'], { HOLDFAST_JWT_SECRET: 'x' }, load)
    expect(await jwt.code).toBe(1)
    expect(jwt.err).toBe('holdfast: checking JWTs needs holdfast/jwt, which cannot be loaded here\n')
  })

  it('Redis that cannot be used is one line without its password', async () => {
    let made: unknown
    const closed: string[] = []
    const load: LoadPackage = async () => ({
      redisStore: (options: unknown) => {
        made = options
        return {
          check: () => Promise.reject(new Error('connect ECONNREFUSED')),
          close: async () => closed.push('store'),
        }
      },
    })
    const env = { HOLDFAST_REDIS_URL: 'redis://user:secret@127.0.0.1:1/0' }
    const program = start(['--dev', '--port', '0'], env, load)
    expect(await program.code).toBe(1)
    expect(program.err).toBe('holdfast: Redis at redis://127.0.0.1:1/0 cannot be used: "connect ECONNREFUSED"\n')
    expect(closed).toEqual(['store'])
    const onError: unknown = expect.any(Function)
    expect(made).toEqual({ url: env.HOLDFAST_REDIS_URL, prefix: 'holdfast', messages: 1000, ageMs: 3_600_000, onError })
  })
})
