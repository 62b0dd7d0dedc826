import { ErrorReply, createClient } from 'redis'
import type { RedisClientOptions, RedisFunctions, RedisModules, RedisScripts } from 'redis'
import type { Clock } from '../../base/clock.ts'
import type { Script } from './scripts.ts'
import { ToldOnce } from './told-once.ts'

export type Client = ReturnType<typeof createClient<RedisModules, RedisFunctions, RedisScripts, 2>>

const MAX_BACKOFF_MS = 2000
const PING_MS = 5000
/** A socket that says nothing for so long, pings included, is dead. */
const SILENT_MS = 15_000
const MAX_QUEUED = 10_000

/** How long to wait before the attempt after `retries` that failed. */
export const backoffMs = (retries: number, clock: Clock): number =>
  Math.min(50 * 2 ** Math.min(retries, 10), MAX_BACKOFF_MS) * (0.5 + clock.random() / 2)

/** Makes connections that differ in their address only. */
export class Clients {
  readonly #clock: Clock
  readonly #socket: RedisClientOptions['socket']
  /** Never connected. The package builds a class of some hundred commands for each address, unless one client is made of another. */
  readonly #model: Client

  constructor(options: RedisClientOptions | undefined, clock: Clock) {
    const { socket, url: _url, ...others } = options ?? {}
    this.#clock = clock
    this.#socket = socket
    this.#model = createClient({
      ...others,
      RESP: 2,
      // What cannot be sent now is refused here, in time: nothing waits for Redis to come back.
      disableOfflineQueue: true,
      commandsQueueMaxLength: MAX_QUEUED,
      pingInterval: PING_MS,
    })
  }

  /** Not connected yet. `lasting`: it comes back by itself when it is lost. */
  make(url: string, lasting: boolean): Client {
    return this.#model.duplicate({
      url,
      socket: {
        connectTimeout: 5000,
        socketTimeout: SILENT_MS,
        reconnectStrategy: (retries: number) => backoffMs(retries, this.#clock),
        ...this.#socket,
        ...(!lasting && { reconnectStrategy: false as const }),
      },
    })
  }

  /** Those that it made are closed by who has them. */
  close(): void {
    closeClient(this.#model)
  }
}

export interface ClientContext {
  readonly clients: Clients
  readonly clock: Clock
  /** Told when Redis is lost, and why: once for each cause. */
  readonly report: (error: unknown, context: string) => void
}

/** A connection that was begun, and why it is not there when it is not. */
export interface OpenClient {
  readonly client: Client
  /** What went wrong since it was last ready. */
  readonly trouble: () => string
  /** The error of a command, in words that say what to do where its own do not. */
  readonly explained: (error: unknown) => unknown
  close(): void
}

/** Begins a connection that knows the `scripts` before any other command, and comes back by itself. */
export const openClient = (
  url: string,
  name: string,
  context: ClientContext,
  scripts: readonly Script[],
): OpenClient => {
  const client = context.clients.make(url, true)
  let trouble = ''
  const told = new ToldOnce()
  let closed = false
  // Whom Redis does not know it answers once, and hangs up.
  let isUnknown = false
  const failed = (error: unknown, doing: string): void => {
    if (closed) return
    if (!isUnknown) trouble = troubleOf(error)
    if (told.isNews(error)) context.report(error, `${doing} (${name})`)
  }
  client.on('error', (error: unknown) => failed(error, 'the connection to Redis'))
  const isWell = (): void => {
    trouble = ''
    told.well()
    isUnknown = false
  }
  client.on('ready', () => {
    if (scripts.length === 0) isWell()
    // Before anything else: a command whose script is not known is sent again, behind those that came after it.
    for (const { lua } of scripts) {
      client.scriptLoad(lua).then(isWell, (error: unknown) => {
        if (!isUnknownUser(error)) return
        if (!isUnknown) failed(new Error(NOBODY), 'the connection to Redis')
        isUnknown = true
      })
    }
  })
  client.connect().catch((error: unknown) => failed(error, 'connecting to Redis'))
  return {
    client,
    trouble: () => trouble,
    explained: (error) =>
      isUnknownUser(error) || (isUnknown && !(error instanceof ErrorReply))
        ? new Error(NOBODY, { cause: error })
        : error,
    close: () => {
      closed = true
      closeClient(client)
    },
  }
}

export const closeClient = (client: Client): void => {
  try {
    client.destroy()
  } catch {
    // It was not open.
  }
}

/** What an error of a connection says and what to do, for the end of a message. */
export const troubleOf = (error: unknown): string => {
  // Of several addresses, each with its own error, the first says enough.
  const [first] = error instanceof AggregateError ? (error.errors as unknown[]) : []
  const one = first ?? error
  if (!(one instanceof Error)) return ''
  const code = 'code' in one && typeof one.code === 'string' ? one.code : ''
  // OpenSSL's own message names lines of its source.
  const isOpenSsl = code.startsWith('ERR_SSL') && 'reason' in one && typeof one.reason === 'string'
  const said = isOpenSsl ? String(one.reason) : one.message
  const advice = ADVICE.find(([codes]) => codes.test(code || said))?.[1]
  return [said, advice].flatMap((text) => (text ? [`: ${text}`] : [])).join('')
}

const NOBODY = 'NOAUTH Authentication required: give user and password in the address'

/** Redis does not read a command of this length from somebody it does not know. */
const isUnknownUser = (error: unknown): boolean =>
  error instanceof Error && /^NOAUTH|unauthenticated (multi)?bulk/.test(error.message)

const ADVICE: readonly (readonly [codes: RegExp, advice: string])[] = [
  [/SELF_SIGNED_CERT|UNABLE_TO_(VERIFY|GET)|CERT_UNTRUSTED/, 'give the CA that signed the certificate of Redis'],
  [
    /CERTIFICATE_REQUIRED|BAD_CERTIFICATE|UNKNOWN_CA/,
    'Redis wants a certificate of its clients that its CA has signed',
  ],
  [/^WRONGPASS/, 'check the user and the password of the address'],
]
