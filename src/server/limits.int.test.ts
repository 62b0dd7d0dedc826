import { describe, expect, it } from 'vitest'
import { besiegedHub } from '../testing/besieged-hub.ts'
import { say } from '../testing/limit-probe.ts'
import type { Sent } from '../testing/limit-probe.ts'
import { hello as helloOf } from '../testing/test-hub.ts'
import { DEFAULT_LIMITS } from './limits.ts'

interface Refused {
  /** HTTP status; on a WebSocket the close code; 200 where the rest was answered and the link goes on. */
  readonly status: number
  /** None where the close code says it all. */
  readonly code?: string
  readonly field?: string
  readonly sequence?: number
  readonly channel?: string
  /** How much of what stood beside it was answered by a run or an ack. @default 0 */
  readonly served?: number
}
type Row = readonly [limit: string, way: string, at: Sent, over: Sent, refused: Refused]

const L = DEFAULT_LIMITS
let clients = 0
/** Of another client each time. */
const hello = (fields: object = {}): object => helloOf({ client: `c${++clients}`.padEnd(22, '-'), ...fields })
const batch = (...frames: unknown[]): string => JSON.stringify(frames)
const many = <Item>(count: number, item: (n: number) => Item): Item[] =>
  Array.from({ length: count }, (_, n) => item(n + 1))
const padded = (text: string, bytes: number): string => text + ' '.repeat(bytes - Buffer.byteLength(text))
const text = (bytes: number): string => 'x'.repeat(bytes - 2)
const publish = (fields: object = {}) => ({ type: 'publish', channel: 'a', sequence: 1, data: 1, ...fields })
const subscribe = (fields: object = {}) => ({ type: 'subscribe', channel: 'a', from: 'latest', ...fields })
const nested = (depth: number): unknown => JSON.parse('['.repeat(depth) + ']'.repeat(depth))
const socket = (...frames: unknown[]): Sent => ({ messages: [batch(hello()), batch(...frames)] })
const BARE = '/publish?channel=a'
const BAD = { status: 400, code: 'bad-request' } as const

/** What is in the hello, over each way that has one. `close`: what a WebSocket ends with. */
const inHello = (limit: string, at: object, over: object, refused: Refused, close: number): Row[] => [
  ...['/poll', '/stream'].map((path): Row => {
    return [limit, `POST ${path}`, { path, body: batch(hello(at)) }, { path, body: batch(hello(over)) }, refused]
  }),
  [
    limit,
    'POST /publish',
    { path: '/publish', body: batch(hello(at), publish()) },
    { path: '/publish', body: batch(hello(over), publish()) },
    refused,
  ],
  [
    limit,
    'WebSocket',
    { messages: [batch(hello(at))] },
    { messages: [batch(hello(over))] },
    { ...refused, status: close },
  ],
]

/** What is in a publish, over each way that has one. A refused one is one of several. */
const inPublish = (limit: string, at: object, over: object, code: string, field: string): Row[] => {
  const good = publish({ sequence: 1 })
  const [fits, exceeds] = [publish({ sequence: 2, ...at }), publish({ sequence: 2, ...over })]
  const refused = { status: 200, code, field, sequence: 2, served: 1 }
  return [
    [
      limit,
      'POST /publish',
      { path: '/publish', body: batch(hello(), good, fits) },
      { path: '/publish', body: batch(hello(), good, exceeds) },
      refused,
    ],
    [limit, 'WebSocket', socket(good, fits), socket(good, exceeds), refused],
  ]
}

const inUrl = (limit: string, at: string, over: string, refused: Refused): Row[] =>
  ['/poll', '/stream'].map((path): Row => {
    return [limit, `GET ${path}`, { path: `${path}?${at}` }, { path: `${path}?${over}` }, refused]
  })

const channels = (count: number) => many(count, (n) => ({ channel: `c${n}`, from: 'latest' }))
const named = (name: string) => ({ channels: [{ channel: name, from: 'latest' }] })
const query = (count: number): string => many(count, (n) => `channel=c${n}`).join('&')
const [name, longName] = ['é'.repeat(128), `${'é'.repeat(128)}x`]
const [token, longToken] = ['t'.repeat(L.tokenBytes), 't'.repeat(L.tokenBytes + 1)]
const bearerOf = (shown: string) => ({ headers: { Authorization: `Bearer ${shown}` } })

