import { Clients } from '../client.ts'
import { inTime } from '../in-time.ts'
import type { Late } from '../in-time.ts'
import type { Heard, LinkOptions, RedisLink, Reply } from '../link.ts'
import type { Script } from '../scripts.ts'
import type { ClusterNode } from './cluster-node.ts'
import { ClusterSubscriptions } from './cluster-subscriptions.ts'
import { Lanes } from './lanes.ts'
import { redirectOf } from './redirect.ts'
import type { Redirect } from './redirect.ts'
import { slotOf } from './slots.ts'
import { Topology } from './topology.ts'

export interface ClusterOptions extends LinkOptions {
  /** Of some nodes. */
  readonly urls: readonly string[]
}

const CLOSED = 'the Redis store was closed'
/** Before a command is sent again that a node could not do now. */
const PAUSE_MS = 25
/** Nodes that send each other's commands on and on are given time to agree. */
const MOST_IN_A_ROW = 3

/** A Redis Cluster: each command goes to the node that has its slot, wherever the slot moves meanwhile. */
export class ClusterConnection implements RedisLink {
  readonly #options: ClusterOptions
  readonly #clients: Clients
  readonly #topology: Topology
  readonly #subscriptions: ClusterSubscriptions
  readonly #lanes = new Lanes<ClusterNode>()
  #closed = false

  constructor(options: ClusterOptions) {
    this.#options = options
    const { urls, scripts, client, clock, report } = options
    this.#clients = new Clients(client, clock)
    const context = { urls, scripts, clients: this.#clients, clock, report }
    this.#topology = new Topology(context, {
      changed: () => this.#subscriptions.settle(),
      channelMoved: (link, channel) => this.#subscriptions.moved(link, channel),
    })
    this.#subscriptions = new ClusterSubscriptions(this.#topology, context)
  }

  run(script: Script, keys: readonly string[], args: readonly string[]): Promise<Reply> {
    const [key = ''] = keys
    const slot = slotOf(key)
    const owner = (): ClusterNode | null => this.#topology.owner(slot)
    return this.#inTime(owner, (late) => {
      const send = (node: ClusterNode, isAsking: boolean) =>
        Promise.race([late, node.runScript(script, keys, args, isAsking)])
      let redirect: Redirect | null = null
      const straight = async (node: ClusterNode): Promise<Reply | null> => {
        try {
          return await send(node, false)
        } catch (error) {
          redirect = redirectOf(error, node.address)
          if (!redirect) throw error
          return null
        }
      }
      const again = async (before: Promise<unknown>): Promise<Reply> => {
        await Promise.race([late, before])
        return this.#follow(redirect, slot, late, send)
      }
      const now = owner()
      return this.#lanes.run(key, now?.isReady ? now : null, straight, again)
    })
  }

  async ping(): Promise<void> {
    await this.#inTime(this.#spokesman, async (late) => {
      await this.#ready(this.#spokesman, late)
      const asked = this.#topology.ready.map(async ({ client }) => {
        if ((await client.clusterInfo()).includes('cluster_state:ok')) return
        throw new Error('the Redis Cluster is down: CLUSTER INFO does not say cluster_state:ok')
      })
      try {
        await Promise.any(asked)
      } catch (error) {
        throw error instanceof AggregateError ? error.errors[0] : error
      }
    })
  }

  async announce(channel: string, text: string): Promise<void> {
    const any = this.#spokesman
    await this.#inTime(any, async (late) => (await this.#ready(any, late)).client.publish(channel, text))
  }

  hear(channel: string, heard: Heard): Promise<() => void> {
    return this.#subscriptions.add('plain', channel, heard, (opened) => this.#opened(() => null, opened))
  }

  subscribe(channel: string, heard: Heard): Promise<() => void> {
    const owner = (): ClusterNode | null => this.#topology.owner(slotOf(channel))
    return this.#subscriptions.add('sharded', channel, heard, (opened) => this.#opened(owner, opened))
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#subscriptions.close()
    this.#topology.close()
    this.#clients.close()
  }

  /** A node for what any can do. */
  readonly #spokesman = (): ClusterNode | null => this.#topology.spokesman

  /** Sends a command to where it was sent on to, until it is done. */
  async #follow(
    first: Redirect | null,
    slot: number,
    late: Late,
    send: (node: ClusterNode, isAsking: boolean) => Promise<Reply>,
  ): Promise<Reply> {
    let redirect = first
    for (let sent = 1; ; sent++) {
      if (redirect?.kind === 'moved') this.#topology.moved(redirect.slot, redirect.address)
      if (redirect?.kind === 'down') this.#topology.suspect()
      if (redirect?.kind === 'wait' || redirect?.kind === 'down' || sent % MOST_IN_A_ROW === 0) await this.#pause(late)
      const asked = redirect?.kind === 'ask' ? this.#topology.at(redirect.address) : null
      const node = await this.#ready(() => asked ?? this.#topology.owner(slot), late)
      try {
        return await send(node, asked !== null)
      } catch (error) {
        redirect = redirectOf(error, node.address)
        if (!redirect) throw error
      }
    }
  }

  /** Waits for a node that takes commands. */
  async #ready(find: () => ClusterNode | null, late: Late): Promise<ClusterNode> {
    while (!this.#closed) {
      const node = find()
      if (node?.isReady) return node
      await Promise.race([late, this.#topology.change])
    }
    throw new Error(CLOSED)
  }

  async #pause(late: Late): Promise<void> {
    const { clock } = this.#options
    let cancel = (): void => undefined
    const over = new Promise<void>((resolve) => {
      cancel = clock.after(PAUSE_MS * (0.5 + clock.random()), resolve)
    })
    try {
      await Promise.race([late, over])
    } finally {
      cancel()
    }
  }

  async #opened(owner: () => ClusterNode | null, opened: Promise<void>): Promise<void> {
    await this.#inTime(owner, () => opened)
  }

  async #inTime<Result>(find: () => ClusterNode | null, task: (late: Late) => Promise<Result>): Promise<Result> {
    if (this.#closed) throw new Error(CLOSED)
    const why = () => {
      // Who says nothing may have been replaced.
      this.#topology.suspect()
      const node = find()
      return node?.isReady
        ? { what: `the node ${node.address} of the Redis Cluster did not answer`, trouble: '' }
        : { what: 'the Redis Cluster could not be reached', trouble: node?.trouble ?? this.#topology.trouble }
    }
    return inTime(this.#options, why, task)
  }
}
