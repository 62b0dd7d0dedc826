import { describe, expect, it } from 'vitest'
import type { ServerFrame } from '../protocol/frames.ts'
import { TestSocket, hello, testHub } from '../testing/test-hub.ts'
import type { TestHub } from '../testing/test-hub.ts'

/** What a hub says to who asks for the channel from this position. */
type Way = (hub: TestHub, channel: string, position: string) => Promise<readonly ServerFrame[]>

const batch = (channel: string, after: string) => [hello({ channels: [{ channel, from: { after } }] })]
const post =
  (path: string): Way =>
  async (hub, channel, position) => {
    const { frames, stream } = await hub.ask(path, { body: batch(channel, position) })
    stream?.session.gone()
    return stream?.frames ?? frames
  }
const get =
  (path: string, header = false): Way =>
  async (hub, channel, position) => {
    const query = new URLSearchParams({ channel, ...(header ? {} : { since: position }) }).toString()
    const headers: Record<string, string> = header ? { 'last-event-id': position } : {}
    const { frames, stream } = await hub.ask(`${path}?${query}`, { headers })
    stream?.session.gone()
    return stream?.frames ?? frames
  }
const socket =
  (greets: boolean): Way =>
  async (hub, channel, position) => {
    const link = new TestSocket().open(hub)
    if (greets) link.send(hello())
    await hub.clock.settle()
    if (greets) link.send({ type: 'subscribe', channel, from: { after: position } })
    else link.send(...batch(channel, position))
    await hub.clock.settle()
    link.session.gone()
    return link.frames
  }

const WAYS: readonly (readonly [string, Way])[] = [
  ['POST /poll', post('/poll')],
  ['POST /stream', post('/stream')],
  ['GET /poll', get('/poll')],
  ['GET /stream', get('/stream')],
  ['Last-Event-ID', get('/stream', true)],
  ['the hello of a WebSocket', socket(false)],
  ['subscribe on a WebSocket', socket(true)],
]

const BAD = [
  ...['E', 'E.', '.1.x', 'E..x', 'E.1.', 'E.1', 'E.1.x.y', 'E 1 x', 'E/1/x', 'E.1.x ', ' E.1.x', 'E.1.x\n', 'E\n.1.x'],
  ...['E.-1.x', 'E.1e3.x', 'E.01.x', 'E. 1.x', 'E.1,2.x', 'E.0x1.x', 'E.1.0.x', 'E.NaN.x', 'E.+1.x', 'E.١.x'],
  ...['E.9007199254740992.x', 'E.9007199254740993.x', 'E.18446744073709551616.x', `E.${'9'.repeat(10_000)}.x`],
  ...['E.0.x', 'E.1.é', 'é.1.x', `${'e'.repeat(65)}.1.x`, `${'e'.repeat(10_000)}.1.x`, `E.1.${'x'.repeat(65)}`],
  ...[
    'RS4xLng=',
    'eyJlcG9jaCI6IkUiLCJvZmZzZXQiOjF9',
    '%45.1.x',
    '../../etc.1.x',
    'null',
    'undefined',
    '{}',
    '[]',
    '\0',
  ],
]

const offsets = (frames: readonly ServerFrame[]): number[] =>
  frames.flatMap((frame) => (frame.type === 'run' ? frame.messages.map(({ offset }) => offset) : []))

