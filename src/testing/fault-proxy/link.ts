import type { FaultEvent } from './event-log.ts'
import type { ActiveRule, RuleTable } from './rule-table.ts'
import type { Direction, LinkKind } from './rule.ts'

/** How a link ends its client's side, given by whoever owns the sockets. */
export interface LinkOwner {
  /** End (FIN) or RST towards the client; the upstream side goes too. `code`: the close code that a WebSocket is told before. */
  kill(how: 'fin' | 'reset', code?: number): void
  /** Destroy both sides at once, without manners. Must be idempotent. */
  destroy(): void
}

/** What a rule did to this link so far. */
export interface Claim {
  /** Bytes that had passed in each direction when the rule took hold. */
  readonly up: number
  readonly down: number
}

/** One direction of a link, as its owner and its sources use it; `Lane` is the one there is. */
export interface LinkLane {
  /** Bytes that went in so far. */
  readonly passed: number
  head(run: () => void): void
  push(chunk: Buffer, types?: readonly string[]): void
  end(): void
  abort(how: 'fin' | 'reset'): void
  touch(): void
  heal(): void
  balance(): void
  close(): void
}

interface LinkOptions {
  readonly id: number
  readonly kind: LinkKind
  readonly path: string | undefined
  readonly rules: RuleTable
  readonly log: (event: Omit<FaultEvent, 'timeMs'>) => void
  readonly owner: LinkOwner
  readonly onEnd: (link: Link) => void
}

/** One connection, exchange or WebSocket, and what the rules did to it. */
export class Link {
  readonly id: number
  readonly kind: LinkKind
  readonly path: string | undefined
  readonly rules: RuleTable
  readonly openedMs = performance.now()
  /** A poll that waits; false until its body was read. */
  held = false
  /** Stays set when the rule goes: a dead link stays dead, like in life. */
  readonly suppressed = { up: false, down: false }
  readonly claims = new Map<number, Claim>()
  /** Which number this link was for each rule. */
  readonly ordinals = new Map<number, number>()
  up: LinkLane | undefined
  down: LinkLane | undefined
  readonly #options: LinkOptions
  readonly #timers = new Set<ReturnType<typeof setTimeout>>()
  #state: 'open' | 'killed' | 'ended' = 'open'

  constructor(options: LinkOptions) {
    this.#options = options
    this.id = options.id
    this.kind = options.kind
    this.path = options.path
    this.rules = options.rules
  }

  get open(): boolean {
    return this.#state === 'open'
  }

  get ended(): boolean {
    return this.#state === 'ended'
  }

  log(event: Omit<FaultEvent, 'timeMs' | 'link'>): void {
    const path = this.path === undefined ? {} : { path: this.path }
    this.#options.log({ link: this.id, ...path, ...event })
  }

  /** Writes that a rule took effect here. */
  fired(active: ActiveRule, direction?: Direction, frameType?: string): void {
    const lane = direction === undefined ? undefined : this[direction]
    this.log({
      kind: 'fault',
      rule: active.id,
      action: active.rule.action.type,
      ...(direction === undefined ? {} : { direction, bytes: lane?.passed ?? 0 }),
      ...(frameType === undefined ? {} : { frameType }),
    })
  }

  claim(active: ActiveRule): void {
    active.fired++
    this.claims.set(active.id, { up: this.up?.passed ?? 0, down: this.down?.passed ?? 0 })
  }

  /** Looks at the rules again without traffic: a rule was added, or time passed. */
  touch(): void {
    this.up?.touch()
    this.down?.touch()
    if (this.down === undefined) return
    for (const active of this.rules.all()) {
      const { afterMs } = active.rule.match
      if (afterMs === undefined || this.claims.has(active.id) || !this.rules.concerns(active, this)) continue
      const waitMs = this.openedMs + afterMs - performance.now()
      if (waitMs > 0)
        this.after(Math.ceil(waitMs), () => {
          this.touch()
        })
    }
  }

  /** A rule went: what it held back goes on. */
  heal(): void {
    this.up?.heal()
    this.down?.heal()
  }

  /** A timer that goes with the link. */
  after(ms: number, run: () => void): void {
    if (this.#state !== 'open') return
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      run()
    }, ms)
    this.#timers.add(timer)
  }

  kill(how: 'fin' | 'reset', code?: number): void {
    if (this.#state !== 'open') return
    this.#state = 'killed'
    this.#stop()
    this.#options.owner.kill(how, code)
  }

  destroy(): void {
    this.#options.owner.destroy()
    this.end()
  }

  /** Both sides are gone. */
  end(): void {
    if (this.#state === 'ended') return
    this.#state = 'ended'
    this.#stop()
    this.log({ kind: 'end', bytes: this.down?.passed ?? 0 })
    this.#options.onEnd(this)
  }

  #stop(): void {
    for (const timer of this.#timers) clearTimeout(timer)
    this.#timers.clear()
    this.up?.close()
    this.down?.close()
  }
}
