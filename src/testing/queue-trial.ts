import { expect } from 'vitest'
import type { RedisLink } from '../integrations/redis/link.ts'
import { namesOf } from '../integrations/redis/names.ts'
import type { RedisOptions } from '../integrations/redis/options.ts'
import { queueNames } from '../integrations/redis/queue/queue-names.ts'
import type { QueueHub, RedisQueueOptions } from '../integrations/redis/queue/queue-options.ts'
import { Queue } from '../integrations/redis/queue/redis-queue.ts'
import { RedisStore } from '../integrations/redis/redis-store.ts'
import { createHub } from '../server/hub.ts'
import type { Hub } from '../server/hub-types.ts'
import type { HubLogger } from '../server/logger.ts'
import { nodeEnvironment } from '../server/node-clock.ts'

export const POLL = { timeout: 20_000, interval: 10 }
const ALL = { messages: 1000, bytes: 1_000_000 }

type Fields = Readonly<Record<string, string>>

interface More extends Partial<RedisQueueOptions> {
  /** Stands between the queue and Redis. */
  readonly tap?: (link: RedisLink) => RedisLink
  /** What the queue takes for its hub. */
  readonly through?: (hub: Hub) => QueueHub
}

type Line = Readonly<Record<string, unknown>>

/** One stream in a Redis, hubs on one store in it, and queues between them. */
export class QueueTrial {
  readonly stream: string
  readonly names: ReturnType<typeof queueNames>
  readonly lines: Line[] = []
  /** Of the store. */
  readonly #prefix: string
  readonly #redis: RedisOptions
  readonly #command: (...words: string[]) => Promise<unknown>
  readonly #undo: (() => unknown)[] = []
  readonly #store: RedisStore

  constructor(redis: RedisOptions, command: (...words: string[]) => Promise<unknown>, stream: string) {
    this.stream = stream
    this.names = queueNames(stream)
    this.#prefix = stream.replaceAll(/[{}]/g, '')
    this.#redis = redis
    this.#command = command
    this.#store = this.#open()
  }

  /** A queue with a hub of its own. */
  queue({ tap, through = (hub) => hub, ...options }: More = {}) {
    const hub = createHub({ authorize: () => true, store: this.#open() })
    const failures: string[] = []
    const queue = new Queue(
      {
        ...this.#redis,
        hub: through(hub),
        stream: this.stream,
        logger: this.#logger(),
        onError: ({ context, error }) => failures.push(`${context}: ${String(error)}`),
        ...options,
      },
      { ...nodeEnvironment, ...(tap && { tap }) },
    )
    this.onEnd(() => hub.close())
    this.onEnd(() => queue.close())
    return { hub, queue, failures }
  }

  /** Returns the id of the entry. */
  async add(fields: Fields): Promise<string> {
    return String(await this.#command('XADD', this.stream, '*', ...Object.entries(fields).flat()))
  }

  async addAll(channel: string, from: number, upTo: number): Promise<void> {
    for (let n = from; n <= upTo; n++) await this.add({ channel, data: String(n) })
  }

  async texts(channel: string): Promise<string[]> {
    return (await this.#store.read(channel, 'earliest', ALL)).messages.map(({ json }) => json)
  }

  /** Waits until a channel has this, and the stream nothing more. */
  async hasAll(channel: string, texts: readonly string[]): Promise<void> {
    await this.isDone()
    expect(await this.texts(channel)).toEqual(texts)
  }

  async isDone(): Promise<void> {
    await expect.poll(() => this.length(), POLL).toBe(0)
  }

  async length(): Promise<number> {
    return Number(await this.#command('XLEN', this.stream))
  }

  /** Ids that were handed out and are not done. */
  async pending(): Promise<string[]> {
    const found = (await this.#command('XPENDING', this.stream, 'holdfast', '-', '+', '100')) as [string][]
    return found.map(([id]) => id)
  }

  /** What was put aside, oldest first. */
  async refused(): Promise<Fields[]> {
    const found = (await this.#command('XRANGE', this.names.refused, '-', '+')) as [string, string[]][]
    return found.map(([, fields]) =>
      Object.fromEntries(fields.flatMap((name, n) => (n % 2 === 0 ? [[name, fields[n + 1] ?? '']] : []))),
    )
  }

  /** As if the two minutes were over in which a key is known. */
  async forgetKeys(channel: string): Promise<void> {
    for (const name of namesOf(this.#prefix, channel).window) await this.#command('DEL', name)
  }

  said(event: string): Line[] {
    return this.lines.filter((line) => line['event'] === event)
  }

  onEnd(step: () => unknown): void {
    this.#undo.push(step)
  }

  async end(): Promise<void> {
    for (const step of this.#undo.splice(0).reverse()) await step()
  }

  #open(): RedisStore {
    const store = new RedisStore({ ...this.#redis, prefix: this.#prefix }, nodeEnvironment)
    this.onEnd(() => store.close())
    return store
  }

  #logger(): HubLogger {
    const write = (facts: object): void => void this.lines.push(facts as Line)
    return { debug: () => undefined, info: write, warn: write, error: write }
  }
}

/** A promise, and the function that resolves it. */
export const latch = (): { readonly opened: Promise<void>; readonly open: () => void } => {
  let open = (): void => undefined
  const opened = new Promise<void>((resolve) => (open = resolve))
  return { opened, open }
}
