import type { Clock } from '../../../base/clock.ts'
import type { Heard } from '../link.ts'
import type { Deliver, PubSubKind } from './pub-sub-link.ts'
import { redirectOf } from './redirect.ts'
import { slotOf } from './slots.ts'

/** A connection of one node for Pub/Sub. */
export interface Place {
  readonly address: string
  /** Nothing more comes. */
  readonly isOver: boolean
  subscribe(kind: PubSubKind, channel: string, deliver: Deliver): Promise<void>
  unsubscribe(kind: PubSubKind, channel: string, deliver: Deliver): void
}

interface Node {
  /** Null as long as it is not there. */
  pubSub(): Place | null
}

/** What of the topology is used. */
export interface Nodes {
  owner(slot: number): Node | null
  readonly ready: readonly Node[]
  readonly change: Promise<void>
  moved(slot: number, address: string): void
  suspect(): void
}

interface Wanted {
  readonly kind: PubSubKind
  readonly channel: string
  readonly slot: number
  readonly listeners: Set<Heard>
  /** Resolves when it was subscribed for the first time; rejects when that is refused. */
  readonly opened: Promise<void>
  readonly open: () => void
  readonly refuse: (error: unknown) => void
  isOpen: boolean
  /** Where it is subscribed. */
  link: Place | null
  isSettling: boolean
  /** How often its node has ended it. */
  losses: number
  /** The refusal that was reported last. */
  told: string
}

interface Context {
  readonly clock: Clock
  readonly report: (error: unknown, context: string) => void
}

/** Before a node that refused a subscription is asked again. */
const PAUSE_MS = 500

/**
 * Who listens to which Pub/Sub channel of a cluster, and on which connection. What is `sharded` is heard at the node that has its slot, and goes where
 * the slot goes; what is `plain` at any node. Listeners are called with null after each loss of a place, when there is another one.
 */
export class ClusterSubscriptions {
  readonly #nodes: Nodes
  readonly #context: Context
  readonly #wanted = new Map<string, Wanted>()
  #closed = false

  constructor(nodes: Nodes, context: Context) {
    this.#nodes = nodes
    this.#context = context
  }

  /** Resolves, once messages flow, with the function that ends it; `inTime` bounds the wait. */
  async add(
    kind: PubSubKind,
    channel: string,
    heard: Heard,
    inTime: (opened: Promise<void>) => Promise<void>,
  ): Promise<() => void> {
    // A function of its own, so that one listener can listen twice.
    const listener: Heard = (text) => heard(text)
    let wanted = this.#wanted.get(channel)
    if (!wanted) {
      wanted = newWanted(kind, channel)
      this.#wanted.set(channel, wanted)
    }
    const { listeners, opened } = wanted
    listeners.add(listener)
    void this.#settle(wanted)
    const end = (): void => {
      listeners.delete(listener)
      if (!wanted.isSettling) this.#forget(wanted)
    }
    try {
      await inTime(opened)
    } catch (error) {
      end()
      throw error
    }
    return end
  }

  /** The nodes are not what they were, so each may have another place. */
  settle(): void {
    for (const wanted of [...this.#wanted.values()]) {
      if (!this.#isAtHome(wanted)) void this.#settle(wanted)
    }
  }

  /** A node has ended a subscription, for it does not have the slot any more. */
  moved(link: Place, channel: string): void {
    const wanted = this.#wanted.get(channel)
    if (!wanted || (wanted.link && wanted.link !== link)) return
    this.#nodes.suspect()
    wanted.losses++
    wanted.link = null
    void this.#settle(wanted)
  }

  close(): void {
    this.#closed = true
    for (const { refuse } of this.#wanted.values()) refuse(new Error('the Redis store was closed'))
    this.#wanted.clear()
  }

  /** Brings it to where it belongs. Never rejects. */
  async #settle(wanted: Wanted): Promise<void> {
    if (wanted.isSettling) return
    wanted.isSettling = true
    for (let sentOn = 0; !this.#closed && wanted.listeners.size > 0 && !this.#isAtHome(wanted);) {
      const home = this.#homeOf(wanted)
      if (!home) await this.#nodes.change
      // Once is usual when a slot has moved; nodes that go on are given time to agree.
      else if (!(await this.#subscribe(wanted, home)) && ++sentOn > 1) await this.#pause()
    }
    wanted.isSettling = false
    this.#forget(wanted)
  }

  #homeOf({ kind, slot, link }: Wanted): Place | null {
    if (kind === 'sharded') return this.#nodes.owner(slot)?.pubSub() ?? null
    if (link && !link.isOver) return link
    for (const node of this.#nodes.ready) {
      const home = node.pubSub()
      if (home) return home
    }
    return null
  }

  #isAtHome(wanted: Wanted): boolean {
    return wanted.link !== null && !wanted.link.isOver && wanted.link === this.#homeOf(wanted)
  }

  /** False when the node does not want it, or not any more. */
  async #subscribe(wanted: Wanted, home: Place): Promise<boolean> {
    const { kind, channel, losses } = wanted
    wanted.link?.unsubscribe(kind, channel, this.#deliver)
    wanted.link = null
    try {
      await home.subscribe(kind, channel, this.#deliver)
    } catch (error) {
      if (!home.isOver) this.#refused(wanted, error, home)
      return false
    }
    if (home.isOver || losses !== wanted.losses) return false
    wanted.link = home
    if (wanted.isOpen) for (const listener of [...wanted.listeners]) listener(null)
    wanted.isOpen = true
    wanted.told = ''
    wanted.open()
    return true
  }

  #refused(wanted: Wanted, error: unknown, { address }: Place): void {
    const redirect = redirectOf(error, address)
    if (redirect?.kind === 'moved') this.#nodes.moved(redirect.slot, redirect.address)
    else if (redirect) this.#nodes.suspect()
    else if (!wanted.isOpen) wanted.refuse(error)
    else if (wanted.told !== String(error)) {
      wanted.told = String(error)
      this.#context.report(error, `subscribing to notices in Redis (${address})`)
    }
  }

  async #pause(): Promise<void> {
    let cancel = (): void => undefined
    const over = new Promise<void>((resolve) => (cancel = this.#context.clock.after(PAUSE_MS, resolve)))
    await Promise.race([over, this.#nodes.change])
    cancel()
  }

  /** When nobody listens any more. */
  #forget(wanted: Wanted): void {
    const { kind, channel, listeners, link } = wanted
    if (listeners.size > 0 || this.#wanted.get(channel) !== wanted) return
    this.#wanted.delete(channel)
    link?.unsubscribe(kind, channel, this.#deliver)
  }

  readonly #deliver = (text: string, channel: string): void => {
    for (const listener of [...(this.#wanted.get(channel)?.listeners ?? [])]) listener(text)
  }
}

const newWanted = (kind: PubSubKind, channel: string): Wanted => {
  let open = (): void => undefined
  let refuse = (_error: unknown): void => undefined
  const opened = new Promise<void>((resolve, reject) => {
    open = resolve
    refuse = reject
  })
  // Whoever still waits is told; nobody may.
  opened.catch(() => undefined)
  const state = { isOpen: false, link: null, isSettling: false, losses: 0, told: '' }
  return { kind, channel, slot: slotOf(channel), listeners: new Set(), opened, open, refuse, ...state }
}