describe.each(WAYS)('S9 S16 §2 a position over %s', (_way, ask) => {
  it('that is none is refused, and shown to nobody raw', async () => {
    const hub = testHub()
    for (const position of BAD) {
      const frames = await ask(hub, 'a', position)
      const errors = frames.filter((frame) => frame.type === 'error')
      expect([position, errors.map(({ code }) => code)]).toEqual([position, ['bad-request']])
      expect(errors[0]?.field).toMatch(/^(channels\[0\]\.)?from\.after$|^since$|^Last-Event-ID$/)
      // oxlint-disable-next-line no-control-regex -- controls are what must not be there
      expect(errors[0]?.message).not.toMatch(/[\u0000-\u001f]/)
      expect(offsets(frames)).toEqual([])
    }
    expect([hub.failures, hub.health]).toMatchObject([[], { links: 0 }])
  })

  it.each<readonly [string, (own: readonly string[], other: readonly string[]) => string, string]>([
    ['of another channel', (_own, other) => other[1]!, 'lost-tail'],
    ['of another life of the log', (own) => own[1]!.replace(/^[^.]*/, '__proto__'), 'epoch'],
    ['ahead of the head', (own) => own[2]!.replace(/\.3\..*/, '.99.ahead'), 'lost-tail'],
    ['far ahead of the head', (own) => own[2]!.replace(/\.3\..*/, '.9007199254740991.ahead'), 'lost-tail'],
    ['with another id at its offset', (own) => own[1]!.replace(/[^.]*$/, 'another'), 'lost-tail'],
  ])('%s is one gap, and then what there is', async (_title, position, reason) => {
    const hub = testHub()
    const own: string[] = []
    const other: string[] = []
    for (const n of [1, 2, 3]) {
      own.push((await hub.publish('a', n)).position)
      other.push((await hub.publish('b', n)).position)
    }
    const from = position(own, other)
    const frames = await ask(hub, 'a', from)
    expect(frames.filter(({ type }) => type === 'gap')).toMatchObject([{ channel: 'a', from, reason }])
    expect(JSON.stringify(frames)).not.toContain('"channel":"b"')
    expect(hub.failures).toEqual([])
  })

  it('S10 of a time when the user might read gives nothing when he may no more, and says the same of what is not there', async () => {
    let allowed = true
    const hub = testHub({ authorize: ({ action }) => action === 'publish' || allowed })
    const { position } = await hub.publish('a', 'first')
    await hub.publish('a', 'secret')
    expect(offsets(await ask(hub, 'a', position))).toEqual([2])
    allowed = false
    // As long as an answer is kept.
    await hub.clock.advance(2_000)
    const refused = await ask(hub, 'a', position)
    expect(refused.filter(({ type }) => type === 'error')).toMatchObject([{ code: 'forbidden', channel: 'a' }])
    expect(JSON.stringify(refused)).not.toContain('secret')
    const nowhere = await ask(hub, 'never', position)
    const said = (frames: readonly ServerFrame[]) => JSON.stringify(frames.filter(({ type }) => type !== 'welcome'))
    expect(said(nowhere)).toBe(said(refused).replaceAll(/(\\?")a(\\?")/g, '$1never$2'))
  })
})

describe('S16 §6.7 a query', () => {
  it.each(['/poll', '/stream'])('at %s: what is odd or twice is refused by name', async (path) => {
    const hub = testHub()
    const rows: readonly (readonly [query: string, field: string])[] = [
      ...['', 'channel', 'channel=', 'channel[]=a', 'channel[0]=a', 'Channel=a', 'channel=%0A', 'channel=%00'].map(
        (query) => [query, 'channel'] as const,
      ),
      ...['%E2%80%A8', '%C2%85', 'x'.repeat(257), '%F0%9F%98%80'.repeat(65), 'a&channel=a', 'a%00b'].map(
        (name) => [`channel=${name}`, 'channel'] as const,
      ),
      ...[
        '',
        '~',
        'latest~latest',
        'E.1.x~E.2.y',
        'last:',
        'last:-1',
        'last:01',
        'last:1e3',
        'last:10001',
        'LATEST',
      ].map((since) => [`channel=a&since=${since}`, 'since'] as const),
      ['channel=a&since=latest&since=latest', 'since'],
      ...['-1', '1e3', '1.5', 'x', '', '0x1', '%20', '9'.repeat(10), 'Infinity', '1&wait=1'].map(
        (wait) => [`channel=a&wait=${wait}`, 'wait'] as const,
      ),
      ...['%0A', 'a b', 'x'.repeat(65), '%C3%A9', 'a&nonce=b'].map(
        (nonce) => [`channel=a&nonce=${nonce}`, 'nonce'] as const,
      ),
    ]
    for (const [query, field] of rows) {
      const { status, frames, stream } = await hub.ask(`${path}?${query}`)
      expect([query, status, stream]).toEqual([query, 400, null])
      expect(frames).toMatchObject([{ type: 'error', field }])
    }
    expect(hub.health.links).toBe(0)
  })

  it.each(['__proto__=x', 'constructor=x', 'token=secret', 'x=%E0%A4%A', 'x=%', '&&&', '=', 'nonce='])(
    'with %s beside it is read as if that were not there',
    async (more) => {
      const hub = testHub()
      for (const query of [`channel=a&${more}`, `${more}&channel=a`]) {
        expect((await hub.ask(`/poll?${query}`)).status).toBe(200)
      }
      expect(({} as { x?: unknown }).x).toBeUndefined()
    },
  )

  it('a wait of years is one of 25 s', async () => {
    const hub = testHub()
    const { position } = await hub.publish('a', 1)
    const held = hub.ask(`/poll?channel=a&since=${position}&wait=999999999`)
    await hub.clock.advance(25_000)
    expect((await held).status).toBe(200)
  })
})
