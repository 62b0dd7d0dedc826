import { describe, expect, it } from 'vitest'
import { CONTENT_TYPE } from '../protocol/frames.ts'
import { PATIENCE_MS, besiegedHub } from '../testing/besieged-hub.ts'
import { exchangeBytes, sendAndReset } from '../testing/raw-http.ts'
import type { RawAnswer } from '../testing/raw-http.ts'

const hub = besiegedHub()

/** Lines of a handshake; null leaves one out, and a list sends it more than once. */
type Lines = Readonly<Record<string, string | readonly string[] | null>>
interface Handshake {
  readonly first?: string
  readonly lines?: Lines
  /** Before and behind the lines of the handshake. */
  readonly before?: string
  readonly behind?: string
}

const GOOD: Lines = {
  Host: '127.0.0.1',
  Connection: 'Upgrade',
  Upgrade: 'websocket',
  'Sec-WebSocket-Version': '13',
  'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Protocol': 'holdfast.1',
}
/** An empty close frame, masked with zeros. */
const CLOSE = '\x88\x80\0\0\0\0'

const textOf = ({ first = `GET ${hub.path} HTTP/1.1`, lines = {}, before = '', behind = '' }: Handshake): string => {
  const all = Object.entries({ ...GOOD, ...lines }).flatMap(([name, value]) =>
    value === null ? [] : [value].flat().map((each) => `${name}: ${each}\r\n`),
  )
  return `${first}\r\n${before}${all.join('')}${behind}\r\n`
}

const shake = (handshake: Handshake, status: number): Promise<RawAnswer> => {
  const bytes = Buffer.from(`${textOf(handshake)}${status === 101 ? CLOSE : ''}`, 'latin1')
  return exchangeBytes(hub.port, bytes, { timeoutMs: PATIENCE_MS, halfClose: false })
}

type Row = readonly [title: string, handshake: Handshake, status: number, code?: string | undefined]

const lines = (title: string, changed: Lines, status: number, code?: string): Row => [
  title,
  { lines: changed },
  status,
  code,
]
const bad = (name: string, value: string | readonly string[] | null): Row =>
  lines(`${name}: ${JSON.stringify(value).slice(0, 40)}`, { [name]: value }, 400, 'bad-request')
const good = (name: string, value: string | readonly string[]): Row =>
  lines(`${name}: ${JSON.stringify(value).slice(0, 40)}`, { [name]: value }, 101)
const many = 'x:\r\n'.repeat(1_990)
const PATHS = ['/poll', '/stream', '/publish', '/publish?channel=a', '/health', '/nowhere', '//', '/%00', '/..%2f']

