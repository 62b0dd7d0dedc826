import { setTimeout as wait } from 'node:timers/promises'
import { expect, vi } from 'vitest'
import type { Client, Fact, Gap, SubscribeOptions, Subscription } from '../../client/types.ts'
import type { TransportName } from '../../transports/transport.ts'
import { checkHistory } from '../checker.ts'
import { FakeClock } from '../fake-clock.ts'
import { mostRounds } from '../fault-matrix/attempts.ts'
import { openClient } from '../fault-matrix/clients.ts'
import { COLUMNS, COLUMN_NAMES, TRANSPORTS_OF } from '../fault-matrix/columns.ts'
import type { Column } from '../fault-matrix/columns.ts'
import { isBehind } from '../fault-matrix/heads.ts'
import { padOf } from '../fault-matrix/payload.ts'
import type { RedisLog } from '../fault-matrix/redis-log.ts'
import type { SingleRedis } from '../fault-matrix/single-redis.ts'
import type { Historian, Marked, Publisher } from '../historian.ts'
import { backEnd } from './back-end.ts'
import type { Fleet } from './fleet.ts'
import { CLIENT_TIMING } from './scale.ts'

export const CHANNELS = ['a', 'b', 'c'] as const
/** Longer than anything takes on a slow machine: it bounds a failure, it measures nothing. */
const BOUND_MS = 60_000
const LOOK_EVERY_MS = 10
/** The pace of each of the seven publishers, which makes 20 messages a second. */
const PUBLISH_EVERY_MS = 350

/** One client, and what it was handed in place of messages. */
export interface Visitor {
  readonly client: Client
  readonly subscriptions: readonly Subscription[]
  readonly gaps: Gap[]
  readonly facts: Fact[]
}

/**
 * Everybody who uses a fleet: a reader over each transport and one over the whole ladder, all through nginx; a control reader at one
 * hub; all of them publish too, and so does a back end over HTTP. Three channels, and the history of it all.
 */
export class Crowd {
  readonly historian: Historian
  readonly fleet: Fleet
  readonly redis: RedisLog<SingleRedis>
  readonly errors: string[] = []
  readonly visitors = new Map<Column, Visitor>()
  /** From the end of the fault until each had everything, in ms. */
  readonly recoveredMs = new Map<Column, number>()
  readonly #random: () => number
  readonly #all: Visitor[] = []
  readonly #publishers: Publisher[] = []
  readonly #timers: NodeJS.Timeout[] = []
  #acked = 0
  /** Lines of the history that were looked at for it. */
  #counted = 0

  constructor(historian: Historian, fleet: Fleet, redis: RedisLog<SingleRedis>, seed: number) {
    this.historian = historian
    this.fleet = fleet
    this.redis = redis
    this.#random = new FakeClock({ seed }).random
  }

  /** Everybody comes, and everything flows. */
  async join(): Promise<void> {
    for (const [channel, { epoch }] of await this.redis.heads()) this.historian.add({ type: 'epoch', channel, epoch })
    const control = this.visit(this.fleet.hubs.at(-1)?.url ?? '', TRANSPORTS_OF.A)
    for (const column of COLUMNS) this.visitors.set(column, this.visit(this.fleet.url(column), TRANSPORTS_OF[column]))
    await this.until('all subscriptions to be live', () =>
      this.#all.every(({ subscriptions }) => subscriptions.every(({ position }) => position)),
    )
    for (const { client } of [control, ...this.visitors.values()]) {
      this.#publish((channel, data) => client.publish(channel, data))
    }
    this.#publish(backEnd(this.fleet.url('other')))
    for (const [column, { client }] of this.visitors) {
      await this.until('its best transport', () => client.state.transport === TRANSPORTS_OF[column][0])
    }
    await this.flow(20)
    await this.caughtUp()
  }

  visit(url: string, names: readonly TransportName[], options: SubscribeOptions = {}): Visitor {
    const client = openClient(url, names, { timing: CLIENT_TIMING })
    const gaps: Gap[] = []
    const facts: Fact[] = []
    client.on('trace', (fact) => facts.push(fact))
    client.on('error', ({ code, message }) => this.errors.push(`${names.join()}: ${code}: ${message}`))
    const subscriptions = CHANNELS.map((channel) => {
      const subscription = this.historian.subscribe(client, channel, options)
      subscription.ready.catch(() => undefined)
      subscription.on('gap', (gap) => gaps.push(gap))
      return subscription
    })
    const visitor = { client, subscriptions, gaps, facts }
    this.#all.push(visitor)
    return visitor
  }

