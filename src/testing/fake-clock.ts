import type { Clock } from '../base/clock.ts'

// Taken at import, so that a test framework's own fake timers do not stop this clock.
const realTurn = setImmediate

interface Timer {
  readonly dueMs: number
  readonly order: number
  readonly task: () => void
}

export interface FakeClockOptions {
  /** Seed of `random()`. @default 1 */
  readonly seed?: number
  /** What `wall()` says at the start, in milliseconds since 1970. @default 1_700_000_000_000 */
  readonly wallMs?: number
}

/**
 * A clock that moves only when it is told to. Timers run in the order they are due, those of one moment in the order they
 * were set; after each of them everything that was waiting for a promise runs before the next one does.
 */
export class FakeClock implements Clock {
  #nowMs = 0
  #skewMs: number
  #order = 0
  #state: number
  #timers: Timer[] = []
  #turn: (() => void)[] = []

  constructor(options: FakeClockOptions = {}) {
    this.#skewMs = options.wallMs ?? 1_700_000_000_000
    this.#state = options.seed ?? 1
  }

  /** How many timers are set: 0 is the proof that nothing was left behind. */
  get pending(): number {
    return this.#timers.length
  }

  /** When the next timer is due, on the scale of `now()`; Infinity without one. */
  get nextDueMs(): number {
    return this.#timers.reduce((least, timer) => Math.min(least, timer.dueMs), Infinity)
  }

  now = (): number => this.#nowMs

  wall = (): number => Math.floor(this.#skewMs + this.#nowMs)

  /** Mulberry32: 32 bits of state, the same numbers for the same seed. */
  random = (): number => {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }

  after = (ms: number, task: () => void): (() => void) => {
    const timer: Timer = { dueMs: this.#nowMs + Math.max(0, ms), order: this.#order++, task }
    this.#timers.push(timer)
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer)
    }
  }

  /** Runs `task` when the current turn of the event loop is over: once the promises have settled, before any timer. */
  turn = (task: () => void): void => {
    this.#turn.push(task)
  }

  /** Lets every promise and every end of a turn that is ready run; no time passes. */
  settle = async (): Promise<void> => {
    do {
      await new Promise<void>((resolve) => realTurn(resolve))
      const tasks = this.#turn
      this.#turn = []
      for (const task of tasks) task()
    } while (this.#turn.length > 0)
    await new Promise<void>((resolve) => realTurn(resolve))
    if (this.#turn.length > 0) await this.settle()
  }

  /** Moves time on by `ms`, running whatever falls due on the way at its own time. An error of a timer rejects. */
  advance = async (ms: number): Promise<void> => {
    const endMs = this.#nowMs + ms
    await this.settle()
    for (let timer = this.#next(endMs); timer; timer = this.#next(endMs)) {
      this.#timers = this.#timers.filter((other) => other !== timer)
      this.#nowMs = Math.max(this.#nowMs, timer.dueMs)
      timer.task()
      await this.settle()
    }
    this.#nowMs = endMs
  }

  /** Moves time on without running a timer, as sleep and freeze do: what fell due runs late, at the next `advance`. */
  sleep = (ms: number): void => {
    this.#nowMs += ms
  }

  /** Sets the wall clock forward or back; durations do not notice. */
  jump = (ms: number): void => {
    this.#skewMs += ms
  }

  #next(endMs: number): Timer | undefined {
    let next: Timer | undefined
    for (const timer of this.#timers) {
      if (timer.dueMs > endMs) continue
      if (!next || timer.dueMs < next.dueMs || (timer.dueMs === next.dueMs && timer.order < next.order)) next = timer
    }
    return next
  }
}
