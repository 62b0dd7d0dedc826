import fc from 'fast-check'
import type { Tap } from './tapped-network.ts'
import { damage, damagedText } from './damaged-json.ts'
import type { Damage } from './damaged-json.ts'

/** What is done to one batch on its way from the hub. Plain data, so that a counterexample says it. */
export type Tamper =
  | { readonly do: 'pass'; readonly batches: number }
  | { readonly do: 'drop' | 'twice' | 'late' | 'reverse-frames' | 'reverse-messages' | 'epoch' }
  /** An older batch comes too, of whatever link. */
  | { readonly do: 'replay'; readonly age: number }
  /** The offsets of the messages are others. */
  | { readonly do: 'offsets'; readonly by: number }
  /** A frame more, before or after the others. */
  | { readonly do: 'insert'; readonly frame: object; readonly first: boolean }
  | { readonly do: 'damage'; readonly damage: Damage }

type Frame = Record<string, unknown> & { type?: unknown; messages?: { offset: number }[] }

const channel = fc.constantFrom('a', 'b', 'never-asked-for')
const ms = fc.constantFrom(0, 1, 500, 5_000, 999_999_999_999, 2 ** 53 - 1)
/** Frames that no link waits for, or that mean something bad. */
const intruder: fc.Arbitrary<object> = fc.oneof(
  fc.record({ type: fc.constantFrom('advert', '__proto__', 'constructor', 'hello', 'subscribe') }),
  fc.record({ type: fc.constant('ack'), sequence: fc.nat(20), position: fc.constant('E.1.m1'), id: fc.constant('m1') }),
  fc.record({ type: fc.constant('heartbeat'), timeMs: fc.constantFrom(0, 1, 4_102_444_800_000, 2 ** 53 - 1) }),
  fc.record({ type: fc.constant('goodbye'), reason: fc.constant('drain'), retryAfterMs: ms }),
  fc.record({
    type: fc.constant('gap'),
    channel,
    from: fc.constantFrom('E.0.0', 'E.3.m3'),
    to: fc.constantFrom('E.0.0', 'E.9.m9', 'F.0.0'),
    reason: fc.constant('trimmed'),
  }),
  fc.record({
    type: fc.constant('run'),
    channel,
    after: fc.constantFrom('E.0.0', 'E.3.m3', undefined),
    messages: fc.constantFrom([], [{ offset: 4, id: 'm4', timeMs: 1, data: 1 }]),
    more: fc.boolean(),
  }),
  fc.record(
    {
      type: fc.constant('error'),
      code: fc.constantFrom('rate-limited', 'unavailable', 'internal', 'out-of-order', 'conflict', 'never-heard-of'),
      message: fc.constant('no'),
      status: fc.constantFrom(429, 503, 500, 400, 0),
      channel,
      sequence: fc.nat(20),
      retryAfterMs: ms,
    },
    { requiredKeys: ['type', 'code', 'message'] },
  ),
  fc.record({
    type: fc.constant('welcome'),
    protocol: fc.constant(1),
    nonce: fc.constantFrom('foreign', ''),
    timeMs: ms,
    heartbeatMs: ms,
    user: fc.constantFrom('u', 'another'),
    publisher: fc.constant('p'),
    maxDataBytes: ms,
    maxBatchBytes: ms,
  }),
)

export const tamper: fc.Arbitrary<Tamper> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant('pass' as const), batches: fc.integer({ min: 1, max: 12 }) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom(
        'drop' as const,
        'twice' as const,
        'late' as const,
        'reverse-frames' as const,
        'reverse-messages' as const,
        'epoch' as const,
      ),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('replay' as const), age: fc.nat(8) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('offsets' as const), by: fc.constantFrom(-9, -3, -1, 1, 5, 2 ** 50) }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('insert' as const), frame: intruder, first: fc.boolean() }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('damage' as const), damage }) },
)

/** Does one after the other, a batch each, and then nothing more. `done()`: how many have had their batch. */
export const tampering = (list: readonly Tamper[]): { readonly tap: Tap; stop(): void; readonly done: number } => {
  let todo = [...list]
  let passing = 0
  let done = 0
  const seen: string[] = []
  const held: string[] = []

  const change = (batch: string, next: Tamper): readonly string[] => {
    const frames = JSON.parse(batch) as Frame[]
    const messages = frames.flatMap((frame) => (frame.type === 'run' ? (frame.messages ?? []) : []))
    switch (next.do) {
      case 'pass':
        passing = next.batches - 1
        return [batch]
      case 'drop':
        return []
      case 'twice':
        return [batch, batch]
      case 'late':
        held.push(batch)
        return []
      case 'replay':
        return [seen.at(-1 - next.age) ?? batch, batch]
      case 'reverse-frames':
        return [JSON.stringify(frames.reverse())]
      case 'reverse-messages':
        for (const frame of frames) if (frame.type === 'run') frame.messages?.reverse()
        return [JSON.stringify(frames)]
      case 'offsets':
        for (const message of messages) message.offset += next.by
        return [JSON.stringify(frames)]
      case 'epoch':
        return [batch.replaceAll(/"[\w-]+\.(\d+)\.([\w-]+)"/g, '"otherlife.$1.$2"')]
      case 'insert':
        return [JSON.stringify(next.first ? [next.frame, ...frames] : [...frames, next.frame])]
      case 'damage':
        return [damagedText(frames, next.damage)]
    }
  }

  return {
    tap(batch) {
      const next = passing > 0 ? undefined : todo.shift()
      passing--
      if (next) done++
      const now = next ? change(batch, next) : [batch]
      seen.push(batch)
      return next?.do === 'late' ? now : [...now, ...held.splice(0)]
    },
    stop() {
      todo = []
      passing = 0
    },
    get done() {
      return done
    },
  }
}
