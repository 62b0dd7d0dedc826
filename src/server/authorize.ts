import type { Clock } from '../base/clock.ts'
import type { HoldfastError } from '../base/errors.ts'
import { refusal } from './frame-text.ts'
import type { HubLimits } from './limits.ts'

/** Who is at the other end; what `authenticate` returned. */
export interface User {
  /** Names the user: equal for equal users. Readers see it as the `sender` of a message. */
  readonly userId: string
}

export type Action = 'subscribe' | 'publish'

/** The question that is put to `authorize`. `user` is null for somebody who is not authenticated. */
export interface AuthorizeQuestion {
  readonly user: User | null
  readonly action: Action
  readonly channel: string
}

export type Authorize = (question: AuthorizeQuestion) => boolean | Promise<boolean>

/** An answer and how long it holds. `refused` is what the reader or publisher is told. */
export type Permission =
  | { readonly allowed: true; readonly untilMs: number }
  | { readonly allowed: false; readonly untilMs: number; readonly refused: HoldfastError }

interface Context {
  readonly clock: Clock
  readonly limits: HubLimits
  readonly report: (error: unknown, context: string) => void
}

/**
 * Asks the application's `authorize`, within its time, and keeps the answers for a moment. An answer that is known or
 * comes at once is returned at once.
 */
export class Authorizer {
  readonly #authorize: Authorize
  readonly #context: Context
  readonly #kept = new Map<string, Permission | Promise<Permission>>()

  constructor(authorize: Authorize, context: Context) {
    this.#authorize = authorize
    this.#context = context
  }

  check(question: AuthorizeQuestion): Permission | Promise<Permission> {
    const { user, action, channel } = question
    // Neither an action nor a length contains the colon that ends it.
    const key = `${action}:${user ? user.userId.length : ''}:${user?.userId ?? ''}${channel}`
    const kept = this.#kept.get(key)
    if (kept instanceof Promise) return kept
    if (kept && kept.untilMs > this.#context.clock.now()) return kept
    const answer = this.#ask(question)
    this.#keep(key, answer)
    if (!(answer instanceof Promise)) return answer
    return answer.then((permission) => {
      this.#keep(key, permission)
      return permission
    })
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
    const refused = refusal('forbidden', `this user may not ${action} on the channel ${JSON.stringify(channel)}`)
    return { allowed: false, untilMs, refused }
  }

  #failed(error: unknown, { channel }: AuthorizeQuestion): Permission {
    this.#context.report(error, 'authorize')
    const message = `whether this is allowed on the channel ${JSON.stringify(channel)} cannot be said now; try again`
    // Not kept: the next one asks anew.
    return { allowed: false, untilMs: 0, refused: refusal('unavailable', message, { retryAfterMs: 1000 }) }
  }

  #keep(key: string, answer: Permission | Promise<Permission>): void {
    this.#kept.delete(key)
    this.#kept.set(key, answer)
    if (this.#kept.size > this.#context.limits.permissions) {
      for (const oldest of this.#kept.keys()) {
        this.#kept.delete(oldest)
        break
      }
    }
  }
}
