import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { http2Pair } from '../testing/http2-fetch.ts'
import type { Http2Pair } from '../testing/http2-fetch.ts'
import { exchangeBytes } from '../testing/raw-http.ts'
import { hello } from '../testing/test-hub.ts'
import { createHub } from './hub.ts'
import type { Hub } from './hub-types.ts'

/** Who is logged in by a cookie, which a browser sends with whatever any page asks for. */
const COOKIE = 'session=ann'
const LISTED = 'https://app.example'
const PATIENCE_MS = 8_000

let hub: Hub
let asked = 0
let h2: Http2Pair
let port = 0
const server = createServer()

beforeAll(async () => {
  hub = createHub({
    origins: [LISTED],
    authenticate: ({ request }) => {
      asked++
      return request.header('cookie') === COOKIE ? { userId: 'ann' } : null
    },
    authorize: ({ user }) => user?.userId === 'ann',
  })
  hub.attach(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  port = (server.address() as AddressInfo).port
  h2 = await http2Pair((secure) => hub.attach(secure))
  await hub.publish('secret', 'for ann alone')
})
afterAll(async () => {
  h2.close()
  server.closeAllConnections()
  await hub.close()
  server.close()
})
beforeEach(async () => {
  // Who has just gone is noticed in a moment.
  await expect.poll(() => hub.health.links).toBe(0)
  asked = 0
})

interface Sent {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}
interface Heard {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly text: string
}

const overHttp1 = async ({ method, path, headers, body }: Sent): Promise<Heard> => {
  const all = { Host: `127.0.0.1:${port}`, Connection: 'close', 'Content-Length': String(body.length), ...headers }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  const bytes = Buffer.from(`${method} /realtime${path} HTTP/1.1\r\n${lines.join('')}\r\n${body}`)
  const answer = await exchangeBytes(port, bytes, { timeoutMs: PATIENCE_MS, halfClose: false })
  return { status: answer.status, headers: answer.headers, text: answer.text }
}
const overHttp2 = async ({ method, path, headers, body }: Sent): Promise<Heard> => {
  const lower = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])
  const fields = {
    ':method': method,
    ':path': `/realtime${path}`,
    ...(Object.fromEntries(lower) as Record<string, string>),
  }
  const stream = h2.session.request(fields, { endStream: body === '' })
  if (body) stream.end(body)
  let text = ''
  stream.on('data', (chunk: Buffer) => (text += chunk.toString()))
  const [answer] = (await once(stream, 'response')) as [Record<string, unknown>]
  if (String(answer['content-type']) === 'text/event-stream') stream.close()
  if (!stream.closed) await once(stream, 'close')
  return { status: Number(answer[':status']), headers: answer, text }
}
const throughFetch = async ({ method, path, headers, body }: Sent): Promise<Heard> => {
  const init = { method, headers, ...(body ? { body } : {}) }
  const answer = await hub.fetch(new Request(`http://hub.example${path}`, init))
  const isStream = answer.headers.get('content-type') === 'text/event-stream'
  if (isStream) await answer.body?.cancel()
  return {
    status: answer.status,
    headers: Object.fromEntries(answer.headers),
    text: isStream ? '' : await answer.text(),
  }
}
const WAYS = [
  ['HTTP/1.1', overHttp1],
  ['HTTP/2', overHttp2],
  ['hub.fetch', throughFetch],
] as const

const HELLO = hello({ channels: [{ channel: 'secret', from: 'earliest' }] })
const PUBLISH = { type: 'publish', channel: 'secret', sequence: 1, data: 'forged' }
/** What a page can make a browser send without asking first. */
const simple = (path: string, type: string, body: string): Sent => ({
  method: 'POST',
  path,
  headers: { 'Content-Type': type },
  body,
})
const REQUESTS: readonly Sent[] = [
  ...['/poll?channel=secret&since=earliest', '/stream?channel=secret&since=earliest', '/health'].map((path): Sent => ({
    method: 'GET',
    path,
    headers: {},
    body: '',
  })),
  simple('/poll', 'text/plain', JSON.stringify([HELLO])),
  simple('/stream', 'text/plain', JSON.stringify([HELLO])),
  ...['text/plain', 'application/json', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x'].flatMap(
    (type) => [
      simple('/publish', type, JSON.stringify([hello(), PUBLISH])),
      simple('/publish?channel=secret', type, '"forged"'),
    ],
  ),
  { method: 'OPTIONS', path: '/publish', headers: { 'Access-Control-Request-Method': 'POST' }, body: '' },
]

/** Headers of a page that is not ours. */
const FOREIGN: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
  ...[
    'https://evil.example',
    'null',
    'https://app.example.evil.com',
    'https://app.example:8443',
    'HTTPS://APP.EXAMPLE',
    'https://app.example.',
    'http://app.example',
    'file://',
    '',
  ].map((origin) => [`Origin: ${origin}`, { Origin: origin }] as const),
  ['no Origin, but cross-site', { 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'no-cors' }],
  ['a foreign Origin that says same-origin', { Origin: 'https://evil.example', 'Sec-Fetch-Site': 'same-origin' }],
]

describe.each(WAYS)('S1 S2 S3 a page of another site, with the cookies of a user, over %s', (_way, send) => {
  it.each(FOREIGN)('%s: 403 everywhere, and nobody was asked who that is', async (_title, headers) => {
    const { appended } = hub.metrics.publishes
    for (const sent of REQUESTS) {
      const answer = await send({ ...sent, headers: { ...sent.headers, Cookie: COOKIE, ...headers } })
      expect([sent.method, sent.path, answer.status]).toEqual([sent.method, sent.path, 403])
      expect(answer.text).not.toContain('for ann alone')
      expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control'))).toEqual([])
    }
    expect([asked, hub.health.links, hub.metrics.publishes.appended]).toEqual([0, 0, appended])
  })

  it('a listed page may, and is echoed with `Vary`, on errors too; what changes something takes JSON alone', async () => {
    const statuses = []
    for (const sent of [...REQUESTS, { method: 'GET', path: '/nowhere', headers: {}, body: '' }]) {
      const answer = await send({ ...sent, headers: { ...sent.headers, Cookie: COOKIE, Origin: LISTED } })
      statuses.push(answer.status)
      expect(answer.headers).toMatchObject({ 'access-control-allow-origin': LISTED, vary: 'Origin' })
      expect(Object.values(answer.headers)).not.toContain('*')
    }
    expect(statuses).toEqual([200, 200, 200, 200, 200, 415, 415, 200, 200, 415, 415, 415, 415, 204, 404])
  })

  it('who sends no Origin is no page: he is asked who he is', async () => {
    for (const sent of REQUESTS.slice(0, 5)) expect((await send(sent)).status).toBe(200)
    expect(asked).toBe(4)
  })
})

describe('S1 GHSA-f53g-frr2-jhpf a WebSocket of another site, with the cookies of a user', () => {
  const upgrade = (headers: Readonly<Record<string, string>>): Promise<Heard> =>
    overHttp1({
      method: 'GET',
      path: '',
      headers: {
        Connection: 'Upgrade',
        Upgrade: 'websocket',
        'Sec-WebSocket-Version': '13',
        'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
        'Sec-WebSocket-Protocol': 'holdfast.1',
        Cookie: COOKIE,
        ...headers,
      },
      body: '',
    })

  it.each([...FOREIGN, ['no Origin at all', {}] as const])('%s: 403 before the upgrade', async (_title, headers) => {
    const { status, text } = await upgrade(headers)
    expect([status, asked, hub.health.links]).toEqual([403, 0, 0])
    expect(text).toContain('"code":"forbidden-origin"')
  })
})
