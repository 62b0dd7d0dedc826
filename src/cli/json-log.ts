import type { Clock } from '../base/clock.ts'
import type { HubLogger, LogLevel } from '../server/logger.ts'

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error']

/** JSON leaves some characters as they are that end a line to some, or that turn the direction of text. */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu
const escaped = (json: string): string =>
  json.replace(UNSAFE, (character) =>
    character
      .split('')
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
      .join(''),
  )

/** One JSON object a line, for those at or above `least`. */
export const jsonLog = (write: (line: string) => void, clock: Clock, least: LogLevel | 'silent'): HubLogger => {
  const at =
    (level: LogLevel) =>
    (facts: object, message: string): void => {
      if (least === 'silent' || LEVELS.indexOf(level) < LEVELS.indexOf(least)) return
      // oxlint-disable-next-line no-restricted-globals -- of a time that is given
      const time = new Date(clock.wall()).toISOString()
      write(`${escaped(JSON.stringify({ time, level, ...facts, message }))}\n`)
    }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}
