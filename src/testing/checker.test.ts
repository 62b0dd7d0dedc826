import { describe, expect, it } from 'vitest'
import { startOf } from '../protocol/position.ts'
import type { Place } from '../protocol/position.ts'
import { checkHistory } from './checker.ts'
import type { HistoryLine, HistoryRule } from './history.ts'

const at = (offset: number, epoch = 'E', fork = ''): Place =>
  offset ? { epoch, offset, id: `${epoch}${offset}${fork}` } : startOf(epoch)

const invoke = (n: number, publisher = 'p'): HistoryLine => ({
  type: 'pub.invoke',
  publisher,
  channel: 'a',
  key: `${publisher}:${n}`,
  n,
  hash: `#${n}`,
})
const append = (n: number, position = at(n)): HistoryLine => ({ type: 'append', channel: 'a', key: `p:${n}`, position })
const ok = (n: number, position = at(n)): HistoryLine => ({ type: 'pub.ok', key: `p:${n}`, position })
const deliver = (n: number, position = at(n)): HistoryLine => ({
  type: 'deliver',
  sub: 's',
  position,
  hash: `#${n}`,
})
const gap = (from: Place, to: Place): HistoryLine => ({ type: 'gap', sub: 's', from, to, reason: 'trimmed' })
const trim = (first: number): HistoryLine => ({ type: 'trim', channel: 'a', epoch: 'E', first })
const subscribe: HistoryLine = { type: 'subscribe', client: 'c', sub: 's', channel: 'a', position: at(0) }
const quiesce: HistoryLine = { type: 'quiesce' }
const on: HistoryLine = { type: 'fault', name: 'cut', on: true }
const off: HistoryLine = { type: 'fault', name: 'cut', on: false, fired: 1 }

const NUMBERS = [1, 2, 3, 4, 5, 6]

/** Six messages, each published, appended, acknowledged and delivered, with a fault in the middle. */
const clean = (): HistoryLine[] => [
  { type: 'epoch', channel: 'a', epoch: 'E' },
  subscribe,
  ...NUMBERS.flatMap((n) => [
    ...(n === 3 ? [on] : []),
    invoke(n),
    append(n),
    deliver(n),
    ok(n),
    ...(n === 4 ? [off] : []),
  ]),
  quiesce,
]

const same = (a: HistoryLine, b: HistoryLine): boolean => JSON.stringify(a) === JSON.stringify(b)
const without = (...lines: HistoryLine[]) => clean().filter((line) => !lines.some((each) => same(each, line)))
const after = (line: HistoryLine, ...more: HistoryLine[]) =>
  clean().flatMap((each) => (same(each, line) ? [each, ...more] : [each]))
const instead = (line: HistoryLine, ...more: HistoryLine[]) =>
  clean().flatMap((each) => (same(each, line) ? more : [each]))
const swapped = (a: HistoryLine, b: HistoryLine) =>
  clean().map((each) => (same(each, a) ? b : same(each, b) ? a : each))

const rules = (lines: readonly HistoryLine[]): HistoryRule[] => [
  ...new Set(checkHistory(lines).map(({ rule }) => rule)),
]

describe('a clean history', () => {
  it('has no finding', () => {
    expect(checkHistory(clean())).toEqual([])
  })

  it.each<readonly [string, HistoryLine[]]>([
    [
      'an honest gap',
      [
        ...without(deliver(2), deliver(3), deliver(4), quiesce).filter(
          (line) => !same(line, deliver(5)) && !same(line, deliver(6)),
        ),
        trim(5),
        gap(at(1), at(4)),
        deliver(5),
        deliver(6),
        quiesce,
      ],
    ],
    [
      'a fork with a gap',
      [
        ...without(quiesce),
        { type: 'lost-tail', channel: 'a', after: at(4) },
        invoke(7),
        append(7, at(5, 'E', 'x')),
        gap(at(6), at(5, 'E', 'x')),
        ok(7, at(5, 'E', 'x')),
        quiesce,
      ],
    ],
    [
      'a new epoch with a gap',
      [
        ...without(quiesce),
        { type: 'epoch', channel: 'a', epoch: 'F' },
        gap(at(6), at(0, 'F')),
        invoke(7),
        append(7, at(1, 'F')),
        ok(7, at(1, 'F')),
        deliver(7, at(1, 'F')),
        quiesce,
      ],
    ],
    [
      'a publish that is appended again after its tail was lost',
      [
        ...without(quiesce),
        { type: 'lost-tail', channel: 'a', after: at(5) },
        gap(at(6), at(5)),
        append(6, at(6, 'E', 'x')),
        deliver(6, at(6, 'E', 'x')),
        quiesce,
      ],
    ],
    [
      'a publish that is appended again in the next life of the log',
      [
        ...without(quiesce),
        { type: 'epoch', channel: 'a', epoch: 'F' },
        gap(at(6), at(0, 'F')),
        append(6, at(1, 'F')),
        deliver(6, at(1, 'F')),
        quiesce,
      ],
    ],
    ['an unknown publish that is in the log', instead(ok(6), { type: 'pub.unknown', key: 'p:6' })],
    ['lines of two actors in another order', swapped(append(3), deliver(3))],
  ])('%s has no finding either', (_, lines) => {
    expect(checkHistory(lines)).toEqual([])
  })
})

