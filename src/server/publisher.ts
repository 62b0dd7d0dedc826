import type { HoldfastError } from '../base/errors.ts'
import type { Publish, Send } from '../protocol/frames.ts'
import type { Place } from '../protocol/position.ts'
import type { Authorizer, User } from './authorize.ts'
import { keepOf, keyWanted } from './channel-kinds.ts'
import type { KindOf } from './channel-kinds.ts'
import { publisherTag } from './digest.ts'
import { ackText, errorText, refusal } from './frame-text.ts'
import type { HubLimits } from './limits.ts'
import { presenceOf } from './presence.ts'
import type { Presence } from './presence.ts'
import { claimsOf } from './handlers.ts'
import type { Handlers } from './handlers.ts'
import type { AppendRequest, Store } from './store.ts'
import type { Telemetry } from './telemetry.ts'

export interface PublisherContext {
  readonly store: Store
  readonly authorizer: Authorizer
  readonly limits: HubLimits
  readonly kindOf: KindOf
  readonly handlers: Handlers
  readonly presence: Presence
  readonly report: (error: unknown, context: string) => void
  readonly telemetry: Telemetry
}

/** What became of a publish: the place of its message, or why there is none. */
export type Outcome = { readonly place: Place; readonly repeated: boolean } | { readonly refused: HoldfastError }

/** The user part of a key for those who are not authenticated; a user's id is never empty. */
export const ANONYMOUS = ''

/** Appends what clients publish: size, permission, and one client's publishes one by one (PROTOCOL.md §8). */
export class Publisher {
  readonly #context: PublisherContext
  /** The last publish under way of each user and client, over all their links. */
  readonly #lanes = new Map<string, Promise<unknown>>()

  constructor(context: PublisherContext) {
    this.#context = context
  }

  /** The publishing side of one link of a client; for HTTP, of one request. `take` takes a token, or says why there is none. */
  link(user: User | null, client: string, take: () => HoldfastError | null): PublishLink {
    const lane = `${client}${user === null ? '' : `:${user.userId}`}`
    const append: Append = async (request, channel, asker) => {
      const refused = take()
      return refused ? { refused } : this.append(user, channel, request, asker)
    }
    return new PublishLink(user, client, append, {
      inTurn: (task) => this.#inTurn(lane, task),
      refused: (error, channel) => this.#context.telemetry.publishRefused(error, { channel, user }),
    })
  }

  /** One publish, checked and appended. `asker`: the tag of the client that wants the answer of a handler. Never rejects. */
  async append(user: User | null, channel: string, request: AppendRequest, asker?: string): Promise<Outcome> {
    const { telemetry } = this.#context
    const outcome = await this.#append(user, channel, request, asker)
    if ('refused' in outcome) telemetry.publishRefused(outcome.refused, { channel, user })
    else telemetry.published(outcome.repeated ? 'repeated' : 'appended')
    return outcome
  }

  async #append(
    user: User | null,
    channel: string,
    request: AppendRequest,
    asker: string | undefined,
  ): Promise<Outcome> {
    const { authorizer, limits, handlers } = this.#context
    const bytes = Buffer.byteLength(request.json)
    if (bytes > limits.dataBytes) {
      const message = `the data has ${bytes} bytes of JSON; one message may have ${limits.dataBytes} at most`
      return { refused: refusal('too-large', message, { field: 'data' }) }
    }
    const known = authorizer.check({ user, action: 'publish', channel })
    const permission = known instanceof Promise ? await known : known
    if (!permission.allowed) return { refused: permission.refused }
    if (presenceOf(channel) !== undefined) return this.#appear(channel, request)
    const handler = handlers.find(channel, user)
    if (!handler && !asker) return this.#store(channel, request)
    if (!handler) {
      return { refused: refusal('not-found', `nobody answers requests on the channel ${JSON.stringify(channel)}`) }
    }
    const refused = handlers.refuse()
    if (refused) return { refused }
    const outcome = await this.#take(claimsOf(channel), { ...request, keep: 'none' })
    // Whoever has the key runs it, and nobody again.
    if ('place' in outcome && !outcome.repeated) {
      handlers.run(handler, { channel, data: JSON.parse(request.json), user, id: outcome.place.id }, asker)
    }
    return outcome
  }

  /** As the kind of the channel wants it. */
  async #store(channel: string, request: AppendRequest): Promise<Outcome> {
    const kind = this.#context.kindOf(channel)
    const keep = keepOf(kind, kind.by === undefined ? undefined : JSON.parse(request.json))
    if (!keep) return { refused: refusal('bad-request', keyWanted(kind), { field: 'data' }) }
    return this.#take(channel, { ...request, keep })
  }

  /** Somebody is seen, or leaves. */
  #appear(channel: string, request: AppendRequest): Promise<Outcome> {
    return this.#stored(async () => {
      const leased = await this.#context.presence.publish(channel, request)
      if ('refused' in leased) return leased
      if (leased.kind === 'full') return { refused: refusal('too-many', 'as many are there as can be seen') }
      if (leased.kind === 'unknown') return { refused: refusals.unknown() }
      return { place: leased.place, repeated: !leased.told }
    })
  }

  #take(channel: string, request: AppendRequest): Promise<Outcome> {
    return this.#stored(async () => {
      const appended = await this.#context.store.append(channel, request)
      if (appended.kind !== 'appended') return { refused: refusals[appended.kind]() }
      return { place: appended.place, repeated: appended.duplicate }
    })
  }

  async #stored(task: () => Promise<Outcome>): Promise<Outcome> {
    try {
      return await task()
    } catch (error) {
      this.#context.report(error, 'appending to the store')
      const message = 'the store cannot take the message now; publish it again later'
      return { refused: refusal('unavailable', message, { retryAfterMs: 1000 }) }
    }
  }

  #inTurn<Result>(lane: string, task: () => Promise<Result>): Promise<Result> {
    const before = this.#lanes.get(lane)
    const current = before ? before.then(task) : task()
    this.#lanes.set(lane, current)
    const over = (): void => {
      if (this.#lanes.get(lane) === current) this.#lanes.delete(lane)
    }
    current.then(over, over)
    return current
  }
}

