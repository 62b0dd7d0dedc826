import type { HoldfastError } from '../base/errors.ts'
import type { Clock } from '../base/clock.ts'
import { OWN, PRESENCE } from '../protocol/frames.ts'
import { fitsPattern, readSharedPattern } from './channel-pattern.ts'
import type { ChannelPattern } from './channel-pattern.ts'
import { dropOldest } from './drop-oldest.ts'
import { refusal } from './frame-text.ts'
import type { HubLimits } from './limits.ts'
import type { AppendRequest, Holder, Leased, LeaseRequest, Store } from './store.ts'

/** The channel whose presence a channel tells; undefined for any other channel. */
export const presenceOf = (channel: string): string | undefined =>
  channel.startsWith(PRESENCE) ? channel.slice(PRESENCE.length) : undefined

/** Reads `presence` of `createHub`: on which channels people may be seen. @throws TypeError that names the pattern which is wrong */
export const presenceRules = (patterns: readonly string[] = []): ((channel: string) => boolean) => {
  const isList: boolean = Array.isArray(patterns)
  if (!isList) throw new TypeError('holdfast: presence must be an array of patterns of channels')
  const read = (text: string, index: number): ChannelPattern => {
    try {
      return readSharedPattern(text, 'presence')
    } catch (error) {
      throw new TypeError(`holdfast: presence[${index}]: ${error instanceof Error ? error.message : String(error)}`, {
        cause: error,
      })
    }
  }
  const all = patterns.map(read)
  return (channel) => !channel.startsWith(OWN) && all.some((pattern) => fitsPattern(pattern, channel, null))
}

interface Context {
  readonly store: Pick<Store, 'lease'>
  readonly clock: Clock
  readonly limits: Pick<HubLimits, 'presenceBytes' | 'presenceMs' | 'presenceSweepMs' | 'presentPerChannel'>
  readonly isOn: (channel: string) => boolean
  /** Whether somebody reads the channel here. */
  readonly isRead: (channel: string) => boolean
  readonly report: (error: unknown, context: string) => void
}

/** Channels that are looked after at one time; above it those that were used longest ago are left to other hubs. */
const MOST_CHANNELS = 10_000

/** Who is at which channel: a lease in the store, renewed by what clients publish (PROTOCOL.md §8.14). */
export class Presence {
  readonly #context: Context
  /** Channels of presence, and when they were last used here. */
  readonly #used = new Map<string, number>()
  #cancel: (() => void) | null = null
  #closed = false

  constructor(context: Context) {
    this.#context = context
  }

  /** Null, or why there is no presence on the channel. */
  refuse(channel: string): HoldfastError | null {
    if (this.#context.isOn(channel)) return null
    const message = `there is no presence on the channel ${JSON.stringify(channel)}; \`presence\` of the hub says where it is`
    return refusal('forbidden', message)
  }

  /** Takes what a client publishes to a channel of presence. @throws what the store throws */
  async publish(channel: string, request: AppendRequest): Promise<Leased | { readonly refused: HoldfastError }> {
    const { limits } = this.#context
    const bytes = Buffer.byteLength(request.json)
    if (bytes > limits.presenceBytes) {
      const message = `the data has ${bytes} bytes of JSON; that of presence may have ${limits.presenceBytes} at most`
      return { refused: refusal('too-large', message, { field: 'data' }) }
    }
    const holder = holderOf(request)
    if (!holder) {
      const message = 'the data must be { "data": … } or null, from a client that said hello'
      return { refused: refusal('bad-request', message, { field: 'data' }) }
    }
    this.use(channel)
    return this.#lease(channel, holder)
  }

  /** Takes out of a channel of presence those who are gone. @throws what the store throws */
  async look(channel: string): Promise<void> {
    await this.#lease(channel)
  }

  /** From now on those who are gone are taken out of this channel, for as long as it is used. Any other channel is left alone. */
  use(channel: string): void {
    if (this.#closed || presenceOf(channel) === undefined) return
    this.#used.delete(channel)
    this.#used.set(channel, this.#context.clock.now())
    if (this.#used.size > MOST_CHANNELS) dropOldest(this.#used)
    this.#cancel ??= this.#arm()
  }

  close(): void {
    this.#closed = true
    this.#cancel?.()
    this.#used.clear()
  }

  #arm(): () => void {
    const { clock, limits } = this.#context
    // Hubs that share a store take turns rather than come together.
    return clock.after(limits.presenceSweepMs * (0.5 + clock.random()), () => void this.#sweep())
  }

  async #sweep(): Promise<void> {
    const { clock, limits, isRead, report } = this.#context
    for (const [channel, atMs] of [...this.#used]) {
      if (this.#closed) return
      if (isRead(channel)) this.#used.set(channel, clock.now())
      else if (clock.now() - atMs > limits.presenceMs + 2 * limits.presenceSweepMs) this.#used.delete(channel)
      try {
        await this.look(channel)
      } catch (error) {
        report(error, 'looking who has left')
        // The store is away: the others would fare no better. Next time they come before this one.
        const usedMs = this.#used.get(channel)
        if (usedMs !== undefined && this.#used.delete(channel)) this.#used.set(channel, usedMs)
        break
      }
    }
    this.#cancel = this.#used.size > 0 && !this.#closed ? this.#arm() : null
  }

  #lease(channel: string, holder?: Holder): Promise<Leased> {
    const { store, limits } = this.#context
    const request: LeaseRequest = {
      ...(holder && { holder }),
      leaseMs: limits.presenceMs,
      holders: limits.presentPerChannel,
    }
    // `createHub` takes no presence without it.
    if (!store.lease) throw new TypeError('holdfast: the store has no `lease`')
    return store.lease(channel, request)
  }
}

/** Who is to be seen, and with what; null when the request does not say so. */
const holderOf = ({ json, publisher: id, sender, key, untilMs }: AppendRequest): Holder | null => {
  const said: unknown = JSON.parse(json)
  if (id === undefined || typeof said !== 'object' || Array.isArray(said)) return null
  if (said !== null && !Object.hasOwn(said, 'data')) return null
  return {
    id,
    ...(key && 'sequence' in key && { sequence: key.sequence }),
    json: said === null ? null : JSON.stringify({ id, data: (said as { readonly data: unknown }).data }),
    ...(sender !== undefined && { sender }),
    ...(untilMs !== undefined && { untilMs }),
  }
}
