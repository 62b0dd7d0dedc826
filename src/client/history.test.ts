import { describe, expect, it } from 'vitest'
import type { HubOptions } from '../server/hub-types.ts'
import { LADDERS, numbers, setUpHistory, upTo } from '../testing/history-set-up.ts'
import type { HistoryOptions, HistoryPage } from './history-types.ts'
import type { Gap, Message } from './types.ts'

describe.each(LADDERS.map((ladder) => [ladder.join(', '), ladder] as const))('§3.16 over %s', (_, transports) => {
  it('pages back from the newest message to the oldest', async () => {
    const { answered, client, positions } = await setUpHistory(9, { transports })
    const newest = await answered({ limit: 4 })
    expect(newest).toEqual({ messages: newest.messages, more: true, gap: undefined })
    expect(numbers(newest)).toEqual([6, 7, 8, 9])
    const before = newest.messages[0]!.position
    expect(before).toBe(positions[6])
    const next = await answered({ limit: 4, before })
    expect([numbers(next), next.more]).toEqual([[2, 3, 4, 5], true])
    const last = await answered({ limit: 4, before: next.messages[0]!.position })
    expect([numbers(last), last.more]).toEqual([[1], false])
    const none = await answered({ before: last.messages[0]!.position })
    expect(none).toEqual({ messages: [], more: false, gap: undefined })
    client.close()
  })

  it('beside a subscription that stays where it is, and goes on', async () => {
    const { answered, clock, client, network, say, positions } = await setUpHistory(9, { transports })
    const got: Message[] = []
    const states: string[] = []
    const gaps: Gap[] = []
    const subscription = client.subscribe('a', (message) => got.push(message), { from: { last: 2 } })
    subscription.on('state', ({ name }) => states.push(name))
    subscription.on('gap', (gap) => gaps.push(gap))
    await clock.advance(20_000)
    expect(numbers(await answered({ before: got[0]!.position, limit: 3 }))).toEqual([5, 6, 7])
    expect((await answered({ before: 'gone.3.x' })).gap?.reason).toBe('epoch')
    expect(subscription.position).toBe(positions[9])
    await say(10)
    await clock.advance(10_000)
    expect(got.map(({ data }) => data)).toEqual([8, 9, 10])
    expect([states, gaps]).toEqual([['live'], []])
    expect(network.hub.core.links.size).toBeLessThanOrEqual(1)
    client.close()
  })

  it('leaves nothing behind: no reader at the hub, no link beside the one that carries, no timer', async () => {
    const { answered, clock, client, network } = await setUpHistory(9, { transports })
    await answered({ limit: 2 })
    await clock.advance(10_000)
    expect(network.hub.core.links.size).toBeLessThanOrEqual(1)
    for (const { readers } of network.hub.inspect().channels) expect(readers).toBe(0)
    client.close()
    await clock.advance(60_000)
    expect([clock.pending, network.open.size]).toEqual([0, 0])
  })

  it('S10 a channel that may not be read is forbidden, at once and for this page alone', async () => {
    const authorize: HubOptions['authorize'] = ({ channel }) => channel !== 'secret'
    const { ask, answered, clock, client } = await setUpHistory(9, { transports, hub: { authorize } })
    const states: string[] = []
    client.subscribe('a', () => undefined).on('state', ({ name }) => states.push(name))
    await clock.advance(20_000)
    const forbidden = ask({}, 'secret')
    expect(numbers(await answered({ limit: 1 }))).toEqual([9])
    await clock.advance(5_000)
    expect(forbidden.code).toBe('forbidden')
    expect(states).toEqual(['live'])
    client.close()
  })
})

