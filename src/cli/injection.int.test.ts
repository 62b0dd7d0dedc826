import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { systemClock } from '../base/clock.ts'
import type { ServerFrame } from '../protocol/frames.ts'
import { createHub } from '../server/hub.ts'
import type { Hub } from '../server/hub-types.ts'
import { exchangeBytes } from '../testing/raw-http.ts'
import { RawWebSocket, frameBytes } from '../testing/raw-websocket.ts'
import { hello } from '../testing/test-hub.ts'
import { jsonLog } from './json-log.ts'

/** What ends a header, a line, an event or the patience of a terminal. */
const HOSTILE = [
  ...[
    '\r\nX-Evil: 1\r\n\r\n<script>',
    '\nx-evil: 1',
    '\rX-Evil: 1',
    '\n\nid: 9\ndata: [{"type":"goodbye"}]\n\n',
    '\0',
    '\x1b[31m',
  ],
  ...[
    '\u2028data: x',
    '\u2029',
    '\u0085',
    '\u009b31m',
    '\u202e',
    '\ud800',
    '","level":"error","x":"',
    '%0d%0aX-Evil:%201',
  ],
]
/** Every header that the hub or Node sends. */
const HEADERS = new Set([
  ...['cache-control', 'x-content-type-options', 'x-accel-buffering', 'vary', 'content-type', 'content-length', 'date'],
  ...['connection', 'keep-alive', 'transfer-encoding', 'content-encoding', 'retry-after', 'allow', 'upgrade'],
])
const PATIENCE_MS = 8_000

let log = ''
let hub: Hub
let port = 0
const server = createServer()

beforeAll(async () => {
  hub = createHub({
    allowMissingOrigin: true,
    // Whatever is shown becomes a name that all readers see.
    authenticate: ({ token }) => {
      if (token?.startsWith('bad')) throw new Error(`no such token: ${token}`)
      return token ? { userId: token } : null
    },
    authorize: ({ channel }) => {
      if (channel.startsWith('bad')) throw new Error(`no such channel: ${channel}`)
      return !channel.startsWith('no')
    },
    logger: jsonLog((text) => (log += text), systemClock, 'debug'),
    limits: { helloMs: 1_000 },
  })
  hub.attach(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  port = (server.address() as AddressInfo).port
})
afterAll(async () => {
  server.closeAllConnections()
  await hub.close()
  server.close()
})
beforeEach(() => (log = ''))

/** The characters that no line may have. */
// oxlint-disable-next-line no-control-regex -- controls are what must not be there
const RAW = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029\u202e\ud800-\udfff]/

const checkLog = (): void => {
  expect(log).not.toMatch(RAW)
  const lines = log.split('\n').filter((line) => line !== '')
  for (const line of lines) expect(JSON.parse(line)).toMatchObject({ level: expect.any(String) as string })
  expect(
    lines.filter((line) => (JSON.parse(line) as { level?: string }).level === 'error' && !line.includes('"hook"')),
  ).toEqual([])
}

/** Of an answer: its headers are those that there are; a stream has events of one line of JSON, and ids. */
const ask = async (head: string, body: string): Promise<void> => {
  const length = Buffer.byteLength(body)
  const bytes = Buffer.concat([
    Buffer.from(
      `${head}\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`,
      'latin1',
    ),
    Buffer.from(body),
  ])
  const { status, headers, text } = await exchangeBytes(port, bytes, { timeoutMs: PATIENCE_MS, halfClose: false })
  expect(status).toBeGreaterThan(0)
  for (const name of Object.keys(headers)) expect(HEADERS).toContain(name)
  if (headers['content-type'] !== 'text/event-stream') return
  const events = dechunked(text.slice(text.indexOf('\r\n\r\n') + 4))
  for (const line of events.split('\n')) expect(line).toMatch(/^(data: \[.*\]|id: [\w.~:-]+)?$/)
}

const socket = async (frames: readonly object[]): Promise<void> => {
  const link = new RawWebSocket(port, '/realtime')
  await link.send(frameBytes(JSON.stringify(frames)), frameBytes('[{"type":"ping"}]'))
  await expect
    .poll(() => link.ended || link.closeCode !== undefined || link.messages.join('').includes('"heartbeat"'), {
      timeout: PATIENCE_MS,
    })
    .toBe(true)
  for (const message of link.messages) expect(Array.isArray(JSON.parse(message))).toBe(true)
  link.close()
}

