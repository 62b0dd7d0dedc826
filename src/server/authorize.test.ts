import { describe, expect, it, vi } from 'vitest'
import { TestSocket, framesOf, hello, testHub } from '../testing/test-hub.ts'
import type { Authorize } from './authorize.ts'

const subscribe = (...channels: string[]) =>
  hello({ channels: channels.map((channel) => ({ channel, from: 'latest', ref: 1 })) })

describe('authorize', () => {
  it('is required', () => {
    expect(() => testHub({ authorize: undefined as never })).toThrow(/authorize/)
  })

  it('§4.6 a refused channel gets an error, and the others go on', async () => {
    const hub = testHub({ authorize: ({ channel }) => channel !== 'b' })
    const socket = new TestSocket().open(hub, subscribe('a', 'b', 'c'))
    await hub.clock.settle()
    expect(socket.ofType('error')).toMatchObject([{ code: 'forbidden', channel: 'b', ref: 1 }])
    expect(socket.ofType('run').map((run) => run.channel)).toEqual(expect.arrayContaining(['a', 'c']))
    await hub.publish('b', 1)
    await hub.clock.settle()
    expect(JSON.stringify(socket.frames)).not.toContain('"data"')
  })

  it('S9 a refusal is the same whether the channel exists or not', async () => {
    const hub = testHub({ authorize: () => false })
    await hub.publish('known', 1)
    const known = await hub.ask('/poll?channel=known')
    const other = await hub.ask('/poll?channel=other')
    expect(known.text.replaceAll('known', 'other')).toBe(other.text)
  })

  it('§4.6 a slow answer delays neither the welcome nor another channel', async () => {
    let allow: (answer: boolean) => void = () => {}
    const hub = testHub({
      authorize: ({ channel }) => (channel === 'slow' ? new Promise<boolean>((resolve) => (allow = resolve)) : true),
    })
    const socket = new TestSocket().open(hub, subscribe('slow', 'quick'))
    await hub.clock.settle()
    expect(socket.frames.map((frame) => frame.type)).toEqual(['welcome', 'run'])
    allow(true)
    await hub.clock.settle()
    expect(socket.ofType('run')).toHaveLength(2)
  })

  it('an answer that takes 2 s is "unavailable", and is reported', async () => {
    const hub = testHub({ authorize: () => new Promise<boolean>(() => {}) })
    const socket = new TestSocket().open(hub, subscribe('a'))
    await hub.clock.advance(1999)
    expect(socket.ofType('error')).toEqual([])
    await hub.clock.advance(1)
    expect(socket.ofType('error')).toMatchObject([{ code: 'unavailable', channel: 'a', retryAfterMs: 1000 }])
    expect(hub.failures).toMatchObject([{ context: 'authorize' }])
  })

  it('a hook that throws, or returns no boolean, lets nobody in', async () => {
    const throwing = testHub({
      authorize: () => {
        throw new Error('broken')
      },
    })
    const answer = await throwing.ask('/poll?channel=a')
    expect(framesOf(answer.frames, 'error')).toMatchObject([{ code: 'unavailable' }])
    const forgetful = testHub({ authorize: (() => undefined) as never })
    const refused = await forgetful.ask('/poll?channel=a')
    expect(framesOf(refused.frames, 'error')).toMatchObject([{ code: 'forbidden' }])
  })

  it('is asked once for many at one time, and again after 2 s', async () => {
    let asked = 0
    const hub = testHub({
      authorize: () => {
        asked++
        return true
      },
    })
    await Promise.all([1, 2, 3].map(() => hub.ask('/poll?channel=a')).concat(hub.clock.settle() as never))
    expect(asked).toBe(1)
    await hub.clock.advance(2000)
    await Promise.all([hub.ask('/poll?channel=a'), hub.clock.settle()])
    expect(asked).toBe(2)
  })

  it.each(['sync', 'async'])('S8 who is shut out gets nothing more after 2 s (%s)', async (kind) => {
    let allowed = true
    const hub = testHub({ authorize: () => (kind === 'sync' ? allowed : Promise.resolve(allowed)) })
    const socket = new TestSocket().open(hub, subscribe('a'))
    await hub.clock.settle()
    const start = socket.ofType('run')[0]!.after!
    const held = hub.ask('/poll', {
      body: [hello({ waitMs: 20_000, channels: [{ channel: 'a', from: { after: start } }] })],
    })
    await hub.clock.advance(5000)
    await hub.publish('a', 'before')
    await hub.clock.settle()
    expect(socket.ofType('run').at(-1)?.messages[0]?.data).toBe('before')
    expect(framesOf((await held).frames, 'run')[0]?.messages[0]?.data).toBe('before')
    allowed = false
    const second = hub.ask(
      '/poll?channel=a&wait=20000&since=' +
        socket
          .ofType('run')
          .at(-1)!
          .after!.replace(/\.0\.0$/, '.0.0'),
    )
    await hub.clock.advance(2000)
    await hub.publish('a', 'after')
    await hub.clock.settle()
    expect(socket.frames.at(-1)).toMatchObject({ type: 'error', code: 'forbidden', channel: 'a' })
    expect(JSON.stringify(socket.frames)).not.toContain('"after"}')
    await second
  })
})

describe('what is kept of permissions', () => {
  it('is kept for a name: users who are more than that have their own', async () => {
    const authorize = vi.fn<Authorize<{ userId: string; may?: string }>>(({ user, channel }) => user?.may === channel)
    const hub = testHub({
      authenticate: ({ token = '' }) => ({ userId: 'ann', may: token }),
      authorize: authorize as unknown as Authorize,
    })
    const ask = async (token: string) =>
      framesOf(
        (await hub.ask('/poll', { body: [hello({ token, channels: [{ channel: 'a', from: 'latest' }] })] })).frames,
        'error',
      )
    expect(await ask('a')).toEqual([])
    expect(await ask('b')).toMatchObject([{ code: 'forbidden' }])
    expect(await ask('a')).toEqual([])
  })

  it('is not shared by users of a class, whose fields may be anywhere', async () => {
    class Person {
      readonly userId = 'ann'
      readonly #may: string
      constructor(may: string) {
        this.#may = may
      }
      may(channel: string): boolean {
        return this.#may === channel
      }
    }
    const hub = testHub({
      authenticate: ({ token = '' }) => new Person(token),
      authorize: ({ user, channel }) => user instanceof Person && user.may(channel),
    })
    const ask = async (token: string) =>
      framesOf(
        (await hub.ask('/poll', { body: [hello({ token, channels: [{ channel: 'a', from: 'latest' }] })] })).frames,
        'error',
      )
    expect(await ask('a')).toEqual([])
    expect(await ask('b')).toMatchObject([{ code: 'forbidden' }])
  })

  it('§4.6 no name can stand for another name and channel', async () => {
    const hub = testHub({
      authenticate: ({ token = '' }) => ({ userId: token }),
      authorize: ({ user, channel }) => user?.userId === 'a' && channel === 'bc',
    })
    const ask = async (token: string, channel: string) =>
      framesOf(
        (await hub.ask('/poll', { body: [hello({ token, channels: [{ channel, from: 'latest' }] })] })).frames,
        'error',
      )
    expect(await ask('a', 'bc')).toEqual([])
    expect(await ask('ab', 'c')).toMatchObject([{ code: 'forbidden' }])
    expect(await ask('1:a', 'bc')).toMatchObject([{ code: 'forbidden' }])
  })
})
