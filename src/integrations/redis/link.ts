import type { RedisClientOptions } from 'redis'
import type { Bounds } from './in-time.ts'
import type { Script } from './scripts.ts'

export interface LinkOptions extends Bounds {
  /** Of the `redis` package. */
  readonly client: RedisClientOptions | undefined
  /** What `run` will be asked for: known before any other command. */
  readonly scripts: readonly Script[]
  /** Nobody will subscribe: one Redis gets no connection for Pub/Sub. */
  readonly commandsOnly?: boolean | undefined
  /** Told when Redis is lost, and why: once for each cause. */
  readonly report: (error: unknown, context: string) => void
}

/** What scripts answer with: texts, and lists of them. */
export type Reply = string | readonly Reply[]

/** Called with each text, and with null when some may have been lost: Pub/Sub was gone, and is back. */
export type Heard = (text: string | null) => void

/** The way to Redis, to one or to a cluster of them. What is not answered in time rejects, and then it may have been done. */
export interface RedisLink {
  /** Runs a script. All `keys` lie in one hash slot; what is called in order is done in order for each first key. */
  run(script: Script, keys: readonly string[], args: readonly string[]): Promise<Reply>
  /** Resolves when Redis answers. */
  ping(): Promise<void>
  /** Tells all who `hear` the channel, wherever they are. */
  announce(channel: string, text: string): Promise<void>
  /** Resolves, once announcements come, with the function that ends it. */
  hear(channel: string, heard: Heard): Promise<() => void>
  /** Resolves, once what scripts publish to the channel comes, with the function that ends it. */
  subscribe(channel: string, heard: Heard): Promise<() => void>
  close(): Promise<void>
}
