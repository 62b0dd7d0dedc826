import { describe, expect, it } from 'vitest'
import { channelKinds, keepOf, keyWanted } from './channel-kinds.ts'
import type { ChannelKind } from './channel-kinds.ts'

describe('kinds of channels', () => {
  it('the first rule that fits decides; where none fits it is a log', () => {
    const kindOf = channelKinds([
      { channel: 'quotes:old', kind: 'log' },
      { channel: 'quotes:*', kind: 'conflated', by: 'symbol' },
      { channel: 'cursor', kind: 'volatile' },
    ])
    const kinds = ['quotes:old', 'quotes:x', 'cursor', 'cursors'].map((channel) => kindOf(channel).kind)
    expect(kinds).toEqual(['log', 'conflated', 'volatile', 'log'])
  })

  it.each([
    [{}, 'kinds must be an array of rules'],
    [[null], 'kinds[0]: a rule must be an object'],
    [
      [
        { channel: 'a', kind: 'log' },
        { channel: 'b', kind: 'x' },
      ],
      'kinds[1]: kind must be one of log, conflated, volatile',
    ],
    [[{ channel: 'a', kind: 'volatile', by: 'x' }], 'kinds[0]: by is for the kind conflated'],
    [[{ channel: 'a', kind: 'conflated', by: '' }], 'kinds[0]: by is for the kind conflated'],
    [[{ channel: 'a:{userId}', kind: 'volatile' }], 'kinds[0]: a kind is the same for all users'],
    [[{ channel: '', kind: 'volatile' }], 'kinds[0]: the pattern must be a text'],
    [[{ kind: 'volatile' }], 'kinds[0]: the pattern must be a text'],
    [[{ channel: 'a', kind: 'log', key: 'x' }], '"key" is no field of a rule'],
  ])('%j is refused: %s', (rules, why) => {
    expect(() => channelKinds(rules as readonly ChannelKind[])).toThrow(why)
  })

  it.each([
    [{ s: 'A' }, { newestOf: '"A"' }],
    [{ s: 7 }, { newestOf: '7' }],
    [{ s: '7' }, { newestOf: '"7"' }],
    [{ s: '' }, { newestOf: '""' }],
    [{ s: 'x'.repeat(257) }, null],
    [{ s: null }, null],
    [{ s: { a: 1 } }, null],
    [{}, null],
    [null, null],
    ['text', null],
    [[1], null],
  ])('S11 the key of %j', (data, keep) => {
    expect(keepOf({ kind: 'conflated', by: 's' }, data)).toEqual(keep)
    // What every object has is no field of the data.
    expect(keepOf({ kind: 'conflated', by: 'toString' }, data)).toBeNull()
    expect(keyWanted({ kind: 'conflated', by: 's' })).toContain('"s"')
  })

  it('without a field the channel has one key; other kinds have none', () => {
    expect(keepOf({ kind: 'conflated' }, 1)).toEqual({ newestOf: '' })
    expect(keepOf({ kind: 'log' }, 1)).toBe('history')
    expect(keepOf({ kind: 'volatile' }, 1)).toBe('none')
  })
})
