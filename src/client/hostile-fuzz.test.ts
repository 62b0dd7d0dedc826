import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parsePosition } from '../protocol/position.ts'
import type { Place } from '../protocol/position.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { FUZZ_TIMEOUT_MS, fuzzing } from '../testing/fuzz.ts'
import { tamper, tampering } from '../testing/tamper.ts'
import type { Tamper } from '../testing/tamper.ts'
import { tappedNetwork } from '../testing/tapped-network.ts'
import { createVirtualClient } from '../testing/virtual-client.ts'
import { createVirtualNetwork } from '../testing/virtual-network.ts'
import type { TransportName } from '../transports/transport.ts'
import type { Fact, Subscription } from './types.ts'

const LADDERS: readonly (readonly TransportName[])[] = [
  ['websocket', 'sse', 'long-poll', 'poll'],
  ['websocket'],
  ['sse'],
  ['long-poll'],
  ['poll'],
  ['sse', 'poll'],
]

const insert = (frame: object): Tamper => ({ do: 'insert', frame, first: false })
const before = (frame: object): Tamper => ({ do: 'insert', frame, first: true })
const refusal = (fields: object): object => ({ type: 'error', code: 'unavailable', message: 'no', ...fields })
const GAP = { type: 'gap', from: 'E.1.m1', to: 'E.9.m9', reason: 'trimmed' }
const WELCOME = { type: 'welcome', protocol: 1, timeMs: 1, heartbeatMs: 10_000, user: 'u', publisher: 'p' }

/** What a listener was given, and what of it breaks the contract whatever the hub says. */
const witness = () => {
  const problems: string[] = []
  const got: unknown[] = []
  let at: Place | null = null
  return {
    problems,
    got,
    watch(subscription: Subscription): Subscription {
      subscription.on('gap', ({ to }) => (at = parsePosition(to)))
      return subscription
    },
    take({
      position,
      offset,
      data,
    }: {
      readonly position: string
      readonly offset: number
      readonly data: unknown
    }): void {
      const place = parsePosition(position)
      if (!place) problems.push(`${position} is no position`)
      else if (at && at.epoch !== place.epoch) problems.push(`${position} after ${at.epoch}.${at.offset} without a gap`)
      else if (at && offset <= at.offset) problems.push(`${offset} after ${at.offset}`)
      at = place
      got.push(data)
    },
  }
}

/** Breaches of "so many in so many ms at most". */
const tooMany = (times: readonly number[], most: number, windowMs: number): string[] =>
  times.flatMap((ms, index) => {
    const later = times[index + most]
    // Of times in whole milliseconds one may be lost at each end.
    return later !== undefined && later - ms < windowMs - 1 ? [`${most + 1} within ${later - ms} ms at ${ms}`] : []
  })

const play = async (transports: readonly TransportName[], todo: readonly Tamper[]): Promise<string[]> => {
  const clock = new FakeClock()
  const network = createVirtualNetwork(clock)
  const problems: string[] = []
  const tampered = tampering(todo)
  const tapped = tappedNetwork(network, tampered.tap, (error) => problems.push(`thrown out: ${String(error)}`))
  const client = createVirtualClient(clock, Object.assign(Object.create(network) as typeof network, tapped), {
    transports,
  })
  const facts: Fact[] = []
  client.on('trace', (fact) => facts.push(fact))
  const readers = [witness(), witness(), witness()] as const
  const subscriptions = [
    readers[0].watch(client.subscribe('a', readers[0].take)),
    readers[1].watch(client.subscribe('a', readers[1].take, { from: 'earliest' })),
    readers[2].watch(client.subscribe('b', readers[2].take)),
  ]
  const open = new Set<Promise<unknown>>()
  const watchOutcome = (outcome: Promise<unknown>): void => {
    const settled = outcome.catch(() => undefined)
    open.add(settled)
    void settled.then(() => open.delete(settled))
  }
  const publish = (data: unknown): void => watchOutcome(client.publish('b', data))
  const page = async (): Promise<void> => {
    const { messages } = await client.history('a', { limit: 3 })
    const offsets = messages.map(({ offset }) => offset)
    if (offsets.some((offset, index) => offset <= (offsets[index - 1] ?? 0)))
      problems.push(`a page of ${offsets.join()}`)
  }
  for (let turn = 0; turn < 60; turn++) {
    // Several in one turn are one run.
    for (let n = 0; n <= turn % 4; n++) void network.hub.publish(turn % 3 ? 'a' : 'b', `${turn}.${n}`)
    if (turn % 5 === 0) publish(turn)
    if (turn % 5 === 2) watchOutcome(page())
    await clock.advance(turn % 7 ? 150 : 1_500)
  }
  if (todo.length && !tampered.done) problems.push('nothing was changed')
  tampered.stop()
  // What a link lost in silence it does not get again; another one does.
  network.cut()
  // The longest that a hub may ask to be left alone, and a back-off behind it.
  await clock.advance(400_000)
  if (client.state.name !== 'online') problems.push(`it is ${client.state.name}: ${client.explain().summary}`)
  const late = witness()
  client.subscribe('a', late.take, { from: { last: 1 } })
  publish('afterwards')
  await clock.advance(40_000)
  if (open.size) problems.push(`${open.size} publishes and pages have no outcome`)
  const [lastOfA, lastOfB] = [await network.hub.publish('a', 'the last'), await network.hub.publish('b', 'the last')]
  await clock.advance(40_000)
  for (const [index, { channel, position, state }] of subscriptions.entries()) {
    const head = parsePosition((channel === 'a' ? lastOfA : lastOfB).position)
    const place = parsePosition(position ?? '')
    // One that was told of offsets that are not there yet waits for them.
    const misled = place?.epoch === head?.epoch && (place?.offset ?? 0) > (head?.offset ?? 0)
    const { got } = readers[index] ?? late
    if (state.name !== 'ended' && !misled && got.at(-1) !== 'the last') problems.push(`${index} has stopped`)
  }
  if (late.got.at(-1) !== 'the last') problems.push('a new subscription gets nothing')
  for (const { problems: seen } of [...readers, late]) problems.push(...seen)

  // A round starts a transport once, and one first read.
  for (const transport of [undefined, ...transports]) {
    const starts = facts
      .filter(({ kind, purpose }) => kind === 'open' && (purpose === 'carry' || purpose === 'read'))
      .filter((fact) => fact.transport === transport)
      .map(({ timeMs }) => timeMs)
    problems.push(...tooMany(starts, 3, 1_000), ...tooMany(starts, 20, 60_000))
  }
  const requests = network.connections.map(({ atMs }) => atMs)
  problems.push(...tooMany(requests, 120, 1_000).slice(0, 1))

  client.close()
  await clock.advance(60_000)
  if (clock.pending || network.hub.core.links.size) problems.push(`left: ${clock.pending} timers`)
  return problems
}

