import { begins, cutAt, holding, nextBoundary } from './lane-rules.ts'
import type { LanePosition, Moment } from './lane-rules.ts'
import type { LaneOptions } from './lane-end.ts'
import { HoldBack } from './hold-back.ts'
import { PacedQueue } from './paced-queue.ts'
import { isSpent } from './rule-table.ts'
import type { ActiveRule } from './rule-table.ts'
import type { ActionOf } from './rule.ts'
import { shapeOf, unshaped } from './shape.ts'

const empty = Buffer.alloc(0)

/** One direction of a link. The rules are looked up for each chunk, so a living link feels a new one. */
export class Lane {
  /** Bytes that went into this direction and were not swallowed. The head of an HTTP message is not counted. */
  passed = 0
  readonly #options: LaneOptions
  readonly #queue = new PacedQueue()
  readonly #held = new HoldBack()
  #paused = false
  #state: 'open' | 'cut' | 'closed' = 'open'
  /** Before its head a lane has no bytes to count, so nothing can be "after" them. */
  #moment: Moment

  constructor(options: LaneOptions) {
    this.#options = options
    const { kind } = options.link
    this.#moment = kind === 'tcp' ? 'data' : kind === 'ws' ? 'upgrade' : 'head'
  }

  /** The sender was asked to stop. */
  get paused(): boolean {
    return this.#paused
  }

  /** The head of a message. It is delayed and buffered like the rest, never sliced. */
  head(run: () => void): void {
    this.#look([])
    if (this.#deaf()) return
    this.#accept(empty, () => {
      run()
      return true
    })
    // Both directions of a WebSocket begin together, when the 101 is on its way.
    if (this.#moment === 'head') this.begin()
  }

  /** The head went before; from here on bytes count. */
  begin(): void {
    this.#moment = 'data'
    this.#look([])
  }