/** The bytes of the chunks, as far as they came. */
const dechunked = (text: string): string => {
  let [whole, at] = ['', 0]
  for (;;) {
    const end = text.indexOf('\r\n', at)
    const size = Number.parseInt(text.slice(at, end), 16)
    if (end < 0 || !(size > 0)) return whole
    whole += text.slice(end + 2, end + 2 + size)
    at = end + 2 + size + 2
  }
}

/** All requests and links in which a peer can put that text somewhere. */
const everywhere = (hostile: string): Promise<void>[] => {
  const publish = (fields: object) => ({ type: 'publish', channel: 'a', sequence: 1, data: 1, ...fields })
  const request = (fields: object) => ({ channels: [{ channel: 'a', from: 'latest', ...fields }] })
  const hellos = [
    ...['token', 'nonce', 'client', 'protocol'].map((field) => hello({ [field]: hostile })),
    hello({ token: `bad${hostile}` }),
    ...[hostile, `no${hostile}`, `bad${hostile}`].map((channel) => hello(request({ channel }))),
    ...[hostile, `E.1.${hostile}`, `${hostile}.1.x`].map((after) => hello(request({ from: { after } }))),
    hello(request({ from: hostile, ref: hostile })),
    { ...hello(), [hostile]: 1, type: 'hello' },
    { type: hostile },
  ]
  const inHello = hellos.flatMap((first) => {
    const paths = ['/poll', '/stream', '/publish']
    const posts = paths.map((path) =>
      ask(`POST /realtime${path} HTTP/1.1`, JSON.stringify(path === '/publish' ? [first, publish({})] : [first])),
    )
    return [...posts, socket([first])]
  })
  const inPublish = ['channel', 'key', 'sequence', 'until', 'data', 'x'].flatMap((field) => {
    const frames = [hello({ token: `u${hostile}` }), publish({ [field]: hostile })]
    return [ask('POST /realtime/publish HTTP/1.1', JSON.stringify(frames)), socket(frames)]
  })
  // A lone surrogate has no bytes.
  const encoded = new URLSearchParams({ x: hostile }).toString().slice(2)
  const queries = [
    ...['', 'no', 'bad'].map((before) => `channel=${before}${encoded}`),
    ...['since', 'nonce', 'wait', 'x'].map((name) => `channel=a&${name}=${encoded}`),
    `channel=a&${encoded}=1`,
  ]
  const inQuery = queries.flatMap((query) => [
    ...['/poll', '/stream'].map((path) => ask(`GET /realtime${path}?${query} HTTP/1.1`, '')),
    ask(`POST /realtime/publish?${query} HTTP/1.1`, '1'),
  ])
  // What a header can carry at all.
  // oxlint-disable-next-line no-control-regex -- controls cannot stand in a header
  const header = Buffer.from(hostile.replaceAll(/[\u0000-\u001f]/g, '')).toString('latin1')
  const names = [
    'Authorization: Bearer ',
    'Last-Event-ID: ',
    'Idempotency-Key: ',
    'Origin: https://',
    'X-Forwarded-For: ',
  ]
  const inHeader = names.flatMap((name) => [
    ask(`GET /realtime/stream?channel=a HTTP/1.1\r\n${name}${header}`, ''),
    ask(`POST /realtime/publish?channel=a HTTP/1.1\r\n${name}${header}`, '1'),
  ])
  return [...inHello, ...inPublish, ...inQuery, ...inHeader, ask(`GET /realtime/${encoded} HTTP/1.1`, '')]
}

it.each(HOSTILE)(
  'S12 %j in any text of a peer reaches no header, no field of an event and no log line',
  async (hostile) => {
    await Promise.all(everywhere(hostile))
    checkLog()
    expect(log).toContain('refused')
    // What was published under such a name comes to the readers as it is, within its JSON.
    const answer = await fetch(`http://127.0.0.1:${port}/realtime/poll?channel=a&since=earliest`)
    const runs = ((await answer.json()) as ServerFrame[]).filter((frame) => frame.type === 'run')
    expect(runs.flatMap(({ messages }) => messages.map(({ sender }) => sender))).toContain(`u${hostile}`)
  },
)
