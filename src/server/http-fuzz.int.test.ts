import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { CODES } from '../protocol/codes.ts'
import { CONTENT_TYPE } from '../protocol/frames.ts'
import type { ErrorFrame } from '../protocol/frames.ts'
import { PATIENCE_MS, besiegedHub } from '../testing/besieged-hub.ts'
import { batchText } from '../testing/frame-arbitraries.ts'
import { FUZZ_TIMEOUT_MS, fuzzing } from '../testing/fuzz.ts'
import { exchangeBytes } from '../testing/raw-http.ts'

vi.setConfig({ testTimeout: FUZZ_TIMEOUT_MS })

const hub = besiegedHub()

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

interface Asked {
  readonly method: string
  readonly path: string
  readonly query: string
  readonly absolute: boolean
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: string
}
const anyRequest: fc.Arbitrary<Asked> = fc.record({
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
const request = fc.oneof(wellFormed, anyRequest)

const bytesOf = (asked: Asked): Buffer => {
  const content = Buffer.from(asked.body)
  const target = `${asked.absolute ? 'http://127.0.0.1' : ''}${hub.path}${asked.path}${asked.query}`
  const length = content.length ? [['content-length', String(content.length)] as const] : []
  const lines = [['host', '127.0.0.1'] as const, ['connection', 'close'] as const, ...asked.headers, ...length]
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  return Buffer.concat([Buffer.from(`${asked.method} ${target} HTTP/1.1\r\n${head}\r\n`, 'latin1'), content])
}

const typeOf = (status: number, at: string): string => {
  if (at === '/health' && (status === 200 || status === 503)) return 'application/json'
  return at === '/stream' && status === 200 ? 'text/event-stream' : CONTENT_TYPE
}

/** Asks, and judges the answer; returns its status. */
const ask = async (asked: Asked): Promise<number> => {
  const answer = await exchangeBytes(hub.port, bytesOf(asked), { timeoutMs: PATIENCE_MS, halfClose: false })
  const { status, headers } = answer
  expect([answer.error, status > 0 && status < 500]).toEqual([undefined, true])
  expect(answer.text).not.toMatch(/node_modules|\.[tj]s:\d|\bat \/|\bv\d+\.\d+/)
  expect(headers).toMatchObject({ 'cache-control': 'no-store, no-transform', 'x-content-type-options': 'nosniff' })
  if (status === 204) return status
  expect(headers['content-type']).toBe(typeOf(status, asked.path))
  if (status === 200 || asked.method === 'HEAD') return status
  const [frame, ...more] = JSON.parse(answer.body) as ErrorFrame[]
  const { status: said } = CODES[frame?.code as 'internal']
  // What has no status of its own is a conflict when it is the whole answer.
  expect([frame?.type, more.length, status]).toEqual(['error', 0, said || 409])
  return status
}

describe('S14 S16 S17 requests of any kind, and nobody else notices', () => {
  it('each is answered by the hub, in its own words and with the status of its code', async () => {
    const seen = new Set<string>()
    const property = fc.asyncProperty(fc.array(request, { minLength: 8, maxLength: 24 }), async (all) => {
      const statuses = await Promise.all(all.map(ask))
      for (const [index, { method, path: at }] of all.entries()) seen.add(`${method} ${at} ${statuses[index]}`)
      await hub.harmless()
    })
    await fc.assert(property, fuzzing(10))
    // What is never taken has never been tried.
    for (const at of ['/poll', '/stream', '/publish']) expect(seen).toContain(`POST ${at} 200`)
    const statuses = [...seen].map((each) => Number(each.slice(-3)))
    for (const status of [200, 204, 400, 401, 403, 404, 405, 415]) expect(statuses).toContain(status)
  })

  it('what is hardly HTTP is answered or cut off', async () => {
    const junk = fc.oneof(
      fc.constantFrom('\r\n', '\r\n\r\n', '\0', ' ', ':', 'GET ', 'HTTP/1.1', 'HTTP/0.9', 'HTTP/1.0', 'CONNECT a:1 '),
      fc.constantFrom('Transfer-Encoding: chunked\r\n', 'fffffffff\r\n', '0\r\n\r\n', `X: ${'x'.repeat(20_000)}\r\n`),
      fc.constantFrom('Content-Length: 5\r\n', 'Content-Length: 999999999\r\n', 'Content-Length: -1\r\n'),
      fc.constantFrom('Upgrade: websocket\r\nConnection: Upgrade\r\n', 'Host: \r\n', 'Expect: x\r\n'),
      fc.string({ unit: 'binary', maxLength: 8 }),
    )
    const cuts = fc.array(fc.tuple(fc.nat(2_000), fc.nat(12), junk), { minLength: 1, maxLength: 4 })
    const broken = fc.tuple(request, cuts).map(([asked, all]) => {
      let text = bytesOf(asked).toString('latin1')
      for (const [where, length, piece] of all) {
        const from = where % (text.length + 1)
        text = text.slice(0, from) + piece + text.slice(from + length)
      }
      return Buffer.from(text, 'latin1')
    })
    const property = fc.asyncProperty(fc.array(broken, { minLength: 8, maxLength: 24 }), async (all) => {
      const way = { timeoutMs: PATIENCE_MS, halfClose: true }
      await Promise.all(all.map((bytes) => exchangeBytes(hub.port, bytes, way)))
      await hub.harmless()
    })
    await fc.assert(property, fuzzing(10))
  })
})