const refusals = {
  unknown: () =>
    refusal(
      'unknown',
      'the key or the time of this publish is over; it may have been appended earlier, and is not now',
    ),
  conflict: () =>
    refusal('conflict', 'this key was used with other data; a publish that is sent again must be the same', {
      field: 'key',
    }),
  late: () => refusal('unavailable', 'there was no time for this publish; publish it again', { retryAfterMs: 0 }),
  full: () =>
    refusal('unavailable', 'no more keys can be remembered on this channel now; publish it again later', {
      retryAfterMs: 5000,
    }),
} as const

type Append = (request: AppendRequest, channel: string, asker?: string) => Promise<Outcome>

interface Lane {
  inTurn<Result>(task: () => Promise<Result>): Promise<Result>
  /** A publish was turned away before it came to be appended. */
  refused(error: HoldfastError, channel: string): void
}

/** Keeps the order of one link: after a refusal that can be retried nothing above it is taken (PROTOCOL.md §8.7). */
export class PublishLink {
  readonly #user: User | null
  readonly #client: string
  readonly #append: Append
  readonly #lane: Lane
  readonly #publisher: string
  #refused = Infinity
  /** The highest that was turned away behind it. */
  #behind = 0

  constructor(user: User | null, client: string, append: Append, lane: Lane) {
    this.#user = user
    this.#client = client
    this.#append = append
    this.#lane = lane
    this.#publisher = publisherTag(client)
  }

  /**
   * The text of the ack, or of the error with the publish's sequence. One that `isLate` when its turn comes is refused, to come again. Never
   * rejects.
   */
  publish(frame: Publish, isLate = () => false): Promise<string> {
    return this.#lane.inTurn(() => this.#answer(frame, isLate))
  }

  /** Appends it in its turn, or drops it: nobody is told (PROTOCOL.md §8.10). Never rejects. */
  async send({ channel, data }: Send): Promise<null> {
    await this.#lane.inTurn(() => this.#append(this.#message(data), channel))
    return null
  }

  async #answer(frame: Publish, isLate: () => boolean): Promise<string> {
    const { sequence } = frame
    // One that was turned away comes again and nothing comes before it: its client has given the refused one up.
    if (sequence > this.#refused && sequence <= this.#behind) this.#refused = Infinity
    if (sequence > this.#refused) {
      this.#behind = sequence
      const message = `publish ${this.#refused} was refused and must come again first`
      const refused = refusal('out-of-order', message)
      this.#lane.refused(refused, frame.channel)
      return errorText(refused, { sequence })
    }
    const asker = frame.reply ? this.#publisher : undefined
    const outcome = isLate()
      ? { refused: refusals.late() }
      : await this.#append(this.#request(frame), frame.channel, asker)
    if ('place' in outcome) {
      if (sequence === this.#refused) this.#refused = Infinity
      return ackText(sequence, outcome.place)
    }
    if (outcome.refused.retryable) {
      this.#refused = sequence
      this.#behind = 0
    } else if (sequence === this.#refused) this.#refused = Infinity
    return errorText(outcome.refused, { sequence })
  }

  #request({ sequence, key, until, data }: Publish): AppendRequest {
    const userId = this.#user?.userId ?? ANONYMOUS
    return {
      ...this.#message(data),
      key: key === undefined ? { userId, client: this.#client, sequence } : { userId, key },
      ...(until === undefined ? {} : { untilMs: until }),
    }
  }

  #message(data: unknown): AppendRequest {
    return {
      json: JSON.stringify(data),
      publisher: this.#publisher,
      ...(this.#user === null ? {} : { sender: this.#user.userId }),
    }
  }
}