const ROWS: readonly Row[] = [
  ['nothing wrong', {}, 101],
  ...['8', '99', '0', '', '013', '13, 8', 'x'].map((version) => bad('Sec-WebSocket-Version', version)),
  bad('Sec-WebSocket-Version', null),
  ...['', 'short', 'x'.repeat(24), 'dGhlIHNhbXBsZSBub25jZQ', 'd'.repeat(8_000)].map((key) =>
    bad('Sec-WebSocket-Key', key),
  ),
  bad('Sec-WebSocket-Key', null),
  bad('Sec-WebSocket-Key', ['dGhlIHNhbXBsZSBub25jZQ==', 'dGhlIHNhbXBsZSBub25jZR==']),
  ...[
    '',
    'other',
    'holdfast.2',
    'HOLDFAST.1',
    '"holdfast.1"',
    'holdfast.1, holdfast.1',
    'holdfast.1,',
    ' '.repeat(12_000),
  ].map((names) => bad('Sec-WebSocket-Protocol', names)),
  bad('Sec-WebSocket-Protocol', `${','.repeat(12_000)}holdfast.1`),
  bad('Sec-WebSocket-Protocol', null),
  bad('Sec-WebSocket-Protocol', ['holdfast.1', 'holdfast.1']),
  good('Sec-WebSocket-Protocol', 'a, holdfast.1'),
  good('Sec-WebSocket-Protocol', ['a', 'holdfast.1']),
  bad('Sec-WebSocket-Protocol', ' '.repeat(32_768)),
  // CVE-2021-32640, CVE-2020-7662: nobody here takes these apart.
  good('Sec-WebSocket-Extensions', `x; y="${'\\x'.repeat(5_000)}`),
  good('Sec-WebSocket-Extensions', `x${' '.repeat(12_000)}y`),
  good('Sec-WebSocket-Extensions', 'permessage-deflate; client_max_window_bits'),
  good('Sec-WebSocket-Extensions', ['permessage-deflate', 'permessage-deflate; server_max_window_bits=99']),
  good('Upgrade', 'WebSocket'),
  // Nobody here speaks that, and the request is none for WebSocket without it.
  lines('Upgrade: h2c', { Upgrade: 'h2c' }, 426, 'upgrade-required'),
  bad('Upgrade', 'websocket, x'),
  lines('no Upgrade', { Upgrade: null, Connection: 'close' }, 426, 'upgrade-required'),
  lines('no Connection', { Connection: 'close' }, 426, 'upgrade-required'),
  // CVE-2024-37890: Node knows that it is an upgrade, and keeps 1,000 headers.
  ['2,000 headers before', { before: many }, 400, 'bad-request'],
  ['2,000 headers behind', { behind: many }, 101],
  ['POST', { first: `POST ${hub.path} HTTP/1.1` }, 400, 'bad-request'],
  ['POST with a body', { first: `POST ${hub.path} HTTP/1.1`, behind: 'Content-Length: 6\r\n' }, 400, 'bad-request'],
  ['HEAD', { first: `HEAD ${hub.path} HTTP/1.1` }, 400, 'bad-request'],
  ['HTTP/1.0', { first: `GET ${hub.path} HTTP/1.0` }, 101],
  ['an absolute target', { first: `GET http://hub.example${hub.path} HTTP/1.1` }, 101],
  ['a query', { first: `GET ${hub.path}?token=x HTTP/1.1` }, 101],
  ['a slash at the end', { first: `GET ${hub.path}/ HTTP/1.1` }, 101],
  ...PATHS.map((path): Row => {
    return [`at ${path}`, { first: `GET ${hub.path}${path} HTTP/1.1` }, 404, 'not-found']
  }),
  ...['/', '/elsewhere', '//realtime', '/realtimes', 'http://evil.example/x', '/%00/realtime'].map((target): Row => {
    return [`at ${target}, which is not the hub's`, { first: `GET ${target} HTTP/1.1` }, 404]
  }),
  ...[
    'https://evil.example',
    'null',
    'https://app.example.',
    'HTTPS://APP.EXAMPLE',
    '',
    'https://app.example, https://evil.example',
  ].map((origin) => lines(`Origin: ${JSON.stringify(origin)}`, { Origin: origin }, 403, 'forbidden-origin')),
  lines('cross-site without Origin', { 'Sec-Fetch-Site': 'cross-site' }, 403, 'forbidden-origin'),
  lines('the own origin', { Origin: 'http://127.0.0.1' }, 101),
  lines('a listed origin', { Origin: 'https://app.example' }, 101),
  lines('a header called __proto__', { ['__proto__']: 'x', constructor: 'y' }, 101),
]

describe('S16 S17 §5.7 bad upgrades are answered or cut off, and nobody else notices', () => {
  it.each(ROWS.map((row) => [row[0], row] as const))('%s', async (_title, [, handshake, status, code]) => {
    const answer = await shake(handshake, status)
    expect(answer.status, answer.text).toBe(status)
    // S13: whatever is offered.
    expect(answer.headers).not.toHaveProperty('sec-websocket-extensions')
    if (code !== undefined) {
      expect(answer.headers).toMatchObject({ 'content-type': CONTENT_TYPE, 'x-content-type-options': 'nosniff' })
      expect(JSON.parse(answer.body)).toMatchObject([{ type: 'error', code }])
    }
    await hub.harmless()
  })

  it('a reset at any place of the handshake', async () => {
    const bytes = Buffer.from(textOf({}) + CLOSE, 'latin1')
    for (let place = 1; place < bytes.length; place += 7) {
      await sendAndReset(hub.port, bytes.subarray(0, place))
    }
    await hub.harmless()
  })

  it.each(['/stream?channel=a', '/poll?channel=a&wait=9000', '/health'])(
    'an upgrade behind GET %s, which is not answered yet',
    async (path) => {
      const ahead = `GET ${hub.path}${path} HTTP/1.1\r\nHost: x\r\n\r\n`
      const bytes = Buffer.from(ahead.repeat(3) + textOf({}) + CLOSE, 'latin1')
      const way = { timeoutMs: PATIENCE_MS, halfClose: false }
      await Promise.all(Array.from({ length: 10 }, () => exchangeBytes(hub.port, bytes, way)))
      await hub.harmless()
    },
  )
})
