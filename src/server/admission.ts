import type { Clock } from '../base/clock.ts'
import type { HoldfastError } from '../base/errors.ts'
import { BucketTable } from './bucket-table.ts'
import { refusal } from './frame-text.ts'
import type { HubLimits } from './limits.ts'
import { peerAddress } from './peer-address.ts'
import type { AddressFacts } from './peer-address.ts'
import { ratePerMinute, TokenBucket } from './token-bucket.ts'
import type { Rate } from './token-bucket.ts'

/** What has a rate. A `connect` opens a WebSocket or a stream, with the channels that its hello names. */
export type RatedAction = 'connect' | 'subscribe' | 'publish' | 'poll'

/** Whose tokens are taken; undefined for what is not known, or not known yet. */
export interface Peer {
  readonly address?: string | undefined
  readonly userId?: string | undefined
}

type Scope = 'address' | 'user'
type Tables = Readonly<Record<RatedAction, BucketTable | null>>

interface Context {
  readonly clock: Clock
  readonly limits: HubLimits
  /** Proxies in front whose `X-Forwarded-For` entries are believed. */
  readonly trustProxy: number
}

/** One who publishes brings all that waits at once; everything else comes by itself. */
export const publishRate = (perMinute: number, burstMs: number): Rate | null =>
  ratePerMinute(perMinute, burstMs, 'together')
export const spreadRate = (perMinute: number, burstMs: number): Rate | null =>
  ratePerMinute(perMinute, burstMs, 'spread')

const WORDS: Readonly<Record<RatedAction, string>> = {
  connect: 'new links',
  subscribe: 'subscriptions',
  publish: 'publishes',
  poll: 'polls',
}

/** The error of a rate (PROTOCOL.md §9): `whose` says whose rate it is. */
export const overRate = (action: RatedAction, whose: string, retryAfterMs: number): HoldfastError =>
  refusal('rate-limited', `too many ${WORDS[action]} of this ${whose}; come again in ${retryAfterMs} ms`, {
    retryAfterMs,
  })

/** What all together may bring at once, ms of their rate: more of it would keep the hub from everybody else. */
const HERD_BURST_MS = 1000

/** Rates by user, by address and of all together, and how many links each of them has (PROTOCOL.md §9). */
export class Admission {
  readonly #context: Context
  readonly #tables: Readonly<Record<Scope, Tables>>
  readonly #links: Readonly<Record<Scope, Map<string, number>>> = { address: new Map(), user: new Map() }
  readonly #herd: TokenBucket | null

  constructor(context: Context) {
    const { limits } = context
    const { rateBurstMs: burstMs, rateKeys } = limits
    const table = (rate: Rate | null): BucketTable | null => rate && new BucketTable(rate, rateKeys)
    const herd = spreadRate(limits.connectsPerMinute, HERD_BURST_MS)
    this.#context = context
    this.#herd = herd && new TokenBucket(herd)
    this.#tables = {
      address: {
        connect: table(spreadRate(limits.connectsPerMinutePerAddress, burstMs)),
        subscribe: table(spreadRate(limits.subscribesPerMinutePerAddress, burstMs)),
        publish: table(publishRate(limits.publishesPerMinutePerAddress, burstMs)),
        poll: table(spreadRate(limits.pollsPerMinutePerAddress, burstMs)),
      },
      user: {
        connect: table(spreadRate(limits.connectsPerMinutePerUser, burstMs)),
        subscribe: table(spreadRate(limits.subscribesPerMinutePerUser, burstMs)),
        publish: table(publishRate(limits.publishesPerMinutePerUser, burstMs)),
        poll: table(spreadRate(limits.pollsPerMinutePerUser, burstMs)),
      },
    }
  }

  /** What stands for the address of a request's sender. */
  addressOf(request: AddressFacts): string | undefined {
    return peerAddress(request, this.#context.trustProxy)
  }

  /** Takes a token of each rate that is known of the peer; or, when one has none, takes nothing and says why. */
  take(action: RatedAction, peer: Peer): HoldfastError | null {
    const refused = this.check(action, peer)
    if (refused) return refused
    const nowMs = this.#context.clock.now()
    for (const [scope, key] of keysOf(peer)) this.#tables[scope][action]?.get(key, nowMs).take(nowMs)
    return null
  }

  /** The same without taking anything. */
  check(action: RatedAction, peer: Peer): HoldfastError | null {
    const nowMs = this.#context.clock.now()
    for (const [scope, key] of keysOf(peer)) {
      const bucket = this.#tables[scope][action]?.get(key, nowMs)
      if (bucket && !bucket.ready(nowMs)) return overRate(action, scope, bucket.againMs(nowMs))
    }
    return null
  }

  /** Why the hub takes no new link just now, whoever asks, if that is so: asked before anybody is asked who that is. */
  checkHerd(): HoldfastError | null {
    const nowMs = this.#context.clock.now()
    if (!this.#herd || this.#herd.ready(nowMs)) return null
    const retryAfterMs = this.#herd.againMs(nowMs)
    return refusal('unavailable', `too many come to the hub at once; come again in ${retryAfterMs} ms`, {
      retryAfterMs,
    })
  }

  /** The same for one who is let in. Only those count, so that nobody is kept out by who is refused anyway. */
  takeHerd(): HoldfastError | null {
    const refused = this.checkHerd()
    if (!refused) this.#herd?.take(this.#context.clock.now())
    return refused
  }

  /** Why the peer may not have another link now, if that is so. */
  refuseLink(peer: Peer): HoldfastError | null {
    const { clock, limits } = this.#context
    for (const [scope, key] of keysOf(peer)) {
      const most = scope === 'user' ? limits.linksPerUser : limits.linksPerAddress
      if ((this.#links[scope].get(key) ?? 0) < most) continue
      const retryAfterMs = 1000 + Math.floor(clock.random() * 4000)
      return refusal(
        'rate-limited',
        `this ${scope} has ${most} links, and may not have more; close one, or come later`,
        {
          retryAfterMs,
        },
      )
    }
    return null
  }

  /** Counts a link. Returns the function that takes it out again; idempotent. */
  enter(peer: Peer): () => void {
    const keys = keysOf(peer)
    for (const [scope, key] of keys) this.#links[scope].set(key, (this.#links[scope].get(key) ?? 0) + 1)
    let left = false
    return () => {
      if (left) return
      left = true
      for (const [scope, key] of keys) this.#leave(this.#links[scope], key)
    }
  }

  #leave(links: Map<string, number>, key: string): void {
    const count = (links.get(key) ?? 0) - 1
    if (count > 0) links.set(key, count)
    else links.delete(key)
  }
}

const keysOf = ({ address, userId }: Peer): readonly (readonly [Scope, string])[] => [
  ...(address === undefined ? [] : [['address', address] as const]),
  ...(userId === undefined ? [] : [['user', userId] as const]),
]
