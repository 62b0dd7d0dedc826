import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { anyText } from '../testing/damaged-json.ts'
import { FUZZ_TIMEOUT_MS, fuzzing } from '../testing/fuzz.ts'
import { formatPosition, parsePosition } from './position.ts'
import { kindOf, nestsDeeper, utf8Length } from './text.ts'

describe('§2.1 positions', () => {
  const part = fc.oneof(
    fc.constantFrom('', 'E', '0', 'x', '__proto__', '-', 'a.b', 'é', '\n', 'e'.repeat(64), 'e'.repeat(65)),
    fc.string({ maxLength: 4 }),
  )
  const digits = fc.oneof(
    fc.constantFrom('0', '-0', '00', '01', '1e3', ' 1', '9007199254740991', '9007199254740992', '1'.repeat(17), ''),
    fc.nat().map(String),
  )
  const candidate = fc.oneof(
    fc.tuple(part, digits, part).map((parts) => parts.join('.')),
    fc.array(part, { maxLength: 5 }).map((parts) => parts.join('.')),
    anyText,
  )

  it(
    'a text is a position exactly when PROTOCOL.md says so, and comes back as the same text',
    () => {
      const found = { yes: 0, no: 0 }
      const property = fc.property(candidate, (given) => {
        const [epoch = '', offset = '', id = '', ...more] = given.split('.')
        const word = /^[A-Za-z0-9_-]{1,64}$/
        const fine =
          more.length === 0 &&
          word.test(epoch) &&
          word.test(id) &&
          /^(0|[1-9][0-9]*)$/.test(offset) &&
          BigInt(offset) < 2n ** 53n &&
          (offset !== '0' || id === '0')
        const place = parsePosition(given)
        expect(place).toEqual(fine ? { epoch, offset: Number(offset), id } : null)
        if (place) expect(formatPosition(place)).toBe(given)
        found[fine ? 'yes' : 'no']++
      })
      fc.assert(property, fuzzing(0.1))
      expect(Math.min(found.yes, found.no)).toBeGreaterThan(0)
    },
    FUZZ_TIMEOUT_MS,
  )
})

describe('text', () => {
  it(
    '§9 the length is that of its UTF-8',
    () => {
      fc.assert(
        fc.property(fc.oneof(fc.string({ unit: 'binary' }), anyText), (given) => {
          expect(utf8Length(given)).toBe(Buffer.byteLength(given))
        }),
        fuzzing(0.2),
      )
    },
    FUZZ_TIMEOUT_MS,
  )

  it(
    '§9 the depth of JSON is counted as it nests, also inside texts that look like it',
    () => {
      const depthOf = (value: unknown): number =>
        typeof value === 'object' && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0
      const tricky = fc.constantFrom('[', '{', '"', '\\', '\\"', '\\\\', ']]', '[{"')
      const value = fc.letrec((tie) => ({
        any: fc.oneof(
          { maxDepth: 8 },
          tricky,
          fc.nat(),
          fc.array(tie('any'), { maxLength: 3 }),
          fc.dictionary(tricky, tie('any'), { maxKeys: 3 }),
        ),
      })).any
      fc.assert(
        fc.property(value, fc.integer({ min: 0, max: 9 }), (given, limit) => {
          expect(nestsDeeper(JSON.stringify(given), limit)).toBe(depthOf(given) > limit)
        }),
        fuzzing(0.2),
      )
    },
    FUZZ_TIMEOUT_MS,
  )

  it(
    'S12 what a value is, is said in a few plain words',
    () => {
      const strings = fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.constantFrom('\u2028', '\u0085', '\n\x1b[31m', '\ud800'),
      )
      fc.assert(
        fc.property(fc.oneof(strings, fc.anything()), (given) => {
          const said = kindOf(given)
          expect(said.length).toBeLessThan(260)
          expect(said).not.toMatch(/[\p{Cc}\u2028\u2029\p{Cs}]/u)
        }),
        fuzzing(0.2),
      )
    },
    FUZZ_TIMEOUT_MS,
  )
})
