import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { CONTENT_TYPE } from '../protocol/frames.ts'
import { PATIENCE_MS, besiegedHub } from '../testing/besieged-hub.ts'
import { exchangeBytes, sendAndReset } from '../testing/raw-http.ts'
import { hello } from '../testing/test-hub.ts'

const hub = besiegedHub()

interface Endpoint {
  readonly path: string
  readonly method: 'GET' | 'POST'
  /** Of a request with which nothing is wrong. */
  readonly usual: number
  readonly body: string
}

const HELLO = hello({ channels: [{ channel: 'a', from: 'latest' }] })
const PUBLISH = { type: 'publish', channel: 'a', sequence: 1, data: 1 }
const POSTS: readonly Endpoint[] = [
  { path: '/poll', method: 'POST', usual: 200, body: JSON.stringify([HELLO]) },
  { path: '/stream', method: 'POST', usual: 200, body: JSON.stringify([HELLO]) },
  { path: '/publish', method: 'POST', usual: 200, body: JSON.stringify([hello(), PUBLISH]) },
  { path: '/publish?channel=a', method: 'POST', usual: 200, body: '{"n":1}' },
]
const GETS: readonly Endpoint[] = [
  { path: '/poll?channel=a', method: 'GET', usual: 200, body: '' },
  { path: '/stream?channel=a', method: 'GET', usual: 200, body: '' },
  { path: '/health', method: 'GET', usual: 200, body: '' },
  { path: '', method: 'GET', usual: 426, body: '' },
  { path: '/', method: 'GET', usual: 426, body: '' },
  { path: '/nowhere', method: 'GET', usual: 404, body: '' },
]
const ALL = [...POSTS, ...GETS]

/** What is different about a request. Lines are as they are sent, without their end. */
interface Changed {
  readonly method?: string
  readonly version?: string
  /** The request target instead of the path below the hub's. */
  readonly target?: (path: string) => string
  /** In place of `Host`. */
  readonly host?: readonly string[]
  readonly lines?: readonly string[]
  readonly body?: string | Uint8Array
  /** In place of a `Content-Length` that is right. */
  readonly length?: readonly string[]
  readonly type?: string | null
  readonly halfClose?: boolean
}
/** A status, or one of several; 0 is a connection that is closed without an answer, and 'usual' what a good request gets. */
type Expected = number | 'usual' | readonly number[] | ((endpoint: Endpoint) => number)
type Row = readonly [title: string, on: readonly Endpoint[], changed: Changed, expected: Expected]

const bytesOf = ({ path, method, body }: Endpoint, changed: Changed): Buffer => {
  const content = Buffer.from(changed.body ?? body)
  const target = changed.target?.(`${hub.path}${path}`) ?? `${hub.path}${path}`
  const hasBody = content.length > 0 || method === 'POST'
  const lines = [
    ...(changed.host ?? [`Host: 127.0.0.1:${hub.port}`]),
    ...(changed.type === null || !hasBody ? [] : [`Content-Type: ${changed.type ?? 'application/json'}`]),
    ...(changed.length ?? (hasBody ? [`Content-Length: ${content.length}`] : [])),
    ...(changed.lines ?? []),
  ]
  const version = changed.version ?? 'HTTP/1.1'
  const first = [changed.method ?? method, target, ...(version === '' ? [] : [version])].join(' ')
  const close = changed.lines?.some((line) => /^connection:/i.test(line)) ? '' : 'Connection: close\r\n'
  const head = `${first}\r\n${close}${lines.map((line) => `${line}\r\n`).join('')}\r\n`
  return Buffer.concat([Buffer.from(head, 'latin1'), content])
}

const unlessNowhere =
  (status: number) =>
  ({ path }: Endpoint): number =>
    path === '/nowhere' ? 404 : status
const line = (name: string, value: string): Changed => ({ lines: [`${name}: ${value}`] })
const many = (count: number): Changed => ({ lines: Array.from({ length: count }, (_, n) => `x${n}:`) })
const chunked = (body: string): Changed => ({ length: ['Transfer-Encoding: chunked'], body })

