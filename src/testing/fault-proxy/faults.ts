import { EventLog } from './event-log.ts'
import type { FaultEvent, FaultListener } from './event-log.ts'
import { Link } from './link.ts'
import type { LinkOwner } from './link.ts'
import { RuleTable, framesMatch, isSpent } from './rule-table.ts'
import type { ActiveRule } from './rule-table.ts'
import type { LinkKind, Rule } from './rule.ts'
import { parseCut, parseRule } from './validate-rule.ts'
import type { CutOptions } from './validate-rule.ts'

/** Options of `createFaults` and `startFaultProxy`. */
export interface FaultsOptions {
  /** Lines kept in the log. @default 10000 */
  readonly maxEvents?: number
  /** Rules at once; one more is refused. @default 200 */
  readonly maxRules?: number
  /** Bytes of one direction on their way before its sender is stopped. @default 262144 */
  readonly maxQueuedBytes?: number
  /** Bytes that `bufferAll` or a whole-body action may hold; beyond it the link is reset. @default 16777216 */
  readonly maxHeldBytes?: number
  /** How long the hub's half of a suppressed link stays when the client is gone. @default 300000 */
  readonly orphanMs?: number
  /** For jitter: from 0 up to 1. @default Math.random */
  readonly random?: () => number
}

/** A rule that was added, and what became of it. */
export interface RuleStatus {
  readonly id: number
  readonly rule: Rule
  /** Links it fired on; frames, for `inject` and `replace`. */
  readonly fired: number
  /** `times` is used up. */
  readonly spent: boolean
}

export type FaultSettings = Readonly<Required<FaultsOptions>>

const defaults: FaultSettings = Object.freeze({
  maxEvents: 10_000,
  maxRules: 200,
  maxQueuedBytes: 262_144,
  maxHeldBytes: 16_777_216,
  orphanMs: 300_000,
  random: Math.random,
})

/** One set of rules, the links that they act on, and the log of what happened. */
export interface Faults {
  /** In the order in which they were added. */
  readonly rules: readonly RuleStatus[]
  /** The newest `maxEvents` lines, oldest first. */
  readonly log: readonly FaultEvent[]
  /** Lines that the log no longer has. */
  readonly dropped: number
  /** Number of links that are open now. */
  readonly openLinks: number
  /** Adds a rule and returns its id. It acts on living links too, from their next chunk on. @throws RuleError */
  add(rule: Rule): number
  /** Removes one rule, as `clear` removes all. False when there is none with this id. */
  remove(id: number): boolean
  /** Removes all rules: new traffic is unaffected, slowed links run freely, suppressed ones stay dead. */
  clear(): void
  /** Ends (RST, or FIN) the living links that match, at once. Returns how many. @throws RuleError */
  cut(which?: CutOptions): number
  /** Calls the listener for each new event. Returns its undo. */
  on(type: 'event', listener: FaultListener): () => void
  /** The first event, logged already or to come, that the predicate accepts. Rejects after `timeoutMs`. */
  waitFor(predicate: (event: FaultEvent) => boolean, timeoutMs?: number): Promise<FaultEvent>
  /** Destroys every link and timer. New traffic is refused. */
  close(): void
}

/** What the proxy itself needs of a set of faults. */
export interface InnerFaults {
  readonly settings: FaultSettings
  openLink(kind: LinkKind, path: string | undefined, owner: LinkOwner): Link
  /** The first rule that decides how this link opens. */
  opening(link: Link, types: readonly string[]): ActiveRule | undefined
}

/** The inner side of what `createFaults` made. @throws TypeError for anything else */
export function innerOf(faults: Faults): InnerFaults {
  if (faults instanceof FaultSet) return faults
  throw new TypeError('holdfast: `faults` must come from createFaults, startFaultProxy or startTestServer')
}

/** Makes an empty set of faults: until a rule is added, nothing is changed. */
export function createFaults(options: FaultsOptions = {}): Faults {
  return new FaultSet({ ...defaults, ...options })
}

class FaultSet implements Faults, InnerFaults {
  readonly settings: FaultSettings
  readonly #table = new RuleTable()
  readonly #events: EventLog
  readonly #links = new Set<Link>()
  #lastLink = 0
  #closed = false

  constructor(settings: FaultSettings) {
    this.settings = settings
    this.#events = new EventLog(settings.maxEvents)
  }

  get rules(): readonly RuleStatus[] {
    return [...this.#table.all()].map((active) => ({
      id: active.id,
      rule: active.rule,
      fired: active.fired,
      spent: isSpent(active),
    }))
  }

  get log(): readonly FaultEvent[] {
    return this.#events.events
  }

  get dropped(): number {
    return this.#events.dropped
  }

  get openLinks(): number {
    return this.#links.size
  }

  add(rule: Rule): number {
    const checked = parseRule(rule)
    if (this.rules.length >= this.settings.maxRules) {
      throw new RangeError(`There are ${this.settings.maxRules} rules already: remove one, or clear()`)
    }
    const active = this.#table.add(checked)
    for (const link of [...this.#links]) link.touch()
    return active.id
  }

  remove(id: number): boolean {
    const removed = this.#table.remove(id)
    this.#heal()
    return removed
  }

  clear(): void {
    this.#table.clear()
    this.#heal()
  }

  /** What a rule held back goes on its way. */
  #heal(): void {
    for (const link of [...this.#links]) link.heal()
  }

  cut(which: CutOptions = {}): number {
    const { kind, path, code, how = code === undefined ? 'reset' : 'fin' } = parseCut(which)
    let count = 0
    for (const link of [...this.#links]) {
      if (kind !== undefined && link.kind !== kind) continue
      if (path !== undefined && !(link.path?.endsWith(path) ?? false)) continue
      count++
      link.log({ kind: 'fault', action: 'cut' })
      link.kill(how, code)
    }
    return count
  }

  on(_type: 'event', listener: FaultListener): () => void {
    return this.#events.on(listener)
  }

  waitFor(predicate: (event: FaultEvent) => boolean, timeoutMs = 5000): Promise<FaultEvent> {
    return this.#events.waitFor(predicate, timeoutMs)
  }

  close(): void {
    this.#closed = true
    this.#table.clear()
    for (const link of [...this.#links]) link.destroy()
    this.#events.close()
  }

  openLink(kind: LinkKind, path: string | undefined, owner: LinkOwner): Link {
    const link = new Link({
      id: ++this.#lastLink,
      kind,
      path,
      rules: this.#table,
      log: (event) => {
        this.#events.add(event)
      },
      owner,
      onEnd: (ended) => {
        this.#links.delete(ended)
      },
    })
    this.#links.add(link)
    link.log({ kind: kind === 'http' ? 'request' : 'connect' })
    if (this.#closed) link.destroy()
    return link
  }

  opening(link: Link, types: readonly string[]): ActiveRule | undefined {
    for (const active of this.#table.all()) {
      if (active.stage !== 'opening' || (isSpent(active) && !active.watching)) continue
      if (!this.#table.concerns(active, link) || !framesMatch(active, types)) continue
      link.claim(active)
      return active
    }
    return undefined
  }
}
