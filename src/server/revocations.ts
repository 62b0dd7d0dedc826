import { HoldfastError, invalidArgument, isHoldfastError } from '../base/errors.ts'
import type { Clock } from '../base/clock.ts'
import { readChannel } from '../protocol/validate-client-frames.ts'
import type { HubLimits } from './limits.ts'
import type { Store } from './store.ts'

/** Whose permission ends: on one channel, or whatever was granted. */
export interface Revocation {
  readonly userId: string
  readonly channel?: string | undefined
}

export interface RevocationsContext {
  readonly store: Store
  readonly clock: Clock
  readonly limits: Pick<HubLimits, 'helloMs'>
  /** Names this hub among those on its store. */
  readonly name: string
  readonly report: (error: unknown, context: string) => void
  /** Does at this hub what was announced. */
  readonly apply: (revocation: Revocation) => void
}

const MOST_BYTES = 4096
/** Users whose revocation is remembered for as long as somebody may still be asking who they are. */
const MOST_USERS = 10_000
const FIRST_PAUSE_MS = 1_000
const LONGEST_PAUSE_MS = 30_000

/** Revocations of this hub and of all others on its store. */
export class Revocations {
  readonly #context: RevocationsContext
  /** Which revocation last shut a user out of everything, and when; the oldest first. */
  readonly #users = new Map<string, { readonly count: number; readonly atMs: number }>()
  #count = 0
  /** All who began to authenticate before that one are taken as shut out: more were than could be remembered. */
  #floor = 0
  #end: (() => void) | null = null
  #cancelRetry: () => void = () => {}
  #closed = false

  constructor(context: RevocationsContext) {
    this.#context = context
    void this.#hear(FIRST_PAUSE_MS)
  }

  /**
   * Resolves when all hubs were told; at this one it is done before.
   * @throws HoldfastError `invalid-argument`, or `unavailable` when only this hub knows of it
   */
  async revoke(given: Revocation): Promise<void> {
    const revocation = checked(given)
    const text = JSON.stringify({ type: 'revoke', hub: this.#context.name, ...revocation })
    if (Buffer.byteLength(text) > MOST_BYTES) {
      throw invalidArgument('userId', `a revocation may have ${MOST_BYTES} bytes of JSON at most`)
    }
    this.#do(revocation)
    try {
      await this.#context.store.announce(text)
    } catch (cause) {
      const message = 'revoked at this hub, but the store could not tell the others; revoke again'
      throw new HoldfastError('unavailable', message, { retryable: true, cause })
    }
  }

  /** How many users were shut out so far. */
  get count(): number {
    return this.#count
  }

  /** True when a user was shut out since there were so many. */
  since(userId: string, count: number): boolean {
    return (this.#users.get(userId)?.count ?? this.#floor) > count
  }

  close(): void {
    this.#closed = true
    this.#cancelRetry()
    this.#end?.()
    this.#end = null
  }

  async #hear(pauseMs: number): Promise<void> {
    const { store, clock, report } = this.#context
    try {
      const end = await store.hear((text) => this.#heard(text))
      if (this.#closed) end()
      else this.#end = end
    } catch (error) {
      if (this.#closed) return
      report(error, 'hearing what other hubs on the store announce')
      this.#cancelRetry = clock.after(pauseMs, () => void this.#hear(Math.min(pauseMs * 2, LONGEST_PAUSE_MS)))
    }
  }

  /** Another version of the hub may have said it, or somebody else: what cannot be read is left alone. */
  #heard(text: unknown): void {
    if (this.#closed || typeof text !== 'string' || text.length > MOST_BYTES) return
    let said: unknown
    try {
      said = JSON.parse(text)
    } catch {
      return
    }
    if (typeof said !== 'object' || said === null) return
    const { type, hub, ...rest } = said as { readonly type?: unknown; readonly hub?: unknown } & Revocation
    if (type !== 'revoke' || hub === this.#context.name) return
    let revocation: Revocation
    try {
      revocation = checked(rest)
    } catch {
      return
    }
    this.#do(revocation)
  }

  #do(revocation: Revocation): void {
    if (revocation.channel === undefined) this.#remember(revocation.userId)
    this.#context.apply(revocation)
  }

  #remember(userId: string): void {
    const { clock, limits } = this.#context
    const nowMs = clock.now()
    this.#users.delete(userId)
    this.#users.set(userId, { count: ++this.#count, atMs: nowMs })
    for (const [oldest, { count, atMs }] of this.#users) {
      if (this.#users.size > MOST_USERS) this.#floor = count
      else if (nowMs - atMs <= limits.helloMs) return
      this.#users.delete(oldest)
    }
  }
}

/** @throws HoldfastError `invalid-argument` */
const checked = (given: Revocation): Revocation => {
  const { userId, channel }: { readonly userId?: unknown; readonly channel?: unknown } = given
  if (typeof userId !== 'string' || userId === '') {
    throw invalidArgument('userId', 'userId must be a text that is not empty')
  }
  if (channel === undefined) return { userId }
  try {
    return { userId, channel: readChannel(channel, 'channel') }
  } catch (error) {
    throw invalidArgument('channel', isHoldfastError(error) ? error.message : 'a bad name')
  }
}
