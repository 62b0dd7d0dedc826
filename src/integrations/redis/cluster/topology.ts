import { backoffMs, troubleOf } from '../client.ts'
import type { ClientContext } from '../client.ts'
import type { Script } from '../scripts.ts'
import { ClusterNode } from './cluster-node.ts'
import type { NodeHooks } from './cluster-node.ts'
import { SlotTable } from './slots.ts'
import type { SlotRange } from './slots.ts'

export interface TopologyOptions extends ClientContext {
  readonly urls: readonly string[]
  readonly scripts: readonly Script[]
}

/** Who has which slot is asked for this often when all is well, */
const STEADY_MS = 10_000
/** and at most this often when it is not. */
const HURRY_MS = 250
/** Time that a node has to say it. */
const ANSWER_MS = 1000
/** What is no master is let go when it was of no use for so long. */
const IDLE_MS = 30_000

/** The nodes of a cluster, and which of them has which slot. Begun with some addresses, it asks the nodes for the rest. */
export class Topology {
  readonly #options: TopologyOptions
  readonly #hooks: NodeHooks
  readonly #seeds: readonly string[]
  readonly #nodes = new Map<string, ClusterNode>()
  readonly #slots = new SlotTable()
  /** Whom to ask first: it is known to know. */
  #first: string | undefined
  /** Who answered last. */
  #last: ClusterNode | null = null
  #trouble = ''
  #isAsking = false
  /** How often in a row not all was well. */
  #unrest = 0
  /** How often there was a reason to ask. */
  #suspicions = 0
  #cancelAsk = (): void => undefined
  #askedMs = -Infinity
  #closed = false
  #signal = signal()

  /** `hooks.changed`: told of every change, as are those who wait for `change`. */
  constructor(options: TopologyOptions, hooks: Omit<NodeHooks, 'ready' | 'lost'>) {
    this.#options = options
    this.#hooks = {
      ...hooks,
      changed: () => this.#changed(hooks.changed),
      ready: () => {
        // The first that can be asked.
        if (this.#slots.addresses.size === 0 && !this.#isAsking) this.#askIn(0)
        this.#hooks.changed()
      },
      lost: () => {
        this.suspect()
        this.#hooks.changed()
      },
    }
    this.#seeds = options.urls.map((url) => addressOf(new URL(url)))
    this.#openSeeds()
    this.#askIn(0)
  }

  /** Resolves at the next change of anything. */
  get change(): Promise<void> {
    return this.#signal.given
  }

