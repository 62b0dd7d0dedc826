import { expect, it } from 'vitest'
import type { Holder, Leased, Page, ReadFrom, Store } from '../server/store.ts'
import { SUITE_AGE_MS, SUITE_MESSAGES } from './store-fixture.ts'
import type { StoreFixture } from './store-fixture.ts'

const ALL = { messages: 1000, bytes: 1_000_000 }
const LEASE_MS = 75_000

type Leasing = Required<Pick<Store, 'lease'>>

/** What PROTOCOL.md §8.14 asks of every store: who is at a channel. */
export const storePresenceSuite = (fixtureOf: () => StoreFixture): void => {
  const lease = (holder?: Holder, holders = 100): Promise<Leased> =>
    (fixtureOf().store as Store & Leasing).lease('a', { ...(holder && { holder }), leaseMs: LEASE_MS, holders })
  const come = (id: string, data: string, rest: Partial<Holder> = {}): Promise<Leased> =>
    lease({ id, json: JSON.stringify({ id, data }), ...rest })
  const leave = (id: string, rest: Partial<Holder> = {}): Promise<Leased> => lease({ id, json: null, ...rest })
  const read = (from: ReadFrom = 'earliest', limit = ALL): Promise<Page> => fixtureOf().store.read('a', from, limit)
  const said = ({ messages }: Page): string[] =>
    messages.map(({ json }) => {
      const { id, data = 'gone' } = JSON.parse(json) as { id: string; data?: string }
      return `${id} ${data}`
    })
  const told = async (): Promise<string[]> => said(await read())
  const all = { kind: 'leased', told: true }
  const same = { kind: 'leased', told: false }

  it('§8.14 presence: who comes, changes and leaves is told once, and a renewal is not', async () => {
    expect(await come('ann', 'x')).toMatchObject({ ...all, place: { offset: 1 } })
    expect(await come('ann', 'x')).toMatchObject({ ...same, place: { offset: 1 } })
    expect(await come('bob', 'y', { sender: 'b' })).toMatchObject(all)
    expect(await come('ann', 'z')).toMatchObject(all)
    expect(await leave('ann')).toMatchObject({ ...all, place: { offset: 4 } })
    expect(await leave('ann')).toMatchObject(same)
    expect(await told()).toEqual(['ann x', 'bob y', 'ann z', 'ann gone'])
    const { messages } = await read()
    expect(messages[1]).toMatchObject({ publisher: 'bob', sender: 'b', conflationKey: 'bob' })
    expect(messages[3]).toMatchObject({ publisher: 'ann', conflationKey: 'ann', gone: true })
    expect(messages[3]).not.toHaveProperty('sender')
  })

  it('§8.14 presence: somebody else with the same data is told', async () => {
    await come('ann', 'x', { sender: 'a' })
    expect(await come('ann', 'x', { sender: 'b' })).toMatchObject(all)
  })

  it('§8.14 presence: who does not renew has left, and one who does stays', async () => {
    await come('ann', 'x')
    await come('bob', 'y')
    await fixtureOf().advance(LEASE_MS - 5000)
    await come('bob', 'y')
    await lease()
    expect(await told()).toEqual(['ann x', 'bob y'])
    await fixtureOf().advance(10_000)
    await lease()
    expect(await told()).toEqual(['ann x', 'bob y', 'ann gone'])
    await lease()
    expect(await come('ann', 'x')).toMatchObject(all)
    expect(await told()).toEqual(['ann x', 'bob y', 'ann gone', 'ann x'])
  })

  it('§8.14 presence: what comes late changes nothing', async () => {
    await come('ann', 'new', { sequence: 5 })
    expect(await come('ann', 'old', { sequence: 4 })).toMatchObject(same)
    expect(await leave('ann', { sequence: 4 })).toMatchObject(same)
    expect(await leave('ann', { sequence: 6 })).toMatchObject(all)
    expect(await come('ann', 'old', { sequence: 5 })).toMatchObject(same)
    expect(await come('ann', 'again', { sequence: 7 })).toMatchObject(all)
    expect(await told()).toEqual(['ann new', 'ann gone', 'ann again'])
  })

  it('§8.14 presence: one without a sequence is the newest', async () => {
    await come('ann', 'x', { sequence: 5 })
    expect(await leave('ann')).toMatchObject(all)
    expect(await come('ann', 'x', { sequence: 4 })).toMatchObject(same)
    expect(await come('ann', 'x', { sequence: 6 })).toMatchObject(all)
  })

  it('§8.5 presence: nothing comes of what is over', async () => {
    const untilMs = fixtureOf().wall() - 1000
    expect(await come('ann', 'x', { untilMs })).toEqual({ kind: 'unknown' })
    expect(await told()).toEqual([])
  })

  it('S4 presence: as many as may be seen, and one more when somebody leaves', async () => {
    await come('ann', 'x')
    const bob: Holder = { id: 'bob', json: '{"id":"bob","data":"y"}' }
    expect(await lease(bob, 1)).toEqual({ kind: 'full' })
    // Who is there may change.
    expect(await lease({ id: 'ann', json: '{"id":"ann","data":"z"}' }, 1)).toMatchObject(all)
    await leave('ann')
    expect(await lease(bob, 1)).toMatchObject(all)
    await fixtureOf().advance(LEASE_MS + 5000)
    expect(await lease({ id: 'cid', json: '{"id":"cid","data":"y"}' }, 1)).toMatchObject(all)
  })

  it('R12 presence: in another life of the channel all are told anew', async () => {
    await come('ann', 'x')
    await fixtureOf().delete('a')
    expect(await come('ann', 'x')).toMatchObject(all)
    expect(await told()).toEqual(['ann x'])
  })

  it('§8.14 presence: notices are as those of publishes', async () => {
    let hear = (_json: unknown): void => undefined
    const heard = new Promise((resolve) => (hear = resolve))
    await fixtureOf().store.watch('a', (notice) => hear(notice?.message))
    await come('ann', 'x')
    expect(await heard).toMatchObject({ conflationKey: 'ann', offset: 1, json: '{"id":"ann","data":"x"}' })
  })

  it('R4 §8.15 presence: who was away while somebody left and was forgotten is told by a gap', async () => {
    await come('ann', 'x')
    await come('bob', 'y')
    const [, { id, offset }] = (await read()).messages as [unknown, { id: string; offset: number }]
    const { epoch } = (await read()).after
    // Ann leaves, and that leaves the history; Bob is the newest of his key all the time.
    await leave('ann')
    await fixtureOf().advance(SUITE_AGE_MS - 60_000)
    await come('bob', 'y')
    await fixtureOf().advance(70_000)
    await come('bob', 'y')
    // The head stays until there is another one.
    expect(await told()).toEqual(['bob y', 'ann gone'])
    await come('cid', 'z')
    expect(await told()).toEqual(['bob y', 'cid z'])
    const page = await read({ after: { epoch, offset, id } })
    expect(page.gap).toMatchObject({ to: { offset: 0 } })
    expect(said(page)).toEqual(['bob y', 'cid z'])
  })

  it('§8.15 presence: pages through all who are there, though others were forgotten', async () => {
    const ids = Array.from({ length: SUITE_MESSAGES + 5 }, (_, n) => `m${n}`)
    await come('ann', 'x')
    await leave('ann')
    for (const id of ids) await come(id, 'x')
    const seen: string[] = []
    let from: ReadFrom = 'earliest'
    for (let more = true; more;) {
      const page = await read(from, { messages: 4, bytes: 1_000_000 })
      expect(page.gap).toBeUndefined()
      seen.push(...said(page))
      const { id, offset } = page.messages.at(-1)!
      from = { after: { epoch: page.after.epoch, offset, id } }
      more = page.more
    }
    expect(seen).toEqual(ids.map((id) => `${id} x`))
  })
}
