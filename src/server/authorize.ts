import type { Clock } from '../base/clock.ts'
import type { HoldfastError } from '../base/errors.ts'
import type { Counters } from './counters.ts'
import { dropOldest } from './drop-oldest.ts'
import { refusal } from './frame-text.ts'
import type { HubLimits } from './limits.ts'
import { OWN, repliesOf } from '../protocol/frames.ts'
import { presenceOf } from './presence.ts'
import type { Presence } from './presence.ts'

// A type, for an interface would not do where any field may be.
/** Who is at the other end: what every user has that `authenticate` returns. One of the application's own may have more. */
export type User = {
  /** Names the user: equal for equal users. Readers see it as the `sender` of a message. */
  readonly userId: string
  /** When the token holds no more, in milliseconds since 1970; links of the user end then. Absent: never. */
  readonly expiresMs?: number | undefined
}

export type Action = 'subscribe' | 'publish'

/** The question that is put to `authorize`. `user` is what `authenticate` returned; null for somebody who is not authenticated. */
export interface AuthorizeQuestion<Known extends User = User> {
  readonly user: Known | null
  readonly action: Action
  readonly channel: string
}

export type Authorize<Known extends User = User> = (question: AuthorizeQuestion<Known>) => boolean | Promise<boolean>

/** An answer and how long it holds. `refused` is what the reader or publisher is told. */
export type Permission =
  | { readonly allowed: true; readonly untilMs: number }
  | { readonly allowed: false; readonly untilMs: number; readonly refused: HoldfastError }

const EXPIRED: Permission = {
  allowed: false,
  untilMs: 0,
  refused: refusal('unavailable', 'the token of this link has expired; come with a new one', { retryAfterMs: 1000 }),
}

interface Kept {
  readonly userId: string | undefined
  readonly channel: string
  answer: Permission | Promise<Permission>
  /** True when it was revoked while it was asked for. */
  revoked: boolean
}

interface Context {
  readonly clock: Clock
  readonly limits: HubLimits
  readonly report: (error: unknown, context: string) => void
  readonly counters: Pick<Counters, 'authorize'>
  readonly presence: Pick<Presence, 'refuse'>
}

/**
 * Asks the application's `authorize`, within its time, and keeps the answers for a moment. An answer that is known or
 * comes at once is returned at once.
 */
export class Authorizer {
  readonly #authorize: Authorize
  readonly #context: Context
  readonly #kept = new Map<string, Kept>()
  /** Users who are more than a name have permissions of their own: two tokens of one name may allow different things. */
  readonly #numbers = new WeakMap<User, number>()
  #users = 0

  constructor(authorize: Authorize, context: Context) {
    this.#authorize = authorize
    this.#context = context
  }

  /** `publisher`: the tag of the client who reads. */
  check(question: AuthorizeQuestion, publisher?: string): Permission | Promise<Permission> {
    const { user, action, channel } = question
    // The link is about to end, and the client asks again on the next one.
    if (user?.expiresMs !== undefined && user.expiresMs <= this.#context.clock.wall()) return EXPIRED
    const seenOn = presenceOf(channel)
    if (seenOn !== undefined) {
      // Who may read a channel may see who is there, and be seen.
      const refused = this.#context.presence.refuse(seenOn)
      return refused
        ? { allowed: false, untilMs: 0, refused }
        : this.check({ user, action: 'subscribe', channel: seenOn })
    }
    if (channel.startsWith(OWN)) {
      const isHis = action === 'subscribe' && publisher !== undefined && channel === repliesOf(publisher)
      return isHis ? { allowed: true, untilMs: Infinity } : this.#permission(false, question)
    }
    const key = this.#keyOf(question)
    const known = this.#kept.get(key)?.answer
    if (known instanceof Promise) return known
    if (known && known.untilMs > this.#context.clock.now()) return known
    const answer = this.#ask(question)
    const kept: Kept = { userId: user?.userId, channel, answer, revoked: false }
    if (answer instanceof Promise) {
      kept.answer = answer.then<Permission>((permission) => {
        if (kept.revoked) return this.check(question)
        kept.answer = permission
        this.#keep(key, kept)
        return permission
      })
    }
    this.#keep(key, kept)
    return kept.answer
  }

  /** Forgets what is kept of a user, on all channels or on one; what is being asked is asked again. */
  forget(userId: string, channel: string | undefined): void {
    for (const [key, kept] of this.#kept) {
      if (kept.userId !== userId || (channel !== undefined && kept.channel !== channel)) continue
      kept.revoked = true
      this.#kept.delete(key)
    }
  }

  #keyOf({ user, action, channel }: AuthorizeQuestion): string {
    // No part contains the colon that ends it, but for the last two: there the length says where the name ends.
    if (user === null) return `${action}:::${channel}`
    return `${action}:${this.#numberOf(user)}:${user.userId.length}:${user.userId}${channel}`
  }

  #numberOf(user: User): number | '' {
    const known = this.#numbers.get(user)
    if (known !== undefined) return known
    const isPlain = Object.getPrototypeOf(user) === Object.prototype
    if (isPlain && Object.keys(user).every((name) => name === 'userId' || name === 'expiresMs')) return ''
    this.#numbers.set(user, ++this.#users)
    return this.#users
  }

  #ask(question: AuthorizeQuestion): Permission | Promise<Permission> {
    try {
      const answer = this.#authorize(question)
      return typeof answer === 'boolean' ? this.#permission(answer, question) : this.#wait(answer, question)
    } catch (error) {
      return this.#failed(error, question)
    }
  }

  #wait(answer: Promise<boolean>, question: AuthorizeQuestion): Promise<Permission> {
    const { clock, limits } = this.#context
    return new Promise((resolve) => {
      const cancel = clock.after(limits.authorizeMs, () => {
        resolve(this.#failed(new Error(`authorize did not answer in ${limits.authorizeMs} ms`), question))
      })
      void Promise.resolve(answer).then(
        (allowed) => {
          cancel()
          resolve(this.#permission(allowed, question))
        },
        (error: unknown) => {
          cancel()
          resolve(this.#failed(error, question))
        },
      )
    })
  }

  // Only the boolean `true` is a yes: a hook that forgets to return must not let anybody in.
  #permission(answer: unknown, { action, channel }: AuthorizeQuestion): Permission {
    const untilMs = this.#context.clock.now() + this.#context.limits.permissionMs
    if (answer === true) return { allowed: true, untilMs }
    this.#context.counters.authorize.refused++
    const refused = refusal('forbidden', `this user may not ${action} on the channel ${JSON.stringify(channel)}`)
    return { allowed: false, untilMs, refused }
  }

  #failed(error: unknown, { channel }: AuthorizeQuestion): Permission {
    this.#context.counters.authorize.failed++
    this.#context.report(error, 'authorize')
    const message = `whether this is allowed on the channel ${JSON.stringify(channel)} cannot be said now; try again`
    // Not kept: the next one asks anew.
    return { allowed: false, untilMs: 0, refused: refusal('unavailable', message, { retryAfterMs: 1000 }) }
  }

  #keep(key: string, kept: Kept): void {
    this.#kept.delete(key)
    this.#kept.set(key, kept)
    if (this.#kept.size > this.#context.limits.permissions) dropOldest(this.#kept)
  }
}
