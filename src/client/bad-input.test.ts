import { describe, expect, it } from 'vitest'
import { createClient } from '../index.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { createVirtualClient } from '../testing/virtual-client.ts'
import { createVirtualNetwork } from '../testing/virtual-network.ts'
import type { TransportName } from '../transports/transport.ts'
import { resolveUrl } from './url.ts'

const TRANSPORTS: readonly TransportName[] = ['websocket', 'sse', 'long-poll', 'poll']

const setUp = (transports = TRANSPORTS) => {
  const clock = new FakeClock()
  const network = createVirtualNetwork(clock)
  const client = createVirtualClient(clock, network, { transports })
  return { clock, network, client }
}

describe('subscribe', () => {
  it.each([
    ['an empty name', ''],
    ['a line feed', 'chat:a\nb'],
    ['a lone surrogate', 'a\ud800'],
    ['257 bytes', 'é'.repeat(129)],
  ])('§1.1 throws for a channel name with %s, before anything is sent', (_, channel) => {
    const { client, network } = setUp()
    expect(() => client.subscribe(channel, () => undefined)).toThrow(/channel must be 1 to 256 bytes/)
    expect(network.connections).toEqual([])
  })

  it.each([
    ['a word that there is not', 'newest', 'from'],
    ['a negative count', { last: -1 }, 'from.last'],
    ['a count over 10,000', { last: 10_001 }, 'from.last'],
    ['a position that is none', { after: 'E.1' }, 'from.after'],
  ])('throws for %s and names the field', (_, from, field) => {
    const { client } = setUp()
    expect(() => client.subscribe('a', () => undefined, { from: from as 'latest' })).toThrow(
      expect.objectContaining({ code: 'invalid-argument', field }),
    )
  })

  it.each(TRANSPORTS)('§9 over %s the hub refuses the 129th channel alone', async (transport) => {
    const { client, clock, network } = setUp([transport])
    const got: string[] = []
    const subs = Array.from({ length: 129 }, (_, n) => client.subscribe(`c${n}`, ({ channel }) => got.push(channel)))
    await clock.advance(10_000)
    const ended = subs.filter((sub) => sub.state.name === 'ended')
    expect(ended.map((sub) => sub.channel)).toEqual(['c128'])
    expect(ended[0]?.state).toMatchObject({ error: { code: 'too-many' } })
    expect(client.state.name).toBe('online')
    await network.hub.publish('c5', 1)
    await clock.advance(10_000)
    expect(got).toEqual(['c5'])
  })
})

describe('publish', () => {
  it('rejects what has no JSON, says why, and goes on', async () => {
    const { client, clock } = setUp()
    const circle: Record<string, unknown> = {}
    circle['self'] = circle
    const codes: string[] = []
    const say = (error: { code: string }): void => void codes.push(error.code)
    for (const data of [circle, 1n, undefined, () => 1]) client.publish('a', data).catch(say)
    client.publish('a\n', 1).catch(say)
    client.publish('a', 1, { key: 'a key' }).catch(say)
    await clock.settle()
    expect(codes).toEqual(Array.from({ length: 6 }, () => 'invalid-argument'))
    const published = client.publish('a', 1)
    await clock.advance(1_000)
    expect((await published).id).not.toBe('')
  })
})

describe('the URL', () => {
  it.each([
    ['/realtime', 'https://app.example/page', 'https://app.example/realtime'],
    ['realtime/', 'https://app.example/a/b', 'https://app.example/a/realtime'],
    ['wss://hub.example/x#y', undefined, 'https://hub.example/x'],
    ['ws://hub.example', undefined, 'http://hub.example'],
  ])('%s on %s is %s', (url, base, resolved) => {
    expect(resolveUrl(url, base)).toBe(resolved)
  })

  it.each([
    [undefined, 'https://app.example/page', 'must be http(s) or ws(s)'],
    ['https://', undefined, 'must be http(s) or ws(s)'],
    ['/realtime', undefined, 'there is no document'],
    ['ftp://hub.example', undefined, 'must be http(s) or ws(s)'],
    ['https://hub.example/?token=1', undefined, 'without query'],
    ['https://ann:secret@hub.example/', undefined, 'credentials'],
  ])('%s is refused', (url, base, why) => {
    expect(() => resolveUrl(url ?? '', base)).toThrow(why)
  })
})

describe('the transports', () => {
  it.each([
    ['one that there is not', ['sse', 'ws']],
    ['none', []],
  ])('a list with %s is refused', (_, transports) => {
    expect(() => createClient({ url: 'https://hub.example', transports: transports as TransportName[] })).toThrow(
      expect.objectContaining({ code: 'invalid-argument', field: 'transports' }),
    )
  })
})
