import { closeClient } from '../client.ts'
import type { Client, ClientContext } from '../client.ts'

/** `sharded`: what the node's own slots publish. `plain`: what anybody publishes anywhere in the cluster. */
export type PubSubKind = 'sharded' | 'plain'
export type Deliver = (text: string, channel: string) => void

export interface PubSubHooks {
  readonly ready: () => void
  /** It is over, and nothing more comes. Called once. */
  readonly over: (error: unknown) => void
  /** The node does not have the slot of this channel any more, and has ended the subscription. */
  readonly moved: (channel: string) => void
}

/** One connection to one node for Pub/Sub. It is used once: what was subscribed on it is gone with it. */
export class PubSubLink {
  readonly address: string
  readonly #client: Client
  readonly #hooks: PubSubHooks
  #isReady = false
  #isOver = false

  constructor(address: string, url: string, context: ClientContext, hooks: PubSubHooks) {
    this.address = address
    this.#hooks = hooks
    this.#client = context.clients.make(url, false)
    // Whatever goes wrong, what is subscribed here is not certain any more.
    this.#client.on('error', (error: unknown) => this.#end(error))
    this.#client.on('end', () => this.#end(new Error('the connection was closed')))
    this.#client.on('sharded-channel-moved', (channel: string) => hooks.moved(channel))
    this.#client.on('ready', () => {
      this.#isReady = true
      hooks.ready()
    })
    this.#client.connect().catch((error: unknown) => this.#end(error))
  }

  get isReady(): boolean {
    return this.#isReady && !this.#isOver
  }

  get isOver(): boolean {
    return this.#isOver
  }

  async subscribe(kind: PubSubKind, channel: string, deliver: Deliver): Promise<void> {
    if (kind === 'plain') await this.#client.subscribe(channel, deliver)
    else await this.#client.sSubscribe(channel, deliver)
  }

  unsubscribe(kind: PubSubKind, channel: string, deliver: Deliver): void {
    if (this.#isOver) return
    const ended =
      kind === 'plain' ? this.#client.unsubscribe(channel, deliver) : this.#client.sUnsubscribe(channel, deliver)
    ended.catch(() => undefined)
  }

  close(): void {
    this.#isOver = true
    closeClient(this.#client)
  }

  #end(error: unknown): void {
    if (this.#isOver) return
    this.close()
    this.#hooks.over(error)
  }
}
