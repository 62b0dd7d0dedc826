import type { HoldfastError } from '../base/errors.ts'
import { isHoldfastError } from '../base/errors.ts'
import { PRESENCE } from '../protocol/frames.ts'
import type { Hello } from '../protocol/frames.ts'
import { Admission } from './admission.ts'
import { Authorizer } from './authorize.ts'
import type { KindOf } from './channel-kinds.ts'
import type { Authorize, User } from './authorize.ts'
import { publisherTag, userTag } from './digest.ts'
import type { Environment } from './environment.ts'
import { refusal, welcomeText } from './frame-text.ts'
import { Handlers } from './handlers.ts'
import type { HubLimits } from './limits.ts'
import { Links } from './links.ts'
import type { HubLogger } from './logger.ts'
import { Presence } from './presence.ts'
import { Publisher } from './publisher.ts'
import { Revocations } from './revocations.ts'
import { observedStore } from './observed-store.ts'
import { StoreCheck } from './readiness.ts'
import type { Store } from './store.ts'
import { Tails } from './tails.ts'
import { Telemetry } from './telemetry.ts'
import { TurnFlush } from './turn-flush.ts'

/** The request behind a link, as the hooks see it. */
export interface HookRequest {
  /** Path and query as they were asked for. */
  readonly url: string
  /** A header by its lower-case name. */
  header(name: string): string | undefined
  /** Address of the peer, where the platform tells it. */
  readonly remoteAddress: string | undefined
}

/**
 * Returns the user behind a token, or null for somebody who is not authenticated. Throwing refuses with 401; a `HoldfastError` with the code
 * `unauthorized` or `unavailable` (503: the client comes again with the same token) is passed on with its text.
 */
export type Authenticate<Known extends User = User> = (question: {
  readonly token: string | undefined
  readonly request: HookRequest
}) => Known | null | Promise<Known | null>

/** Something that failed and was not the peer's fault. */
export interface HubFailure {
  readonly error: unknown
  /** What the hub was doing. */
  readonly context: string
}

export interface CoreOptions {
  readonly store: Store
  readonly authenticate: Authenticate | undefined
  readonly authorize: Authorize
  readonly limits: HubLimits
  readonly kindOf: KindOf
  /** Where people are to be seen. */
  readonly hasPresence: (channel: string) => boolean
  readonly trustProxy: number
  readonly onError: ((failure: HubFailure) => void) | undefined
  readonly logger?: HubLogger | undefined
}

/** What every endpoint of one hub shares. */
export class HubCore {
  readonly environment: Environment
  readonly limits: HubLimits
  readonly kindOf: KindOf
  readonly telemetry: Telemetry
  /** The application's store, its answers timed. */
  readonly store: Store
  readonly storeCheck: StoreCheck
  readonly turns: TurnFlush
  readonly tails: Tails
  readonly presence: Presence
  readonly authorizer: Authorizer
  readonly handlers: Handlers
  readonly publisher: Publisher
  readonly links: Links
  readonly admission: Admission
  readonly revocations: Revocations
  readonly #options: CoreOptions

  constructor(options: CoreOptions, environment: Environment) {
    const { limits } = options
    const { clock } = environment
    const { report } = this
    const telemetry = new Telemetry(options.logger, clock)
    const store = observedStore(options.store, clock, telemetry)
    this.telemetry = telemetry
    this.store = store
    this.storeCheck = new StoreCheck(options.store, clock, limits)
    this.#options = options
    this.environment = environment
    this.limits = limits
    this.kindOf = options.kindOf
    this.turns = new TurnFlush(environment, (error) => report(error, 'the end of a turn'))
    this.presence = new Presence({
      store,
      clock,
      limits,
      isOn: options.hasPresence,
      isRead: (channel) => this.tails.has(channel),
      report,
    })
    const { presence, turns } = this
    const opened = (channel: string): void => presence.use(channel)
    this.tails = new Tails({ store, clock, limits, kindOf: options.kindOf, turns, report, opened })
    const { counters } = telemetry
    this.authorizer = new Authorizer(options.authorize, { clock, limits, report, counters, presence })
    this.handlers = new Handlers({ store, clock, limits, report, telemetry })
    this.publisher = new Publisher({
      store,
      authorizer: this.authorizer,
      limits,
      kindOf: options.kindOf,
      handlers: this.handlers,
      presence,
      report,
      telemetry,
    })
    this.links = new Links(clock, limits, telemetry)
    this.admission = new Admission({ clock, limits, trustProxy: options.trustProxy })
    this.revocations = new Revocations({
      store,
      clock,
      limits,
      name: environment.token(12),
      report,
      apply: ({ userId, channel }) => {
        this.authorizer.forget(userId, channel)
        this.links.revoke(userId, channel)
        if (channel !== undefined) this.links.revoke(userId, PRESENCE + channel)
      },
    })
  }