describe('R24 each change of a clean history is found', () => {
  it.each<readonly [string, HistoryRule, HistoryLine[]]>([
    ['one message dropped', 'silent-skip', without(deliver(3))],
    ['the last one dropped', 'not-caught-up', without(deliver(6))],
    ['all dropped', 'not-caught-up', without(...NUMBERS.map((n) => deliver(n)))],
    ['one repeated at once', 'duplicate', after(deliver(3), deliver(3))],
    ['one repeated later', 'duplicate', after(deliver(5), deliver(3))],
    ['two swapped', 'nonmonotonic', swapped(deliver(3), deliver(4))],
    ['one id appended twice', 'duplicate-append', after(append(6), append(6, { ...at(7), id: 'E6' }))],
    ['one publish appended twice', 'duplicate-append', after(append(6), append(6, at(7)))],
    ['an offset used twice', 'inconsistent-offset', after(append(6), append(6, at(6, 'E', 'x')))],
    ['a hole in the log', 'append-not-contiguous', after(append(6), append(7, at(8)))],
    ['acknowledged and not appended', 'lost-ack', without(append(6), deliver(6))],
    ['failed, then delivered', 'aborted-read', instead(append(6), { type: 'pub.fail', key: 'p:6' }, append(6))],
    ['delivered, then failed', 'aborted-read', after(deliver(6), { type: 'pub.fail', key: 'p:6' })],
    ['delivered after the end', 'delivery-after-unsubscribe', after(deliver(5), { type: 'unsubscribe', sub: 's' })],
    ['a changed payload', 'corrupt', instead(deliver(3), { ...deliver(3), hash: '#x' } as HistoryLine)],
    ['delivered and never published', 'phantom', without(invoke(3), ok(3))],
    [
      'an epoch that changes in silence',
      'silent-epoch-change',
      [...without(quiesce), invoke(7), append(7, at(1, 'F')), deliver(7, at(1, 'F')), ok(7, at(1, 'F')), quiesce],
    ],
    ['a false gap', 'false-gap', instead(deliver(3), gap(at(2), at(3)))],
    ['a gap that is too wide', 'wide-gap', instead(deliver(3), trim(4), gap(at(2), at(4)))],
    ['the same gap twice', 'gap-from-mismatch', instead(deliver(3), trim(4), gap(at(2), at(3)), gap(at(2), at(3)))],
    [
      'a gap after the message',
      'gap-from-mismatch',
      [...without(deliver(3), quiesce), trim(4), gap(at(2), at(3)), quiesce],
    ],
    ['a gap that goes nowhere', 'gap-not-forward', after(deliver(3), trim(4), gap(at(3), at(3)))],
    ['a gap at the edge of history', 'false-gap', instead(deliver(4), trim(4), gap(at(3), at(4)))],
    [
      'publishes in the wrong order',
      'publisher-order',
      clean().map((line) => {
        if (line.type !== 'pub.ok' && line.type !== 'append') return line
        return line.key === 'p:3' ? { ...line, key: 'p:4' } : line.key === 'p:4' ? { ...line, key: 'p:3' } : line
      }),
    ],
    [
      'acknowledged before the other was invoked, and behind it',
      'publisher-order',
      [...without(quiesce), invoke(1, 'q'), { type: 'pub.ok', key: 'q:1', position: at(2) }, quiesce],
    ],
    [
      'a fork in silence',
      'silent-fork',
      [
        ...without(quiesce),
        { type: 'lost-tail', channel: 'a', after: at(4) },
        ...[5, 6, 7].flatMap((n) => [invoke(n + 2), append(n + 2, at(n, 'E', 'x'))]),
        deliver(9, at(7, 'E', 'x')),
        quiesce,
      ],
    ],
    ['delivered after revocation', 'revoked-read', after(deliver(3), { type: 'revoke', client: 'c', channel: 'a' })],
    ['nothing at all', 'vacuous', []],
    ['no rest at the end', 'vacuous', without(quiesce)],
    ['a fault that did nothing', 'vacuous', instead(off, { ...off, fired: 0 })],
    ['nothing during a fault', 'vacuous', after(invoke(6), { ...on, name: 'x' }, { ...off, name: 'x' })],
  ])('%s: %s', (_, rule, lines) => {
    expect(rules(lines)).toContain(rule)
  })
})

it('judges a hundred thousand lines', () => {
  const history = (count: number): HistoryLine[] => [
    subscribe,
    ...Array.from({ length: count }, (_, index) => index + 1).flatMap((n) => [
      invoke(n),
      append(n),
      deliver(n),
      ok(n),
      trim(n),
    ]),
    quiesce,
  ]
  const lines = history(20_000)
  expect(checkHistory(lines)).toEqual([])
})
