import { Clients, openClient } from './client.ts'
import type { Client, ClientContext, OpenClient } from './client.ts'
import { inTime } from './in-time.ts'
import type { Heard, LinkOptions, RedisLink, Reply } from './link.ts'
import { Subscriptions } from './subscriptions.ts'
import type { Script } from './scripts.ts'

export interface ConnectionOptions extends LinkOptions {
  readonly url: string
}

/** Two connections to one Redis, for commands and for Pub/Sub, unless it is for commands only. They come back by themselves. */
export class RedisConnection implements RedisLink {
  readonly #options: ConnectionOptions
  readonly #clients: Clients
  readonly #commands: OpenClient
  readonly #subscriber: OpenClient | null
  readonly #subscriptions = new Subscriptions()
  readonly #waiting = new Map<Client, Promise<void>>()
  #closed = false

  constructor(options: ConnectionOptions) {
    this.#options = options
    const { url, scripts, clock, report, commandsOnly = false } = options
    this.#clients = new Clients(options.client, clock)
    const context: ClientContext = { clients: this.#clients, clock, report }
    this.#commands = openClient(url, 'commands', context, scripts)
    this.#subscriber = commandsOnly ? null : openClient(url, 'Pub/Sub', context, [])
    const client = this.#subscriber?.client
    client?.on('ready', () => this.#subscriptions.back(client))
  }

  run(script: Script, keys: readonly string[], args: readonly string[]): Promise<Reply> {
    return this.#inTime(this.#commands, (client) => runScript(client, script, keys, args))
  }

  async ping(): Promise<void> {
    await this.#inTime(this.#commands, (client) => client.ping())
  }

  async announce(channel: string, text: string): Promise<void> {
    await this.#inTime(this.#commands, (client) => client.publish(channel, text))
  }

  hear(channel: string, heard: Heard): Promise<() => void> {
    return this.subscribe(channel, heard)
  }

  subscribe(channel: string, heard: Heard): Promise<() => void> {
    const subscriber = this.#subscriber
    if (!subscriber) return Promise.reject(new Error('this connection to Redis was made for commands only'))
    return this.#subscriptions.add(subscriber.client, channel, heard, (task) => this.#inTime(subscriber, task))
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#subscriber?.close()
    this.#commands.close()
    this.#clients.close()
  }

  /** A connection that is being made may still come in time; a command that is not answered in time is given up. */
  async #inTime<Result>(open: OpenClient, task: (client: Client) => Promise<Result>): Promise<Result> {
    const { client, trouble, explained } = open
    if (this.#closed) throw new Error('the Redis store was closed')
    const why = () =>
      client.isReady
        ? { what: 'Redis did not answer', trouble: '' }
        : { what: 'Redis could not be reached', trouble: trouble() }
    return inTime(this.#options, why, async (late) => {
      if (!client.isReady) await Promise.race([late, this.#ready(client)])
      try {
        return await task(client)
      } catch (error) {
        throw explained(error)
      }
    })
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

const runScript = async (
  client: Client,
  { lua, sha }: Script,
  keys: readonly string[],
  args: readonly string[],
): Promise<Reply> => {
  const given = { keys: [...keys], arguments: [...args] }
  try {
    return (await client.evalSha(sha, given)) as Reply
  } catch (error) {
    if (!(error instanceof Error)) throw error
    if (/^(MOVED|ASK) /.test(error.message)) {
      throw new Error('this Redis is a node of a cluster: name its nodes with `cluster`, not with `url`', {
        cause: error,
      })
    }
    if (!error.message.startsWith('NOSCRIPT')) throw error
    // Somebody has made Redis forget it.
    return (await client.eval(lua, given)) as Reply
  }
}