describe('a page of history', () => {
  it('has messages as a subscription has them: all of them replayed, and own where they are', async () => {
    const { answered, client, clock } = await setUpHistory(1)
    const got: Message[] = []
    client.subscribe('a', (message) => got.push(message), { from: 'earliest' })
    await clock.advance(5_000)
    void client.publish('a', 2)
    await clock.advance(1_000)
    const { messages } = await answered()
    expect(messages).toEqual(got.map((message) => ({ ...message, replayed: true })))
    expect(messages.map(({ own, replayed }) => [own, replayed])).toEqual([
      [false, true],
      [true, true],
    ])
    client.close()
  })

  it('is no news, also what was published at the moment of the answer', async () => {
    const { ask, clock, client, say } = await setUpHistory(1)
    client.connect()
    await clock.advance(5_000)
    await say(2)
    const asked = ask()
    await clock.settle()
    expect(asked.page?.messages.map(({ replayed }) => replayed)).toEqual([true, true])
    client.close()
  })

  it('has 50 messages where nothing is said, and 1,000 at most', async () => {
    const { answered, client } = await setUpHistory(1_200)
    expect(numbers(await answered())).toEqual(upTo(1_200).slice(-50))
    const most = await answered({ limit: 1_000 })
    expect([most.messages.length, most.more]).toEqual([1_000, true])
    client.close()
  })

  it('of a channel without messages is empty', async () => {
    const { answered, client } = await setUpHistory()
    expect(await answered()).toEqual({ messages: [], more: false, gap: undefined })
    client.close()
  })

  it('is smaller where messages are large, and still ends before the position', async () => {
    const { answered, client, network } = await setUpHistory()
    for (let n = 1; n <= 20; n++) await network.hub.publish('a', `${n} ${'x'.repeat(30_000)}`)
    const read: number[] = []
    let pages = 0
    for (let before: string | undefined, more = true; more; pages++) {
      const page: HistoryPage = await answered({ limit: 20, ...(before && { before }) })
      read.unshift(...page.messages.map(({ offset }) => offset))
      before = page.messages[0]?.position
      more = page.more
    }
    expect(read).toEqual(upTo(20))
    expect(pages).toBeGreaterThan(2)
    client.close()
  })

  it.each([
    ['trimmed', 'E', { kept: { messages: 5, ageMs: 1e9 } }],
    ['epoch', 'another life of the log', {}],
    ['lost-tail', 'a message that the store lost', {}],
  ] as const)('from a position that is none any more is a gap: %s', async (reason, _, options) => {
    const { answered, client, positions } = await setUpHistory(9, options)
    const before = { trimmed: positions[2]!, epoch: 'other.3.x', 'lost-tail': positions[9]!.replace('.9.', '.12.') }[
      reason
    ]
    const to = { trimmed: positions[4]!, epoch: positions[1]!.replace(/\..*/, '.0.0'), 'lost-tail': positions[9] }[
      reason
    ]
    expect(await answered({ before })).toEqual({
      messages: [],
      more: false,
      gap: { type: 'gap', channel: 'a', from: before, to, reason },
    })
    client.close()
  })

  it('§3.17 of a conflated channel has what is superseded too, and tells of a position that is none', async () => {
    const kinds = [{ channel: 'a', kind: 'conflated' }] as const
    const { answered, client, positions } = await setUpHistory(9, { hub: { kinds } })
    expect(numbers(await answered({ before: positions[6]!, limit: 3 }))).toEqual([3, 4, 5])
    const to = positions[1]!.replace(/\..*/, '.0.0')
    expect(await answered({ before: 'other.3.x' })).toEqual({
      messages: [],
      more: false,
      gap: { type: 'gap', channel: 'a', from: 'other.3.x', to, reason: 'epoch' },
    })
    client.close()
  })

  it.each([
    ['no channel', '', {}, 'channel'],
    ['a channel with a line feed', 'a\n', {}, 'channel'],
    ['a position that is none', 'a', { before: 'E.1' }, 'before'],
    ['null', 'a', { before: null }, 'before'],
    ['an empty position', 'a', { before: '' }, 'before'],
    ['a limit of 0', 'a', { limit: 0 }, 'limit'],
    ['a limit over 1,000', 'a', { limit: 1_001 }, 'limit'],
    ['a half', 'a', { limit: 1.5 }, 'limit'],
    ['text', 'a', { limit: '5' }, 'limit'],
  ])('§10.2 refuses %s, naming it', async (_, channel, options, field) => {
    const { client, clock } = await setUpHistory()
    const asked = client.history(channel, options as HistoryOptions)
    await expect(asked).rejects.toMatchObject({ code: 'invalid-argument', field, retryable: false })
    await expect(asked).rejects.toThrow(new RegExp(`${field} must be`))
    expect(client.state.name).toBe('idle')
    client.close()
    expect(clock.pending).toBe(0)
  })
})