  /** Publishes that were acknowledged so far. */
  get acked(): number {
    const { lines } = this.historian
    for (; this.#counted < lines.length; this.#counted++) this.#acked += Number(lines[this.#counted]?.type === 'pub.ok')
    return this.#acked
  }

  /** Publishes that have no outcome yet. */
  get openPublishes(): number {
    return this.#publishers.reduce((sum, { open }) => sum + open, 0)
  }

  /**
   * Writes into the history that a fault is on while `act` runs, which returns how often it fired; then waits until each visitor has
   * everything that there is, which takes `recoveredMs`.
   */
  async fault(name: string, act: () => Promise<number>): Promise<void> {
    this.historian.add({ type: 'fault', name, on: true })
    const fired = await act()
    const healedAt = performance.now()
    const heads = await this.redis.heads()
    const recovered = [...this.visitors].map(async ([column, { subscriptions }]) => {
      const isDone = (): boolean => !subscriptions.some((subscription) => isBehind(subscription, heads))
      await this.until(`${COLUMN_NAMES[column]} to have everything`, isDone)
      this.recoveredMs.set(column, performance.now() - healedAt)
    })
    await Promise.all(recovered)
    // Its bounds in the history must hold something: R24.
    await this.flow(3)
    this.historian.add({ type: 'fault', name, on: false, fired })
  }

  /** Waits until so many more publishes were acknowledged. */
  async flow(count: number): Promise<void> {
    const enough = this.acked + count
    await this.until(`${count} more acknowledgements`, () => this.acked >= enough)
  }

  /** Everything goes on for so long. */
  async lasts(ms: number): Promise<void> {
    const since = performance.now()
    await this.until('time to pass', () => performance.now() - since >= ms)
  }

  /** Waits until everybody who is there has everything that is appended now; `exact`: and nothing else. */
  async caughtUp(exact = false): Promise<void> {
    const heads = await this.redis.heads()
    const here = this.#all.filter(({ client }) => client.state.name !== 'idle')
    const behind = (): readonly Subscription[] =>
      here.flatMap(({ subscriptions }) => subscriptions).filter((each) => isBehind(each, heads, exact))
    await this.until(
      'everybody to have everything',
      () => behind().length === 0,
      () => [behind().map(({ channel, position, state }) => [channel, position, state.name]), this.#seen()],
    )
  }

  async until(what: string, isSo: () => boolean, seen: () => unknown = () => this.#seen()): Promise<void> {
    const givenUpAt = performance.now() + BOUND_MS
    while (!isSo()) {
      if (performance.now() > givenUpAt) throw new Error(`waited for ${what}; seen: ${JSON.stringify(seen())}`)
      await wait(LOOK_EVERY_MS)
    }
  }

  /** One that joins late reads all there is; then rest, and the judgement: of the checker, on who was told what, and of what is left. */
  async finish(): Promise<void> {
    const late = this.visit(this.fleet.url('other'), TRANSPORTS_OF.A, { from: 'earliest' })
    await this.until('the late one to begin', () => late.subscriptions.every(({ position }) => position))
    for (const timer of this.#timers.splice(0)) clearInterval(timer)
    await this.until('an outcome of each publish', () => this.openPublishes === 0)
    await this.caughtUp(true)
    await this.redis.settle()
    this.historian.add({ type: 'quiesce' })
    expect(checkHistory(this.historian.lines)).toEqual([])
    expect(this.errors).toEqual([])
    for (const { facts } of this.#all) expect(mostRounds(facts)).toBeLessThanOrEqual(3)
    this.leave()
    this.#judgeTurns()
    for (const hub of this.fleet.hubs) {
      await vi.waitFor(async () => expect(Object.values((await hub.inspect()).links)).toEqual([0, 0, 0, 0]), BOUND_MS)
      expect(await hub.end('SIGTERM')).toEqual({ code: 0, signal: null })
      expect(hub.count('serve.crashed')).toBe(0)
    }
  }

  /** Everybody goes. */
  leave(): void {
    for (const timer of this.#timers.splice(0)) clearInterval(timer)
    for (const { client } of this.#all) client.close()
  }

  /** R25: what each client asked for over HTTP went now to this hub, now to that one. */
  #judgeTurns(): void {
    for (const column of ['S', 'L', 'P'] as const) {
      const hubs = this.fleet.requests(column).flatMap(({ hubs }) => hubs.split(', ').at(-1) ?? [])
      const changes = hubs.filter((hub, index) => index > 0 && hub !== hubs[index - 1])
      expect(changes.length, COLUMN_NAMES[column]).toBeGreaterThan(0)
    }
    const asked = this.fleet.log().map(({ hubs }) => hubs)
    for (const { port } of this.fleet.hubs) expect(asked).toContain(`127.0.0.1:${port}`)
  }

  #seen(): unknown {
    return [...this.visitors].map(([column, { client, facts }]) => {
      const newest = facts.slice(-6).map(({ kind, transport, code }) => [kind, transport, code].join(' '))
      return [COLUMN_NAMES[column], client.explain().summary, newest]
    })
  }

  #publish(send: (channel: string, data: Marked) => Promise<{ readonly position: string }>): void {
    const publisher = this.historian.publisher(send, ['unknown', 'unavailable'])
    this.#publishers.push(publisher)
    let turn = this.#publishers.length
    const timer = setInterval(() => {
      void publisher.publish(CHANNELS[turn++ % CHANNELS.length]!, padOf(this.#random))
    }, PUBLISH_EVERY_MS)
    this.#timers.push(timer)
  }
}
