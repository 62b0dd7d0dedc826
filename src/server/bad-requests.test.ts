import { describe, expect, it } from 'vitest'
import { CODES } from '../protocol/codes.ts'
import { CLIENT, TestSocket, hello, testHub } from '../testing/test-hub.ts'
import type { Asked } from '../testing/test-hub.ts'

const channels = (from: unknown, ...names: string[]) => names.map((channel) => ({ channel, from }))

describe('bad requests', () => {
  const body = (...frames: unknown[]) => ({ body: frames })
  type Row = readonly [
    title: string,
    target: string,
    asked: Asked,
    status: number,
    code: string,
    field?: string | undefined,
  ]
  const rows: readonly Row[] = [
    ['no such endpoint', '/nowhere', {}, 404, 'not-found'],
    ['a NUL in the path', '/%00', {}, 404, 'not-found'],
    ['a step up in the path', '/..%2fpoll', {}, 404, 'not-found'],
    ['a slash at the end', '/poll/', {}, 404, 'not-found'],
    ['DELETE', '/poll', { method: 'DELETE' }, 405, 'method-not-allowed'],
    ['TRACE', '/stream', { method: 'TRACE' }, 405, 'method-not-allowed'],
    ['GET /publish', '/publish', {}, 405, 'method-not-allowed'],
    ['GET / without upgrade', '/', {}, 426, 'upgrade-required'],
    ['HTML', '/poll', { ...body(hello()), headers: { 'content-type': 'text/html' } }, 415, 'unsupported-type'],
    [
      'UTF-16',
      '/poll',
      { ...body(hello()), headers: { 'content-type': 'application/json; charset=utf-16' } },
      415,
      'unsupported-type',
    ],
    ['gzip', '/poll', { ...body(hello()), headers: { 'content-encoding': 'gzip' } }, 415, 'unsupported-type'],
    ['an empty body', '/poll', { method: 'POST', body: '' }, 400, 'bad-request'],
    ['a byte order mark', '/poll', { body: `\uFEFF${JSON.stringify([hello()])}` }, 400, 'bad-request'],
    ['no JSON', '/poll', { body: '[{' }, 400, 'bad-request'],
    ['null', '/poll', { body: 'null' }, 400, 'bad-request'],
    ['a number', '/poll', { body: '123' }, 400, 'bad-request'],
    ['an object', '/poll', { body: '{}' }, 400, 'bad-request'],
    ['an empty batch', '/poll', { body: '[]' }, 400, 'bad-request'],
    ['a batch of text', '/poll', { body: '["x"]' }, 400, 'bad-request'],
    ['depth 100,000', '/poll', { body: '['.repeat(100_000) }, 400, 'bad-request'],
    ['257 frames', '/poll', { body: Array.from({ length: 257 }, () => hello()) }, 400, 'too-many'],
    ['a body over 256 KiB', '/poll', { body: ' '.repeat(262_145) }, 413, 'too-large'],
    ['a length over 256 KiB', '/poll', { body: '[]', headers: { 'content-length': '99999999' } }, 413, 'too-large'],
    ['no hello', '/poll', body({ type: 'ping' }), 400, 'bad-request', 'type'],
    [
      'a publish after the hello',
      '/poll',
      body(hello(), { type: 'publish', channel: 'a', sequence: 1, data: 1 }),
      400,
      'bad-request',
      'type',
    ],
    ['protocol 2', '/poll', body(hello({ protocol: 2 })), 400, 'bad-request', 'protocol'],
    ['no nonce', '/poll', body(hello({ nonce: undefined })), 400, 'bad-request', 'nonce'],
    ['a nonce of 65', '/poll', body(hello({ nonce: 'n'.repeat(65) })), 400, 'bad-request', 'nonce'],
    ['a nonce with a line feed', '/poll', body(hello({ nonce: 'n\n' })), 400, 'bad-request', 'nonce'],
    ['a client of 21', '/poll', body(hello({ client: 'c'.repeat(21) })), 400, 'bad-request', 'client'],
    ['a token that is a number', '/poll', body(hello({ token: 1 })), 400, 'bad-request', 'token'],
    ['a token of 8 KiB and 1', '/poll', body(hello({ token: 't'.repeat(8193) })), 400, 'bad-request', 'token'],
    ['waitMs below 0', '/poll', body(hello({ waitMs: -1 })), 400, 'bad-request', 'waitMs'],
    ['waitMs as text', '/poll', body(hello({ waitMs: '1' })), 400, 'bad-request', 'waitMs'],
    ['heartbeatMs null', '/poll', body(hello({ heartbeatMs: null })), 400, 'bad-request', 'heartbeatMs'],
    ['channels that are an object', '/poll', body(hello({ channels: {} })), 400, 'bad-request', 'channels'],
    [
      '1,025 channels',
      '/poll',
      body(hello({ channels: channels('latest', ...Array.from({ length: 1_025 }, String)) })),
      400,
      'too-many',
      'channels',
    ],
    ['a request that is null', '/poll', body(hello({ channels: [null] })), 400, 'bad-request', 'channels[0]'],
    ['no channel', '/poll', body(hello({ channels: [{ from: 'latest' }] })), 400, 'bad-request', 'channels[0].channel'],
    [
      'a ref that is text',
      '/poll',
      body(hello({ channels: [{ channel: 'a', from: 'latest', ref: 'x' }] })),
      400,
      'bad-request',
      'channels[0].ref',
    ],
    [
      'limit 0',
      '/poll',
      body(hello({ channels: [{ channel: 'a', from: 'latest', limit: 0 }] })),
      400,
      'bad-request',
      'channels[0].limit',
    ],
    ...['', 'x'.repeat(257), 'a\n', '\u0085', '\u2028', '\ud800', '€'.repeat(86)].map(
      (name) =>
        [
          `the channel ${JSON.stringify(name).slice(0, 12)}`,
          '/poll',
          body(hello({ channels: channels('latest', 'ok', name) })),
          400,
          'bad-request',
          'channels[1].channel',
        ] as const,
    ),
    ...['newest', null, 7, [], {}, { last: -1 }, { last: 10_001 }, { last: 1.5 }, { before: 'end' }].map(
      (from) =>
        [
          `from ${JSON.stringify(from)}`,
          '/poll',
          body(hello({ channels: channels(from, 'a') })),
          400,
          'bad-request',
        ] as const,
    ),
    ...[
      '',
      'E',
      'E.-1.x',
      'E.1e3.x',
      'E.01.x',
      'E. 1.x',
      'E.1,2.x',
      'E.9007199254740993.x',
      'E.18446744073709551616.x',
      'E.NaN.x',
      'E..x',
      '.1.x',
      `${'e'.repeat(65)}.1.x`,
      'E.0.x',
      'E.1.',
      'E.1.x.y',
      'RS4xLng=',
      'E.1.x\n',
    ].flatMap((place) =>
      [{ after: place }, { last: 1, before: place }].map(
        (from) =>
          [
            `the position ${JSON.stringify(from).slice(0, 40)}`,
            '/poll',
            body(hello({ channels: channels(from, 'a', 'b') })),
            400,
            'bad-request',
            `channels[0].from.${'after' in from ? 'after' : 'before'}`,
          ] as const,
      ),
    ),
    ...[null, 7, 'start', ['end']].map(
      (before) =>
        [
          `before ${JSON.stringify(before)}`,
          '/poll',
          body(hello({ channels: channels({ last: 1, before }, 'a') })),
          400,
          'bad-request',
          'channels[0].from.before',
        ] as const,
    ),
    ['no channel in the query', '/poll', {}, 400, 'bad-request', 'channel'],
    ['17 channels in the query', `/poll?${'channel=a&'.repeat(17)}`, {}, 400, 'too-many', 'channel'],
    ['a channel twice', '/poll?channel=a&channel=a', {}, 400, 'bad-request', 'channel'],
    ['array syntax', '/poll?channel[]=a', {}, 400, 'bad-request', 'channel'],
    ['overlong UTF-8 with a line feed', '/poll?channel=%C0%8A%0A', {}, 400, 'bad-request', 'channel'],
    ['since twice', '/poll?channel=a&since=latest&since=latest', {}, 400, 'bad-request', 'since'],
    ['too few positions', '/poll?channel=a&channel=b&since=E.0.0', {}, 400, 'bad-request', 'since'],
    ['a bad position', '/poll?channel=a&since=E.1e3.x', {}, 400, 'bad-request', 'since'],
    ['last:10001', '/poll?channel=a&since=last:10001', {}, 400, 'bad-request', 'since'],
    [
      'a bad Last-Event-ID',
      '/stream?channel=a',
      { headers: { 'last-event-id': 'x' } },
      400,
      'bad-request',
      'Last-Event-ID',
    ],
    ['wait below 0', '/poll?channel=a&wait=-1', {}, 400, 'bad-request', 'wait'],
    ['wait as text', '/poll?channel=a&wait=soon', {}, 400, 'bad-request', 'wait'],
    ['a bad nonce', '/poll?channel=a&nonce=%0A', {}, 400, 'bad-request', 'nonce'],
    [
      'a long bearer',
      '/poll?channel=a',
      { headers: { authorization: `Bearer ${'t'.repeat(8193)}` } },
      400,
      'bad-request',
      'token',
    ],
    ['an empty channel to publish on', '/publish?channel=', { body: '1' }, 400, 'bad-request', 'channel'],
    ['two channels to publish on', '/publish?channel=a&channel=b', { body: '1' }, 400, 'bad-request', 'channel'],
    ['no publish', '/publish', body(hello()), 400, 'bad-request'],
  ]

  it.each(rows.map((row) => [`${row[0]} at ${row[1].slice(0, 60)}`, row] as const))('§10 %s', async (_title, row) => {
    const [, target, asked, status, code, field] = row
    const hub = testHub()
    const other = new TestSocket().open(hub, hello({ channels: channels('latest', 'other') }))
    const answer = await hub.ask(target, asked)
    expect([answer.status, answer.frames]).toMatchObject([status, [{ type: 'error', code }]])
    if (field !== undefined) expect(answer.frames).toMatchObject([{ field }])
    expect(answer.headers).toMatchObject({
      'Content-Type': 'application/holdfast+json',
      'Cache-Control': 'no-store, no-transform',
      'X-Content-Type-Options': 'nosniff',
    })
    expect(answer.text).not.toMatch(/node_modules|\.ts:|\bat \/|\n/)
    expect(CODES[code as 'internal'].status).toBe(status)
    await hub.publish('other', 1)
    await hub.clock.settle()
    expect(other.ofType('run').at(-1)?.messages).toHaveLength(1)
    expect(hub.failures).toEqual([])
    expect(hub.health.links).toBe(1)
  })

  it.each(['__proto__', 'constructor', 'toString', '*', '>', '../', ' ', '😀', 'é', 'é'])(
    'S11 %j is a channel like another',
    async (name) => {
      const hub = testHub()
      const socket = new TestSocket().open(hub, hello({ channels: channels('latest', name) }))
      await hub.clock.settle()
      const text = `{"__proto__":{"polluted":true},"n":1}`
      const query = new URLSearchParams({ channel: name }).toString()
      expect((await hub.ask(`/publish?${query}`, { body: text })).status).toBe(200)
      expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
      expect(socket.batches.join()).toContain(text)
      expect(socket.ofType('run').at(-1)?.channel).toBe(name)
    },
  )

  it('an error of the hub itself is told without its text, and reported', async () => {
    const hub = testHub({ authenticate: () => ({ userId: '' }) })
    const { status, text } = await hub.ask('/poll', { body: [hello()] })
    expect(status).toBe(500)
    expect(text).not.toContain('userId')
    expect(hub.failures).toHaveLength(1)
  })

  it('§9 a body that does not come in time is answered 408', async () => {
    const hub = testHub()
    const answering = hub.gateway.handle({
      method: 'POST',
      target: '/poll',
      header: (name) => ({ 'content-type': 'application/json' })[name],
      body: () => new Promise(() => {}),
      signal: new AbortController().signal,
      remoteAddress: undefined,
    })
    await hub.clock.advance(10_000)
    expect((await answering).status).toBe(408)
    expect(hub.clock.pending).toBe(0)
  })

  it('§8.4 the client id of a hello never comes back to a reader', async () => {
    const hub = testHub()
    await hub.ask('/publish', { body: [hello(), { type: 'publish', channel: 'a', sequence: 1, data: 1 }] })
    const { text } = await hub.ask('/poll?channel=a&since=earliest')
    expect(text).toContain('publisher')
    expect(text).not.toContain(CLIENT)
  })
})