  get clock(): Environment['clock'] {
    return this.environment.clock
  }

  readonly now = (): number => this.environment.clock.now()

  /** Tells the application of a failure. */
  readonly report = (error: unknown, context: string): void => {
    this.telemetry.failed(error, context)
    try {
      this.#options.onError?.({ error, context })
    } catch {
      // A hook for failures that fails itself has nobody left to tell.
    }
  }

  /**
   * Who is behind a token.
   * @throws HoldfastError `unauthorized` when the hook throws or the token has expired; `unavailable` when the hook does not answer in
   * time, says so, or the user was revoked meanwhile
   */
  async authenticate(token: string | undefined, request: HookRequest): Promise<User | null> {
    const { authenticate } = this.#options
    if (!authenticate) return null
    const { clock, limits } = this
    const { count } = this.revocations
    const user = await new Promise<User | null>((resolve, reject) => {
      const cancel = clock.after(limits.helloMs, () => {
        this.telemetry.counters.authenticate.failed++
        this.report(new Error(`authenticate did not answer in ${limits.helloMs} ms`), 'authenticate')
        reject(refusal('unavailable', 'the user cannot be checked now; try again', { retryAfterMs: 1000 }))
      })
      const ask = async (): Promise<User | null> => authenticate({ token, request })
      ask().then(
        (answer) => {
          cancel()
          resolve(answer)
        },
        (error: unknown) => {
          cancel()
          reject(this.#refused(error, token))
        },
      )
    })
    if (user === null) return user
    const { userId, expiresMs = Infinity } = user
    if (typeof userId !== 'string' || userId === '') {
      throw new TypeError('authenticate must return { userId } with a text that is not empty, or null')
    }
    if (typeof expiresMs !== 'number' || Number.isNaN(expiresMs)) {
      throw new TypeError('authenticate: expiresMs must be a number of milliseconds since 1970')
    }
    if (expiresMs <= clock.wall()) {
      this.telemetry.counters.authenticate.refused++
      throw refusal('unauthorized', 'the token has expired; come with a new one')
    }
    if (!this.revocations.since(userId, count)) return user
    throw refusal('unavailable', 'who this is was changed just now; try again', { retryAfterMs: 1000 })
  }

  /** What the peer is told of an error of `authenticate`. */
  #refused(error: unknown, token: string | undefined): HoldfastError {
    const { counters } = this.telemetry
    if (isHoldfastError(error) && error.code === 'unavailable') {
      counters.authenticate.failed++
      this.report(error, 'authenticate')
      return refusal(error.code, error.message, { retryAfterMs: error.retryAfterMs ?? 1000 })
    }
    counters.authenticate.refused++
    if (isHoldfastError(error) && error.code === 'unauthorized') return refusal(error.code, error.message)
    return refusal('unauthorized', token === undefined ? 'a token is needed here' : 'the token was refused')
  }

  /** The beat in force for what a client asked for (PROTOCOL.md §7.1). */
  heartbeatMs(asked: number | undefined): number {
    const { heartbeatMs, heartbeatMinMs, heartbeatMaxMs } = this.limits
    return Math.round(Math.min(Math.max(asked ?? heartbeatMs, heartbeatMinMs), heartbeatMaxMs))
  }

  welcome(hello: Pick<Hello, 'nonce' | 'client'>, user: User | null, heartbeatMs: number): string {
    return welcomeText({
      nonce: hello.nonce,
      timeMs: this.clock.wall(),
      heartbeatMs,
      user: userTag(user === null ? null : user.userId),
      publisher: publisherTag(hello.client),
      maxDataBytes: this.limits.dataBytes,
      maxBatchBytes: this.limits.batchBytes,
    })
  }

  /** Whatever was thrown as an error of PROTOCOL.md §10; what is not one is reported, and told without its text. */
  asRefusal(error: unknown, context: string): HoldfastError {
    if (isHoldfastError(error)) return error
    this.report(error, context)
    return refusal('internal', 'the hub failed; its log says why')
  }

  /** Why no link can be opened now, if that is so. */
  refuseLink(): HoldfastError | null {
    const retryAfterMs = 1000 + Math.floor(this.clock.random() * 4000)
    if (this.links.draining) return refusal('unavailable', 'the hub is closing; come back later', { retryAfterMs })
    if (this.links.full) return refusal('unavailable', 'the hub has no room for another link now', { retryAfterMs })
    return null
  }
}
