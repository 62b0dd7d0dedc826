import { describe, expect, it } from 'vitest'
import fc from 'fast-check'
import { hello, framesOf, testHub } from '../testing/test-hub.ts'
import { fitsPattern, readPattern } from './channel-pattern.ts'
import { channelRules } from './channel-rules.ts'

const fits = (pattern: string, name: string, userId: string | null = null) =>
  fitsPattern(readPattern(pattern), name, userId)

describe('a pattern', () => {
  it.each([
    ['chat:lobby', 'chat:lobby', true],
    ['chat:lobby', 'chat:lobby2', false],
    ['chat:lobby', 'xchat:lobby', false],
    ['chat:*', 'chat:', true],
    ['chat:*', 'chat:a:b', true],
    ['chat:*', 'chat', false],
    ['*', 'anything', true],
    ['**', 'anything', true],
    ['*:log', 'a:log', true],
    ['*:log', ':log', true],
    ['*:log', 'a:logs', false],
    ['a*b*c', 'abc', true],
    ['a*b*c', 'a-c', false],
    ['a*b*c', 'axbxbxc', true],
    ['a*a', 'a', false],
    ['a*a', 'aa', true],
    ['ab*ba', 'aba', false],
    ['a*b*b', 'ab', false],
    ['a*b*b', 'abb', true],
    ['a.c', 'abc', false],
    ['a.c', 'a.c', true],
    ['[a-z]', 'b', false],
    ['(a+)+$', '(a+)+$', true],
    ['{}', '{}', true],
    ['a?', 'ab', false],
    ['😀*', '😀!', true],
    ['é', 'e\u0301', false],
    ['__proto__', '__proto__', true],
  ])('%j and %j: %s', (pattern, name, expected) => {
    expect(fits(pattern, name)).toBe(expected)
  })

  it.each([
    ['inbox:{userId}', 'inbox:ann', 'ann', true],
    ['inbox:{userId}', 'inbox:ben', 'ann', false],
    ['inbox:{userId}', 'inbox:', null, false],
    ['inbox:{userId}', 'inbox:null', null, false],
    ['inbox:{userId}', 'inbox:{userId}', null, false],
    ['inbox:{userId}', 'inbox:ben', '*', false],
    ['inbox:{userId}', 'inbox:*', '*', true],
    ['inbox:{userId}', 'inbox:x', '{userId}', false],
    ['inbox:{userId}', 'inbox:{userId}', '{userId}', true],
    ['{userId}:*:{userId}', 'ann:x:ann', 'ann', true],
    ['{userId}:*:{userId}', 'ann:x:ben', 'ann', false],
    ['*{userId}', 'ann', 'ann', true],
    ['x{userId}', 'xann', 'a'.repeat(8_000), false],
  ])('%j and %j for %j: %s', (pattern, name, userId, expected) => {
    expect(fits(pattern, name, userId)).toBe(expected)
  })

  it('says the same as a search of all ways', () => {
    const slow = (pattern: string, name: string): boolean => {
      if (pattern === '') return name === ''
      if (pattern.startsWith('*')) return slow(pattern.slice(1), name) || (name !== '' && slow(pattern, name.slice(1)))
      return name !== '' && name.startsWith(pattern.charAt(0)) && slow(pattern.slice(1), name.slice(1))
    }
    const text = (letters: string[], maxLength: number) =>
      fc.array(fc.constantFrom(...letters), { minLength: 1, maxLength }).map((all) => all.join(''))
    const pattern = text(['a', 'b', '*'], 8).filter((made) => made.split('*').length <= 5)
    fc.assert(
      fc.property(pattern, text(['a', 'b'], 9), (made, name) => {
        expect(fits(made, name)).toBe(slow(made, name))
      }),
      { seed: 7, numRuns: 2_000 },
    )
  })

  it('S14 the work for hostile names is bounded: a hundred thousand are judged while a clock would hardly move', () => {
    const piece = `${'a'.repeat(60)}b`
    const pattern = readPattern(`${piece}*${piece}*${piece}*c`)
    const names = ['a'.repeat(256), `${piece}${'a'.repeat(195)}`, 'ab'.repeat(128), `${piece.repeat(4)}aaaa`]
    const spent = process.cpuUsage()
    for (let n = 0; n < 100_000; n++) expect(fitsPattern(pattern, names[n % 4]!, null) && n < 0).toBe(false)
    // A search that goes back takes longer than this for one of them.
    expect(process.cpuUsage(spent).user).toBeLessThan(10_000_000)
  })

  it.each([
    ['', /not empty/],
    [7, /a text/],
    [undefined, /a text/],
    ['x'.repeat(257), /256/],
    ['*****', /4 times/],
    ['inbox:{userid}', /\{userid\}/],
    ['{channel}', /\{channel\}/],
  ])('%j is refused', (pattern, message) => {
    expect(() => readPattern(pattern)).toThrow(message)
  })
})

