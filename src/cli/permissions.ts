import type { Authorize, AuthorizeQuestion, User } from '../server/authorize.ts'
import type { Authenticate } from '../server/hub-core.ts'
import { called, exported } from './packages.ts'
import type { LoadPackage } from './packages.ts'
import { KeyRing } from './publish-keys.ts'
import type { Config } from './settings.ts'
import type { Settings } from './effective.ts'

export interface Permissions {
  readonly authenticate: Authenticate
  readonly authorize: Authorize
}

/** Who somebody is and what they may do, put together from publish keys, JWTs, rules, hooks and `anonymous`. */
export const permissionsOf = async (settings: Settings, load: LoadPackage): Promise<Permissions> => {
  const { config } = settings
  const keys = new KeyRing(config.publishKeys)
  const byToken = settings.hooks.authenticate ?? (await jwtReader(config, load))
  const asked = await authorizers(settings, load)
  const everybody = levelOf(config)
  // Where only claims let anybody in, there is nothing that somebody without a token could do.
  const needsToken = everybody === 'none' && config.rules === undefined && !settings.hooks.authorize
  const authenticate: Authenticate = async (question) => {
    const { token } = question
    const name = token === undefined ? undefined : keys.nameOf(token)
    if (name !== undefined) return { userId: name }
    if (!byToken) {
      // A wrong key is to be told so, and not to be taken for nobody.
      if (token !== undefined && config.publishKeys.length > 0) throw new Error('no publish key is like this')
      return null
    }
    if (token === undefined && !settings.hooks.authenticate) {
      if (needsToken) throw new Error('a token is needed')
      return null
    }
    return checkedUser(await byToken(question), keys)
  }
  const authorize: Authorize = (question) => {
    const { user, action, channel } = question
    if (user && keys.has(user.userId)) return action === 'publish' && keys.mayPublish(user.userId, channel)
    if (everybody === 'all' || (everybody === 'subscribe' && action === 'subscribe')) return true
    return anyAllows(asked, question)
  }
  return { authenticate, authorize }
}

const levelOf = ({ dev, anonymous }: Config): Config['anonymous'] => (dev ? 'all' : anonymous)

/** Readers and permissions know people by their id: nobody else may have that of a publish key. */
const checkedUser = (user: User | null, keys: KeyRing): User | null => {
  if (user && keys.has(user.userId)) throw new Error('this user has the name of a publish key')
  return user
}

/** Answers at once when all that are asked do: a hub serves that with less. Only `true` is a yes. */
const anyAllows = (asked: readonly Authorize[], question: AuthorizeQuestion): boolean | Promise<boolean> => {
  for (const [at, authorize] of asked.entries()) {
    const answer: unknown = authorize(question)
    if (answer === true) return true
    if (answer instanceof Promise) {
      return answer.then((later: unknown) => later === true || anyAllows(asked.slice(at + 1), question))
    }
  }
  return false
}

const jwtReader = async (config: Config, load: LoadPackage): Promise<Authenticate | undefined> => {
  const { jwtSecret, jwtPublicKey, jwksUrl, jwtAlgorithms, jwtIssuer, jwtAudience } = config
  if (jwtSecret === undefined && jwtPublicKey === undefined && jwksUrl === undefined) return undefined
  const make = await exported(load, 'jwt', 'jwtAuthenticate', 'checking JWTs')
  const options = {
    ...(jwtSecret !== undefined && { secret: jwtSecret }),
    ...(jwtPublicKey !== undefined && { publicKey: jwtPublicKey }),
    ...(jwksUrl !== undefined && { jwksUrl }),
    ...(jwtAlgorithms !== undefined && { algorithms: jwtAlgorithms }),
    ...(jwtIssuer !== undefined && { issuer: jwtIssuer }),
    ...(jwtAudience !== undefined && { audience: jwtAudience }),
  }
  return called(make, options, 'the jwt settings') as Authenticate
}

const authorizers = async ({ config, hooks }: Settings, load: LoadPackage): Promise<readonly Authorize[]> => {
  const asked: Authorize[] = []
  if (config.rules !== undefined) {
    const make = await exported(load, 'server', 'channelRules', 'rules')
    asked.push(called(make, config.rules, 'rules') as Authorize)
  }
  if (config.jwtClaim !== undefined) {
    const make = await exported(load, 'jwt', 'jwtAuthorize', 'jwtClaim')
    asked.push(called(make, { claim: config.jwtClaim }, 'jwtClaim') as Authorize)
  }
  if (hooks.authorize) asked.push(hooks.authorize)
  return asked
}
