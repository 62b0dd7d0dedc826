import { expect, vi } from 'vitest'
import { isHoldfastError } from '../../base/errors.ts'
import type { Client, CommonOptions, Fact, Gap, Message, SubscribeOptions, Subscription } from '../../client/types.ts'
import type { TransportName } from '../../transports/transport.ts'
import type { HubOptions } from '../../server/hub-types.ts'
import type { Store } from '../../server/store.ts'
import { checkHistory } from '../checker.ts'
import { FakeClock } from '../fake-clock.ts'
import { startFaultProxy } from '../fault-proxy/fault-proxy.ts'
import type { FaultProxy } from '../fault-proxy/fault-proxy.ts'
import type { Faults } from '../fault-proxy/faults.ts'
import type { Action, Match } from '../fault-proxy/rule.ts'
import { Historian } from '../historian.ts'
import type { Marked, Publisher } from '../historian.ts'
import { mostRounds } from './attempts.ts'
import { openClient } from './clients.ts'
import { MemoryCellLog } from './cell-log.ts'
import type { CellLog, Kept } from './cell-log.ts'
import { CARRIER, TRANSPORTS_OF } from './columns.ts'
import type { Column } from './columns.ts'
import { isBehind } from './heads.ts'
import { startHubNode } from './hub-node.ts'
import type { HubNode } from './hub-node.ts'
import { padOf } from './payload.ts'

export interface CellOptions {
  readonly history?: Kept | undefined
  /** Where the log lives. @default in memory */
  readonly log?: ((historian: Historian, channels: readonly string[]) => Promise<CellLog>) | undefined
  /** Hubs on one store; the victim reaches them in turn. @default 1 */
  readonly nodes?: number | undefined
  readonly hub?: Partial<HubOptions> | undefined
  /** Of the victim. */
  readonly client?: ((cell: Cell) => Partial<CommonOptions>) | undefined
  /** What the hubs get instead of the store. */
  readonly eachStore?: ((store: Store) => Store) | undefined
  /** The pace of each of the three publishers. @default 150, which makes 20 messages a second */
  readonly publishEveryMs?: number | undefined
}

const CHANNELS = ['a', 'b', 'c'] as const
/** Longer than anything takes on a slow machine: it bounds a failure, it measures nothing. */
const BOUND_MS = 25_000
const MAX_EVENTS = 100_000

/**
 * One fault under one column: hubs, the fault proxy, a control reader beside it, the victim behind it, three publishers (a hub,
 * the control, the victim), three channels, and the history of it all.
 */
export class Cell {
  readonly column: Column
  readonly historian = new Historian()
  readonly facts: Fact[] = []
  /** What the victim's subscriptions were handed in place of messages. */
  readonly gaps: Gap[] = []
  readonly errors: string[] = []
  /** Requests and WebSockets that are open behind the faults. */
  readonly exchanges = new Set<number>()
  readonly random: () => number
  /** From the end of the fault until the victim had everything, ms. */
  recoveredMs = 0
  readonly #options: CellOptions
  #log!: CellLog
  #nodes: HubNode[] = []
  #proxy!: FaultProxy
  #control!: Client
  #victim: Client | undefined
  readonly #clients: Client[] = []
  readonly #subscriptions: Subscription[] = []
  readonly #publishers: Publisher[] = []
  readonly #timers: NodeJS.Timeout[] = []
  #fired = 0
  #expectsErrors = false

  private constructor(column: Column, options: CellOptions, seed: number) {
    this.column = column
    this.#options = options
    this.random = new FakeClock({ seed }).random
  }

  static async open(column: Column, options: CellOptions, seed: number): Promise<Cell> {
    const cell = new Cell(column, options, seed)
    await cell.#start()
    return cell
  }

