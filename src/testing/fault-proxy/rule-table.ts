import { stageOf } from './rule.ts'
import type { Direction, Rule, Stage } from './rule.ts'

/** A rule in use. */
export interface ActiveRule {
  readonly id: number
  readonly rule: Rule
  readonly stage: Stage
  /** Links it fired on, or frames. */
  fired: number
  /** Links (or frames) it was compared with, for `nth`. */
  seen: number
  /** Sees links although it is spent: `reorder` counts the answers that overtake. */
  watching: boolean
}

/** What the table must know of a link to compare it with a rule. */
export interface LinkFacts {
  readonly kind: 'tcp' | 'http' | 'ws'
  readonly path: string | undefined
  readonly held: boolean
  readonly ordinals: Map<number, number>
}

/** The rules in the order in which they were added. */
export class RuleTable {
  readonly #rules = new Map<number, ActiveRule>()
  #lastId = 0

  add(rule: Rule): ActiveRule {
    const active: ActiveRule = {
      id: ++this.#lastId,
      rule,
      stage: stageOf(rule),
      fired: 0,
      seen: 0,
      watching: false,
    }
    this.#rules.set(active.id, active)
    return active
  }

  get(id: number): ActiveRule | undefined {
    return this.#rules.get(id)
  }

  remove(id: number): boolean {
    return this.#rules.delete(id)
  }

  clear(): void {
    this.#rules.clear()
  }

  all(): Iterable<ActiveRule> {
    return this.#rules.values()
  }

  /** Compares all that does not change while a link lives, but for `held` and `nth`. */
  #sameTraffic({ rule: { match } }: ActiveRule, link: LinkFacts): boolean {
    if (match.kind === undefined ? link.kind === 'tcp' : match.kind !== link.kind) return false
    return match.path === undefined || (link.path?.endsWith(match.path) ?? false)
  }

  /** True when the rule is about this link, `nth` included. */
  concerns(active: ActiveRule, link: LinkFacts): boolean {
    const { match } = active.rule
    if (!this.#sameTraffic(active, link)) return false
    if (match.held !== undefined && (link.kind !== 'http' || match.held !== link.held)) return false
    if (match.nth === undefined || match.frame !== undefined) return true
    let ordinal = link.ordinals.get(active.id)
    if (ordinal === undefined) {
      ordinal = ++active.seen
      link.ordinals.set(active.id, ordinal)
    }
    return ordinal === match.nth
  }

  /** True when frames must not be passed on in pieces, because a rule acts on whole ones. */
  wantsFrames(link: LinkFacts): boolean {
    return this.#some(link, (active) => active.rule.match.frame !== undefined)
  }

  /** True when a request cannot be judged before its body was read. */
  wantsBody(link: LinkFacts): boolean {
    return this.#some(
      link,
      ({ rule, stage }) =>
        rule.match.held !== undefined ||
        (stage === 'opening' && rule.match.frame !== undefined) ||
        // The head says how long the body is, so it can go only when that is known.
        (stage === 'frames' && rule.match.direction !== 'down') ||
        rule.action.type === 'duplicate',
    )
  }

  /** True when a frame of this direction may have to be changed. */
  wantsRewriting(link: LinkFacts, direction: Direction): boolean {
    return this.#some(
      link,
      ({ rule, stage }) => stage === 'frames' && (rule.match.direction ?? direction) === direction,
    )
  }

  #some(link: LinkFacts, test: (active: ActiveRule) => boolean): boolean {
    for (const active of this.#rules.values()) if (test(active) && this.#sameTraffic(active, link)) return true
    return false
  }
}

/** The rule fired as often as it may. */
export function isSpent({ rule, fired }: ActiveRule): boolean {
  return rule.times !== undefined && fired >= rule.times
}

/** Compares the frame condition; counts frames when `nth` is about frames. */
export function framesMatch(active: ActiveRule, types: readonly string[]): boolean {
  const { frame, nth } = active.rule.match
  if (frame === undefined) return true
  for (const type of types) {
    if (type !== frame) continue
    active.seen++
    if (nth === undefined || active.seen === nth) return true
  }
  return false
}