const ROWS: readonly Row[] = [
  ['nothing wrong', ALL, {}, 'usual'],
  // The first line.
  ...['FOO', 'get', 'G', 'GET\0', '', 'PRI'].map((method): Row => {
    return [`the method ${JSON.stringify(method)}`, ALL, { method }, 400]
  }),
  ['CONNECT', ALL, { method: 'CONNECT', target: () => 'example.com:80' }, 0],
  ['CONNECT with a path', ALL, { method: 'CONNECT' }, [0, 400]],
  ...['TRACE', 'DELETE', 'PROPFIND', 'M-SEARCH', 'SOURCE', 'PATCH'].map((method): Row => [
    method,
    ALL,
    { method },
    unlessNowhere(405),
  ]),
  ['PUT with a body', POSTS, { method: 'PUT' }, 405],
  [
    'HEAD',
    ALL,
    { method: 'HEAD', body: '' },
    ({ path }) => (path === '/health' ? 200 : path === '/nowhere' ? 404 : 405),
  ],
  ['OPTIONS', ALL, { method: 'OPTIONS', body: '' }, unlessNowhere(204)],
  ['OPTIONS with a body', ALL, { method: 'OPTIONS', body: 'x'.repeat(1_000) }, unlessNowhere(204)],
  ['HTTP/0.9', ALL, { version: '' }, 'usual'],
  ['HTTP/2.0', ALL, { version: 'HTTP/2.0' }, 'usual'],
  ['HTTP/1.0', ALL, { version: 'HTTP/1.0' }, 'usual'],
  ...['HTTP/1.11', 'http/1.1', 'HTTP/x', 'HTTPS/1.1'].map((version): Row => [version, ALL, { version }, 400]),
  ['an absolute target', ALL, { target: (path) => `http://127.0.0.1${path}` }, 'usual'],
  ['an absolute target of elsewhere', ALL, { target: (path) => `https://evil.example:99${path}` }, 'usual'],
  ['a target with a user', ALL, { target: (path) => `http://a:b@127.0.0.1${path}` }, 'usual'],
  ['a target without a slash', ALL, { target: (path) => path.slice(1) }, 400],
  // Below a path that is not the hub's: the application answers.
  ['two slashes', ALL, { target: (path) => `/${path}` }, 404],
  ['a NUL before the path', ALL, { target: (path) => `/%00${path}` }, 404],
  ['a step up before the path', ALL, { target: (path) => `/..%2f${path}` }, 404],
  ['overlong UTF-8 for a slash', ALL, { target: (path) => `%C0%AF${path}`.replace('%C0', '/%C0') }, 404],
  ['a path of raw bytes', ALL, { target: (path) => `/\xc0\xaf${path}` }, 400],
  ['an asterisk', ALL, { target: () => '*' }, 404],
  ['a NUL in the target', ALL, { target: (path) => `${path}\0` }, 400],
  ['a space in the target', ALL, { target: (path) => `${path} x` }, 400],
  ['a URL of 20 KB', ALL, { target: (path) => `${path}?${'x'.repeat(20_000)}` }, 431],
  [
    'a URL of 12 KB',
    GETS,
    { target: (path) => `${path}${path.includes('?') ? '&' : '?'}x=${'y'.repeat(12_000)}` },
    'usual',
  ],
  // Headers.
  ['2,000 headers', ALL, many(1_990), 'usual'],
  ['more headers than Node keeps', ALL, many(2_200), 'usual'],
  ['a header of 20 KB', ALL, line('x', 'y'.repeat(20_000)), 431],
  ['a header without a name', ALL, { lines: [': x'] }, 400],
  ['a header without a colon', ALL, { lines: ['x'] }, 400],
  ['a space before the colon', ALL, { lines: ['x : y'] }, 400],
  ['a folded header', ALL, { lines: ['x: y', ' z'] }, 400],
  ['a NUL in a header', ALL, line('x', 'a\0b'), 400],
  ['a lone CR in a header', ALL, line('x', 'a\rb'), 400],
  ['an ESC in a header', ALL, line('x', '\x1b[31m'), 400],
  ['a DEL in a header', ALL, line('x', '\x7f'), [400, 200, 404, 426]],
  ['bytes over 127 in a header', ALL, line('x', '\xff\xfe\x85'), 'usual'],
  ['a header called __proto__', ALL, { lines: ['__proto__: x', 'constructor: y', 'toString: z'] }, 'usual'],
  ['no Host', ALL, { host: [] }, 400],
  ['no Host in HTTP/1.0', ALL, { host: [], version: 'HTTP/1.0' }, 'usual'],
  ...['', 'a b', '@', '[', 'x:99999', '\xff', '\'"<>'].map((value): Row => {
    return [`the Host ${JSON.stringify(value)}`, ALL, { host: [`Host: ${value}`] }, 'usual']
  }),
  ['two Hosts', ALL, { host: ['Host: a', 'Host: b'] }, 'usual'],
  ['Expect without a body', GETS, line('Expect', '100-continue'), 'usual'],
  ['Expect with a body', POSTS, line('Expect', '100-continue'), 'usual'],
  ['an expectation that nobody knows', ALL, line('Expect', 'x'), 417],
  ['Connection with names of headers', ALL, { lines: ['Connection: close, host, content-length'] }, 'usual'],
  // Lengths.
  ['two lengths', POSTS, { length: ['Content-Length: 2', 'Content-Length: 3'] }, 400],
  ['two equal lengths', POSTS, { length: ['Content-Length: 2', 'Content-Length: 2'], body: '[]' }, 400],
  ['a list of lengths', POSTS, { length: ['Content-Length: 2, 2'], body: '[]' }, 400],
  ...['-1', '1e3', '0x10', '+2', '2 2', '99999999999999999999', 'x', ''].map((length): Row => {
    return [`the length ${JSON.stringify(length)}`, POSTS, { length: [`Content-Length: ${length}`] }, 400]
  }),
  ['a length far over the limit', POSTS, { length: ['Content-Length: 99999999'], body: '[]' }, 413],
  ['a length with chunks', POSTS, { length: ['Content-Length: 2', 'Transfer-Encoding: chunked'] }, 400],
  ['chunks with a length', POSTS, { length: ['Transfer-Encoding: chunked', 'Content-Length: 2'] }, 400],
  ...['xchunked', 'chunked, identity', 'chunked, chunked', 'gzip', '\x0bchunked', ''].map((coding): Row => {
    return [`the coding ${JSON.stringify(coding)}`, POSTS, { length: [`Transfer-Encoding: ${coding}`] }, 400]
  }),
  ['a body shorter than it says', POSTS, { length: ['Content-Length: 9999'] }, 408],
  ['a body that is half-closed early', POSTS, { length: ['Content-Length: 9999'], halfClose: true }, [0, 400]],
  ['no body at all', POSTS, { body: '', length: [] }, 400],
  ['an empty body', POSTS, { body: '' }, 400],
  // Chunks.
  ['a chunk of fffffffff', POSTS, chunked('fffffffff\r\n[]'), 408],
  ['a chunk of ffffffffffffffff and more', POSTS, chunked('fffffffffffffffff\r\n[]'), 400],
  ['a chunk of no number', POSTS, chunked('x\r\n[]'), 400],
  ['a chunk of less than none', POSTS, chunked('-1\r\n[]'), 400],
  ['a chunk that is longer than it says', POSTS, chunked('1\r\n[]\r\n0\r\n\r\n'), 400],
  ['an extension of 20 KB', POSTS, chunked(`2;${'x'.repeat(20_000)}\r\n[]\r\n0\r\n\r\n`), [400, 413]],
  ['trailers of 20 KB', POSTS, chunked(`2\r\n[]\r\n0\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`), [400, 431]],
  ['a trailer that is a header', POSTS, chunked('2\r\n[]\r\n0\r\nContent-Length: 5\r\n\r\n'), 400],
  ['300 KB in chunks', POSTS, chunked(`400\r\n${'x'.repeat(1_024)}\r\n`.repeat(300)), 413],
  // What the body is.
  ...['text/html', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'application/jsonx', ''].map(
    (type): Row => [`the type ${JSON.stringify(type)}`, POSTS, { type }, 415],
  ),
  ['no type', POSTS, { type: null }, 415],
  ...['utf-16', 'latin1', '"utf-16"', 'utf-8; charset=utf-16'].map((charset): Row => {
    return [`charset=${charset}`, POSTS, { type: `application/json; charset=${charset}` }, 415]
  }),
  ['charset=UTF-8', POSTS, { type: 'Application/JSON; Charset="UTF-8"' }, 'usual'],
  ...['gzip', 'gzip, gzip, gzip', 'br', 'x', ''].map((coding): Row => {
    const body = gzipSync('[]')
    return [`a body in ${JSON.stringify(coding)}`, POSTS, { body, lines: [`Content-Encoding: ${coding}`] }, 415]
  }),
  ['a bomb of gzip', POSTS, { body: gzipSync('x'.repeat(10_000_000)), lines: ['Content-Encoding: gzip'] }, 415],
  ['UTF-16', POSTS, { body: Buffer.from('[]', 'utf16le') }, 400],
  ['a byte order mark', POSTS, { body: '\uFEFF[]' }, 400],
  ['bytes that are no UTF-8', POSTS, { body: Uint8Array.of(0x5b, 0x22, 0xc0, 0x8a, 0x22, 0x5d) }, 400],
  ['a surrogate in UTF-8', POSTS, { body: Uint8Array.of(0x22, 0xed, 0xa0, 0x80, 0x22) }, 400],
  ['half a character', POSTS, { body: Uint8Array.of(0x22, 0xe2, 0x82) }, 400],
]

