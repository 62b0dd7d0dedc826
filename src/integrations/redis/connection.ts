import { createClient } from 'redis'
import type { RedisClientOptions } from 'redis'
import type { Clock } from '../../base/clock.ts'
import { Subscriptions } from './subscriptions.ts'
import type { Turn } from '../../server/environment.ts'
import type { Script } from './scripts.ts'

type Client = ReturnType<typeof newClient>
/** What scripts answer with: texts, and lists of them. */
export type Reply = string | readonly Reply[]

export interface ConnectionOptions {
  readonly url: string
  readonly client: RedisClientOptions | undefined
  /** What `run` will be asked for. */
  readonly scripts: readonly Script[]
  readonly commandMs: number
  readonly clock: Clock
  readonly turn: Turn
  /** Told when Redis is lost, and why: once for each cause. */
  readonly report: (error: unknown, context: string) => void
}

const MAX_BACKOFF_MS = 2000
const PING_MS = 5000
/** A socket that says nothing for so long, pings included, is dead. */
const SILENT_MS = 15_000
const MAX_QUEUED = 10_000

const newClient = (options: ConnectionOptions) =>
  createClient({
    ...options.client,
    url: options.url,
    RESP: 2,
    // What cannot be sent now is refused here, in time: nothing waits for Redis to come back.
    disableOfflineQueue: true,
    commandsQueueMaxLength: MAX_QUEUED,
    pingInterval: PING_MS,
    socket: {
      connectTimeout: 5000,
      socketTimeout: SILENT_MS,
      reconnectStrategy: (retries: number) =>
        Math.min(50 * 2 ** Math.min(retries, 10), MAX_BACKOFF_MS) * (0.5 + options.clock.random() / 2),
      ...options.client?.socket,
    },
  })

/** Two connections to one Redis, for commands and for Pub/Sub. They come back by themselves. */
export class RedisConnection {
  readonly #options: ConnectionOptions
  readonly #commands: Client
  readonly #subscriber: Client
  readonly #subscriptions = new Subscriptions()
  readonly #waiting = new Map<Client, Promise<void>>()
  #closed = false

  /** `back`: Pub/Sub flows again, after it may have lost something. */
  constructor(options: ConnectionOptions, back: () => void) {
    this.#options = options
    this.#commands = this.#open('commands', options.scripts)
    this.#subscriber = this.#open('Pub/Sub', [])
    this.#subscriber.on('ready', () => {
      this.#subscriptions.tidy(this.#subscriber)
      back()
    })
  }

  /** Runs a script. Rejects when Redis does not answer in time, and then it may have run. */
  async run({ lua, sha }: Script, keys: readonly string[], args: readonly string[]): Promise<Reply> {
    const given = { keys: [...keys], arguments: [...args] }
    return this.#inTime(this.#commands, async (client) => {
      try {
        return (await client.evalSha(sha, given)) as Reply
      } catch (error) {
        if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error
        // Somebody has made Redis forget it.
        return (await client.eval(lua, given)) as Reply
      }
    })
  }

  async ping(): Promise<void> {
    await this.#inTime(this.#commands, (client) => client.ping())
  }

  async publish(channel: string, text: string): Promise<void> {
    await this.#inTime(this.#commands, (client) => client.publish(channel, text))
  }

  /** Resolves, once messages flow, with the function that ends it. */
  subscribe(channel: string, heard: (text: string) => void): Promise<() => void> {
    const subscriber = this.#subscriber
    return this.#subscriptions.add(subscriber, channel, heard, (task) => this.#inTime(subscriber, task))
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    for (const client of [this.#subscriber, this.#commands]) {
      try {
        client.destroy()
      } catch {
        // It was not open.
      }
    }
  }

  #open(name: string, scripts: readonly Script[]): Client {
    const client = newClient(this.#options)
    let said = ''
    client.on('error', (error: unknown) => {
      const text = error instanceof Error ? `${error.name} ${error.message}` : String(error)
      if (text === said || this.#closed) return
      said = text
      this.#options.report(error, `the connection to Redis (${name})`)
    })
    client.on('ready', () => {
      said = ''
      // Before anything else: a command whose script is not known is sent again, behind those that came after it.
      for (const { lua } of scripts) client.scriptLoad(lua).catch(() => undefined)
    })
    client.connect().catch((error: unknown) => {
      if (!this.#closed) this.#options.report(error, `connecting to Redis (${name})`)
    })
    return client
  }

  /** A connection that is being made may still come in time; a command that is not answered in time is given up. */
  async #inTime<Result>(client: Client, task: (client: Client) => Promise<Result>): Promise<Result> {
    const { clock, turn, commandMs } = this.#options
    if (this.#closed) throw new Error('the Redis store was closed')
    let stop = (): void => undefined
    const late = new Promise<never>((_, reject) => {
      stop = clock.after(commandMs, () => {
        const what = client.isReady ? 'did not answer' : 'could not be reached'
        // In a process that was busy for so long the answer may have come, and is read before this turn ends.
        turn(() => reject(new Error(`Redis ${what} within ${commandMs} ms`)))
      })
    })
    try {
      if (!client.isReady) await Promise.race([late, this.#ready(client)])
      return await Promise.race([late, task(client)])
    } finally {
      stop()
    }
  }

  /** One promise for all who wait for the same connection. */
  #ready(client: Client): Promise<void> {
    let waiting = this.#waiting.get(client)
    if (!waiting) {
      waiting = new Promise((resolve) => {
        client.once('ready', () => {
          this.#waiting.delete(client)
          resolve()
        })
      })
      this.#waiting.set(client, waiting)
    }
    return waiting
  }
}
