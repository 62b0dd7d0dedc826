import { isHoldfastError } from '../base/errors.ts'
import type { HoldfastError } from '../base/errors.ts'
import type { Clock } from '../base/clock.ts'
import { OWN, repliesOf } from '../protocol/frames.ts'
import type { Reply } from '../protocol/frames.ts'
import type { User } from './authorize.ts'
import { fitsPattern, readPattern } from './channel-pattern.ts'
import type { ChannelPattern } from './channel-pattern.ts'
import { refusal } from './frame-text.ts'
import type { HubLimits } from './limits.ts'
import type { Store } from './store.ts'
import type { Telemetry } from './telemetry.ts'

/** One request of a client. */
export interface HubRequest<Data = unknown> {
  readonly channel: string
  readonly data: Data
  /** Who asks; null for somebody who is not authenticated. */
  readonly user: User | null
  /** The same for the same request, however often it comes. */
  readonly id: string
  /** Aborted when its time is over (`limits.requestMs`): nobody waits for the answer any more. */
  readonly signal: AbortSignal
}

/**
 * Answers a request with what has JSON; undefined is null. A `HoldfastError` that it throws reaches the client by code and message; of anything
 * else the client learns `internal`, and the hub's `onError` the rest.
 */
export type Handler<Data = unknown> = (request: HubRequest<Data>) => unknown

interface Context {
  readonly store: Store
  readonly clock: Clock
  readonly limits: HubLimits
  readonly report: (error: unknown, context: string) => void
  readonly telemetry: Telemetry
}

/** The errors of a reply by which the hub says that the handler did not do its part. */
const FAILED: readonly string[] = ['internal', 'timeout', 'too-large']

interface Entry {
  readonly pattern: ChannelPattern
  readonly handler: Handler
}

/** Handlers of requests by channel, and the requests that are with them (PROTOCOL.md §8.11, §8.12). */
export class Handlers {
  readonly #context: Context
  readonly #entries: Entry[] = []
  readonly #running = new Set<Promise<void>>()

  constructor(context: Context) {
    this.#context = context
  }

  /** Those added first come first. Returns the function that takes it out again. */
  add(channel: string, handler: Handler): () => void {
    const isFunction: boolean = typeof handler === 'function'
    if (!isFunction) throw new TypeError('holdfast: hub.handle: the handler must be a function')
    let pattern
    try {
      pattern = readPattern(channel)
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      throw new TypeError(`holdfast: hub.handle: ${why}`, { cause: error })
    }
    const entry: Entry = { pattern, handler }
    this.#entries.push(entry)
    return () => {
      const at = this.#entries.indexOf(entry)
      if (at >= 0) this.#entries.splice(at, 1)
    }
  }

  /** Requests that are with a handler now. */
  get running(): number {
    return this.#running.size
  }

  find(channel: string, user: User | null): Handler | undefined {
    if (this.#entries.length === 0) return undefined
    return this.#entries.find(({ pattern }) => fitsPattern(pattern, channel, user?.userId ?? null))?.handler
  }

  /** Null, or why no further request can be taken now. */
  refuse(): HoldfastError | null {
    if (this.#running.size < this.#context.limits.requests) return null
    return refusal('unavailable', 'the hub has as many requests as it can handle; ask again later', {
      retryAfterMs: 1000,
    })
  }

  /** Hands it over, and appends the answer for the client whose tag is `asker`. Never throws. */
  run(handler: Handler, request: Omit<HubRequest, 'signal'>, asker: string | undefined): void {
    const running = this.#answer(handler, request, asker).finally(() => this.#running.delete(running))
    this.#running.add(running)
  }

  /** Resolves when those that run now are done, each in its time. */
  async settled(): Promise<void> {
    await Promise.all(this.#running)
  }

  async #answer(handler: Handler, request: Omit<HubRequest, 'signal'>, asker: string | undefined): Promise<void> {
    const { store, report, clock, telemetry } = this.#context
    const beganMs = clock.now()
    const outcome = await this.#outcome(handler, request)
    telemetry.handled(clock.now() - beganMs, FAILED.includes(outcome.error?.code ?? ''))
    if (!asker) return
    const reply: Reply = { id: request.id, ...outcome }
    try {
      await store.append(repliesOf(asker), { json: JSON.stringify(reply) })
    } catch (error) {
      report(error, 'appending the answer to a request')
    }
  }

  /** Never rejects. */
  async #outcome(handler: Handler, request: Omit<HubRequest, 'signal'>): Promise<Omit<Reply, 'id'>> {
    const { clock, limits } = this.#context
    const gone = new AbortController()
    let cancel = (): void => undefined
    const late = new Promise<never>((_, reject) => {
      cancel = clock.after(limits.requestMs, () => {
        gone.abort()
        reject(refusal('timeout', `the handler did not answer in ${limits.requestMs} ms`))
      })
    })
    try {
      const ask = async (): Promise<unknown> => handler({ ...request, signal: gone.signal })
      const data = (await Promise.race([ask(), late])) ?? null
      const json = JSON.stringify(data) as string | undefined
      if (json === undefined)
        throw new TypeError(`the answer of the handler of ${JSON.stringify(request.channel)} has no JSON`)
      const bytes = Buffer.byteLength(json)
      if (bytes <= limits.dataBytes) return { data }
      return errorOf(refusal('too-large', `the answer has ${bytes} bytes of JSON; it may have ${limits.dataBytes}`))
    } catch (error) {
      if (isHoldfastError(error)) return errorOf(error)
      this.#context.report(error, 'handling a request')
      return errorOf(refusal('internal', 'the handler failed; the log of the hub says why'))
    } finally {
      cancel()
    }
  }
}

const errorOf = ({ code, message }: HoldfastError): Pick<Reply, 'error'> => ({ error: { code, message } })

/** Where the keys of requests are remembered. */
export const claimsOf = (channel: string): string => `${OWN}requests:${channel}`