const judge = async (endpoint: Endpoint, changed: Changed, expected: Expected): Promise<void> => {
  const way = { timeoutMs: PATIENCE_MS, halfClose: changed.halfClose === true }
  const { status, headers, text } = await exchangeBytes(hub.port, bytesOf(endpoint, changed), way)
  const wanted = expected === 'usual' ? endpoint.usual : typeof expected === 'function' ? expected(endpoint) : expected
  const allowed = [wanted].flat()
  const where = `${changed.method ?? endpoint.method} ${endpoint.path}: ${text.slice(0, 400)}`
  expect(allowed, where).toContain(status)
  expect(text, where).not.toMatch(/node_modules|\.[tj]s:\d|\bat \/|\bv\d+\.\d+/)
  // Node answers what is no HTTP, and the application what is not the hub's.
  if (headers['content-type'] !== CONTENT_TYPE) return
  expect(headers).toMatchObject({ 'cache-control': 'no-store, no-transform', 'x-content-type-options': 'nosniff' })
}

describe('S16 S17 bad HTTP at each endpoint is answered or cut off, and nobody else notices', () => {
  it.each(ROWS)('%s', async (_title, on, changed, expected) => {
    await Promise.all(on.map((endpoint) => judge(endpoint, changed, expected)))
    await hub.harmless()
  })

  it('lines that end with LF alone', async () => {
    const all = ALL.map((endpoint) =>
      Buffer.from(bytesOf(endpoint, {}).toString('latin1').replaceAll('\r\n', '\n'), 'latin1'),
    )
    for (const bytes of all) {
      const { status } = await exchangeBytes(hub.port, bytes, { timeoutMs: PATIENCE_MS, halfClose: false })
      expect([200, 400, 404, 426]).toContain(status)
    }
    await hub.harmless()
  })

  it.each(ALL)(
    'what follows a body that is longer than it says is a request of its own, at $method $path',
    async (endpoint) => {
      const bytes = Buffer.concat([
        bytesOf(endpoint, { lines: ['Connection: keep-alive'] }),
        Buffer.from('[]more than that'),
      ])
      const { status, text } = await exchangeBytes(hub.port, bytes, { timeoutMs: PATIENCE_MS, halfClose: false })
      expect([endpoint.usual, 400]).toContain(status)
      if (!text.includes('event-stream')) expect(text).toContain('HTTP/1.1 400 Bad Request')
      await hub.harmless()
    },
  )

  it.each(ALL)('50 requests in one write at $method $path', async (endpoint) => {
    const [first, last] = [bytesOf(endpoint, { lines: ['Connection: keep-alive'] }), bytesOf(endpoint, {})]
    const bytes = Buffer.concat([...Array.from({ length: 49 }, () => first), last])
    const { text } = await exchangeBytes(hub.port, bytes, { timeoutMs: PATIENCE_MS, halfClose: false })
    // Behind a stream nothing is answered.
    const answers = text.split(`HTTP/1.1 ${endpoint.usual} `).length - 1
    expect(answers).toBe(endpoint.path.startsWith('/stream') ? 1 : 50)
    await hub.harmless()
  })

  it.each(ALL)('a reset at any place of $method $path', async (endpoint) => {
    const bytes = bytesOf(endpoint, {})
    const places = [1, 20, bytes.length - endpoint.body.length, bytes.length - 1, bytes.length]
    for (const place of places) {
      await sendAndReset(hub.port, bytes.subarray(0, place))
    }
    await hub.harmless()
  })

  it.each(ALL)('who half-closes after $method $path is gone', async (endpoint) => {
    const all = Array.from({ length: 20 }, () =>
      exchangeBytes(hub.port, bytesOf(endpoint, {}), { timeoutMs: PATIENCE_MS, halfClose: true }),
    )
    for (const { status } of await Promise.all(all)) expect([0, endpoint.usual]).toContain(status)
    await hub.harmless()
  })
})