  /** Why there is nobody to ask, as the end of a message. */
  get trouble(): string {
    if (this.#trouble !== '') return this.#trouble
    return [...this.#nodes.values()].map(({ trouble }) => trouble).find((text) => text !== '') ?? ''
  }

  /** The master of a slot, ready or not. */
  owner(slot: number): ClusterNode | null {
    const address = this.#slots.owner(slot)
    return address === undefined ? null : (this.#nodes.get(address) ?? null)
  }

  /** Masters that are ready. */
  get ready(): ClusterNode[] {
    return [...this.#slots.addresses].flatMap((address) => {
      const node = this.#nodes.get(address)
      return node?.isReady ? [node] : []
    })
  }

  /** A master that is ready, and of those the one that was heard of last. */
  get spokesman(): ClusterNode | null {
    const { ready } = this
    return ready.find((node) => node === this.#last) ?? ready[0] ?? null
  }

  /** The node at an address, which may have no slot yet. @throws Error when all is closed */
  at(address: string): ClusterNode {
    if (this.#closed) throw new Error('the cluster was closed')
    const node = this.#open(address)
    node.askedMs = this.#options.clock.now()
    return node
  }

  /** A node said so. */
  moved(slot: number, address: string): void {
    if (this.#closed) return
    this.#unrest = 0
    this.#open(address)
    this.#slots.move(slot, address)
    this.#first = address
    this.suspect()
    this.#hooks.changed()
  }

  /** Something is not as it was: the slots are asked for anew. */
  suspect(): void {
    this.#suspicions++
    if (!this.#isAsking) this.#askIn(Math.max(0, this.#askedMs + HURRY_MS - this.#options.clock.now()))
  }

  close(): void {
    this.#closed = true
    this.#cancelAsk()
    const nodes = [...this.#nodes.values()]
    this.#nodes.clear()
    for (const node of nodes) node.close()
    this.#signal.give()
  }

  #changed(tell: () => void): void {
    const { give } = this.#signal
    this.#signal = signal()
    give()
    if (!this.#closed) tell()
  }

  #askIn(ms: number): void {
    this.#cancelAsk()
    if (!this.#closed) this.#cancelAsk = this.#options.clock.after(ms, () => void this.#ask())
  }

  /** Never rejects. */
  async #ask(): Promise<void> {
    this.#isAsking = true
    const suspicions = this.#suspicions
    const ranges = await this.#answer()
    this.#isAsking = false
    if (this.#closed) return
    this.#askedMs = this.#options.clock.now()
    if (ranges) this.#take(ranges)
    const isWhole = ranges && [...this.#slots.addresses].every((address) => this.#nodes.get(address)?.isReady)
    if (isWhole) this.#unrest = 0
    const hurryMs = HURRY_MS + backoffMs(this.#unrest++, this.#options.clock)
    this.#askIn(isWhole && suspicions === this.#suspicions ? STEADY_MS : hurryMs)
    this.#hooks.changed()
  }

  async #answer(): Promise<readonly SlotRange[] | null> {
    const masters = this.ready
    const others = [...this.#nodes.values()].filter((node) => node.isReady && !masters.includes(node))
    const turn = Math.floor(this.#options.clock.random() * masters.length)
    const inTurn = [...masters.slice(turn), ...masters.slice(0, turn)]
    const isFirst = ({ address }: ClusterNode): boolean => address === this.#first
    const asked = [...inTurn.filter(isFirst), ...inTurn.filter((node) => !isFirst(node)), ...others]
    this.#first = undefined
    for (const node of asked) {
      try {
        const ranges = await this.#rangesOf(node)
        this.#trouble = ''
        this.#last = node
        if (ranges.length > 0) return ranges
        this.#trouble = ': its nodes have no slots'
      } catch (error) {
        this.#trouble = troubleOf(error)
      }
      if (this.#closed) return null
    }
    this.#openSeeds()
    return null
  }

  async #rangesOf({ client, address }: ClusterNode): Promise<readonly SlotRange[]> {
    const { clock } = this.#options
    let cancel = (): void => undefined
    const late = new Promise<never>((_, reject) => {
      cancel = clock.after(ANSWER_MS, () => reject(new Error(`${address} did not answer within ${ANSWER_MS} ms`)))
    })
    try {
      const shards = await Promise.race([late, client.clusterSlots()])
      return shards.map(({ from, to, master: { host, port } }) => ({
        from,
        to,
        // A node that does not know its host's name means the one it was reached by.
        address: isName(host) ? `${host}:${port}` : address.replace(/:\d+$/, `:${port}`),
      }))
    } finally {
      cancel()
    }
  }

  #take(ranges: readonly SlotRange[]): void {
    this.#slots.replace(ranges)
    const masters = this.#slots.addresses
    for (const address of masters) this.#open(address)
    const sinceMs = this.#options.clock.now() - IDLE_MS
    for (const [address, node] of [...this.#nodes]) {
      if (masters.has(address) || node.askedMs > sinceMs) continue
      this.#nodes.delete(address)
      node.close()
    }
  }

  #openSeeds(): void {
    for (const address of this.#seeds) this.at(address)
  }

  #open(address: string): ClusterNode {
    let node = this.#nodes.get(address)
    if (!node) {
      const { urls } = this.#options
      node = new ClusterNode(address, urlAt(address, urls[0] ?? ''), this.#options, this.#hooks)
      this.#nodes.set(address, node)
    }
    return node
  }
}

const signal = (): { readonly given: Promise<void>; readonly give: () => void } => {
  let give = (): void => undefined
  const given = new Promise<void>((resolve) => (give = resolve))
  return { given, give }
}

const isName = (host: unknown): host is string => typeof host === 'string' && host !== '' && host !== '?'

const addressOf = ({ hostname, port }: URL): string =>
  `${hostname.replace(/^\[(.*)\]$/, '$1')}:${port === '' ? 6379 : port}`

/** The same scheme, user and password at another address. */
const urlAt = (address: string, like: string): string => {
  const { protocol, username, password } = new URL(like)
  const [, host = '', port = ''] = /^(.*):(\d+)$/.exec(address) ?? []
  const access = username === '' && password === '' ? '' : `${username}:${password}@`
  return `${protocol}//${access}${host.includes(':') ? `[${host}]` : host}:${port}`
}
