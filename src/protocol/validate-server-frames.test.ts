import { expect, it } from 'vitest'
import { readServerBatch } from './validate-server-frames.ts'

const message = { offset: 1, id: 'm1', timeMs: 1, data: null }
const run = { type: 'run', channel: 'a', messages: [message] }
const welcome = {
  type: 'welcome',
  protocol: 1,
  nonce: '',
  timeMs: 0,
  heartbeatMs: 0,
  user: '',
  publisher: '',
  maxDataBytes: 65_536,
  maxBatchBytes: 262_144,
}
const known = [
  welcome,
  run,
  { ...run, after: 'E.0.0', messages: [{ ...message, sender: 's', publisher: 'p' }], extra: 1 },
  { type: 'gap', channel: 'a', from: 'E.1.m1', to: 'E.2.m2', reason: 'trimmed' },
  { type: 'ack', sequence: 1, position: 'E.1.m1', id: 'm1' },
  { type: 'error', code: 'unknown' },
  { type: 'error', code: 'unknown', channel: 'a', sequence: 1, retryAfterMs: 1 },
  { type: 'heartbeat' },
  { type: 'heartbeat', timeMs: 1 },
  { type: 'goodbye', retryAfterMs: 0 },
]

it('§1.8 takes known frames and leaves out the rest, whatever its type is called', () => {
  const unknown = ['constructor', '__proto__', 'toString', 'advert', '', 1].map((type) => ({ type }))
  expect(readServerBatch(JSON.stringify([...known, ...unknown, {}, []]))).toEqual(known)
})

it.each<readonly [string, string]>([
  ['no JSON', '[{'],
  ['no array', '{"filter":1}'],
  ['null', 'null'],
  ['a null in it', '[null]'],
  ...[
    { ...welcome, protocol: 2 },
    { ...welcome, nonce: undefined },
    { ...welcome, timeMs: -1 },
    { ...welcome, heartbeatMs: 1.5 },
    { ...run, messages: undefined },
    { ...run, messages: { every: 1 } },
    { ...run, messages: [null] },
    { ...run, messages: [{ ...message, offset: '1' }] },
    { ...run, messages: [{ ...message, sender: null }] },
    { ...run, after: 1 },
    // These made the client throw in the middle of its work: text was made of them, or they were counted with.
    { ...welcome, maxDataBytes: { toString: 1 } },
    { ...welcome, maxBatchBytes: { toString: 1 } },
    { type: 'error', code: 'unknown', message: { toString: 1 } },
    { type: 'error', code: 'unknown', status: { toString: 1 } },
    // No position can be made of it, and one request with it refuses all the others.
    { ...run, messages: [{ ...message, id: 'm 1' }] },
    { ...run, messages: [{ ...message, id: '' }] },
    { ...run, messages: [{ ...message, id: 'm'.repeat(65) }] },
    { type: 'error', code: 'unknown', sequence: '1' },
    { type: 'goodbye' },
  ].map((frame) => [JSON.stringify(frame), JSON.stringify([welcome, frame])] as const),
])('§6.2 with %s nothing of the batch counts', (_, text) => {
  expect(readServerBatch(text)).toBeNull()
})

it('§10.4 a pause of years is one of five minutes', () => {
  const frames = [
    { type: 'goodbye', retryAfterMs: 2 ** 53 - 1 },
    { type: 'error', code: 'unavailable', retryAfterMs: 999_999_999_999 },
    { type: 'goodbye', retryAfterMs: 299_999 },
  ]
  expect(readServerBatch(JSON.stringify(frames))).toMatchObject([
    { retryAfterMs: 300_000 },
    { retryAfterMs: 300_000 },
    { retryAfterMs: 299_999 },
  ])
})
