import type { Clock } from '../base/clock.ts'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** Where structured lines go; a logger of pino, or any object with these four methods. */
export type HubLogger = Readonly<Record<LogLevel, (facts: object, message: string) => void>>

/** Lines of one event in a second, above `debug`: peers must not be able to fill a disk. */
const MOST_LINES = 50
const MOST_CHARACTERS = 300

// Controls, separators that end a line to some, marks that turn the direction of text, and halves of pairs.
const UNSAFE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu

/** A text of unknown origin for a log: short, and with what could end a line or steer a terminal written as `\uXXXX`. */
export const plainText = (text: string): string => {
  const short = text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS)}…` : text
  return short.replace(UNSAFE, (unit) => `\\u${(unit.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`)
}

/** An error as facts for a log: without its stack, which may show paths, and without what else hangs on it. */
export const errorFacts = (error: unknown): { readonly name: string; readonly message: string } =>
  error instanceof Error
    ? { name: plainText(error.name), message: plainText(error.message) }
    : {
        name: typeof error,
        message: typeof error === 'string' ? plainText(error) : 'something that is no error was thrown',
      }

type Fact = string | number | boolean | null | undefined | ReturnType<typeof errorFacts>

/** Writes events to the application's logger: safe texts, a bound of lines, and no throw of theirs comes through. */
export class HubLog {
  readonly #logger: HubLogger
  readonly #clock: Clock
  readonly #seconds = new Map<string, { startMs: number; lines: number }>()

  constructor(logger: HubLogger, clock: Clock) {
    for (const level of ['debug', 'info', 'warn', 'error'] as const) {
      if (typeof logger[level] !== 'function') throw new TypeError(`holdfast: the logger has no method ${level}`)
    }
    this.#logger = logger
    this.#clock = clock
  }

  write(level: LogLevel, event: string, message: string, facts: Readonly<Record<string, Fact>> = {}): void {
    if (level !== 'debug' && !this.#hasRoom(event)) return
    this.#send(level, event, message, facts)
  }

  #hasRoom(event: string): boolean {
    const nowMs = this.#clock.now()
    const second = this.#seconds.get(event)
    if (!second || nowMs - second.startMs >= 1000) {
      this.#seconds.set(event, { startMs: nowMs, lines: 1 })
      const skipped = (second?.lines ?? 0) - MOST_LINES
      if (skipped > 0)
        this.#send('warn', 'log.skipped', `${skipped} lines were left out`, { of: event, lines: skipped })
      return true
    }
    return ++second.lines <= MOST_LINES
  }

  #send(level: LogLevel, event: string, message: string, facts: Readonly<Record<string, Fact>>): void {
    const safe: Record<string, Fact> = { event }
    for (const [name, fact] of Object.entries(facts)) {
      if (fact !== undefined) safe[name] = typeof fact === 'string' ? plainText(fact) : fact
    }
    try {
      this.#logger[level](safe, message)
    } catch {
      // A logger that fails has nobody left to tell.
    }
  }
}
