import { backoffMs, openClient } from '../client.ts'
import type { Client, ClientContext, OpenClient } from '../client.ts'
import type { Reply } from '../link.ts'
import type { Script } from '../scripts.ts'
import { PubSubLink } from './pub-sub-link.ts'

export interface NodeHooks {
  /** It takes commands. */
  readonly ready: () => void
  /** A connection was lost, or could not be made. */
  readonly lost: () => void
  /** Pub/Sub is there, or may be asked for again. */
  readonly changed: () => void
  readonly channelMoved: (link: PubSubLink, channel: string) => void
}

/** One node of a cluster: a connection for commands, and one for Pub/Sub as soon as it is wanted. Both come back by themselves. */
export class ClusterNode {
  readonly address: string
  /** When something was last asked of it that the slots do not say. */
  askedMs: number
  readonly #url: string
  readonly #context: ClientContext
  readonly #hooks: NodeHooks
  readonly #commands: OpenClient
  #link: PubSubLink | null = null
  #linksLost = 0
  #linkTrouble = ''
  #cancelPause: (() => void) | null = null
  #closed = false

  constructor(
    address: string,
    url: string,
    context: ClientContext & { readonly scripts: readonly Script[] },
    hooks: NodeHooks,
  ) {
    this.address = address
    this.askedMs = context.clock.now()
    this.#url = url
    this.#context = context
    this.#hooks = hooks
    this.#commands = openClient(url, address, context, context.scripts)
    this.#commands.client.on('ready', hooks.ready)
    this.#commands.client.on('error', hooks.lost)
  }

  get isReady(): boolean {
    return this.#commands.client.isReady
  }

  /** Why it is not ready, as the end of a message. */
  get trouble(): string {
    return this.#commands.trouble()
  }

  get client(): Client {
    return this.#commands.client
  }

  /** `isAsking`: the slot is on its way to this node. The answers of both commands come in order, so nothing comes between them. */
  async runScript(
    { lua, sha }: Script,
    keys: readonly string[],
    args: readonly string[],
    isAsking: boolean,
  ): Promise<Reply> {
    const given = [String(keys.length), ...keys, ...args]
    try {
      return await this.#send(['EVALSHA', sha, ...given], isAsking)
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw this.#commands.explained(error)
      // Somebody has made Redis forget it.
      return this.#send(['EVAL', lua, ...given], isAsking)
    }
  }

  /** The connection for Pub/Sub, or null as long as it is not there; `changed` says when. */
  pubSub(): PubSubLink | null {
    if (this.#link?.isReady) return this.#link
    if (!this.#link && !this.#cancelPause && !this.#closed) this.#openLink()
    return null
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#cancelPause?.()
    this.#commands.close()
    this.#link?.close()
    this.#link = null
  }

  #send(command: readonly string[], isAsking: boolean): Promise<Reply> {
    const { client } = this
    if (isAsking) client.sendCommand(['ASKING']).catch(() => undefined)
    return client.sendCommand<Reply>([...command])
  }

  #openLink(): void {
    const link = new PubSubLink(this.address, this.#url, this.#context, {
      ready: () => {
        this.#linksLost = 0
        this.#linkTrouble = ''
        this.#hooks.changed()
      },
      over: (error) => this.#linkOver(link, error),
      moved: (channel) => this.#hooks.channelMoved(link, channel),
    })
    this.#link = link
  }

  #linkOver(link: PubSubLink, error: unknown): void {
    if (this.#link !== link) return
    this.#link = null
    const { clock, report } = this.#context
    const trouble = String(error)
    if (trouble !== this.#linkTrouble) report(error, `the connection to Redis (${this.address}, Pub/Sub)`)
    this.#linkTrouble = trouble
    this.#cancelPause = clock.after(backoffMs(this.#linksLost++, clock), () => {
      this.#cancelPause = null
      this.#hooks.changed()
    })
    this.#hooks.lost()
  }
}