  async #start(): Promise<void> {
    const { log, history, nodes: count = 1, hub } = this.#options
    this.#log = log ? await log(this.historian, CHANNELS) : new MemoryCellLog(this.historian, CHANNELS, history)
    for (let index = 0; index < count; index++) {
      this.#nodes.push(await startHubNode(this.#storeOf(index), (what) => this.errors.push(what), hub))
    }
    let turn = 0
    const nodes = this.#nodes
    const upstream = {
      host: '127.0.0.1',
      /** Each request goes to the next hub: nothing here is sticky. */
      get port() {
        return nodes[turn++ % nodes.length]!.port
      },
    }
    this.#proxy = await startFaultProxy({
      upstream,
      maxEvents: MAX_EVENTS,
      maxRules: 1_000,
      orphanMs: 2_000,
      random: this.random,
    })
    this.faults.on('event', ({ kind, link, path }) => {
      if (kind === 'fault') this.#fired++
      if (path !== undefined && (kind === 'request' || kind === 'connect')) this.exchanges.add(link)
      if (kind === 'end') this.exchanges.delete(link)
    })
    for (const [channel, { epoch }] of await this.#log.heads()) this.historian.add({ type: 'epoch', channel, epoch })
    this.#control = this.#client(this.node.url, ['websocket'])
    for (const channel of CHANNELS) this.subscribe(this.#control, channel)
    await this.allLive()
    this.#publish((channel, data) => this.node.hub.publish(channel, data))
    this.#publish((channel, data) => this.#control.publish(channel, data))
  }

  get faults(): Faults {
    return this.#proxy.faults
  }

  /** The hub of the control reader; with several, the first. */
  get node(): HubNode {
    return this.#nodes[0]!
  }

  get nodes(): readonly HubNode[] {
    return this.#nodes
  }

  get log(): CellLog {
    return this.#log
  }

  get victim(): Client {
    if (!this.#victim) throw new Error('the victim has not joined yet')
    return this.#victim
  }

  /** Publishes that have no outcome yet. */
  get openPublishes(): number {
    return this.#publishers.reduce((sum, { open }) => sum + open, 0)
  }

  /** What carries the messages of this column. */
  get carrier(): Match {
    return CARRIER[this.column]
  }

  /** The victim comes: its subscriptions begin, and it publishes. `url` goes past the proxy. */
  join(url = `${this.#proxy.origin}/realtime`, options: SubscribeOptions = {}): void {
    const victim = (this.#victim = this.#client(url, TRANSPORTS_OF[this.column], this.#options.client?.(this)))
    victim.on('trace', (fact) => this.facts.push(fact))
    victim.on('error', ({ code, message }) => this.errors.push(`victim: ${code}: ${message}`))
    for (const channel of CHANNELS) {
      this.subscribe(victim, channel, options).on('gap', (gap) => this.gaps.push(gap))
    }
    this.#publish((channel, data) => victim.publish(channel, data))
  }

  /** The victim comes to a good network, and everything flows. */
  async joinWell(): Promise<void> {
    this.join()
    await this.allLive()
    await this.until('its best transport', () => this.victim.state.transport === TRANSPORTS_OF[this.column][0])
    await this.caughtUp()
  }

  subscribe(
    client: Client,
    channel: string,
    options?: SubscribeOptions,
    then?: (message: Message) => void,
  ): Subscription {
    const subscription = this.historian.subscribe(client, channel, options, then)
    subscription.ready.catch(() => undefined)
    this.#subscriptions.push(subscription)
    return subscription
  }

  /** Another client behind the faults. */
  visitor(options: Partial<CommonOptions> = {}): Client {
    return this.#client(`${this.#proxy.origin}/realtime`, TRANSPORTS_OF[this.column], options)
  }

  rule(match: Match, action: Action, times?: number): number {
    return this.faults.add({ match, action, ...(times !== undefined && { times }) })
  }

  /** Resolves when this rule has done something, so often. */
  async firedOf(id: number, times = 1): Promise<void> {
    const count = (): number => this.faults.log.filter(({ kind, rule }) => kind === 'fault' && rule === id).length
    await this.until(`rule ${id} to fire ${times} times`, () => count() >= times)
  }

  /** Writes into the history that a fault is on while `act` runs; how often it fired is what the proxy says, or what `act` returns. */
  async fault(name: string, act: () => Promise<unknown>): Promise<void> {
    const from = this.historian.lines.length
    this.historian.add({ type: 'fault', name, on: true })
    const before = this.#fired
    const told = await act()
    // Its bounds in the history must hold something: R24. What was appended is not all: on a busy machine nobody has heard of it yet.
    await this.flow(3)
    await this.until('somebody to hear of it', () => this.historian.heardSince(from))
    const fired = typeof told === 'number' ? told : this.#fired - before
    this.historian.add({ type: 'fault', name, on: false, fired })
  }

  /** Ends all faults and waits until the victim has everything that there is, which takes `recoveredMs`. */
  async heal(): Promise<void> {
    this.faults.clear()
    await this.recover()
  }

  /** Waits until the victim has everything that there is now, which takes `recoveredMs`. */
  async recover(): Promise<void> {
    const beganAt = performance.now()
    await this.caughtUp()
    this.recoveredMs = performance.now() - beganAt
  }

  /** Waits until so many more messages were appended. */
  async flow(count: number): Promise<void> {
    const enough = this.#log.appended + count
    await this.until(`${count} more messages`, () => this.#log.appended >= enough)
  }

  /** Waits until every open subscription has everything that is appended now; `exact`: and nothing else. */
  async caughtUp(exact = false): Promise<void> {
    const heads = await this.#log.heads()
    const behind = (): Subscription[] =>
      this.#subscriptions.filter((subscription) => isBehind(subscription, heads, exact))
    await this.until(
      'everybody to have everything',
      () => behind().length === 0,
      () => [behind().map(({ channel, position, state }) => [channel, position, state.name]), this.#seen()],
    )
  }

  allLive(): Promise<void> {
    return this.until('all subscriptions to be live', () =>
      this.#subscriptions.every(({ position, state }) => position ?? state.name === 'ended'),
    )
  }

  /** Waits for a fact of the victim, of the past or of the future. */
  saw(wanted: Partial<Fact>): Promise<void> {
    const entries = Object.entries(wanted)
    const isIt = (fact: Fact): boolean => entries.every(([key, value]) => fact[key as keyof Fact] === value)
    return this.until(JSON.stringify(wanted), () => this.facts.some(isIt))
  }

  /** X: the victim is served by this transport, and `explain()` names it. */
  async carriedBy(name: TransportName): Promise<void> {
    await this.until(`traffic over ${name}`, () => this.victim.state.transport === name)
    const { transports } = this.victim.explain()
    const carrying = transports.find(({ status }) => status === 'carrying')
    expect(carrying?.name, 'explain() names the transport that carries').toBe(name)
  }

  /** E: the application is told, with a typed error, that the client waits. */
  async waits(): Promise<void> {
    await this.until('the client to wait', () => this.victim.state.name === 'waiting')
    const { state } = this.victim
    if (state.name === 'waiting') expect(isHoldfastError(state.error) && state.error.retryable).toBe(true)
    expect(this.victim.explain().summary).not.toBe('')
  }

  /** The log again, in the life that it has now, for a hub that had stopped. */
  async startAgain(node: HubNode): Promise<void> {
    await node.start(this.#storeOf(this.#nodes.indexOf(node)))
  }

  /** Publishes so many messages on each channel at once, past all faults. */
  async burst(count: number, pad = ''): Promise<void> {
    const { hub } = this.node
    const publisher = this.historian.publisher((channel, data) => hub.publish(channel, data))
    for (const channel of CHANNELS) {
      for (let index = 0; index < count; index++) await publisher.publish(channel, pad)
    }
  }

  /** Waits until everything that is in the log now is older than that. */
  async allOlderThan(ms: number): Promise<void> {
    const { length } = this.historian.lines
    const since = performance.now()
    await this.until('time to pass', () => performance.now() - since > ms && this.historian.lines.length > length)
  }

  stopPublishing(): void {
    for (const timer of this.#timers.splice(0)) clearInterval(timer)
  }

  allowErrors(): void {
    this.#expectsErrors = true
  }

  until(what: string, isSo: () => boolean, seen: () => unknown = () => this.#seen()): Promise<void> {
    return vi.waitFor(
      () => {
        if (!isSo()) throw new Error(`waited for ${what}; seen: ${JSON.stringify(seen())}`)
      },
      { timeout: BOUND_MS, interval: 10 },
    )
  }

  /** One that joins late reads all there is; then rest, and the checker's judgement. */
  async finish(): Promise<void> {
    if (this.#victim) {
      const late = this.visitor()
      for (const channel of CHANNELS) this.subscribe(late, channel, { from: 'earliest' })
      await this.allLive()
    }
    this.stopPublishing()
    await this.until(
      'an outcome of each publish',
      () => this.#publishers.every(({ open }) => open === 0),
      () => [this.#publishers.map(({ open }) => open), this.#seen()],
    )
    await this.caughtUp(true)
    await this.#log.settle()
    this.historian.add({ type: 'quiesce' })
    expect(checkHistory(this.historian.lines)).toEqual([])
    if (!this.#expectsErrors) expect(this.errors).toEqual([])
    expect(mostRounds(this.facts)).toBeLessThanOrEqual(3)
    for (const client of this.#clients) client.close()
    // M: nothing is left at the hub.
    await this.until(
      'the hub to be empty',
      () => this.#nodes.every(({ hub }) => hub.health.links === 0),
      () => this.#nodes.map(({ hub }) => hub.health),
    )
  }

  async close(): Promise<void> {
    this.stopPublishing()
    for (const client of this.#clients) client.close()
    await this.#proxy.close()
    for (const node of this.#nodes) await node.close()
    await this.#log.close()
  }

  #seen(): unknown {
    if (!this.#victim) return 'no victim'
    const { summary } = this.#victim.explain()
    return [summary, this.facts.slice(-12).map(({ kind, transport, code }) => [kind, transport, code].join(' '))]
  }

  #storeOf(index: number): Store {
    const { eachStore = (store: Store) => store } = this.#options
    return eachStore(this.#log.store(index))
  }

  #client(url: string, names: readonly TransportName[], options: Partial<CommonOptions> = {}): Client {
    const client = openClient(url, names, options)
    this.#clients.push(client)
    return client
  }

  #publish(send: (channel: string, data: Marked) => Promise<{ readonly position: string }>): void {
    // A store on another machine may have taken what it did not answer.
    const publisher = this.historian.publisher(send, this.#options.log ? ['unknown', 'unavailable'] : ['unknown'])
    this.#publishers.push(publisher)
    let turn = this.#publishers.length
    const timer = setInterval(() => {
      void publisher.publish(CHANNELS[turn++ % CHANNELS.length]!, padOf(this.random))
    }, this.#options.publishEveryMs ?? 150)
    this.#timers.push(timer)
  }
}
