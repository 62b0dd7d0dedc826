import { HttpResponse, http } from 'msw'
import { setupServer } from 'msw/node'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { createClient } from '../index.ts'
import type { Client, ClientOptions, ClientState, HoldfastError, TokenSource } from '../index.ts'
import { CONTENT_TYPE } from '../protocol/frames.ts'

const URL_ = 'http://hub.test/realtime'
const HTML = { 'content-type': 'text/html' }
const OURS = { 'content-type': CONTENT_TYPE }

/** What stands between the client and the hub, or is the hub: the answer to each `POST /poll`. */
type Answer = (nonce: string, asked: number) => Response
let answer: Answer
let requests: { readonly atMs: number; readonly hello: Record<string, unknown> }[] = []

const server = setupServer(
  http.post(`${URL_}/poll`, async ({ request }) => {
    const [hello] = (await request.json()) as [Record<string, unknown>]
    requests.push({ atMs: performance.now(), hello })
    return answer(String(hello['nonce']), requests.length)
  }),
  http.get('http://hub.test/login', () => HttpResponse.html('<title>Please log in</title>')),
)

const welcome = (nonce: string) => ({
  type: 'welcome',
  protocol: 1,
  nonce,
  timeMs: 1_700_000_000_000,
  heartbeatMs: 10_000,
  user: 'u',
  publisher: 'p',
  maxDataBytes: 65_536,
  maxBatchBytes: 262_144,
})
const batch = (frames: readonly object[], status = 200, headers: Record<string, string> = {}): Response =>
  new HttpResponse(JSON.stringify(frames), { status, headers: { ...OURS, ...headers } })
const error = (status: number, code: string, headers: Record<string, string> = {}): Response =>
  batch([{ type: 'error', code, message: `the hub says ${code}` }], status, headers)
const good: Answer = (nonce) => batch([welcome(nonce)])

const clients: Client[] = []
/** Short durations, and few of them: the limits of attempts stay as they are. */
const connect = (options: Partial<ClientOptions> = {}): Client => {
  const timing = { pollIntervalMs: 20, spreadMs: 20, backoffMs: 10, maxBackoffMs: 50, connectMs: 2_000 }
  const client = createClient({ url: URL_, transports: ['poll'], firstRead: false, timing, ...options })
  clients.push(client)
  client.connect()
  return client
}
/** The first state, from now on, that has one of these names. */
const reach = (client: Client, ...names: ClientState['name'][]): Promise<ClientState> =>
  new Promise((resolve) => {
    if (names.includes(client.state.name)) resolve(client.state)
    else client.on('state', (state) => names.includes(state.name) && resolve(state))
  })

beforeAll(() => {
  server.listen({ onUnhandledRequest: 'error' })
})
afterEach(() => {
  for (const client of clients.splice(0)) client.close()
  requests = []
})
afterAll(() => {
  server.close()
})

describe('§10, R16 a refused token or origin', () => {
  it('401, then a good token: it was asked for once more, and no other transport was blamed', async () => {
    const token = vi.fn<TokenSource>(({ reason }) => (reason === 'refused' ? 'new' : 'old'))
    answer = (nonce, asked) => (asked === 1 ? error(401, 'unauthorized') : good(nonce, asked))
    const client = connect({ token })
    expect(await reach(client, 'online')).toEqual({ name: 'online', transport: 'poll' })
    expect(token.mock.calls.map(([{ reason }]) => reason)).toEqual(['connect', 'refused'])
    expect(requests.slice(0, 2).map(({ hello }) => hello['token'])).toEqual(['old', 'new'])
    expect(client.explain().timeline.some(({ kind }) => kind === 'demote')).toBe(false)
  })

  it.each([
    [401, 'unauthorized'],
    [403, 'forbidden-origin'],
  ] as const)('%i twice stops it: idle, with the error %s, and no further request', async (status, code) => {
    answer = () => error(status, code)
    const errors: HoldfastError[] = []
    const client = connect({ token: 'bad' })
    client.on('error', (each) => errors.push(each))
    await reach(client, 'idle')
    expect(errors).toMatchObject([{ code, status, retryable: false }])
    expect(requests).toHaveLength(2)
    const { timeline } = client.explain()
    expect(timeline.at(-1)).toMatchObject({ kind: 'stop', code: 'refused', status })
    expect(timeline.at(-1)?.text).toContain(`the hub says ${code}`)
    answer = good
    client.connect()
    await reach(client, 'online')
  })
})

