import { describe, expect, it } from 'vitest'
import { FakeClock } from '../testing/fake-clock.ts'
import { jsonLog } from './json-log.ts'

const record = (level: Parameters<typeof jsonLog>[2]) => {
  const lines: string[] = []
  return { lines, log: jsonLog((line) => lines.push(line), new FakeClock(), level) }
}

describe('the log of the program', () => {
  it('is one JSON object a line, with time, level, facts and message', () => {
    const { lines, log } = record('info')
    log.warn({ event: 'x', n: 1 }, 'hello')
    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatch(/^\{.*\}\n$/)
    expect(JSON.parse(lines[0] ?? '')).toEqual({
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as unknown,
      level: 'warn',
      event: 'x',
      n: 1,
      message: 'hello',
    })
  })

  it('leaves out what is below its level, and everything when silent', () => {
    for (const [level, count] of [
      ['debug', 4],
      ['info', 3],
      ['error', 1],
      ['silent', 0],
    ] as const) {
      const { lines, log } = record(level)
      for (const write of [log.debug, log.info, log.warn, log.error]) write({}, '')
      expect(lines, level).toHaveLength(count)
    }
  })

  it('S12 controls, separators and marks of direction are escaped, and nothing is lost', () => {
    const { lines, log } = record('info')
    const hostile = 'a\r\n\0\u001b[31m\u007f\u0085\u2028\u2029\u202e\u{e0001}😀'
    log.info({ [hostile]: hostile }, hostile)
    expect(lines[0]?.slice(0, -1)).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ [hostile]: hostile, message: hostile })
  })
})
