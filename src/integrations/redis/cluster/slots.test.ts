import { describe, expect, it } from 'vitest'
import { SlotTable, slotOf } from './slots.ts'

describe('slotOf', () => {
  // The first is the check value of CRC16/XMODEM; the others are what CLUSTER KEYSLOT answers.
  it.each([
    ['123456789', 0x31c3],
    ['', 0],
    ['foo', 12182],
    ['{foo}', 12182],
    ['a{foo}b', 12182],
    ['{foo}{bar}', 12182],
    ['foo{}{bar}', 8363],
    ['foo{{bar}}zap', 4015],
    ['{', 4092],
    ['ä', 13929],
  ])('of %j is %i', (name, slot) => {
    expect(slotOf(name)).toBe(slot)
  })
})

describe('SlotTable', () => {
  it('knows the masters of ranges, and of slots that moved', () => {
    const table = new SlotTable()
    expect(table.owner(5)).toBeUndefined()
    table.replace([
      { from: 0, to: 5, address: 'a' },
      { from: 7, to: 16_383, address: 'b' },
    ])
    expect([0, 5, 6, 7, 16_383].map((slot) => table.owner(slot))).toEqual(['a', 'a', undefined, 'b', 'b'])
    table.move(5, 'c')
    expect([4, 5].map((slot) => table.owner(slot))).toEqual(['a', 'c'])
    expect([...table.addresses]).toEqual(['a', 'b', 'c'])
    table.replace([{ from: 0, to: 16_383, address: 'c' }])
    expect([...table.addresses]).toEqual(['c'])
  })
})
