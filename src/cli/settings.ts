import * as kinds from './kinds.ts'
import type { Kind } from './kinds.ts'
import { publishKeys } from './publish-keys.ts'

/** Where a value may come from, the strongest first. */
export type Source = 'flag' | 'env' | 'file'

export interface Setting<Value> {
  readonly kind: Kind<Exclude<Value, undefined>>
  readonly byDefault: Value
  readonly doc: string
  /** Never printed; a flag that holds it warns, for others can see it. */
  readonly secret: boolean
  readonly sources: readonly Source[]
}

interface More {
  readonly secret?: boolean
  readonly sources?: readonly Source[]
}

const EVERYWHERE: readonly Source[] = ['flag', 'env', 'file']

const usual = <Value>(kind: Kind<Value>, byDefault: NoInfer<Value>, doc: string, more: More = {}) => ({
  kind,
  byDefault,
  doc,
  secret: more.secret === true,
  sources: more.sources ?? EVERYWHERE,
})

const optional = <Value>(kind: Kind<Value>, doc: string, more: More = {}) => ({
  ...usual<Value | undefined>(kind, undefined, doc, more),
  kind,
})

const SECRET = { secret: true } as const

/** Every setting of `holdfast serve`: the help, the checks and the table of docs/serve.md come from here. */
export const SETTINGS = {
  config: optional(
    kinds.file,
    'a JSON file with settings by these names; or an .mjs that exports them as default, and hooks',
    {
      sources: ['flag', 'env'],
    },
  ),
  dev: usual(kinds.yesOrNo, false, 'for trying out: everybody may do everything, on loopback only'),
  port: usual(kinds.port, 8080, 'where it listens; 0 takes any free port'),
  host: usual(kinds.host, '127.0.0.1', 'address to listen on; `0.0.0.0` or `::` is every one of this machine'),
  path: usual(kinds.path, '/realtime', 'base path of the endpoints'),
  origins: usual(kinds.origins, [], 'origins of pages that may use it, besides its own'),
  allowMissingOrigin: usual(kinds.yesOrNo, false, 'lets WebSockets of programs in, which send no `Origin`'),
  trustProxy: usual(kinds.proxies, 0, 'proxies in front whose `X-Forwarded-For` is believed'),
  anonymous: usual(
    kinds.oneOf('none', 'subscribe', 'all'),
    'none',
    'what everybody may do on every channel, without a token',
  ),
  rules: optional(kinds.rules, 'who may do what on which channels, as `channelRules` takes it', { sources: ['file'] }),
  kinds: optional(kinds.rules, 'channels that are [no logs](guide.md#choose-the-kind-of-a-channel), by pattern', {
    sources: ['file'],
  }),
  presence: usual(
    kinds.channelPatterns,
    [],
    'channels on which their readers [may be seen](guide.md#show-who-is-there), by pattern',
  ),
  jwtSecret: optional(kinds.secret, 'secret of JWTs that are signed with HS256, HS384 or HS512', SECRET),
  jwtSecretFile: optional(kinds.file, 'the same, in a file'),
  jwtPublicKey: optional(kinds.pem, 'public key of JWTs'),
  jwtPublicKeyFile: optional(kinds.file, 'the same, in a file'),
  jwksUrl: optional(kinds.httpsUrl, 'where the public keys of JWTs are fetched from'),
  jwtAlgorithms: optional(kinds.list, 'algorithms of JWTs that are taken'),
  jwtIssuer: optional(kinds.text, 'the `iss` that a JWT must have'),
  jwtAudience: optional(kinds.text, 'the `aud` that a JWT must have'),
  jwtClaim: optional(kinds.text, 'the claim of a JWT that lists the channels of its user'),
  publishKeys: usual(publishKeys, [], 'keys of back ends that publish, each 32 characters or more', SECRET),
  publishKeysFile: optional(kinds.file, 'a JSON file with `[{ "name", "key", "channels"? }]`'),
  redisUrl: optional(
    kinds.redisUrl,
    'keeps the logs in Redis, for several processes; without it they are in memory',
    SECRET,
  ),
  redisUrlFile: optional(kinds.file, 'the same, in a file'),
  redisCluster: optional(kinds.redisCluster, 'in place of `redisUrl`: some nodes of a Redis Cluster', SECRET),
  redisClusterFile: optional(kinds.file, 'the same, in a file'),
  redisTlsCa: optional(
    kinds.file,
    'the CA that signed the certificate of a `rediss://` Redis, PEM; without it those of Node',
  ),
  redisTlsCert: optional(kinds.file, 'certificate that is shown to Redis, PEM; with `redisTlsKey`'),
  redisTlsKey: optional(kinds.file, 'its private key, PEM'),
  redisPrefix: usual(kinds.text, 'holdfast', 'begins every name in Redis'),
  redisQueue: optional(
    kinds.streamName,
    'a stream in that Redis whose entries are [published](publish.md#through-a-queue)',
  ),
  historyMessages: usual(kinds.count, 1000, 'messages that a channel keeps'),
  historySeconds: usual(kinds.seconds, 3600, 'how long a message is kept'),
  limits: usual(kinds.limits, {}, 'bounds of the hub ([security.md](security.md#limits))'),
  logLevel: usual(
    kinds.oneOf('debug', 'info', 'warn', 'error', 'silent'),
    'info',
    'least level of the lines on standard output',
  ),
  metricsPort: optional(kinds.port, 'serves `/metrics` and `/inspect` on a port of their own'),
  metricsHost: usual(kinds.host, '127.0.0.1', 'address of that port'),
  tlsCert: optional(kinds.file, 'certificate chain, PEM; with `tlsKey` it serves https'),
  tlsKey: optional(kinds.file, 'private key, PEM'),
  drainSeconds: usual(kinds.seconds, 25, 'from SIGTERM to the exit, at most'),
  keepAliveSeconds: usual(kinds.seconds, 75, 'how long an idle connection stays open: longer than a balancer keeps it'),
} as const

export type Name = keyof typeof SETTINGS

type ValueOf<Given> = Given extends { readonly byDefault: infer Default; readonly kind: Kind<infer Value> }
  ? Value | Extract<Default, undefined>
  : never

/** The value of each setting. */
export type Config = { readonly [One in Name]: ValueOf<(typeof SETTINGS)[One]> }

export const NAMES = Object.keys(SETTINGS) as Name[]

/** A setting whatever its kind is. */
export const settingOf = (name: Name): Setting<unknown> => SETTINGS[name]

/** `--jwks-url` of `jwksUrl`. */
export const flagOf = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)

/** `HOLDFAST_JWKS_URL` of `jwksUrl`. */
export const variableOf = (name: string): string => `HOLDFAST_${flagOf(name).replaceAll('-', '_').toUpperCase()}`
