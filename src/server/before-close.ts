import type { Clock } from '../base/clock.ts'

interface Context {
  readonly clock: Clock
  readonly limits: { readonly drainMs: number }
  readonly report: (error: unknown, context: string) => void
}

/** What the application wants done when its hub begins to close. */
export class BeforeClose {
  readonly #context: Context
  readonly #tasks = new Set<() => Promise<void>>()

  constructor(context: Context) {
    this.#context = context
  }

  /** Returns the function that undoes it. */
  add(task: () => Promise<void>): () => void {
    // A function of its own, so that one task can be added twice.
    const own = async (): Promise<void> => task()
    this.#tasks.add(own)
    return () => this.#tasks.delete(own)
  }

  /** Begins all of them now. Resolves when they are done, at the latest after the drain time. Never rejects. */
  async run(): Promise<void> {
    if (this.#tasks.size === 0) return
    const { clock, limits, report } = this.#context
    await new Promise<void>((resolve) => {
      const cancel = clock.after(limits.drainMs, resolve)
      const done = [...this.#tasks].map((task) => task().catch((error: unknown) => report(error, 'beforeClose')))
      void Promise.all(done).then(() => {
        cancel()
        resolve()
      })
    })
  }
}
