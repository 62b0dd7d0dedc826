import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { ConfigError } from './config-error.ts'
import { readFlags } from './flags.ts'
import { helpText } from './help.ts'
import { printedConfig } from './print-config.ts'
import { readSettings } from './read-settings.ts'
import type { Settings, Variables } from './effective.ts'
import { NAMES, SETTINGS, flagOf, settingOf, variableOf } from './settings.ts'

const folder = mkdtempSync(join(tmpdir(), 'holdfast-cli-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let files = 0
const fileWith = (content: unknown, ending = 'json'): string => {
  const path = join(folder, `${++files}.${ending}`)
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
  return path
}

const read = (args: readonly string[], env: Variables = {}): Promise<Settings> => readSettings(readFlags(args), env)
const problems = async (args: readonly string[], env: Variables = {}): Promise<readonly string[]> => {
  const failure: unknown = await read(args, env).catch((error: unknown) => error)
  if (failure instanceof ConfigError) return failure.problems
  throw new Error('these settings are good')
}

const KEY = 'k'.repeat(32)
const ALL = ['--anonymous', 'all']

describe('settings', () => {
  it('have the defaults of their table', async () => {
    const { config, sources } = await read(ALL)
    for (const name of NAMES) {
      if (name === 'anonymous') continue
      expect(config[name], name).toEqual(SETTINGS[name].byDefault)
      expect(sources[name]).toBe('default')
    }
  })

  it('come from flags before variables, from these before the file, and say from where', async () => {
    const config = fileWith({ port: 1, host: '::1', path: '/file', anonymous: 'subscribe' })
    const args = ['--config', config, '--port', '3', '--anonymous=all']
    const settings = await read(args, { HOLDFAST_PORT: '2', HOLDFAST_HOST: '127.0.0.2', HOLDFAST_PATH: '' })
    expect(settings.config).toMatchObject({ port: 3, host: '127.0.0.2', path: '/file', anonymous: 'all' })
    expect(settings.sources).toMatchObject({
      port: 'flag --port',
      host: 'HOLDFAST_HOST',
      path: config,
      anonymous: 'flag --anonymous',
      drainSeconds: 'default',
    })
    const byVariable = await read(['--anonymous', 'all'], { HOLDFAST_CONFIG: config })
    expect(byVariable.config.port).toBe(1)
  })

  it('take every kind of value from text and from a file', async () => {
    const file = fileWith({
      origins: ['https://a.example'],
      allowMissingOrigin: true,
      limits: { links: 5, helloMs: 700 },
      publishKeys: [{ name: 'shop', key: KEY, channels: ['orders:*', 'news'] }],
      rules: [{ anything: 1 }],
    })
    const { config } = await read(['--config', file])
    expect(config).toMatchObject({
      origins: ['https://a.example'],
      allowMissingOrigin: true,
      limits: { links: 5, helloMs: 700 },
      publishKeys: [{ name: 'shop', key: KEY, channels: ['orders:*', 'news'] }],
    })
    const texts = await read(ALL, {
      HOLDFAST_ORIGINS: 'https://a.example, https://b.example',
      HOLDFAST_ALLOW_MISSING_ORIGIN: 'true',
      HOLDFAST_LIMITS: 'links=5,helloMs=700',
      HOLDFAST_PUBLISH_KEYS: `shop:${KEY},mail:${KEY}:2`,
    })
    expect(texts.config).toMatchObject({
      origins: ['https://a.example', 'https://b.example'],
      allowMissingOrigin: true,
      limits: { links: 5, helloMs: 700 },
      publishKeys: [
        { name: 'shop', key: KEY },
        { name: 'mail', key: `${KEY}:2` },
      ],
    })
    expect((await read(['--dev=false', ...ALL])).config.dev).toBe(false)
    expect((await read(['--dev'])).config.dev).toBe(true)
  })

  it.each([
    [['--port', '80a'], '--port is "80a"; it must be a port, 0 to 65535'],
    [['--port', '65536'], '--port is "65536"; it must be a port'],
    [['--port', '-1'], '--port is "-1"; it must be a port'],
    [['--prot', '80'], '"--prot" is not a flag. Did you mean --port?'],
    [['--nonsense-of-mine'], 'is not a flag. --help lists them.'],
    [['--port'], '--port needs a value: --port <port>'],
    [['--port', '--dev'], '--port needs a value'],
    [['--port', '1', '--port', '2'], '--port stands there twice'],
    [['8080'], '"8080" is no flag'],
    [['--rules', 'x'], 'rules is set in the config file'],
    [['--path', 'realtime'], 'must be a path that begins with /'],
    [['--host', 'http://x'], 'must be an address or a name'],
    [['--anonymous', 'subscibe'], 'must be none, subscribe or all. Did you mean subscribe?'],
    [['--origins', 'https://a.example/'], 'did you mean https://a.example?'],
    [['--limits', 'linkz=5'], 'must name limits of docs/security.md, not "linkz". Did you mean links?'],
    [['--limits', 'links=many'], 'positive numbers; links is not'],
    [['--drain-seconds', '0'], 'must be a whole number of seconds'],
    [['--redis-url', 'http://x'], 'must be a URL as redis://'],
    [['--redis-cluster', 'redis://a,b'], 'must be URLs as redis://10.0.0.1:6379,redis://10.0.0.2:6379'],
    [['--redis-cluster', ','], 'must be URLs as redis://'],
    [['--redis-url', 'redis://a', '--redis-cluster', 'redis://b'], 'exclude each other: one Redis, or a cluster'],
    [['--config', '/nowhere/x.json'], 'flag --config names "/nowhere/x.json": there is no such file'],
    [['--jwt-issuer', 'x'], 'jwtIssuer (flag --jwt-issuer) needs jwtSecret, jwtPublicKey or jwksUrl'],
    [['--tls-cert', 'x', ...ALL], 'tlsCert and tlsKey belong together'],
    [
      ['--redis-tls-ca', 'x', '--redis-url', 'redis://a'],
      'redisTlsCa (flag --redis-tls-ca) needs a Redis at a rediss://',
    ],
    [['--redis-queue', 'a b', '--redis-url', 'redis://a'], 'must be the name of a stream: 1 to 80 of A–Z'],
    [['--redis-queue', 'out'], 'redisQueue (flag --redis-queue) needs redisUrl or redisCluster'],
    [['--redis-tls-cert', 'x', '--redis-cluster', 'rediss://a'], 'redisTlsCert and redisTlsKey belong together'],
    [['--dev', '--host', '0.0.0.0'], 'on loopback only, not on host (flag --host)'],
    [[], 'nobody may do anything yet. Choose who may:'],
    [['--jwt-secret', 'x'], 'nobody may do anything yet'],
  ])('%j is refused, with its source and what would be right', async (args, message) => {
    expect((await problems(args)).join('\n')).toContain(message)
  })

  it('name the variable or the file, and all problems at once', async () => {
    const file = fileWith({ port: '80', prot: 80, config: 'x', limits: [], publishKeys: [{ name: 'a', key: 'short' }] })
    const found = await problems(['--config', file], { HOLDFAST_HOST: 'a b' })
    expect(found).toHaveLength(6)
    expect(found).toContainEqual(expect.stringMatching(/^HOLDFAST_HOST is "a b"; it must be an address/))
    expect(found).toContain(`${file}: port is "80"; it must be a port, 0 to 65535; 0 takes any free one`)
    expect(found).toContain(`${file}: "prot" is not a setting. Did you mean port?`)
    expect(found).toContain(`${file}: config cannot stand in a file`)
  })

  it('S11 S12 names of objects and controls are names without meaning, and are shown escaped', async () => {
    const file = fileWith('{"__proto__":{"port":1},"constructor":1,"a\\u001b[31m":2}')
    const found = (await problems(['--config', file, '--__proto__', '--\u001b[31m'])).join('\n')
    expect(found).toContain('"__proto__" is not a setting')
    expect(found).toContain('"constructor" is not a setting')
    expect(found).toContain('a\\u001b[31m')
    expect(found).not.toContain('\u001b')
    expect(({} as { port?: number }).port).toBeUndefined()
  })

  it('a file must be JSON with an object, and what is wrong in it is not quoted', async () => {
    const broken = fileWith(`{"jwtSecret": "my-secret`)
    const [message] = await problems(['--config', broken])
    expect(message).toContain('it is not JSON')
    expect(message).not.toContain('my-secret')
    expect(await problems(['--config', fileWith([1])])).toEqual([
      expect.stringContaining('must be an object of settings'),
    ])
    expect(await problems(['--config', folder])).toEqual([expect.stringContaining('it is a folder')])
  })

  it('a variable that looks like a slip is warned of, one of somebody else is not', async () => {
    const { warnings } = await read(ALL, { HOLDFAST_PROT: '80', HOLDFAST_SERVICE_ACCOUNT_OF_OTHERS: 'x' })
    expect(warnings).toEqual(['HOLDFAST_PROT is not a setting. Did you mean HOLDFAST_PORT?'])
    expect(await problems(ALL, { HOLDFAST_PORT: 'tcp://10.0.0.1:8080' })).toEqual([
      expect.stringContaining('Kubernetes sets this'),
    ])
  })

  it('a module gives settings and hooks', async () => {
    const file = fileWith(
      `export default { port: 9 }; export const authorize = () => true; export function authenticate() { return null }`,
      'mjs',
    )
    const { config, hooks } = await read(['--config', file])
    expect(config.port).toBe(9)
    expect(hooks.authorize).toBeTypeOf('function')
    expect(hooks.authenticate).toBeTypeOf('function')
    const wrong = fileWith('export const authorize = 1', 'mjs')
    expect(await problems(['--config', wrong])).toContain(`${wrong}: authorize must be a function`)
    const broken = fileWith('export default {', 'mjs')
    expect(await problems(['--config', broken])).toEqual([expect.stringContaining('it cannot be loaded')])
    expect(await problems(['--config', file, '--jwt-secret', 'x'])).toEqual([
      expect.stringContaining('exclude each other'),
    ])
  })

  it('a secret in a file of its own is read, without the end of its line', async () => {
    const secret = fileWith('s3cret\n', 'txt')
    const keys = fileWith([{ name: 'shop', key: KEY }])
    const settings = await read(['--jwt-secret-file', secret, '--jwt-claim', 'channels', '--publish-keys-file', keys])
    expect(settings.config).toMatchObject({ jwtSecret: 's3cret', publishKeys: [{ name: 'shop', key: KEY }] })
    expect(settings.sources.jwtSecret).toBe(secret)
    const both = await problems(['--jwt-secret-file', secret, ...ALL], { HOLDFAST_JWT_SECRET: 'x' })
    expect(both).toEqual([
      `jwtSecret (HOLDFAST_JWT_SECRET) and jwtSecretFile (flag --jwt-secret-file) are both set; one of them is enough`,
    ])
    expect(await problems(['--jwt-secret-file', '/nowhere', ...ALL])).toEqual([
      'jwtSecretFile (flag --jwt-secret-file) names "/nowhere": there is no such file',
    ])
    // Beside the config file, wherever the program was started.
    writeFileSync(join(folder, 'beside'), 'b3side')
    const config = fileWith({ jwtSecretFile: 'beside', jwtClaim: 'c' })
    expect((await read(['--config', config])).config.jwtSecret).toBe('b3side')
  })

  it('a secret in a flag is warned of, a URL without a password is none', async () => {
    const { warnings } = await read(['--jwt-secret', 'x', '--redis-url', 'redis://127.0.0.1', ...ALL])
    expect(warnings).toEqual([
      'others on this machine can read the secret in --jwt-secret: use HOLDFAST_JWT_SECRET, or a file (--jwt-secret-file)',
    ])
    const cluster = (urls: string) => read(['--redis-cluster', urls, ...ALL])
    expect((await cluster('redis://a, redis://b:7000')).warnings).toEqual([])
    expect((await cluster('redis://a,redis://:pa55@b')).warnings).toEqual([expect.stringContaining('--redis-cluster')])
  })

  it.each([
    [`shop:${'k'.repeat(31)}`, '32 to 512 visible ASCII characters'],
    [`shop:${'k'.repeat(31)} `, '32 to 512 visible ASCII characters'],
    [KEY, 'must have names'],
    [`a b:${KEY}`, 'must have names'],
    [`shop:${KEY},shop:${KEY}2`, 'must not have one name twice'],
  ])('the publish keys %j are refused without being shown', async (text, message) => {
    const found = (await problems(ALL, { HOLDFAST_PUBLISH_KEYS: text })).join('\n')
    expect(found).toContain('HOLDFAST_PUBLISH_KEYS')
    expect(found).toContain(message)
    expect(found).not.toContain('kkkk')
  })

  it.each([
    [{ name: 'a', key: KEY, channels: [] }, 'an array of channel names'],
    [{ name: 'a', key: KEY, channels: ['a*b'] }, 'a * may stand at the end'],
    [{ name: 'a', key: KEY, chanels: ['a'] }, 'has another field'],
    [1, 'each { name, key, channels? }'],
  ])('the publish key %j of a file is refused', async (key, message) => {
    expect((await problems(['--config', fileWith({ publishKeys: [key] })])).join('\n')).toContain(message)
  })
})

describe('--print-config', () => {
  it('shows what holds and where it came from, and no secret', async () => {
    const secret = fileWith('s3cret-of-jwt', 'txt')
    const settings = await read(['--port', '0', '--jwt-secret-file', secret, '--jwt-claim', 'c'], {
      HOLDFAST_PUBLISH_KEYS: `shop:${KEY}`,
      HOLDFAST_REDIS_URL: 'redis://user:pa55word@redis.example:6380/2',
    })
    const text = printedConfig(settings)
    const shown = JSON.parse(text) as Record<string, { value: unknown; from: string }>
    expect(shown).toMatchObject({
      port: { value: 0, from: 'flag --port' },
      jwtSecret: { value: '***', from: secret },
      publishKeys: { value: [{ name: 'shop', key: '***' }], from: 'HOLDFAST_PUBLISH_KEYS' },
      redisUrl: { value: 'redis://redis.example:6380/2', from: 'HOLDFAST_REDIS_URL' },
      tlsCert: { value: null, from: 'default' },
    })
    expect(Object.keys(shown)).toEqual([...NAMES, 'hooks'])
    const nodes = fileWith('rediss://user:pa55word@a,\n rediss://user:pa55word@b:7000\n', 'txt')
    const cluster = await read(['--redis-cluster-file', nodes, ...ALL])
    expect(cluster.config.redisCluster).toEqual(['rediss://user:pa55word@a', 'rediss://user:pa55word@b:7000'])
    expect(JSON.parse(printedConfig(cluster))).toMatchObject({
      redisCluster: { value: ['rediss://a', 'rediss://b:7000'], from: nodes },
    })
    expect(printedConfig(cluster)).not.toContain('pa55')
    for (const hidden of ['s3cret', 'kkkk', 'pa55', 'user']) expect(text).not.toContain(hidden)
  })
})

describe('--help', () => {
  it('lists every flag with its default', () => {
    const help = helpText()
    for (const name of NAMES.filter((one) => settingOf(one).sources.includes('flag'))) {
      expect(help).toContain(`--${flagOf(name)}`)
    }
    expect(help).toContain('(default: 8080)')
    expect(variableOf('jwtSecretFile')).toBe('HOLDFAST_JWT_SECRET_FILE')
  })
})
