import { describe, expect, it, vi } from 'vitest'
import { FakeClock } from '../testing/fake-clock.ts'
import { TestSocket, fakeEnvironment, framesOf, hello, testHub } from '../testing/test-hub.ts'
import type { Authorize } from './authorize.ts'
import type { HubOptions } from './hub-types.ts'
import { MemoryStore } from './memory-store.ts'

const request = (channel: string, after?: string) => ({ channel, from: after ? { after } : 'latest', ref: 1 })

/** Two hubs on one store; `allowed` is what the application says now. Tokens are names. */
const twoHubs = (options: Partial<HubOptions> = {}) => {
  const clock = new FakeClock()
  const store = new MemoryStore({}, fakeEnvironment(clock))
  const shut = new Set<string>()
  const authorize = vi.fn<Authorize>(({ user, channel }) => !shut.has(`${user?.userId ?? ''} ${channel}`))
  const all = { store, authorize, authenticate: ({ token = '' }) => ({ userId: token }), ...options }
  return { clock, store, shut, authorize, one: testHub(all, clock), two: testHub(all, clock) }
}
type Hubs = ReturnType<typeof twoHubs>

const reader = async ({ clock, two }: Hubs, token = 'ann') => {
  const fields = { token, channels: [request('a'), request('b')] }
  const socket = new TestSocket().open(two, hello(fields))
  const { stream } = await two.ask('/stream', { body: [hello(fields)] })
  await clock.settle()
  return { socket, stream: stream!, both: () => [socket.frames, stream!.frames] }
}
const held = async ({ clock, two }: Hubs, token = 'ann') => {
  const after = (await two.publish('a', 'before')).position
  const channels = [request('a', after)]
  const answer = two.ask('/poll', { body: [hello({ token, waitMs: 25_000, channels })] })
  await clock.settle()
  return answer
}

describe('S8 revoke with a channel', () => {
  it('tells readers at all hubs at once, on that channel alone, and hands them nothing more', async () => {
    const all = twoHubs()
    const { clock, one, shut } = all
    const { socket, stream, both } = await reader(all)
    shut.add('ann a')
    await one.revoke({ userId: 'ann', channel: 'a' })
    await one.publish('a', 'secret')
    await one.publish('b', 'open')
    await clock.settle()
    for (const frames of both()) {
      expect(framesOf(frames, 'error')).toMatchObject([{ code: 'forbidden', status: 403, channel: 'a' }])
      expect(JSON.stringify(frames)).not.toContain('secret')
      expect(framesOf(frames, 'run').at(-1)?.messages[0]?.data).toBe('open')
    }
    expect([socket.closed, stream.ended]).toEqual([null, false])
  })

  it('§6.3 answers a held poll at once', async () => {
    const all = twoHubs()
    const answer = held(all)
    await all.clock.settle()
    all.shut.add('ann a')
    await all.one.revoke({ userId: 'ann', channel: 'a' })
    const { status, frames } = await answer
    expect([status, framesOf(frames, 'error')]).toMatchObject([200, [{ code: 'forbidden', channel: 'a' }]])
    expect(framesOf(frames, 'goodbye')).toEqual([])
  })

  it('changes nothing for whoever may still, nor for others, and asks of that channel alone', async () => {
    const all = twoHubs()
    const { clock, one, two, authorize } = all
    const [ann, ben] = [await reader(all), await reader(all, 'ben')]
    const poll = held(all)
    await clock.settle()
    authorize.mockClear()
    await one.revoke({ userId: 'ann', channel: 'a' })
    await clock.settle()
    expect(authorize.mock.calls.map(([{ user, channel }]) => [user?.userId, channel])).toEqual([['ann', 'a']])
    await two.publish('a', 'after')
    await clock.settle()
    for (const frames of [...ann.both(), ...ben.both(), (await poll).frames]) {
      expect(framesOf(frames, 'error')).toEqual([])
      const messages = framesOf(frames, 'run').flatMap((run) => run.messages)
      expect(messages.filter(({ data }) => data === 'after')).toHaveLength(1)
    }
  })

  it('asks again what is being asked, and what the store is still reading is not handed over', async () => {
    let answers: ((allowed: boolean) => void)[] = []
    const all = twoHubs({ authorize: () => new Promise<boolean>((resolve) => answers.push(resolve)) })
    const { clock, one, two } = all
    const socket = new TestSocket().open(two, hello({ token: 'ann', channels: [request('a')] }))
    await clock.settle()
    await one.revoke({ userId: 'ann', channel: 'a' })
    const [early] = answers
    answers = []
    early?.(true)
    await clock.settle()
    expect([answers.length, socket.ofType('run')]).toEqual([1, []])
    answers[0]?.(false)
    await clock.settle()
    expect(socket.ofType('error')).toMatchObject([{ code: 'forbidden', channel: 'a' }])
    expect(socket.ofType('run')).toEqual([])
  })

  it.each(['sync', 'async'])('holds for a page that the store was asked for before (%s)', async (kind) => {
    let allow: (() => void)[] = []
    const shut = new Set<string>()
    // Who is asked again does not know at once.
    const authorize: Authorize = () =>
      shut.size === 0 || (kind === 'async' && new Promise((resolve) => allow.push(() => resolve(false))))
    const { clock, one, two, store } = twoHubs({ authorize })
    await two.publish('a', 'secret')
    const reads: (() => void)[] = []
    const read = store.read.bind(store)
    vi.spyOn(store, 'read').mockImplementation(async (...from) => {
      await new Promise<void>((resolve) => reads.push(resolve))
      return read(...from)
    })
    const ask = { channel: 'a', from: 'earliest' }
    const socket = new TestSocket().open(two, hello({ token: 'ann', channels: [ask] }))
    const poll = two.ask('/poll', { body: [hello({ token: 'ann', waitMs: 25_000, channels: [ask] })] })
    await clock.settle()
    shut.add('ann a')
    await one.revoke({ userId: 'ann', channel: 'a' })
    for (let n = 0; n < 5; n++) {
      for (const go of reads.splice(0)) go()
      await clock.settle()
    }
    expect(JSON.stringify(socket.frames)).not.toContain('secret')
    for (const answer of allow) answer()
    allow = []
    await clock.settle()
    const { text } = await poll
    expect([JSON.stringify(socket.frames), text].join()).not.toContain('secret')
    expect(text).toContain('forbidden')
    expect(socket.ofType('error')).toMatchObject([{ code: 'forbidden', channel: 'a' }])
  })

  it('holds for publishing at once', async () => {
    const all = twoHubs()
    const { clock, one, two, shut } = all
    const socket = new TestSocket().open(two, hello({ token: 'ann' }))
    const publish = (sequence: number) => ({ type: 'publish', channel: 'a', sequence, data: 1 })
    await clock.settle()
    socket.send(publish(1))
    await clock.settle()
    shut.add('ann a')
    await one.revoke({ userId: 'ann', channel: 'a' })
    socket.send(publish(2))
    await clock.settle()
    expect(socket.ofType('ack')).toMatchObject([{ sequence: 1 }])
    expect(socket.ofType('error')).toMatchObject([{ sequence: 2, code: 'forbidden' }])
  })
})