describe('channelRules', () => {
  interface Known {
    readonly userId: string
    readonly admin?: boolean
  }
  const authorize = channelRules<Known>([
    { channel: 'quotes:secret', subscribe: ({ user }) => user?.admin === true },
    { channel: 'quotes:*', subscribe: true, publish: async ({ user }) => user?.admin === true },
    { channel: 'inbox:{userId}', subscribe: true },
  ])
  const ask = (action: 'subscribe' | 'publish', channel: string, user: Known | null = null) =>
    authorize({ user, action, channel })
  const admin = { userId: 'root', admin: true }

  it('the first that fits decides, also when a later one would allow it', async () => {
    expect(ask('subscribe', 'quotes:AAPL')).toBe(true)
    expect(ask('subscribe', 'quotes:secret')).toBe(false)
    expect(ask('subscribe', 'quotes:secret', admin)).toBe(true)
    expect(ask('publish', 'quotes:secret', admin)).toBe(false)
    expect(await ask('publish', 'quotes:AAPL')).toBe(false)
    expect(await ask('publish', 'quotes:AAPL', admin)).toBe(true)
  })

  it('what no rule fits, and what a rule leaves out, is refused', () => {
    expect(ask('subscribe', 'other', admin)).toBe(false)
    expect(ask('subscribe', 'inbox:ann', { userId: 'ann' })).toBe(true)
    expect(ask('publish', 'inbox:ann', { userId: 'ann' })).toBe(false)
    expect(ask('subscribe', 'inbox:ann', { userId: 'ben' })).toBe(false)
    expect(ask('subscribe', 'inbox:ann')).toBe(false)
    expect(channelRules([])({ user: null, action: 'subscribe', channel: 'a' })).toBe(false)
  })

  it('§4.6 holds at a hub, and a function that forgets to return lets nobody in', async () => {
    const hub = testHub({
      authorize: channelRules([
        { channel: 'a', subscribe: true },
        { channel: 'b', subscribe: (() => undefined) as never },
      ]),
    })
    const channels = ['a', 'b', 'c'].map((channel) => ({ channel, from: 'latest' }))
    const { frames } = await hub.ask('/poll', { body: [hello({ channels })] })
    expect(framesOf(frames, 'run').map(({ channel }) => channel)).toEqual(['a'])
    expect(framesOf(frames, 'error').map(({ code }) => code)).toEqual(['forbidden', 'forbidden'])
  })

  it.each([
    [{}, /array/],
    [undefined, /array/],
    [[null], /rules\[0\]: a rule must be an object/],
    [[{ channel: 'a' }, { subscribe: true }], /rules\[1\]: the pattern/],
    [[{ channel: 'inbox:{user}' }], /rules\[0\] \("inbox:\{user\}"\): .*\{user\}/],
    [[{ channel: 'a*b*c*d*e*f' }], /rules\[0\] \("a\*b/],
    [[{ channel: 'a', subscribe: 'yes' }], /rules\[0\] \("a"\): subscribe/],
    [[{ channel: 'a', publish: 1 }], /publish/],
    [[{ channel: 'a', pubish: true }], /"pubish" is no field/],
  ])('%j is a TypeError that names the rule', (rules, message) => {
    expect(() => channelRules(rules as never)).toThrow(TypeError)
    expect(() => channelRules(rules as never)).toThrow(message)
  })
})
