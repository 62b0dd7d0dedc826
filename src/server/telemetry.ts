import type { Clock } from '../base/clock.ts'
import type { HoldfastError } from '../base/errors.ts'
import type { GapReason } from '../protocol/frames.ts'
import type { User } from './authorize.ts'
import { Counters } from './counters.ts'
import type { LinkEnd, LinkTransport, StoreOperation } from './counters.ts'
import { HubLog, errorFacts } from './logger.ts'
import type { HubLogger } from './logger.ts'

/** Whom and what a refusal concerned, as far as it is known. */
export interface RefusalFacts {
  readonly channel?: string | undefined
  readonly user?: User | null | undefined
}

/** What happens in one hub, counted, and told to the application's logger if there is one (docs/serve.md#events). */
export class Telemetry {
  readonly counters = new Counters()
  readonly #log: HubLog | null
  /** Failures of the store that were logged where they happened, so that whoever meets them later does not repeat it. */
  readonly #told = new WeakSet()

  constructor(logger: HubLogger | undefined, clock: Clock) {
    this.#log = logger ? new HubLog(logger, clock) : null
  }

  linkOpened(link: number, transport: LinkTransport): void {
    this.counters.opened(transport)
    this.#log?.write('debug', 'link.open', 'a link was opened', { link, transport })
  }

  linkEnded(link: number, transport: LinkTransport, reason: LinkEnd, user: User | null | undefined, ms: number): void {
    this.counters.closed(transport, reason)
    const facts = { link, transport, reason, user: user?.userId, ms: Math.round(ms) }
    this.#log?.write('debug', 'link.end', 'a link ended', facts)
  }

  delivered(messages: number): void {
    this.counters.messagesDelivered += messages
  }

  gap(channel: string, reason: GapReason): void {
    this.counters.gap(reason)
    this.#log?.write('info', 'gap', 'messages could not be served any more', { channel, reason })
  }

  /** A request, an upgrade or a link was answered by an error. */
  refused(error: HoldfastError, what: 'request' | 'channel' | 'frame', { channel, user }: RefusalFacts = {}): void {
    this.counters.refused(error.code)
    if (!this.#log) return
    const { code, message } = error
    this.#log.write('info', `${what}.refused`, `a ${what} was refused`, {
      code,
      reason: message,
      channel,
      user: user?.userId,
    })
  }

  published(outcome: 'appended' | 'repeated'): void {
    this.counters.published(outcome)
  }

  publishRefused({ code, message }: HoldfastError, { channel, user }: RefusalFacts): void {
    this.counters.published(code)
    const facts = { code, reason: message, channel, user: user?.userId }
    this.#log?.write('info', 'publish.refused', 'a publish was refused', facts)
  }

  /** A handler is done with a request, or its time is over. */
  handled(ms: number, failed: boolean): void {
    this.counters.handled(ms, failed)
  }

  stored(operation: StoreOperation, ms: number): void {
    this.counters.stored(operation, ms, false)
  }

  storeFailed(operation: StoreOperation, ms: number, error: unknown): void {
    this.counters.stored(operation, ms, true)
    if (typeof error === 'object' && error !== null) this.#told.add(error)
    const facts = { operation, ms: Math.round(ms), error: errorFacts(error) }
    this.#log?.write('error', 'store.failed', 'the store could not answer', facts)
  }

  /** What `onError` is told of too. */
  failed(error: unknown, context: string): void {
    if (!this.#log || (typeof error === 'object' && error !== null && this.#told.has(error))) return
    if (context === 'authenticate' || context === 'authorize') {
      const facts = { hook: context, error: errorFacts(error) }
      this.#log.write('error', 'hook.failed', 'a hook of the application failed', facts)
    } else {
      this.#log.write('error', 'hub.failed', 'the hub failed', { context, error: errorFacts(error) })
    }
  }

  draining(links: number): void {
    this.#log?.write('info', 'hub.draining', 'the hub is closing: links are told to come back elsewhere', { links })
  }

  closed(): void {
    this.#log?.write('info', 'hub.closed', 'the hub is closed')
  }
}
