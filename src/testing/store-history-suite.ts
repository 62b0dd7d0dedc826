import { describe, expect, it } from 'vitest'
import type { Place } from '../protocol/position.ts'
import { startOf } from '../protocol/position.ts'
import type { Keep, Page } from '../server/store.ts'
import { SUITE_AGE_MS, SUITE_MESSAGES, appendTo, fillWith } from './store-fixture.ts'
import type { StoreFixture } from './store-fixture.ts'

const ALL = { messages: 1000, bytes: 1_000_000 }

/** Pages of history (PROTOCOL.md §3.16), as every store must have them. */
export const storeHistorySuite = (fixture: () => StoreFixture): void => {
  describe('§3.16 pages of history', () => {
    const append = (json: string, keep: Keep = 'history'): Promise<Place> => appendTo(fixture().store, { json, keep })
    const fill = (count: number): Promise<Place[]> => fillWith(count, (n) => append(String(n)))
    const page = (before: Place | 'end', last = 1000, limit = ALL): Promise<Page> =>
      fixture().store.read('a', { last, before }, limit)
    const numbers = ({ messages }: Page): number[] => messages.map(({ json }) => Number(json))

    it('has the newest messages before a place, oldest first, and says whether there are older ones', async () => {
      const places = await fill(6)
      const middle = await page(places[4]!, 2)
      expect(numbers(middle)).toEqual([3, 4])
      expect(middle).toMatchObject({ after: places[1], more: true })
      expect(middle.gap).toBeUndefined()
      const rest = await page(places[2]!, 2)
      expect(numbers(rest)).toEqual([1, 2])
      expect(rest).toMatchObject({ after: startOf(places[0]!.epoch), more: false })
    })

    it('begins at the end of the log', async () => {
      const places = await fill(3)
      expect(numbers(await page('end', 2))).toEqual([2, 3])
      expect(await page('end', 0)).toEqual({ after: places[2], messages: [], more: true })
      const [first] = (await page('end')).messages
      expect(first).toMatchObject({ offset: 1, id: places[0]!.id, json: '1' })
    })

    it('of a channel without messages is empty, and no gap', async () => {
      const { after: start } = await fixture().store.read('a', 'latest', ALL)
      for (const before of ['end', start] as const) {
        expect(await page(before)).toEqual({ after: start, messages: [], more: false })
      }
    })

    it('§3.12 one that is too large keeps the newest, so that it ends before the place; one message always fits', async () => {
      const places = await fill(5)
      expect(numbers(await page(places[4]!, 9, { messages: 2, bytes: 1_000_000 }))).toEqual([3, 4])
      expect(numbers(await page('end', 9, { messages: 9, bytes: 300 }))).toEqual([4, 5])
      const one = await page(places[4]!, 9, { messages: 9, bytes: 1 })
      expect(numbers(one)).toEqual([4])
      expect(one).toMatchObject({ after: places[2], more: true })
    })

    it('follow each other without a hole back to what is kept, whatever their size', async () => {
      await fill(15)
      for (const last of [1, 3, 4, 10, 11]) {
        const read: number[] = []
        for (let before: Place | 'end' = 'end', more = true; more;) {
          const answer: Page = await page(before, last)
          read.unshift(...numbers(answer))
          const [oldest] = answer.messages
          if (!oldest) throw new Error('an empty page')
          expect(answer.after.offset).toBe(oldest.offset - 1)
          before = { epoch: answer.after.epoch, offset: oldest.offset, id: oldest.id }
          more = answer.more
        }
        expect(read).toEqual([6, 7, 8, 9, 10, 11, 12, 13, 14, 15])
      }
    })

    it('before the oldest message that is kept, and before the newest that is not, there is nothing', async () => {
      const places = await fill(15)
      for (const before of [places[5]!, places[4]!]) {
        expect(await page(before)).toEqual({ after: places[4], messages: [], more: false })
      }
    })

    it('has messages as they were appended, and counts their bytes as any other page', async () => {
      const { store } = fixture()
      for (let n = 1; n <= 8; n++)
        await store.append('a', { json: `"${'x'.repeat(n)}"`, sender: 'ann', publisher: 'p' })
      const { messages } = await page('end')
      expect(messages.map(({ json }) => json.length - 2)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
      expect(messages.every(({ sender, publisher }) => sender === 'ann' && publisher === 'p')).toBe(true)
      const { messages: all } = await store.read('a', 'earliest', { messages: 9, bytes: 580 })
      const { messages: newest } = await page('end', 9, { messages: 9, bytes: 580 })
      expect([all.length, newest.length]).toEqual([4, 3])
    })

    it('R12 a place of another epoch is a gap to what can be read first, and nothing is read', async () => {
      const places = await fill(2)
      const before = { ...places[1]!, epoch: 'another' }
      const to = startOf(places[0]!.epoch)
      expect(await page(before)).toEqual({
        after: to,
        messages: [],
        more: false,
        gap: { from: before, to, reason: 'epoch' },
      })
    })

    it('§3.10 a place that was trimmed is a gap', async () => {
      const places = await fill(15)
      const gap = { from: places[3], to: places[4], reason: 'trimmed' }
      expect(await page(places[3]!)).toEqual({ after: places[4], messages: [], more: false, gap })
    })

    it('R13 §3.11 a place ahead of the log, or with another id, is a lost tail', async () => {
      const places = await fill(5)
      await fixture().loseTail('a', 2)
      const head = await append('4')
      for (const before of [places[4]!, places[3]!, { ...places[1]!, id: 'other' }]) {
        const gap = { from: before, to: head, reason: 'lost-tail' }
        expect(await page(before)).toEqual({ after: head, messages: [], more: false, gap })
      }
      expect(numbers(await page(places[2]!))).toEqual([1, 2])
    })

    describe('§3.17 of a conflated channel', () => {
      const quote = (symbol: string, n: number, gone = false): Promise<Place> =>
        append(String(n), { newestOf: symbol, gone })
      /** 1 to 4 are of keys of their own, 5 supersedes 2, and then the history has ten others: kept are 1, 3, 4, 5 and those. */
      const quotes = async (): Promise<Place[]> => {
        const places: Place[] = []
        for (const [index, symbol] of ['A', 'B', 'C', 'D', 'B'].entries()) places.push(await quote(symbol, index + 1))
        for (let n = 6; n <= 5 + SUITE_MESSAGES; n++) places.push(await quote('other', n))
        return places
      }
      const kept = [1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]

      it('has all that is kept, superseded or not, back beyond the history', async () => {
        const places = await quotes()
        const all = await page('end')
        expect(numbers(all)).toEqual(kept)
        expect(all).toMatchObject({ after: startOf(places[0]!.epoch), more: false })
        expect(all.messages.map(({ offset }) => offset)).toEqual(kept)
        const across = await page(places[6]!, 3)
        expect(numbers(across)).toEqual([4, 5, 6])
        expect(across).toMatchObject({ after: places[2], more: true })
        expect(across.messages.map(({ conflationKey }) => conflationKey)).toEqual(['D', 'B', 'other'])
      })

      it('follow each other without a hole, whatever their size', async () => {
        await quotes()
        for (const last of [1, 2, 4, 9, 13, 14, 15]) {
          const read: number[] = []
          for (let before: Place | 'end' = 'end', more = true; more;) {
            const answer: Page = await page(before, last)
            const [oldest] = answer.messages
            if (!oldest) throw new Error('an empty page')
            read.unshift(...numbers(answer))
            expect(answer.gap).toBeUndefined()
            before = { epoch: answer.after.epoch, offset: oldest.offset, id: oldest.id }
            more = answer.more
          }
          expect(read).toEqual(kept)
        }
      })

      it('§3.12 one that is too large keeps the newest, also of what is beyond the history', async () => {
        const places = await quotes()
        expect(numbers(await page(places[5]!, 9, { messages: 2, bytes: 1_000_000 }))).toEqual([4, 5])
        expect(numbers(await page(places[5]!, 9, { messages: 9, bytes: 300 }))).toEqual([4, 5])
        const one = await page(places[5]!, 9, { messages: 9, bytes: 1 })
        expect([numbers(one), one.after, one.more]).toEqual([[5], places[3], true])
      })

      it('before a position that is kept no more is what came before it, and no gap', async () => {
        const places = await quotes()
        // The second is not kept: it was superseded.
        for (const before of [places[1]!, { ...places[1]!, id: 'other' }]) {
          expect(numbers(await page(before))).toEqual([1])
          expect((await page(before)).gap).toBeUndefined()
        }
        for (const before of [places[0]!, startOf(places[0]!.epoch)]) {
          expect(await page(before)).toEqual({ after: startOf(before.epoch), messages: [], more: false })
        }
      })

      it('R12 R13 a place of another epoch, or ahead of the log, is a gap that leads before all that is kept', async () => {
        const places = await quotes()
        const to = startOf(places[0]!.epoch)
        const ahead = { ...places[14]!, offset: 99 }
        const branch = { ...places[10]!, id: 'other' }
        for (const [before, reason] of [
          [{ ...places[3]!, epoch: 'another' }, 'epoch'],
          [ahead, 'lost-tail'],
          [branch, 'lost-tail'],
        ] as const) {
          const gap = { from: before, to, reason }
          expect(await page(before)).toEqual({ after: to, messages: [], more: false, gap })
        }
      })
    })

    it('§3.17 of a volatile channel is empty', async () => {
      await append('1', 'none')
      const head = await append('2', 'none')
      for (const before of ['end', head] as const) {
        expect(await page(before)).toEqual({ after: head, messages: [], more: false })
      }
    })

    it('R4 a place at the head is no gap when all messages are too old', async () => {
      const places = await fill(3)
      await fixture().advance(SUITE_AGE_MS + 1000)
      expect(await page(places[2]!)).toEqual({ after: places[2], messages: [], more: false })
    })
  })
}
