/** Causes of one outage that are told apart; what fails in more ways is not said more of. */
const MOST_CAUSES = 20

/** Keeps what is tried again and again from saying the same again and again: of each thing, each cause is news once an outage. */
export class ToldOnce {
  readonly #told = new Map<string, Set<string>>()

  /** `doing`: what failed; of each, outages are told apart. */
  isNews(error: unknown, doing = ''): boolean {
    const causes = this.#told.get(doing) ?? new Set<string>()
    this.#told.set(doing, causes)
    const cause = String(error)
    if (causes.has(cause) || causes.size >= MOST_CAUSES) return false
    causes.add(cause)
    return true
  }

  /** The outage is over. */
  well(doing = ''): void {
    this.#told.delete(doing)
  }
}