/** What was found, and what a hub might think of, so that it is tried every time. */
const KNOWN: readonly (readonly [string, readonly Tamper[]])[] = [
  ['nothing', []],
  ['messages without a place, at offset 0', Array.from({ length: 8 }, () => ({ do: 'offsets', by: -1 }))],
  [
    'offsets that go back',
    [
      { do: 'pass', batches: 9 },
      { do: 'offsets', by: -3 },
    ],
  ],
  [
    'offsets that go on elsewhere',
    [
      { do: 'pass', batches: 9 },
      { do: 'offsets', by: 5 },
    ],
  ],
  ['messages in the wrong order', Array.from({ length: 20 }, () => ({ do: 'reverse-messages' }))],
  ['frames in the wrong order', Array.from({ length: 20 }, () => ({ do: 'reverse-frames' }))],
  ['everything twice', Array.from({ length: 30 }, () => ({ do: 'twice' }))],
  ['every second batch late', Array.from({ length: 30 }, () => ({ do: 'late' }))],
  ['old batches again', Array.from({ length: 20 }, (_, n) => ({ do: 'replay', age: n % 7 }))],
  ['another epoch without a gap', [{ do: 'pass', batches: 6 }, { do: 'epoch' }, { do: 'epoch' }]],
  ['a goodbye that asks for years', [insert({ type: 'goodbye', reason: 'drain', retryAfterMs: 2 ** 53 - 1 })]],
  ['an error that asks for years', [insert(refusal({ retryAfterMs: 999_999_999_999 }))]],
  ['a refused channel that asks for years', [insert(refusal({ channel: 'a', retryAfterMs: 999_999_999_999 }))]],
  [
    'a refused publish that asks for years',
    Array.from({ length: 9 }, () => before(refusal({ sequence: 1, retryAfterMs: 999_999_999_999 }))),
  ],
  ['an error whose message is no text', [insert(refusal({ message: { toString: 1 } }))]],
  ['an error whose status is no number', [insert(refusal({ status: { toString: 1 } }))]],
  ['a refused channel without a text', [insert(refusal({ channel: 'a', message: { toString: 1 } }))]],
  ['limits that are no numbers', [insert({ ...WELCOME, nonce: '', maxBatchBytes: { toString: 1 } })]],
  ['a welcome without limits', [insert({ ...WELCOME, nonce: '' })]],
  ['frames of unknown types', [insert({ type: 'advert' }), insert({ type: '__proto__' }), insert({ type: 'hello' })]],
  ['an ack for nothing', [insert({ type: 'ack', sequence: 99, position: 'E.1.m1', id: 'm1' })]],
  ['a gap for an unknown channel', [insert({ ...GAP, channel: 'never-asked-for' })]],
  ['a gap from elsewhere', [insert({ ...GAP, channel: 'a' }), before({ ...GAP, channel: 'a' })]],
  ['a foreign welcome', [insert({ ...WELCOME, nonce: 'foreign', maxDataBytes: 1, maxBatchBytes: 1 })]],
  ['a clock that is years ahead', [insert({ type: 'heartbeat', timeMs: 4_102_444_800_000 })]],
]

const check = async (transports: readonly TransportName[], todo: readonly Tamper[]): Promise<void> => {
  const thrown: unknown[] = []
  const onThrown = (error: unknown): void => void thrown.push(error)
  process.on('unhandledRejection', onThrown)
  try {
    expect(await play(transports, todo)).toEqual([])
    expect(thrown).toEqual([])
  } finally {
    process.off('unhandledRejection', onThrown)
  }
}

describe('§9 R1–R3 R16 a hub whose frames were tampered with: nothing is thrown out, nothing comes twice or out of order, the limits of attempts hold, and afterwards it goes on', () => {
  it.each(KNOWN.map(([title, todo], index) => [title, todo, LADDERS[1 + (index % 4)] ?? []] as const))(
    '%s',
    async (_, todo, alone) => {
      await check(LADDERS[0] ?? [], todo)
      await check(alone, todo)
    },
  )

  it(
    'whatever is done',
    async () => {
      const some = fc.array(tamper, { maxLength: 24, size: 'max' })
      await fc.assert(fc.asyncProperty(fc.constantFrom(...LADDERS), some, check), fuzzing(4))
    },
    FUZZ_TIMEOUT_MS,
  )
})
