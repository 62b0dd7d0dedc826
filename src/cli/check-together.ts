import type { Config, Name } from './settings.ts'
import type { Settings } from './effective.ts'

const NOBODY = `nobody may do anything yet. Choose who may:
  --dev                        to try it out: everybody, everything, on this machine only
  --anonymous subscribe|all    everybody, without a token
  --jwt-secret-file <file> --jwt-claim <claim>    whom a JWT says (or --jwt-public-key-file, --jwks-url)
  "rules": [...]               by channel, in the file of --config
  authenticate, authorize      your own functions, in an .mjs file of --config`

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1)$/

/** What is wrong with settings that are each right by themselves. */
export const checkTogether = ({ config, hooks, sources }: Settings): readonly string[] => {
  const problems: string[] = []
  const named = (name: Name): string => `${name} (${sources[name]})`
  const keys = (['jwtSecret', 'jwtPublicKey', 'jwksUrl'] as const).filter((name) => config[name] !== undefined)
  if (keys.length > 1) problems.push(`${keys.map(named).join(' and ')} are both set; a JWT is checked by one of them`)
  const ofJwt = ['jwtAlgorithms', 'jwtIssuer', 'jwtAudience', 'jwtClaim'] as const
  const lone = ofJwt.find((name) => config[name] !== undefined)
  if (lone && keys.length === 0) problems.push(`${named(lone)} needs jwtSecret, jwtPublicKey or jwksUrl`)
  const [key] = keys
  if (key && hooks.authenticate)
    problems.push(`${named(key)} and the authenticate of the config file exclude each other`)
  if (config.redisUrl !== undefined && config.redisCluster !== undefined)
    problems.push(`${named('redisUrl')} and ${named('redisCluster')} exclude each other: one Redis, or a cluster`)
  const [url] = config.redisCluster ?? [config.redisUrl]
  const tls = (['redisTlsCa', 'redisTlsCert', 'redisTlsKey'] as const).find((name) => config[name] !== undefined)
  if (tls && !url?.startsWith('rediss:')) problems.push(`${named(tls)} needs a Redis at a rediss:// address`)
  if (config.redisQueue !== undefined && url === undefined)
    problems.push(`${named('redisQueue')} needs redisUrl or redisCluster`)
  if ((config.redisTlsCert === undefined) !== (config.redisTlsKey === undefined))
    problems.push('redisTlsCert and redisTlsKey belong together')
  if ((config.tlsCert === undefined) !== (config.tlsKey === undefined))
    problems.push('tlsCert and tlsKey belong together')
  if (config.dev && !LOOPBACK.test(config.host)) {
    problems.push(`--dev lets everybody do everything, so it listens on loopback only, not on ${named('host')}`)
  }
  if (!mayAnybody(config) && !hooks.authorize) problems.push(NOBODY)
  return problems
}

const mayAnybody = ({ dev, anonymous, rules, jwtClaim }: Config): boolean =>
  dev || anonymous !== 'none' || rules !== undefined || jwtClaim !== undefined
