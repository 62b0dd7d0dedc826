import { expect, it } from 'vitest'
import { startOf } from '../protocol/position.ts'
import type { Place } from '../protocol/position.ts'
import type { Keep, Page, ReadFrom } from '../server/store.ts'
import { SUITE_AGE_MS, SUITE_MESSAGES, appendTo, fillWith } from './store-fixture.ts'
import type { StoreFixture } from './store-fixture.ts'

const ALL = { messages: 1000, bytes: 1_000_000 }

/** What PROTOCOL.md §3.13–3.15 asks of every store: channels that are no logs. */
export const storeKindsSuite = (fixtureOf: () => StoreFixture): void => {
  const append = (json: string, keep: Keep): Promise<Place> => appendTo(fixtureOf().store, { json, keep })
  const quote = (symbol: string, price: number, gone = false): Promise<Place> =>
    append(JSON.stringify(`${symbol} ${price}`), { newestOf: symbol, gone })
  /** Messages of other keys: so many that what was before them leaves the history. */
  const fill = (count = SUITE_MESSAGES): Promise<Place[]> => fillWith(count, (n) => quote('other', n))
  const read = (from: ReadFrom, limit = ALL): Promise<Page> => fixtureOf().store.read('a', from, limit)
  const texts = ({ messages }: Page): unknown[] => messages.map(({ json }) => JSON.parse(json) as unknown)
  const newest = ({ messages }: Page): unknown[] =>
    [...new Map(messages.map(({ conflationKey, json }) => [conflationKey, json])).values()].map(
      (json) => JSON.parse(json) as unknown,
    )

  it('§3.14 conflated: the newest of each key outlives the history', async () => {
    await quote('A', 1)
    await quote('B', 1)
    await quote('A', 2)
    await fill()
    const page = await read('earliest')
    expect(page.after).toEqual(startOf(page.after.epoch))
    expect(texts(page).slice(0, 3)).toEqual(['B 1', 'A 2', 'other 1'])
    expect(newest(page)).toEqual(['B 1', 'A 2', `other ${SUITE_MESSAGES}`])
    expect(page.messages.map(({ offset }) => offset).slice(0, 3)).toEqual([2, 3, 4])
    expect(page.gap).toBeUndefined()
  })

  it('§3.14 conflated: what is superseded is not kept beyond the history', async () => {
    await quote('A', 1)
    await fill()
    expect(texts(await read('earliest'))[0]).toBe('A 1')
    await quote('A', 2)
    await fill(SUITE_MESSAGES - 1)
    expect(texts(await read('earliest'))[0]).toBe('A 2')
    await fill(1)
    expect(texts(await read('earliest'))[0]).toBe('A 2')
    expect(newest(await read('earliest'))).toEqual(['A 2', 'other 1'])
  })

  it('§3.14 conflated: a reader in the history goes on, one whose place is not known begins with the newest of each key', async () => {
    const [first] = [await quote('A', 1)]
    await quote('B', 1)
    const places = await fill(2)
    expect(await read({ after: first })).toMatchObject({
      after: first,
      messages: [{ offset: 2 }, { offset: 3 }, { offset: 4 }],
    })
    await quote('A', 2)
    await fill()
    const page = await read({ after: places[0]! })
    expect(page.gap).toEqual({ from: places[0], to: startOf(first.epoch), reason: 'trimmed' })
    expect(page.after).toEqual(startOf(first.epoch))
    expect(newest(page)).toEqual(['B 1', 'A 2', `other ${SUITE_MESSAGES}`])
  })

  it('§3.14 conflated: pages through what is kept and the history, without a gap between', async () => {
    for (const symbol of ['A', 'B', 'C', 'D']) await quote(symbol, 1)
    await fill()
    let from: ReadFrom = 'earliest'
    const seen: unknown[] = []
    for (let more = true; more;) {
      const page = await read(from, { messages: 3, bytes: 1_000_000 })
      expect(page.gap).toBeUndefined()
      seen.push(...texts(page))
      const { offset, id } = page.messages.at(-1)!
      from = { after: { epoch: page.after.epoch, offset, id } }
      more = page.more
    }
    expect(seen).toEqual(texts(await read('earliest')))
    expect(seen).toHaveLength(4 + SUITE_MESSAGES)
  })

  it('§3.2 §3.14 conflated: the newest n reach back into what is kept', async () => {
    for (const symbol of ['A', 'B', 'C']) await quote(symbol, 1)
    await fill()
    const last = async (n: number) => texts(await read({ last: n }))
    expect((await last(SUITE_MESSAGES + 2)).slice(0, 2)).toEqual(['B 1', 'C 1'])
    expect(await last(1)).toEqual([`other ${SUITE_MESSAGES}`])
    expect(await last(0)).toEqual([])
    expect(await last(100)).toHaveLength(3 + SUITE_MESSAGES)
  })

  it('§3.14 conflated: a key of which nothing more is to be known is not kept', async () => {
    await quote('A', 1)
    await quote('A', 2, true)
    expect((await read('earliest')).messages.at(-1)).toMatchObject({ conflationKey: 'A', gone: true })
    await fill()
    expect(newest(await read('earliest'))).toEqual([`other ${SUITE_MESSAGES}`])
  })

  it('§3.14 conflated: readers come to the head, also where that says of a key that there is nothing more', async () => {
    await quote('A', 1)
    const head = await quote('B', 1, true)
    await fixtureOf().advance(SUITE_AGE_MS + 1000)
    const page = await read('earliest')
    expect(texts(page)).toEqual(['A 1', 'B 1'])
    expect(page.messages.at(-1)).toMatchObject({ offset: head.offset, id: head.id })
    expect(await read({ after: head })).toEqual({ after: head, messages: [], more: false })
    await quote('C', 1)
    expect(texts(await read('earliest'))).toEqual(['A 1', 'C 1'])
    expect(texts(await read({ after: head }))).toEqual(['C 1'])
  })

  it('R13 §3.14 conflated: after a lost tail everything that is newest comes again', async () => {
    await quote('A', 1)
    const lost = await quote('B', 1)
    await fixtureOf().loseTail('a', 1)
    await quote('C', 1)
    const page = await read({ after: lost })
    expect(page.gap).toMatchObject({ from: lost, to: startOf(lost.epoch), reason: 'lost-tail' })
    expect(newest(page)).toEqual(['A 1', 'C 1'])
  })

  it('R12 §3.14 conflated: another life of the channel begins with its own', async () => {
    const old = await quote('A', 1)
    await fill()
    await fixtureOf().delete('a')
    await quote('B', 1)
    const page = await read({ after: old })
    expect(page.gap).toMatchObject({ from: old, to: startOf(page.after.epoch) })
    expect(texts(page)).toEqual(['B 1'])
  })

  it('§3.15 volatile: nothing is kept, and offsets go on', async () => {
    const { after: start } = await read('latest')
    const first = await append('1', 'none')
    const second = await append('2', 'none')
    expect([first, second].map(({ offset }) => offset)).toEqual([1, 2])
    expect(first.epoch).toBe(start.epoch)
    expect(await read('earliest')).toEqual({ after: second, messages: [], more: false })
    expect(await read({ after: second })).toEqual({ after: second, messages: [], more: false })
    expect((await read({ after: first })).gap).toEqual({ from: first, to: second, reason: 'trimmed' })
  })

  it('§3.15 volatile: is told of, and a repeat is recognised', async () => {
    const { store } = fixtureOf()
    const heard: string[] = []
    let told = (): void => undefined
    const came = new Promise<void>((resolve) => (told = resolve))
    const end = await store.watch('a', (notice) => {
      heard.push(notice?.message.json ?? 'null')
      told()
    })
    const request = { json: '1', keep: 'none', key: { userId: 'ann', client: 'c', sequence: 1 } } as const
    const appended = await store.append('a', request)
    expect(await store.append('a', request)).toEqual({ ...appended, duplicate: true })
    await came
    expect(heard).toEqual(['1'])
    end()
  })

  it('§3.13 notices carry the key, for whoever serves from them', async () => {
    const { store } = fixtureOf()
    let told = (_message: unknown): void => undefined
    const heard = new Promise((resolve) => (told = resolve))
    await store.watch('a', (notice) => told(notice?.message))
    await quote('A', 1, true)
    expect(await heard).toMatchObject({ conflationKey: 'A', gone: true, offset: 1 })
  })
}
