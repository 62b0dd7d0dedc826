// @ts-check
// One channel, many subscribers, one publisher with a fixed number of messages in flight.
import { setTimeout as sleep } from 'node:timers/promises'
import { Child } from './child.mjs'
import { quantile } from './numbers.mjs'
import { openPublisher } from './publisher.mjs'

/**
 * @typedef {import('./clients.mjs').Wire} Wire
 * @typedef {object} Figures of one round
 * @property {number} cpuUs processor time of the server, a delivery
 * @property {number} writeUs processor time of the server, a write (an answer, for polls)
 * @property {number} roundTripUs median, from a publish to the publisher's own delivery
 * @property {number} slowRoundTripUs 95th percentile
 * @property {number} deliveryUs median over all subscribers
 * @property {number} messagesPerWrite
 * @property {number} serverBusy share of one core
 * @property {number} subscribersBusy share of one core
 */

/** After and before a round, so that what trails behind (garbage, the next poll) is counted, and counted once. */
const SETTLE_MS = 25
/** A round takes a second or two; one that is not over by now lost a message. */
const LOST_MS = 30_000

/** A server in its own process, its subscribers in another, and the publisher in this one. */
export class FanOut {
  wire
  /** @type {Child} */ #server
  /** @type {Child | null} */ #subscribers = null
  /** @type {Awaited<ReturnType<typeof openPublisher>> | null} */ #publisher = null
  /** @type {Promise<never>} */ #failure
  /** @type {(error: Error) => void} */ #fail = () => {}

  /** @param {Wire} wire @param {{ profileDir?: string | undefined }} [options] */
  constructor(wire, { profileDir } = {}) {
    this.wire = wire
    const execArgv = profileDir === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileDir}/${wire}`]
    this.#server = new Child(wire === 'bare' ? 'bare-server.mjs' : 'holdfast-server.mjs', { execArgv })
    this.#failure = new Promise((_resolve, reject) => {
      this.#fail = reject
    })
    this.#failure.catch(() => {})
  }

  /** @param {number} count of subscribers */
  async open(count) {
    const { port } = await this.#server.next()
    this.#subscribers = new Child('subscribers.mjs', { args: [this.wire, String(port)] })
    // The publisher comes in the middle: who is served first would see the shortest round trip, who is last the longest.
    const before = Math.floor(count / 2)
    await this.#sound(this.#subscribers.ask({ open: before }))
    this.#publisher = await this.#sound(openPublisher(this.wire, { port, onFailure: this.#fail }))
    await this.#sound(this.#subscribers.ask({ open: count - before }))
  }

  /** @param {{ messages: number, inFlight: number }} round @returns {Promise<Figures>} */
  async round(round) {
    const subscribers = this.#subscribers
    const publisher = this.#publisher
    if (!subscribers || !publisher) throw new Error('not open')
    const { waiting } = await this.#sound(subscribers.ask(round))
    await sleep(SETTLE_MS)
    const before = await this.#server.ask('cpu')
    const startedMs = performance.now()
    const [roundTrips, received] = await this.#sound(Promise.all([publisher.run(round), subscribers.next()]))
    const wallUs = (performance.now() - startedMs) * 1000
    await sleep(SETTLE_MS)
    const cpuUs = (await this.#server.ask('cpu')).cpuUs - before.cpuUs
    const late = await this.#sound(subscribers.ask('received'))
    if (late.received !== waiting) throw new Error(`${late.received} deliveries were made, ${waiting} were due`)
    const deliveryCpuUs = cpuUs / (waiting + round.messages)
    const messagesPerWrite = received.received / received.batches
    return {
      cpuUs: deliveryCpuUs,
      writeUs: deliveryCpuUs * messagesPerWrite,
      roundTripUs: quantile(roundTrips, 0.5),
      slowRoundTripUs: quantile(roundTrips, 0.95),
      deliveryUs: received.deliveryUs,
      messagesPerWrite,
      serverBusy: cpuUs / wallUs,
      subscribersBusy: received.cpuUs / wallUs,
    }
  }

  async close() {
    // In this order nobody takes the end of the server for a failure.
    await this.#subscribers?.stop()
    await this.#server.stop()
  }

  /**
   * What was asked for, unless deliveries fail first.
   * @template Result
   * @param {Promise<Result>} asked
   * @returns {Promise<Result>}
   */
  async #sound(asked) {
    const watch = new AbortController()
    const lost = sleep(LOST_MS, undefined, { signal: watch.signal }).then(() => {
      throw new Error(`${this.wire}: nothing came for ${LOST_MS / 1000} s; a message was lost`)
    })
    lost.catch(() => {})
    try {
      return await Promise.race([asked, this.#failure, lost])
    } finally {
      watch.abort()
    }
  }
}
