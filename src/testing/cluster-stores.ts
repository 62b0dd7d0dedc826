import { expect } from 'vitest'
import { systemClock } from '../base/clock.ts'
import type { Clock } from '../base/clock.ts'
import { slotOf } from '../integrations/redis/cluster/slots.ts'
import { namesOf } from '../integrations/redis/names.ts'
import type { RedisStoreOptions } from '../integrations/redis/options.ts'
import { RedisStore } from '../integrations/redis/redis-store.ts'
import { nodeEnvironment } from '../server/node-clock.ts'
import type { Notice } from '../server/store.ts'
import type { RedisCluster, RedisClusterNode } from './redis-cluster.ts'

export const ALL = { messages: 1000, bytes: 1_000_000 }
export const POLL = { timeout: 20_000, interval: 10 }

/** The regular look at the slots never comes: what is found out is found out by what happens. */
const withoutLooks: Clock = {
  ...systemClock,
  after: (ms, task) => (ms === 10_000 ? () => {} : systemClock.after(ms, task)),
}

export type OpenStore = ReturnType<ClusterStores['open']>

/** Stores over a cluster, and what tests ask of them. */
export class ClusterStores {
  readonly cluster: RedisCluster
  readonly #undo: (() => unknown)[] = []
  #opened = 0

  constructor(cluster: RedisCluster) {
    this.cluster = cluster
  }

  open(options: RedisStoreOptions = {}) {
    const prefix = options.prefix ?? `t${++this.#opened}`
    const failures: string[] = []
    const store = new RedisStore(
      {
        ...(options.url === undefined && { cluster: this.cluster.urls }),
        prefix,
        onError: ({ context, error }) => failures.push(`${context}: ${String(error)}`),
        ...options,
      },
      { ...nodeEnvironment, clock: withoutLooks },
    )
    this.onEnd(() => store.close())
    const texts = async (channel: string) =>
      (await store.read(channel, 'earliest', ALL)).messages.map(({ json }) => json)
    const refusals: string[] = []
    /** As a publisher does: again, with its key, until it is known. */
    const append = async (channel: string, n: number): Promise<string> => {
      const request = { json: String(n), key: { userId: '', client: 'c', sequence: n } }
      for (;;) {
        try {
          return (await store.append(channel, request)).kind
        } catch (error) {
          refusals.push(String(error))
          if (refusals.at(-1)?.includes('was closed')) throw error
        }
      }
    }
    const watched = async (channel: string) => {
      const heard: (Notice | null)[] = []
      await store.watch(channel, (notice) => heard.push(notice))
      return heard
    }
    return { store, prefix, failures, refusals, texts, append, watched }
  }

  /** A channel whose slot is with this node. */
  async channelAt(node: RedisClusterNode): Promise<string> {
    for (let n = 0; ; n++) if ((await this.cluster.ownerOf(slotOfChannel(`c${n}`))) === node) return `c${n}`
  }

  oneToEach(): Promise<string[]> {
    return Promise.all(this.cluster.masters.map((node) => this.channelAt(node)))
  }

  onEnd(step: () => unknown): void {
    this.#undo.push(step)
  }

  /** After each test. */
  async end(): Promise<void> {
    for (const step of this.#undo.splice(0).reverse()) await step()
  }
}

/** Appends 1, 2, 3 … to a channel, each when the one before is known to be there. */
export class Load {
  acked = 0
  #isOver = false
  readonly #done: Promise<void>

  constructor({ append }: OpenStore, channel: string) {
    this.#done = (async () => {
      while (!this.#isOver) {
        expect(await append(channel, this.acked + 1)).toBe('appended')
        this.acked++
      }
    })()
  }

  /** Waits for some more. */
  async goesOn(): Promise<void> {
    const { acked } = this
    await expect.poll(() => this.acked, POLL).toBeGreaterThan(acked + 20)
  }

  async stop(): Promise<void> {
    this.#isOver = true
    await this.#done
  }
}

export const jsonOf = (heard: readonly (Notice | null)[]) => heard.map((notice) => notice?.message.json)
export const slotOfChannel = (channel: string): number => slotOf(namesOf('x', channel).log)
export const count = (upTo: number): string[] => Array.from({ length: upTo }, (_, n) => String(n + 1))
