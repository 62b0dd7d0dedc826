import type { RedisClientOptions } from 'redis'

/** Where Redis is, and how it is spoken to. */
export interface RedisOptions {
  /** `redis://` or `rediss://` (TLS), with user, password and database as it has them. @default 'redis://127.0.0.1:6379' */
  readonly url?: string | undefined
  /**
   * A Redis Cluster (7.0 or later), in place of `url`: addresses of some of its nodes, which name the others. All with the same scheme, user and
   * password, and without a database.
   */
  readonly cluster?: readonly string[] | undefined
  /** Further options of the `redis` package: TLS certificates, credentials, sockets. Its `url` is not used. */
  readonly client?: RedisClientOptions | undefined
  /** Time that Redis has for an answer, in milliseconds; then it is taken as away. @default 2000 */
  readonly commandMs?: number | undefined
  /** Told when Redis is lost or answers nonsense. May not throw. */
  readonly onError?: ((failure: { readonly error: unknown; readonly context: string }) => void) | undefined
}

export interface RedisStoreOptions extends RedisOptions {
  /** What all names in Redis begin with; hubs that are one site share it. 1 to 64 of `A–Z a–z 0–9 _ - . : /`. @default 'holdfast' */
  readonly prefix?: string | undefined
  /** Messages that a channel keeps. @default 1000 */
  readonly messages?: number | undefined
  /** How long a message is kept, in milliseconds. @default 120000 */
  readonly ageMs?: number | undefined
  /** How long a channel that is neither written nor read is kept, in milliseconds. @default 86400000 */
  readonly idleMs?: number | undefined
}

const MAX_SEEDS = 100

/** With its defaults. @throws TypeError for what cannot be */
export const checkedStoreOptions = (options: RedisStoreOptions) => {
  const { prefix = 'holdfast', messages = 1000, ageMs = 120_000, idleMs = 86_400_000 } = options
  const checked = { ...checkedOptions('redisStore', options), prefix, messages, ageMs, idleMs }
  if (!/^[\w.:/-]{1,64}$/.test(prefix)) {
    throw new TypeError('holdfast: redisStore: prefix must be 1 to 64 of A–Z a–z 0–9 _ - . : /')
  }
  checkNumbers('redisStore', { messages, ageMs, idleMs })
  return checked
}

/** The same for what reaches Redis; `who` is what was called. @throws TypeError */
export const checkedOptions = (who: string, options: RedisOptions) => {
  const { client, cluster, commandMs = 2000, url = 'redis://127.0.0.1:6379' } = options
  if (cluster === undefined) checkUrl(who, url)
  else if (options.url === undefined) checkCluster(who, cluster)
  else throw new TypeError(`holdfast: ${who}: url and cluster exclude each other`)
  checkTls(who, client, cluster?.[0] ?? url)
  checkNumbers(who, { commandMs })
  return { url, cluster, client, commandMs }
}

/** @throws TypeError for what is no positive whole number */
export const checkNumbers = (who: string, numbers: Readonly<Record<string, number>>): void => {
  for (const [name, value] of Object.entries(numbers)) {
    if (Number.isSafeInteger(value) && value > 0) continue
    throw new TypeError(`holdfast: ${who}: ${name} must be a positive whole number, not ${value}`)
  }
}

// The texts of addresses are not quoted: there may be a password in them.

const isRedisUrl = (url: unknown): boolean => {
  if (typeof url !== 'string' || !/^rediss?:\/\//.test(url) || !URL.canParse(url)) return false
  const { username, password, pathname } = new URL(url)
  return /^(\/\d{0,4})?$/.test(pathname) && [username, password].every(isEncoded)
}

const isEncoded = (text: string): boolean => {
  try {
    decodeURIComponent(text)
    return true
  } catch {
    return false
  }
}

/** The scheme alone says whether it is TLS. */
const checkTls = (who: string, client: RedisClientOptions | undefined, url: string): void => {
  const tls: unknown = client?.socket && 'tls' in client.socket ? client.socket.tls : undefined
  if (tls === undefined || tls === url.startsWith('rediss:')) return
  throw new TypeError(`holdfast: ${who}: client.socket.tls does not fit the address: rediss:// is TLS, redis:// is not`)
}

const checkUrl = (who: string, url: unknown): void => {
  if (!isRedisUrl(url)) throw new TypeError(`holdfast: ${who}: url must be a redis:// or rediss:// address`)
}

const checkCluster = (who: string, cluster: unknown): void => {
  const isList = Array.isArray(cluster) && cluster.length > 0 && cluster.length <= MAX_SEEDS
  if (!isList || !cluster.every(isRedisUrl)) {
    throw new TypeError(
      `holdfast: ${who}: cluster must be a list of 1 to ${MAX_SEEDS} redis:// or rediss:// addresses of its nodes`,
    )
  }
  const urls = cluster.map((url: string) => new URL(url))
  if (urls.some(({ pathname }) => !/^\/?0?$/.test(pathname))) {
    throw new TypeError(`holdfast: ${who}: a cluster has one database, 0: its addresses end behind the port`)
  }
  const access = urls.map(({ protocol, username, password }) => JSON.stringify([protocol, username, password]))
  if (new Set(access).size > 1) {
    throw new TypeError(`holdfast: ${who}: the addresses of one cluster have the same scheme, user and password`)
  }
}