describe('S8 revoke of everything', () => {
  it('§7.4 ends the links of the user at all hubs after a goodbye, and no others', async () => {
    const all = twoHubs()
    const { clock, one, two } = all
    const [ann, ben] = [await reader(all), await reader(all, 'ben')]
    await one.revoke({ userId: 'ann' })
    await two.publish('a', 'secret')
    await clock.settle()
    expect([ann.socket.closed?.code, ann.stream.ended]).toEqual([1000, true])
    for (const frames of ann.both()) {
      expect(frames.at(-1)).toMatchObject({ type: 'goodbye', reason: 'expired' })
      expect(JSON.stringify(frames)).not.toContain('secret')
    }
    expect([ben.socket.closed, ben.stream.ended]).toEqual([null, false])
  })

  it('answers a held poll with a goodbye', async () => {
    const all = twoHubs()
    const answer = held(all)
    await all.clock.settle()
    await all.one.revoke({ userId: 'ann' })
    const { frames } = await answer
    expect(frames.at(-1)).toEqual({ type: 'goodbye', reason: 'expired', retryAfterMs: 0 })
  })

  it('is done once, also at the hub that said it', async () => {
    const { clock, one, store } = twoHubs()
    const announce = store.announce.bind(store)
    let text = ''
    vi.spyOn(store, 'announce').mockImplementation(async (said) => void (text = said))
    await one.revoke({ userId: 'ann' })
    const socket = new TestSocket().open(one, hello({ token: 'ann' }))
    await clock.settle()
    await announce(text)
    await clock.settle()
    expect(socket.ofType('welcome')).toHaveLength(1)
    expect(socket.closed).toBeNull()
  })

  it('whom the application was still looking up is refused for now', async () => {
    let found: ((user: { userId: string }) => void)[] = []
    const all = twoHubs({ authenticate: () => new Promise((resolve) => found.push(resolve)) })
    const { clock, one, two } = all
    const socket = new TestSocket().open(two, hello({ token: 'ann' }))
    const other = new TestSocket().open(two, hello({ token: 'ben' }))
    await clock.settle()
    await one.revoke({ userId: 'ann' })
    found[0]?.({ userId: 'ann' })
    found[1]?.({ userId: 'ben' })
    await clock.settle()
    expect(socket.ofType('error')).toMatchObject([{ code: 'unavailable', retryAfterMs: 1000 }])
    expect(other.ofType('welcome')).toHaveLength(1)
    found = []
    const again = new TestSocket().open(two, hello({ token: 'ann' }))
    found[0]?.({ userId: 'ann' })
    await clock.settle()
    expect(again.ofType('welcome')).toHaveLength(1)
  })

  it('remembers 10,000 users, and takes everybody as one of them when there were more', async () => {
    const { one } = twoHubs()
    const { revocations } = one.core
    const before = revocations.count
    for (let n = 0; n <= 10_000; n++) await one.revoke({ userId: `u${n}` })
    expect(revocations.since('u0', before)).toBe(true)
    expect(revocations.since('other', before)).toBe(true)
    expect(revocations.since('other', before + 1)).toBe(false)
    expect(revocations.since('u10000', revocations.count)).toBe(false)
  })
})

