import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Place } from '../protocol/position.ts'
import { startOf } from '../protocol/position.ts'
import type { Notice, Page, PublishKey, Store } from '../server/store.ts'
import { SUITE_AGE_MS, SUITE_MESSAGES, appendTo, fillWith } from './store-fixture.ts'
import type { StoreFixture } from './store-fixture.ts'
import { storeHistorySuite } from './store-history-suite.ts'
import { storeKindsSuite } from './store-kinds-suite.ts'
import { storePresenceSuite } from './store-presence-suite.ts'

const ALL = { messages: 1000, bytes: 1_000_000 }
const key = (sequence: number, userId = 'ann', client = 'c'): PublishKey => ({ userId, client, sequence })

/** What PROTOCOL.md asks of every store. */
export const storeSuite = (name: string, create: () => Promise<StoreFixture>): void => {
  describe(`${name} as a store`, () => {
    let fixture: StoreFixture
    let store: Store

    beforeEach(async () => {
      fixture = await create()
      store = fixture.store
    })

    afterEach(() => fixture.close())

    const append = (json: string, publishKey?: PublishKey): Promise<Place> =>
      appendTo(store, { json, ...(publishKey ? { key: publishKey } : {}) })
    const fill = (count: number): Promise<Place[]> => fillWith(count, (n) => append(String(n)))
    const after = (place: Place, limit = ALL): Promise<Page> => store.read('a', { after: place }, limit)
    const texts = (page: Page): string[] => page.messages.map(({ json }) => json)

    describe('reading', () => {
      it('§1.3 gives the offsets 1, 2, 3 … in one epoch', async () => {
        const places = await fill(3)
        expect(places.map(({ offset }) => offset)).toEqual([1, 2, 3])
        expect(new Set(places.map(({ epoch }) => epoch)).size).toBe(1)
        expect(new Set(places.map(({ id }) => id)).size).toBe(3)
      })

      it('§2.4 a channel without messages has an epoch, which its first message keeps', async () => {
        const { after: start } = await store.read('a', 'latest', ALL)
        expect(start).toMatchObject({ offset: 0, id: '0' })
        const first = await append('1')
        expect(first.epoch).toBe(start.epoch)
        expect(await after(start)).toMatchObject({ after: start, messages: [{ offset: 1, json: '1' }], more: false })
        expect((await after(start)).gap).toBeUndefined()
      })

      it('§3.2 starts at the head, at the oldest, and n before the head', async () => {
        const places = await fill(4)
        expect(await store.read('a', 'latest', ALL)).toEqual({ after: places[3], messages: [], more: false })
        expect(texts(await store.read('a', 'earliest', ALL))).toEqual(['1', '2', '3', '4'])
        const last = await store.read('a', { last: 2 }, ALL)
        expect(last.after).toEqual(places[1])
        expect(texts(last)).toEqual(['3', '4'])
        expect(texts(await store.read('a', { last: 9 }, ALL))).toEqual(['1', '2', '3', '4'])
        expect(texts(await store.read('a', { last: 0 }, ALL))).toEqual([])
      })

      it('§3.12 pages by count and by bytes, and one message always fits', async () => {
        const [first] = await fill(3)
        const byCount = await store.read('a', 'earliest', { messages: 2, bytes: 1_000_000 })
        expect(texts(byCount)).toEqual(['1', '2'])
        expect(byCount.more).toBe(true)
        const byBytes = await store.read('a', { after: first! }, { messages: 1000, bytes: 1 })
        expect(texts(byBytes)).toEqual(['2'])
        expect(byBytes.more).toBe(true)
      })

      it('keeps sender and publisher, and leaves out what was not there', async () => {
        await store.append('a', { json: '1', sender: 'ann', publisher: 'p' })
        await store.append('a', { json: '2' })
        const { messages } = await store.read('a', 'earliest', ALL)
        expect(messages[0]).toMatchObject({ sender: 'ann', publisher: 'p' })
        expect(messages[1]).not.toHaveProperty('sender')
        expect(messages[1]).not.toHaveProperty('publisher')
      })

      it.each(['__proto__', 'constructor', 'toString', ' ', '😀', '*'])(
        'S11 takes %j as a channel name',
        async (channel) => {
          await store.append(channel, { json: '1', key: key(1, '__proto__', 'constructor') })
          expect(texts(await store.read(channel, 'earliest', ALL))).toEqual(['1'])
          expect(Object.prototype).not.toHaveProperty('polluted')
        },
      )
    })

    describe('gaps', () => {
      it('§3.10 R4 covers what was trimmed, and no readable message', async () => {
        const places = await fill(SUITE_MESSAGES + 5)
        const page = await after(places[0]!)
        expect(page.gap).toEqual({ from: places[0], to: places[4], reason: 'trimmed' })
        expect(page.after).toEqual(places[4])
        expect(texts(page)[0]).toBe('6')
      })

      it('R4 §3.11 sends no gap to a reader at the newest trimmed message', async () => {
        const places = await fill(SUITE_MESSAGES + 5)
        const page = await after(places[4]!)
        expect(page.gap).toBeUndefined()
        expect(page.messages).toHaveLength(SUITE_MESSAGES)
      })

      it('R4 §3.11 sends no gap to a reader at the head when all messages are too old', async () => {
        const places = await fill(3)
        await fixture.advance(SUITE_AGE_MS + 1000)
        const page = await after(places[2]!)
        expect(page).toEqual({ after: places[2], messages: [], more: false })
        const next = await append('4')
        expect(next.offset).toBe(4)
        expect(texts(await after(places[2]!))).toEqual(['4'])
      })

      it('§3.11 a place ahead of the log is a lost tail', async () => {
        const [, second] = await fill(2)
        const page = await after({ ...second!, offset: 9, id: 'x9' })
        expect(page).toMatchObject({ gap: { to: second, reason: 'lost-tail' }, after: second, messages: [] })
      })

      it('§3.11 another id at the offset is a lost tail, also at the newest trimmed message', async () => {
        const places = await fill(SUITE_MESSAGES + 5)
        const head = places.at(-1)
        expect((await after({ ...places[7]!, id: 'other' })).gap).toMatchObject({ to: head, reason: 'lost-tail' })
        expect((await after({ ...places[4]!, id: 'other' })).gap).toMatchObject({ to: head, reason: 'lost-tail' })
      })

      it('R13 readers past a fork get a gap, readers before it get none', async () => {
        const places = await fill(5)
        await fixture.loseTail('a', 2)
        const head = await append('other 4')
        expect(head.offset).toBe(4)
        expect((await after(places[4]!)).gap).toMatchObject({ to: head, reason: 'lost-tail' })
        expect((await after(places[3]!)).gap).toMatchObject({ to: head, reason: 'lost-tail' })
        const before = await after(places[2]!)
        expect(before.gap).toBeUndefined()
        expect(texts(before)).toEqual(['other 4'])
      })

      it('R12 §3.10 another epoch is a gap to what can be read first', async () => {
        await fill(2)
        const page = await after(startOf('another'))
        expect(page.gap).toMatchObject({ to: { offset: 0, id: '0' }, reason: 'epoch' })
        expect(texts(page)).toEqual(['1', '2'])
      })

      it('R12 a channel that was deleted begins with another epoch', async () => {
        const places = await fill(2)
        await fixture.delete('a')
        const empty = await after(places[1]!)
        expect(empty.gap?.reason).toMatch(/epoch|expired/)
        const start = empty.after
        const first = await append('again')
        expect(first.epoch).not.toBe(places[0]!.epoch)
        expect(first.epoch).toBe(start.epoch)
        expect((await after(places[0]!)).gap?.reason).toMatch(/epoch|expired/)
        expect((await after(startOf(places[0]!.epoch))).gap).toBeDefined()
      })
    })

    describe('keys', () => {
      it('R5 §8.3 answers a repeat with the first place, and appends nothing', async () => {
        const first = await append('1', key(1))
        expect(await store.append('a', { json: '1', key: key(1) })).toEqual({
          kind: 'appended',
          place: first,
          duplicate: true,
        })
        expect(texts(await store.read('a', 'earliest', ALL))).toEqual(['1'])
      })

      it('§8.3 a repeat with other data is a conflict', async () => {
        await append('1', key(1))
        expect(await store.append('a', { json: '2', key: key(1) })).toEqual({ kind: 'conflict' })
        const named: PublishKey = { userId: 'ann', key: 'k' }
        await append('1', named)
        expect(await store.append('a', { json: '2', key: named })).toEqual({ kind: 'conflict' })
      })

      it('§8.2 a key is scoped to the user and the channel', async () => {
        await append('1', key(1))
        expect(await store.append('a', { json: '2', key: key(1, 'ben') })).toMatchObject({ duplicate: false })
        expect(await store.append('b', { json: '3', key: key(1) })).toMatchObject({ duplicate: false })
        // A user whose name ends as another's key begins.
        await append('4', { userId: 'x', key: 'y:z' })
        expect(await store.append('a', { json: '5', key: { userId: 'x:y', key: 'z' } })).toMatchObject({
          duplicate: false,
        })
      })

      it('R5 §8.4 a sequence that is not above the last, and not in the window, is unknown', async () => {
        await append('1', key(5))
        expect(await store.append('a', { json: '1', key: key(4) })).toEqual({ kind: 'unknown' })
        expect(await store.append('a', { json: '1', key: key(6) })).toMatchObject({ duplicate: false })
      })

      it('R5 §8.4 a key that a busy channel pushed out of the window is unknown, not appended', async () => {
        await append('1', key(1))
        for (let n = 1; n <= 10_001; n++) await store.append('a', { json: '0', key: key(n, 'ben', 'd') })
        expect(await store.append('a', { json: '1', key: key(1) })).toEqual({ kind: 'unknown' })
      })

      it('§8.4 a key without a sequence outlives any number of others for two minutes', async () => {
        const named: PublishKey = { userId: 'ann', key: 'k' }
        const first = await append('1', named)
        const atMs = fixture.wall()
        for (let n = 1; n <= 10_001; n++) await store.append('a', { json: '0', key: key(n) })
        // Where the time is real, some of it has passed.
        await fixture.advance(atMs + 119_000 - fixture.wall())
        expect(await store.append('a', { json: '1', key: named })).toMatchObject({ place: first, duplicate: true })
        await fixture.advance(2000)
        expect(await store.append('a', { json: '1', key: named })).toMatchObject({ duplicate: false })
      })

      it('R5 §8.5 past its time a publish is unknown and not appended; a known key still has its place', async () => {
        const untilMs = fixture.wall() + 100_000
        const request = { json: '1', key: key(1), untilMs }
        const first = await store.append('a', request)
        await fixture.advance(100_001)
        expect(await store.append('a', request)).toEqual({ ...first, duplicate: true })
        expect(await store.append('a', { ...request, key: key(2) })).toEqual({ kind: 'unknown' })
      })
    })

    describe('announcements', () => {
      it('are heard by everybody who hears, who announced them too, until they end it', async () => {
        const heard: string[][] = [[], []]
        const [end] = await Promise.all(heard.map((texts) => store.hear((text) => texts.push(text))))
        await store.announce('one')
        await store.announce('two')
        await expect
          .poll(() => heard)
          .toEqual([
            ['one', 'two'],
            ['one', 'two'],
          ])
        end?.()
        await store.announce('three')
        await expect.poll(() => heard[1]).toEqual(['one', 'two', 'three'])
        expect(heard[0]).toEqual(['one', 'two'])
      })

      it.each(['', '__proto__', ' \0\r\n\u001b\u2028"\\', '😀'.repeat(1024), 'x'.repeat(4096)])(
        'come as they were said (%#)',
        async (text) => {
          const heard: string[] = []
          await store.hear((text) => heard.push(text))
          await store.announce(text)
          await expect.poll(() => heard).toEqual([text])
        },
      )

      it('are neither messages nor notices', async () => {
        const heard: unknown[] = []
        await store.watch('a', (notice) => heard.push(notice))
        const told: string[] = []
        await store.hear((text) => told.push(text))
        await store.announce('a')
        await expect.poll(() => told).toEqual(['a'])
        expect(heard).toEqual([])
        expect(texts(await store.read('a', 'earliest', ALL))).toEqual([])
      })
    })

    describe('notices', () => {
      it('tells of each append and the place it follows, until the watch is ended', async () => {
        const heard: (Notice | null)[] = []
        const end = await store.watch('a', (notice) => heard.push(notice))
        const places = await fill(2)
        await store.append('b', { json: '0' })
        await expect.poll(() => heard.length).toBe(2)
        expect(heard.map((notice) => notice?.message.json)).toEqual(['1', '2'])
        expect(heard[1]?.after).toEqual(places[0])
        end()
        await append('3')
        expect(heard).toHaveLength(2)
      })

      it('does not tell of a repeat', async () => {
        await append('1', key(1))
        const heard: unknown[] = []
        await store.watch('a', (notice) => heard.push(notice))
        await append('1', key(1))
        expect(heard).toEqual([])
      })
    })

    describe('kinds', () => storeKindsSuite(() => fixture))
    storeHistorySuite(() => fixture)
    describe('presence', () => storePresenceSuite(() => fixture))
  })
}