const ROWS: readonly Row[] = [
  ...['/poll', '/stream', '/publish'].map((path): Row => {
    const body = path === '/publish' ? batch(hello(), publish()) : batch(hello())
    const refused = { status: 413, code: 'too-large' }
    const sent = (bytes: number): Sent => ({ path, body: padded(body, bytes) })
    return ['batchBytes', `POST ${path}`, sent(L.batchBytes), sent(L.batchBytes + 1), refused]
  }),
  [
    'batchBytes',
    'bare POST /publish',
    { path: BARE, body: padded('1', L.batchBytes) },
    { path: BARE, body: padded('1', L.batchBytes + 1) },
    { status: 413, code: 'too-large' },
  ],
  [
    'batchBytes',
    'WebSocket',
    { messages: [batch(hello()), padded(batch(subscribe()), L.batchBytes)] },
    { messages: [batch(hello()), padded(batch(subscribe()), L.batchBytes + 1)] },
    { status: 1009 },
  ],
  ...inPublish('dataBytes', { data: text(L.dataBytes) }, { data: text(L.dataBytes + 1) }, 'too-large', 'data'),
  ...inPublish('dataBytes', { data: 'é'.repeat(32_767) }, { data: 'é'.repeat(32_768) }, 'too-large', 'data'),
  [
    'dataBytes',
    'bare POST /publish',
    { path: BARE, body: JSON.stringify(text(L.dataBytes)) },
    { path: BARE, body: JSON.stringify(text(L.dataBytes + 1)) },
    { status: 413, code: 'too-large', field: 'data' },
  ],
  [
    'publishesPerBatch',
    'POST /publish',
    { path: '/publish', body: batch(hello(), ...many(L.publishesPerBatch, (sequence) => publish({ sequence }))) },
    { path: '/publish', body: batch(hello(), ...many(L.publishesPerBatch + 1, (sequence) => publish({ sequence }))) },
    { status: 400, code: 'too-many' },
  ],
  [
    'publishesPerBatch',
    'WebSocket',
    socket(...many(L.publishesPerBatch, (sequence) => publish({ sequence }))),
    socket(...many(L.publishesPerBatch + 1, (sequence) => publish({ sequence }))),
    { status: 200, code: 'too-many', sequence: L.publishesPerBatch + 1, served: L.publishesPerBatch },
  ],
  ...['/poll', '/stream'].map((path): Row => {
    const sent = (frames: number): Sent => ({ path, body: batch(hello(), ...many(frames - 1, () => ({ type: 'x' }))) })
    const refused = { status: 400, code: 'too-many' }
    return ['framesPerBatch', `POST ${path}`, sent(L.framesPerBatch), sent(L.framesPerBatch + 1), refused]
  }),
  [
    'framesPerBatch',
    'WebSocket',
    socket(...many(L.framesPerBatch, () => subscribe())),
    socket(...many(L.framesPerBatch + 1, () => subscribe())),
    { status: 4429, code: 'too-many' },
  ],
  ...inHello(
    'channelsPerReader',
    { channels: channels(L.channelsPerReader) },
    { channels: channels(L.channelsPerReader + 1) },
    {
      status: 200,
      code: 'too-many',
      field: 'channel',
      channel: `c${L.channelsPerReader + 1}`,
      served: L.channelsPerReader,
    },
    200,
  ).filter(([, way]) => way !== 'POST /publish'),
  [
    'channelsPerReader',
    'subscribe on a WebSocket',
    socket(...channels(L.channelsPerReader).map(subscribe)),
    socket(...channels(L.channelsPerReader + 1).map(subscribe)),
    {
      status: 200,
      code: 'too-many',
      field: 'channel',
      channel: `c${L.channelsPerReader + 1}`,
      served: L.channelsPerReader,
    },
  ],
  ...inUrl('channelsPerUrl', query(L.channelsPerUrl), query(L.channelsPerUrl + 1), {
    status: 400,
    code: 'too-many',
    field: 'channel',
  }),
  ...inHello('tokenBytes', { token }, { token: longToken }, { ...BAD, field: 'token' }, 4400),
  ...['/poll?channel=a', '/stream?channel=a'].map((path): Row => {
    const [at, over] = [bearerOf(token), bearerOf(longToken)]
    return ['tokenBytes', `header of GET ${path}`, { path, ...at }, { path, ...over }, { ...BAD, field: 'token' }]
  }),
  [
    'tokenBytes',
    'header of a WebSocket',
    { messages: [batch(hello())], ...bearerOf(token) },
    { messages: [batch(hello())], ...bearerOf(longToken) },
    { status: 4400, code: 'bad-request', field: 'token' },
  ],
  ...inHello('jsonDepth', { x: nested(L.jsonDepth - 2) }, { x: nested(L.jsonDepth - 1) }, BAD, 4400),
  [
    'jsonDepth',
    'bare POST /publish',
    { path: BARE, body: JSON.stringify(nested(L.jsonDepth)) },
    { path: BARE, body: JSON.stringify(nested(L.jsonDepth + 1)) },
    BAD,
  ],
  ...inHello('channel name', named(name), named(longName), { ...BAD, field: 'channels[0].channel' }, 4400),
  ...inPublish('channel name', { channel: name }, { channel: longName }, 'bad-request', 'channel'),
  ...inUrl('channel name', `channel=${encodeURIComponent(name)}`, `channel=${encodeURIComponent(longName)}`, {
    ...BAD,
    field: 'channel',
  }),
  [
    'channel name',
    'subscribe on a WebSocket',
    socket(subscribe({ channel: name })),
    socket(subscribe({ channel: longName })),
    { status: 200, code: 'bad-request', field: 'channel' },
  ],
  [
    'channel name',
    'bare POST /publish',
    { path: `/publish?channel=${encodeURIComponent(name)}`, body: '1' },
    { path: `/publish?channel=${encodeURIComponent(longName)}`, body: '1' },
    { ...BAD, field: 'channel' },
  ],
  ...inHello('nonce', { nonce: 'n'.repeat(64) }, { nonce: 'n'.repeat(65) }, { ...BAD, field: 'nonce' }, 4400),
  ...inUrl('nonce', `channel=a&nonce=${'n'.repeat(64)}`, `channel=a&nonce=${'n'.repeat(65)}`, {
    ...BAD,
    field: 'nonce',
  }),
  ...inPublish('key', { key: 'k'.repeat(128) }, { key: 'k'.repeat(129) }, 'bad-request', 'key'),
  [
    'key',
    'header of a bare POST /publish',
    { path: BARE, body: '1', headers: { 'Idempotency-Key': 'k'.repeat(128) } },
    { path: BARE, body: '1', headers: { 'Idempotency-Key': 'k'.repeat(129) } },
    { ...BAD, field: 'Idempotency-Key' },
  ],
]