/** A name, the answer, and what `explain()` says of it. */
const FAILURES: readonly (readonly [string, Answer, RegExp])[] = [
  [
    '407 of a proxy in HTML',
    () => new HttpResponse('<title>Proxy</title>', { status: 407, headers: HTML }),
    /407.*Proxy/,
  ],
  ['413 of the hub', () => error(413, 'too-large'), /refused it \(413\): the hub says too-large/],
  ['413 of a proxy', () => new HttpResponse('<title>Too big</title>', { status: 413, headers: HTML }), /413.*Too big/],
  ['429 of the hub', () => error(429, 'rate-limited'), /refused it \(429\)/],
  ['500 of the hub', () => error(500, 'internal'), /refused it \(500\)/],
  [
    '502 in HTML',
    () => new HttpResponse('<title>Bad Gateway</title>', { status: 502, headers: HTML }),
    /answered \(502\)/,
  ],
  ['a captive portal', () => HttpResponse.html('<title>Free Wi-Fi: log in</title>'), /captive portal.*Free Wi-Fi/],
  [
    'a redirect to a login page',
    () => HttpResponse.redirect('http://hub.test/login', 303),
    /other than the hub.*log in/,
  ],
  ['204', () => new HttpResponse(null, { status: 204 }), /other than the hub/],
  ['an empty 200', () => new HttpResponse('', { headers: OURS }), /other than the hub/],
  ['an empty batch', () => batch([]), /other than the hub/],
  ['a batch without a welcome', () => batch([{ type: 'heartbeat' }]), /other than the hub/],
  [
    'HTML of our content type',
    () => new HttpResponse('<title>Hm</title>', { headers: OURS }),
    /other than the hub.*Hm/,
  ],
  [
    'JSON that is truncated',
    (n) => new HttpResponse(JSON.stringify([welcome(n)]).slice(0, -9), { headers: OURS }),
    /other/,
  ],
  [
    'JSON, then garbage',
    (n) => new HttpResponse(`${JSON.stringify([welcome(n)])}<!-- -->`, { headers: OURS }),
    /other/,
  ],
  ['an answer with another nonce', () => batch([welcome('cached')]), /other than the hub/],
  ['a welcome with a field of a wrong type', (n) => batch([{ ...welcome(n), heartbeatMs: '1' }]), /other than the hub/],
  ['a fetch that fails', () => HttpResponse.error(), /the connection failed/],
  [
    'a body that is cut in the middle',
    (nonce) => {
      const body = new ReadableStream({
        start(controller) {
          controller.enqueue(new TextEncoder().encode(JSON.stringify([welcome(nonce)]).slice(0, 40)))
          controller.error(new Error('gone'))
        },
      })
      return new HttpResponse(body, { headers: OURS })
    },
    /was cut/,
  ],
]

describe('§6.2, R16 an answer that is of no use: waiting, explained, within the limits, and healed by a good one', () => {
  it.each(FAILURES)('%s', async (_, bad, words) => {
    answer = bad
    const client = connect()
    const state = await reach(client, 'waiting')
    expect(state).toMatchObject({ transport: null, error: { code: 'offline', retryable: true } })
    const { summary, transports, timeline } = client.explain()
    expect(summary).toMatch(words)
    expect(transports[0]).toMatchObject({ name: 'poll', status: 'available' })
    expect(timeline.map(({ kind }) => kind)).not.toContain('demote')
    expect(requests.length).toBeLessThanOrEqual(3)
    answer = good
    expect(await reach(client, 'online')).toEqual({ name: 'online', transport: 'poll' })
    expect(requests.length).toBeLessThanOrEqual(5)
  })

  it('the same with all that goes over HTTP: one round is one short read and one try of a transport', async () => {
    answer = () => HttpResponse.html('<title>Log in</title>')
    server.use(http.post(`${URL_}/stream`, () => HttpResponse.html('<title>Log in</title>')))
    const client = connect({ transports: ['sse', 'long-poll', 'poll'], firstRead: true })
    await reach(client, 'waiting')
    expect(client.explain().summary).toContain('Log in')
    const opens = client.explain().timeline.filter(({ kind }) => kind === 'open')
    expect(opens.length).toBeLessThanOrEqual(4)
    server.resetHandlers()
  })
})