  /** A chunk that ends with the frames named, if any. */
  push(chunk: Buffer, types: readonly string[] = []): void {
    let rest = chunk
    let seen = types
    do {
      this.#look(seen)
      seen = []
      if (this.#deaf()) return
      const size = Math.min(rest.length, nextBoundary(this.#position()))
      if (size > 0) {
        const piece = rest.subarray(0, size)
        this.passed += size
        rest = rest.subarray(size)
        this.#accept(piece, undefined)
      }
    } while (rest.length > 0)
    // What ends "after n bytes" ends now, not with byte n + 1.
    this.#look([])
    this.balance()
  }

  /** The sender ended. A FIN vanishes like any byte. */
  end(): void {
    this.#look([])
    if (this.#deaf()) return
    this.#held.release()
    this.#add(0, this.#queue.lastDueMs, () => {
      this.#options.end.end()
      return true
    })
  }

  touch(): void {
    this.#look([])
  }

  /** Ends the link behind all that is still on its way, because the other side broke off. */
  abort(how: 'fin' | 'reset'): void {
    if (!this.#deaf()) this.#finish(how)
  }

  /** A rule was removed: nothing stays held back by it. */
  heal(): void {
    if (this.#state === 'closed') return
    if (holding(this.#options.link, this.#options.direction) === undefined) this.#held.release()
    if (shapeOf(this.#options.link, this.#options.direction) === unshaped) this.#queue.hurry()
  }

  drained(): void {
    this.#queue.resume()
    this.balance()
  }

  close(): void {
    this.#state = 'closed'
    this.#queue.close()
    this.#held.clear()
  }

  #position(): LanePosition {
    const { link, direction } = this.#options
    return { link, direction, passed: this.passed, moment: this.#moment }
  }

  #deaf(): boolean {
    const { link, direction } = this.#options
    return this.#state !== 'open' || !link.open || link.suppressed[direction]
  }

  /** Lets rules take hold, and carries out the ends that are due. */
  #look(types: readonly string[]): void {
    const { link } = this.#options
    for (const active of [...link.rules.all()]) {
      if (this.#state !== 'open' || !link.open) return
      if (active.stage !== 'bytes' || !link.rules.concerns(active, link)) continue
      if (!link.claims.has(active.id)) {
        if (isSpent(active) || !begins(active, this.#position(), types)) continue
        link.claim(active)
        this.#begin(active)
      }
      const { action } = active.rule
      if (action.type === 'fin' || action.type === 'reset' || action.type === 'limit') this.#cutIfDue(active, action)
    }
  }

  #begin(active: ActiveRule): void {
    const { link, direction } = this.#options
    const { action } = active.rule
    switch (action.type) {
      case 'suppress': {
        const which = action.direction ?? 'both'
        if (which !== 'down') link.suppressed.up = true
        if (which !== 'up') link.suppressed.down = true
        // A sender that was stopped must run on: its bytes are lost now, and so is its end.
        link.up?.balance()
        link.down?.balance()
        break
      }
      case 'limit':
        if (action.ms !== undefined)
          link.after(action.ms, () => {
            this.#cut(active, 'limit')
          })
        return
      case 'fin':
      case 'reset':
        return
      default:
    }
    link.fired(active, direction)
  }

  #cutIfDue(active: ActiveRule, action: ActionOf<'fin' | 'reset' | 'limit'>): void {
    if (action.bytes === undefined) {
      if (action.type !== 'limit') this.#cut(active, action.type)
      return
    }
    const at = cutAt(active, this.#position())
    if (this.#moment === 'data' && at !== undefined && this.passed >= at) this.#cut(active, action.type)
  }

  /** Ends the link behind all that was accepted. */
  #cut(active: ActiveRule, how: 'fin' | 'reset' | 'limit'): void {
    if (this.#state !== 'open') return
    this.#options.link.fired(active, this.#options.direction)
    this.#finish(how)
  }

  #finish(how: 'fin' | 'reset' | 'limit'): void {
    const { link, end } = this.#options
    this.#state = 'cut'
    this.#held.release()
    this.#add(0, this.#queue.lastDueMs, () => {
      end.data(empty, () => {
        if (how === 'limit') end.limit()
        else if (how === 'fin') link.kill(how)
        // Written is not read. A reader that finds the last bytes and the RST together reports an end instead (libuv),
        // so let it read first; the immediate makes that sure also for a reader in this very process.
        else link.after(5, () => setImmediate(() => link.kill(how)))
      })
      return true
    })
  }

  #accept(chunk: Buffer, run: (() => boolean) | undefined): void {
    const release = (): void => this.#schedule(chunk, run)
    const held = holding(this.#options.link, this.#options.direction)
    if (held !== 'bufferAll') this.#held.release()
    if (held === undefined || (held === 'oneBehind' && run !== undefined)) {
      release()
      return
    }
    this.#held.add(chunk.length, release)
    if (this.#held.bytes > this.#options.maxHeldBytes) {
      this.#options.link.log({ kind: 'fault', action: 'overflow', direction: this.#options.direction })
      this.#options.link.kill('reset')
    }
  }

  #schedule(chunk: Buffer, run: (() => boolean) | undefined): void {
    const { link, direction, end, random } = this.#options
    const shape = shapeOf(link, direction)
    const earliestMs = performance.now() + shape.delayMs + shape.jitterMs * (2 * random() - 1)
    if (run !== undefined) {
      this.#add(0, Math.max(this.#queue.lastDueMs, earliestMs), run)
      return
    }
    for (let at = 0; at < chunk.length; at += shape.pieceBytes) {
      const piece = chunk.subarray(at, at + shape.pieceBytes)
      const gapMs = shape.gapMs + piece.length * shape.msPerByte
      const dueMs = Math.max(this.#queue.lastDueMs + gapMs, earliestMs)
      this.#add(piece.length, dueMs, () => end.data(piece, () => {}))
    }
  }

  #add(bytes: number, dueMs: number, run: () => boolean): void {
    this.#queue.add({
      bytes,
      dueMs,
      run: () => {
        const open = run()
        this.balance()
        return open
      },
    })
  }

  /** Back-pressure: what the receiver does not take must not pile up here. */
  balance(): void {
    const { link, direction, end, maxQueuedBytes } = this.#options
    const full = (this.#queue.full || this.#queue.pendingBytes > maxQueuedBytes) && !link.suppressed[direction]
    if (full === this.#paused || this.#state === 'closed') return
    this.#paused = full
    if (full) end.pause()
    else end.resume()
  }
}