describe('hubs on one store', () => {
  it.each([
    '',
    'null',
    '[]',
    '{',
    '7',
    '{"type":"other","userId":"ann"}',
    '{"type":"revoke"}',
    '{"type":"revoke","userId":""}',
    '{"type":"revoke","userId":7}',
    '{"type":"revoke","userId":"ann","channel":""}',
    '{"type":"revoke","userId":"ann","channel":null}',
    '{"type":"revoke","userId":"ann","channel":"a\\n"}',
    '{"__proto__":{"type":"revoke","userId":"ann"}}',
    `{"type":"revoke","userId":"ann","x":"${'x'.repeat(4096)}"}`,
    '['.repeat(2_000),
  ])('S11 what cannot be read as a revocation is left alone (%#)', async (text) => {
    const all = twoHubs()
    const { socket, both } = await reader(all)
    const before = JSON.stringify(both())
    await all.store.announce(text)
    await all.clock.settle()
    expect(JSON.stringify(both())).toBe(before)
    expect(socket.closed).toBeNull()
    expect([all.one.failures, all.two.failures]).toEqual([[], []])
  })

  it('fields that another version adds are ignored', async () => {
    const all = twoHubs()
    const { socket } = await reader(all)
    await all.store.announce('{"type":"revoke","userId":"ann","hub":7,"reason":"x","v":2}')
    expect(socket.closed?.code).toBe(1000)
  })

  it('one that cannot hear tells the application, and tries again until it can', async () => {
    const clock = new FakeClock()
    const store = new MemoryStore({}, fakeEnvironment(clock))
    const hear = vi.spyOn(store, 'hear').mockRejectedValue(new Error('down'))
    const hub = testHub({ store, authenticate: () => ({ userId: 'ann' }) }, clock)
    await clock.advance(2_999)
    expect(hear).toHaveBeenCalledTimes(2)
    expect(hub.failures).toHaveLength(2)
    expect(hub.failures[0]?.context).toMatch(/hearing/)
    const socket = new TestSocket().open(hub, hello())
    await clock.settle()
    expect(socket.ofType('welcome')).toHaveLength(1)
    hear.mockRestore()
    await clock.advance(1)
    await store.announce('{"type":"revoke","userId":"ann"}')
    expect(socket.closed?.code).toBe(1000)
  })

  it('R20 one that is closed neither hears nor tries', async () => {
    const clock = new FakeClock()
    const store = new MemoryStore({}, fakeEnvironment(clock))
    const end = vi.fn()
    let opened: (end: () => void) => void = () => {}
    vi.spyOn(store, 'hear').mockImplementationOnce(() => new Promise((resolve) => (opened = resolve)))
    await testHub({ store }, clock).close()
    opened(end)
    await clock.settle()
    expect(end).toHaveBeenCalledOnce()
    vi.spyOn(store, 'hear').mockRejectedValue(new Error('down'))
    const hub = testHub({ store }, clock)
    await clock.settle()
    await hub.close()
    expect(clock.pending).toBe(0)
  })

  it('one that cannot tell the others has done it itself, and says that the others do not know', async () => {
    const all = twoHubs()
    const { socket } = await reader(all)
    vi.spyOn(all.store, 'announce').mockRejectedValue(new Error('down'))
    await expect(all.two.revoke({ userId: 'ann' })).rejects.toMatchObject({ code: 'unavailable', retryable: true })
    expect(socket.closed?.code).toBe(1000)
  })

  it.each([
    [{}, 'userId'],
    [{ userId: '' }, 'userId'],
    [{ userId: 7 }, 'userId'],
    [{ userId: 'x'.repeat(4096) }, 'userId'],
    [{ userId: 'ann', channel: '' }, 'channel'],
    [{ userId: 'ann', channel: 'a\n' }, 'channel'],
    [{ userId: 'ann', channel: null }, 'channel'],
  ])('revoke(%j) is refused with the name of the field', async (options, field) => {
    const { one } = twoHubs()
    await expect(one.revoke(options as never)).rejects.toMatchObject({ code: 'invalid-argument', field })
  })
})
