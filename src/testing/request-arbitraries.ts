import fc from 'fast-check'
import { batchText } from './frame-arbitraries.ts'

/** Words of a text, separated by spaces; `_` is nothing at all. */
const words = (text: string): string[] => text.split(' ').map((word) => (word === '_' ? '' : word))

const HEADERS: Readonly<Record<string, readonly string[]>> = {
  'content-type': ['application/json', 'text/plain', 'text/html', 'application/json; charset=utf-16', ''],
  origin: ['https://app.example', 'https://evil.example', 'null', 'https://app.example.'],
  'sec-fetch-site': ['cross-site', 'same-origin'],
  authorization: ['Bearer ann', 'Bearer bad', 'Bearer', 'Basic YTpi', `Bearer ${'t'.repeat(9_000)}`],
  'last-event-id': ['E.0.0', 'x', '', 'latest~latest'],
  'idempotency-key': ['k', '', 'k'.repeat(129), 'ü'],
  'content-encoding': ['gzip', 'gzip, gzip', 'identity'],
  expect: ['100-continue'],
  ['__proto__']: ['x'],
  cookie: ['../../etc/passwd'],
}
const header = fc
  .constantFrom(...Object.keys(HEADERS), 'content-type', 'content-type')
  .chain((name) => fc.tuple(fc.constant(name), fc.constantFrom(...(HEADERS[name] ?? ['']))))
const path = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...words('/poll /stream /publish /health _ /')) },
  { weight: 1, arbitrary: fc.constantFrom(...words('/nowhere /poll/ //poll /%00 /..%2fpoll /%C0%AF /POLL')) },
  { weight: 1, arbitrary: fc.webPath() },
)
const parameter = fc.tuple(
  fc.constantFrom(...words('channel channel since wait nonce channel[] __proto__ token')),
  fc.oneof(
    fc.constantFrom(...words('a b __proto__ _ latest earliest last:5 last:99999 E.0.0 E.1.m1~E.2.m2 1e3 -1 50')),
    fc.string({ unit: 'binary', maxLength: 6 }),
  ),
)
const query = fc.array(parameter, { maxLength: 5 }).map((all) => {
  // A lone surrogate has no percent-encoding: it becomes U+FFFD here.
  const text = new URLSearchParams(all).toString()
  return text && `?${text}`
})
const METHODS = words('POST POST POST GET GET GET PUT DELETE OPTIONS HEAD PATCH TRACE PROPFIND')

/** One request, whatever is wrong with it. */
export interface Asked {
  readonly method: string
  readonly path: string
  readonly query: string
  readonly absolute: boolean
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: string
}

const anything: fc.Arbitrary<Asked> = fc.record({
  method: fc.constantFrom(...METHODS),
  path,
  query,
  absolute: fc.boolean(),
  headers: fc.uniqueArray(header, { maxLength: 5, selector: ([name]) => name }),
  body: fc.option(batchText, { nil: '' }),
})
/** Nothing is wrong with its form: it gets as far as its batch is good. */
const wellFormed: fc.Arbitrary<Asked> = fc.record({
  method: fc.constant('POST'),
  path: fc.constantFrom('/poll', '/poll', '/stream', '/publish'),
  query: fc.constant(''),
  absolute: fc.constant(false),
  headers: fc.constant([['content-type', 'application/json'] as const]),
  body: batchText,
})

/** Any request to a hub, of good form or not. */
export const anyRequest: fc.Arbitrary<Asked> = fc.oneof(wellFormed, anything)

/** What is sent for it to a hub at that path. */
export const requestBytes = (asked: Asked, hubPath: string, connection: 'close' | 'keep-alive'): Buffer => {
  const content = Buffer.from(asked.body)
  const target = `${asked.absolute ? 'http://127.0.0.1' : ''}${hubPath}${asked.path}${asked.query}`
  const length = content.length ? [['content-length', String(content.length)] as const] : []
  const lines = [['host', '127.0.0.1'] as const, ['connection', connection] as const, ...asked.headers, ...length]
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  return Buffer.concat([Buffer.from(`${asked.method} ${target} HTTP/1.1\r\n${head}\r\n`, 'latin1'), content])
}

const junk = fc.oneof(
  fc.constantFrom('\r\n', '\r\n\r\n', '\0', ' ', ':', 'GET ', 'HTTP/1.1', 'HTTP/0.9', 'HTTP/1.0', 'CONNECT a:1 '),
  fc.constantFrom('Transfer-Encoding: chunked\r\n', 'fffffffff\r\n', '0\r\n\r\n', `X: ${'x'.repeat(20_000)}\r\n`),
  fc.constantFrom('Content-Length: 5\r\n', 'Content-Length: 999999999\r\n', 'Content-Length: -1\r\n'),
  fc.constantFrom('Upgrade: websocket\r\nConnection: Upgrade\r\n', 'Host: \r\n', 'Expect: x\r\n'),
  fc.string({ unit: 'binary', maxLength: 8 }),
)
const cuts = fc.array(fc.tuple(fc.nat(2_000), fc.nat(12), junk), { minLength: 1, maxLength: 4 })

/** The bytes of a request with pieces cut out and others put in: hardly HTTP any more. */
export const brokenRequest = (hubPath: string): fc.Arbitrary<Buffer> =>
  fc.tuple(anyRequest, cuts).map(([asked, all]) => {
    let text = requestBytes(asked, hubPath, 'close').toString('latin1')
    for (const [where, length, piece] of all) {
      const from = where % (text.length + 1)
      text = text.slice(0, from) + piece + text.slice(from + length)
    }
    return Buffer.from(text, 'latin1')
  })