it('§4.3 a stream that begins with the welcome of another attempt is not the hub', async () => {
  const stream = (): Response =>
    new HttpResponse(`data: ${JSON.stringify([welcome('cached')])}\n\ndata: [{"type":"heartbeat"}]\n\n`, {
      headers: { 'content-type': 'text/event-stream' },
    })
  server.use(http.post(`${URL_}/stream`, stream))
  const client = connect({ transports: ['sse'] })
  await reach(client, 'waiting', 'online')
  expect(client.state.name).toBe('waiting')
  expect(client.explain().transports[0]).toMatchObject({ code: 'foreign' })
  server.resetHandlers()
})

describe('§10.4 Retry-After', () => {
  it.each([
    ['seconds', () => '7', 7_000, 7_000],
    ['a date', () => new Date(Date.now() + 60_000).toUTCString(), 30_000, 60_000],
    ['years', () => '999999999', 300_000, 300_000],
    ['a date in years', () => 'Fri, 01 Jan 2126 00:00:00 GMT', 300_000, 300_000],
    ['negative', () => '-5', 0, 200],
    ['a date that is past', () => 'Mon, 01 Jan 2001 00:00:00 GMT', 0, 200],
    ['nonsense', () => 'soon', 0, 200],
  ])('%s', async (_, header, least, most) => {
    answer = () => error(503, 'unavailable', { 'retry-after': header() })
    const client = connect()
    const state = await reach(client, 'waiting')
    const wait = client
      .explain()
      .timeline.filter(({ kind }) => kind === 'wait')
      .at(-1)
    expect(wait?.ms).toBeGreaterThanOrEqual(least)
    expect(wait?.ms).toBeLessThanOrEqual(most)
    expect(state).toMatchObject({ error: { status: 503 } })
    if (least > 0) expect(requests).toHaveLength(1)
  })
})

describe('§1.8 a batch with more in it than it should have', () => {
  const message = { offset: 4, id: 'm4', timeMs: 1, data: 'hi' }
  const run = { type: 'run', channel: 'a', after: 'E.3.m3', messages: [message] }
  it.each([
    ['two welcomes', (nonce: string) => [welcome(nonce), welcome(nonce)]],
    ['frames of an unknown type', (nonce: string) => [welcome(nonce), { type: 'advert', data: [[]] }, { type: 'x' }]],
    ['unknown fields', (nonce: string) => [{ ...welcome(nonce), colour: 'red', __proto__: { polluted: 1 } }]],
    [
      'a gap for a channel that was not asked for',
      (nonce: string) => [
        welcome(nonce),
        { type: 'gap', channel: 'z', from: 'E.1.m1', to: 'E.3.m3', reason: 'trimmed' },
        { type: 'run', channel: 'z', after: 'E.3.m3', messages: [message] },
      ],
    ],
    [
      'an ack for nothing',
      (nonce: string) => [welcome(nonce), { type: 'ack', sequence: 9, position: 'E.1.m1', id: 'm1' }],
    ],
    ['an error for nothing', (n: string) => [welcome(n), { type: 'error', code: 'unknown', sequence: 9, message: '' }]],
  ])('%s: the rest of it is taken', async (_, start) => {
    answer = (nonce) => {
      const { channels } = requests.at(-1)!.hello as { channels: { ref?: number; from: unknown }[] }
      const first = channels[0]?.from === 'latest'
      return batch([
        ...start(nonce),
        { ...run, ref: channels[0]?.ref, ...(!first && { after: 'E.4.m4', messages: [] }) },
      ])
    }
    const client = connect()
    const got: unknown[] = []
    const problems: unknown[] = []
    client.on('error', (each) => problems.push(each))
    await new Promise<void>((resolve) => {
      client.subscribe('a', ({ data, position }) => {
        got.push([data, position])
        resolve()
      })
    })
    await reach(client, 'online')
    expect([got, problems]).toEqual([[['hi', 'E.4.m4']], []])
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })
})