const hub = besiegedHub()

describe('S4 §9 at a limit it works, and one more is refused', () => {
  it.each(ROWS)('%s, %s', async (_limit, _way, at, over, refused) => {
    const works = await say(hub, at)
    expect([works.status, works.errors]).toEqual([200, []])
    const { status, served = 0, ...facts } = refused
    const answer = await say(hub, over)
    expect(answer.status).toBe(status)
    expect(answer.errors).toMatchObject(refused.code === undefined ? [] : [facts])
    expect(answer.frames.filter(({ type }) => type === 'run' || type === 'ack')).toHaveLength(served)
    await hub.harmless()
  })

  it('from 1,024 channels over the limit a hello is refused as a whole, up to there one by one', async () => {
    const body = (count: number): Sent => ({ path: '/poll', body: batch(hello({ channels: channels(count) })) })
    const each = await say(hub, body(1024))
    expect([each.status, each.errors.length]).toEqual([200, 1024 - L.channelsPerReader])
    expect(each.frames.filter(({ type }) => type === 'run')).toHaveLength(L.channelsPerReader)
    const none = await say(hub, body(1025))
    expect([none.status, none.errors[0]?.code, none.errors[0]?.field]).toEqual([400, 'too-many', 'channels'])
    await hub.harmless()
  })
})
