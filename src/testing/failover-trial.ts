import { expect } from 'vitest'
import { createClient } from '../core.ts'
import type { RedisLink } from '../integrations/redis/link.ts'
import { namesOf } from '../integrations/redis/names.ts'
import { doneScript, takeScript } from '../integrations/redis/queue/queue-scripts.ts'
import type { QueueStatus } from '../integrations/redis/queue/queue-status.ts'
import { RedisStore } from '../integrations/redis/redis-store.ts'
import { nodeEnvironment } from '../server/node-clock.ts'
import { sse } from '../transports/sse.ts'
import { POLL, QueueTrial } from './queue-trial.ts'
import { RedisPair } from './redis-pair.ts'
import { startRedisServer } from './redis-server.ts'
import type { RedisServer } from './redis-server.ts'
import { startTestServer } from './test-server.ts'

type Entry = readonly [id: string, fields: readonly string[]]

/** What comes to it waits while it is shut. */
class Valve {
  waiting = 0
  #isShut = false
  readonly #release: (() => void)[] = []

  async pass(): Promise<void> {
    if (!this.#isShut) return
    this.waiting++
    await new Promise<void>((resolve) => this.#release.push(resolve))
    this.waiting--
  }

  shut(): void {
    this.#isShut = true
  }

  open(): void {
    this.#isShut = false
    for (const release of this.#release.splice(0)) release()
  }
}

/** A queue and a store, of which at least one lies in a Redis that fails over. */
export class FailoverTrial {
  readonly pair: RedisPair
  readonly trial: QueueTrial
  /** Before what the queue asks is sent, before what it tells as done is, and before it publishes. */
  readonly takes = new Valve()
  readonly dones = new Valve()
  readonly publishes = new Valve()
  /** The Redis that does not fail over. */
  readonly #other: RedisServer | null
  readonly #queueUrl: string

  private constructor(pair: RedisPair, other: RedisServer | null, isOther: 'queue' | 'store') {
    this.pair = pair
    this.#other = other
    const [store, queue] = isOther === 'store' ? [other ?? pair, pair] : [pair, other ?? pair]
    this.#queueUrl = queue.url
    this.trial = new QueueTrial(
      { url: store.url, commandMs: other ? 300 : 2000 },
      (...words) => queue.command(...words),
      's',
    )
  }

  /** `other`: what lies in another Redis, which does not fail over. */
  static async start(other?: 'queue' | 'store'): Promise<FailoverTrial> {
    const pair = await RedisPair.start()
    return new FailoverTrial(pair, other ? await startRedisServer() : null, other ?? 'queue')
  }

  queue(commandMs = 2000) {
    return this.trial.queue({
      url: this.#queueUrl,
      commandMs,
      tap: (link) => this.#tapped(link),
      through: (hub) => ({
        ...hub,
        publish: async (...given) => {
          await this.publishes.pass()
          return hub.publish(...given)
        },
      }),
    })
  }

  /**
   * The server dies and its replica serves; `meanwhile` nobody has found it. A queue that notices has asked in vain; one that does not asks the
   * next Redis as if it were the last.
   */
  async failOver(
    queue: { readonly status: QueueStatus },
    isNoticed: boolean,
    meanwhile = () => Promise.resolve(),
  ): Promise<void> {
    const { retried } = queue.status
    this.takes.shut()
    await this.asks()
    expect(await this.pair.kill()).toBeGreaterThan(0)
    if (isNoticed) {
      this.takes.open()
      await expect.poll(() => queue.status.retried, POLL).toBeGreaterThan(retried)
    }
    await this.pair.promote()
    await meanwhile()
    this.pair.open()
    this.takes.open()
  }

  /** Waits until a question of the queue is held. */
  async asks(): Promise<void> {
    await expect.poll(() => this.takes.waiting, POLL).toBe(1)
  }

  /** What a server has of the queue and of these logs. `pending` is null where there is no group. */
  async held(server: RedisServer, ...channels: string[]) {
    const waiting = await valuesOf(server, 's', 'data')
    const groups = (await server.command('XINFO', 'GROUPS', 's')) as { readonly pending: number }[]
    const logs: unknown[][] = []
    for (const channel of channels) logs.push(await this.logOf(server, channel))
    return { waiting, pending: groups[0]?.pending ?? null, logs }
  }

  /** What a server has of a log. */
  logOf(server: RedisServer, channel: string): Promise<unknown[]> {
    return valuesOf(server, namesOf('s', channel).log, 'd')
  }

  /** A client of another hub, at the pair. What it has got: data, and reasons of gaps. */
  async reader(channel: string): Promise<unknown[]> {
    const store = new RedisStore({ url: this.pair.url, prefix: 's' }, nodeEnvironment)
    this.trial.onEnd(() => store.close())
    const server = await startTestServer({ hub: { store } })
    this.trial.onEnd(() => server.close())
    const client = createClient({ url: server.directUrl, transports: [sse()] })
    this.trial.onEnd(() => client.close())
    const got: unknown[] = []
    const subscription = client.subscribe(channel, ({ data }) => got.push(data))
    subscription.on('gap', ({ reason }) => got.push(reason))
    await subscription.ready
    return got
  }

  async end(): Promise<void> {
    for (const valve of [this.takes, this.dones, this.publishes]) valve.open()
    await this.trial.end()
    await this.pair.stop()
    await this.#other?.stop()
  }

  #tapped(link: RedisLink): RedisLink {
    return {
      run: async (script, keys, args) => {
        if (script === takeScript) await this.takes.pass()
        if (script === doneScript) await this.dones.pass()
        return link.run(script, keys, args)
      },
      ping: () => link.ping(),
      announce: (...given) => link.announce(...given),
      hear: (...given) => link.hear(...given),
      subscribe: (...given) => link.subscribe(...given),
      close: () => link.close(),
    }
  }
}

const valuesOf = async (server: RedisServer, stream: string, name: string): Promise<unknown[]> => {
  const entries = (await server.command('XRANGE', stream, '-', '+')) as Entry[]
  return entries.map(([, fields]) => fields[fields.indexOf(name) + 1])
}
