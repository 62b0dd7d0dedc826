import fc from 'fast-check'
import type { ClientFrame, ServerFrame, WireMessage } from '../protocol/frames.ts'
import { anyText, damagedJson } from './damaged-json.ts'
import { CLIENT, hello } from './test-hub.ts'

const channel = fc.constantFrom('a', 'b', 'chat:lobby', '__proto__', 'constructor', '😀')
const offset = fc.oneof(fc.nat(9), fc.constantFrom(2 ** 53 - 1, 2 ** 31))
const idAt = (n: number): string => (n === 0 ? '0' : `m${n}`)
const position = fc
  .tuple(fc.constantFrom('E', 'F', 'q1WkZ0y3', '__proto__'), offset)
  .map(([epoch, n]) => `${epoch}.${n}.${idAt(n)}`)
const count = fc.oneof(fc.nat(9), fc.constantFrom(60_000, 2 ** 53 - 1))
/** As long as a client may be asked to wait. */
const pause = fc.oneof(fc.nat(9), fc.constantFrom(60_000, 300_000))
const data = fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.constant('\n\nid: 9\ndata: x'))
const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined })

const message: fc.Arbitrary<WireMessage> = fc
  .record(
    { offset, timeMs: count, data, sender: fc.string(), publisher: fc.string() },
    { requiredKeys: ['offset', 'timeMs', 'data'] },
  )
  .map((fields) => ({ ...fields, id: idAt(fields.offset) }))

/** Frames of a hub, each by itself in order; what they say together need not make sense. */
export const serverFrame: fc.Arbitrary<ServerFrame> = fc.oneof(
  fc.record({
    type: fc.constant('welcome' as const),
    protocol: fc.constant(1 as const),
    nonce: fc.constantFrom('n', 'n1'),
    timeMs: count,
    heartbeatMs: count,
    user: fc.string(),
    publisher: fc.string(),
    maxDataBytes: count,
    maxBatchBytes: count,
  }),
  fc.record(
    {
      type: fc.constant('run' as const),
      channel,
      after: position,
      ref: count,
      messages: fc.array(message),
      more: fc.boolean(),
    },
    { requiredKeys: ['type', 'channel', 'messages'] },
  ),
  fc.record(
    {
      type: fc.constant('gap' as const),
      channel,
      from: position,
      to: position,
      reason: fc.constantFrom('epoch' as const, 'trimmed' as const, 'lost-tail' as const),
      ref: count,
    },
    { requiredKeys: ['type', 'channel', 'from', 'to', 'reason'] },
  ),
  fc.record({ type: fc.constant('ack' as const), sequence: count, position, id: fc.constantFrom('m1', '0') }),
  fc.record(
    {
      type: fc.constant('error' as const),
      code: fc.constantFrom('forbidden', 'unknown', 'rate-limited', 'bad-request', 'brand-new'),
      message: fc.string(),
      status: fc.constantFrom(400, 403, 429, 500),
      field: fc.string(),
      channel,
      ref: count,
      sequence: count,
      retryAfterMs: pause,
    },
    { requiredKeys: ['type', 'code', 'message'] },
  ),
  fc.record({ type: fc.constant('heartbeat' as const), timeMs: count }, { requiredKeys: ['type'] }),
  fc.record({ type: fc.constant('goodbye' as const), reason: fc.string(), retryAfterMs: pause }),
)

const start = fc.oneof(
  fc.constantFrom('latest' as const, 'earliest' as const),
  fc.record({ last: fc.nat(10_000) }),
  fc.record({ last: fc.nat(10_000), before: fc.oneof(position, fc.constant('end')) }),
  fc.record({ after: position }),
)
const request = fc.record(
  { channel, from: start, ref: count, limit: fc.integer({ min: 1, max: 10_000 }) },
  { requiredKeys: ['channel', 'from'] },
)

const publish = fc.record(
  {
    type: fc.constant('publish' as const),
    channel,
    sequence: fc.integer({ min: 1, max: 9 }),
    until: count,
    key: fc.constantFrom('k', 'k~!'),
    data,
  },
  { requiredKeys: ['type', 'channel', 'sequence', 'data'] },
)

/** Frames of a client, each by itself in order. */
export const clientFrame: fc.Arbitrary<ClientFrame> = fc.oneof(
  {
    weight: 2,
    arbitrary: fc
      .record({
        nonce: fc.constantFrom('n', 'n-1_2'),
        token: optional(fc.string({ maxLength: 8 })),
        heartbeatMs: optional(count),
        waitMs: optional(count),
        channels: optional(fc.array(request, { maxLength: 4 })),
      })
      // What is not there has no field, as on the wire.
      .map(
        (fields) =>
          JSON.parse(JSON.stringify({ type: 'hello', protocol: 1, client: CLIENT, ...fields })) as ClientFrame,
      ),
  },
  request.map((fields) => ({ type: 'subscribe' as const, ...fields })),
  channel.map((name) => ({ type: 'unsubscribe' as const, channel: name })),
  { weight: 2, arbitrary: publish },
  fc.constant({ type: 'ping' as const }),
)

const greeting = fc.oneof(
  { weight: 4, arbitrary: fc.array(request, { maxLength: 3 }).map((channels) => [hello({ channels })]) },
  fc.constantFrom([], [hello()], [hello({ token: 'bad' })], [hello({ token: 'ann' })]),
  fc.constant([hello({ waitMs: 50, channels: [{ channel: 'a', from: 'latest' }] })]),
)
const batch = fc.oneof(
  greeting,
  fc.tuple(greeting, fc.array(publish, { minLength: 1, maxLength: 4 })).map(([first, rest]) => [...first, ...rest]),
  fc.tuple(greeting, fc.array(clientFrame, { maxLength: 4 })).map(([first, rest]) => [...first, ...rest]),
)

/** What may come as a batch of a client, well-formed or not. */
export const batchText: fc.Arbitrary<string> = fc.oneof(
  { weight: 3, arbitrary: batch.map((frames) => JSON.stringify(frames)) },
  { weight: 3, arbitrary: damagedJson(batch) },
  { weight: 1, arbitrary: anyText },
  { weight: 1, arbitrary: fc.jsonValue().map((value) => JSON.stringify(value)) },
)
