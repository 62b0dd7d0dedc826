import fc from 'fast-check'
import { expect, it } from 'vitest'
import { joinBatch, splitBatch } from './batch-text.ts'

it('splits any batch into its frames, however it is spaced', () => {
  fc.assert(
    fc.property(fc.array(fc.jsonValue()), fc.constantFrom(0, 1, '\t'), (frames, space) => {
      const batch = splitBatch(JSON.stringify(frames, null, space))
      expect(batch?.isArray).toBe(true)
      expect(batch?.frames.map((frame) => JSON.parse(frame) as unknown)).toEqual(JSON.parse(JSON.stringify(frames)))
    }),
  )
})

it('keeps the text of each frame, and of one that stands alone', () => {
  const text = '[{"n":1.0e2,"s":"],[\\""},12345678901234567890]'
  const batch = splitBatch(text)
  expect(batch?.frames).toEqual(['{"n":1.0e2,"s":"],[\\""}', '12345678901234567890'])
  expect(joinBatch(batch?.frames ?? [], true)).toBe(text)
  expect(splitBatch(' {"a":[1]} ')).toEqual({ frames: ['{"a":[1]}'], isArray: false })
  expect(joinBatch(['{}'], false)).toBe('{}')
  expect(joinBatch(['{}', '1'], false)).toBe('[{},1]')
})

it.each(['', '[', '[1,]', 'hello'])('%j is no batch', (text) => {
  expect(splitBatch(text)).toBeUndefined()
})
