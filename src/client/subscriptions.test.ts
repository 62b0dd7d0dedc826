import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { GapFrame, Run, Start, WireMessage } from '../protocol/frames.ts'
import { formatPosition, parsePosition } from '../protocol/position.ts'
import { createEmitter } from './emitter.ts'
import { createRegistry, newSub } from './subscriptions.ts'
import type { Sub, SubEvents } from './subscriptions.ts'
import type { Gap, Message } from './types.ts'

const EPOCH = 'E'
const idAt = (offset: number): string => (offset === 0 ? '0' : `m${offset}`)
const positionAt = (offset: number, epoch = EPOCH): string => `${epoch}.${offset}.${idAt(offset)}`
const messageAt = (offset: number): WireMessage => ({ offset, id: idAt(offset), timeMs: 1_000 + offset, data: offset })
/** Messages `after + 1` to `to`. */
const runOf = (after: number, to: number, facts: Partial<Run> = {}): Run => ({
  type: 'run',
  channel: 'a',
  after: positionAt(after),
  messages: Array.from({ length: to - after }, (_, index) => messageAt(after + 1 + index)),
  ...facts,
})

interface Taker {
  readonly sub: Sub
  readonly got: number[]
  readonly gaps: Gap[]
  readonly messages: Message[]
}

const taker = (start: Start, onMessage: (message: Message) => void = () => undefined): Taker => {
  const got: number[] = []
  const gaps: Gap[] = []
  const messages: Message[] = []
  const position = typeof start === 'object' && 'after' in start ? parsePosition(start.after) : null
  const emitter = createEmitter<SubEvents>((cause) => {
    throw cause
  })
  emitter.on('gap', (gap) => gaps.push(gap))
  emitter.on('message', (message) => {
    got.push(message.offset)
    messages.push(message)
    onMessage(message)
  })
  const sub = newSub({ channel: 'a', start: position ? null : start, position, emit: emitter.emit })
  return { sub, got, gaps, messages }
}

/** A registry with a link that carries traffic; `hubMs`: when it was welcomed. */
const makeRegistry = (timeMs = 0) =>
  createRegistry({
    hub: { publisher: 'me', timeMs },
    sessions: new Map([[1, null]]),
    carrier: {},
    catchUpMs: 0,
  })

const setUp = (start: Start = 'latest', hubMs = 0) => {
  const registry = makeRegistry(hubMs)
  const first = taker(start)
  registry.add(first.sub)
  return { registry, ...first }
}

describe('the start', () => {
  it('§3.8 is fixed by the first answer that carries the ref; the position is its `after`', () => {
    const { registry, sub, got } = setUp()
    const ask = registry.ask('a')
    registry.run(ask, runOf(3, 3))
    expect(sub.position).toBeNull()
    registry.run(ask, runOf(7, 8, { ref: ask.ref }))
    expect(sub.position && formatPosition(sub.position)).toBe(positionAt(8))
    expect(got).toEqual([8])
  })

  it('R26 two links that answer one start fix it once', () => {
    const { registry, sub, got } = setUp()
    const [one, two] = [registry.ask('a'), registry.ask('a')]
    registry.run(one, runOf(4, 4, { ref: one.ref }))
    registry.run(two, runOf(5, 6, { ref: two.ref }))
    // The second link starts later than the position: a hole, read from the log, never a silent jump.
    expect(sub.position?.offset).toBe(4)
    expect(sub.behind).toBe(true)
    expect(got).toEqual([])
  })

  it('an `earliest` beside a live subscription reads for itself and joins', () => {
    const { registry } = setUp()
    const ask = registry.ask('a')
    registry.run(ask, runOf(5, 5, { ref: ask.ref }))
    const late = taker('earliest')
    registry.add(late.sub)
    registry.late('a', late.sub)
    const [own] = registry.catchUps()
    if (!own) throw new Error('nobody reads')
    // Meanwhile the link goes on.
    registry.run(ask, runOf(5, 7))
    registry.run(own, runOf(0, 6, { ref: own.ref }))
    expect(late.got).toEqual([1, 2, 3, 4, 5, 6])
    registry.run(ask, runOf(7, 8))
    const [again] = registry.catchUps()
    if (again) {
      registry.run(again, runOf(6, 8, { ref: again.ref }))
    }
    expect(late.got).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    expect(late.sub.behind).toBe(false)
  })

  it('messages older than the first answer are replayed, later ones are not', () => {
    const { registry, messages } = setUp('earliest', 1_002)
    const ask = registry.ask('a')
    registry.run(ask, runOf(0, 3, { ref: ask.ref }))
    expect(messages.map((message) => message.replayed)).toEqual([true, false, false])
  })
})

describe('a run', () => {
  const live = () => {
    const all = setUp()
    const ask = all.registry.ask('a')
    all.registry.run(ask, runOf(5, 5, { ref: ask.ref }))
    return { ...all, ask }
  }

  it('§3.6 is taken when `after` is the position', () => {
    const { registry, ask, got } = live()
    registry.run(ask, runOf(5, 7))
    expect(got).toEqual([6, 7])
  })

  it('§3.5 may leave `after` out when it follows the previous run of the link', () => {
    const { registry, ask, got } = live()
    registry.run(ask, runOf(5, 6))
    const { after: _, ...rest } = runOf(6, 7)
    registry.run(ask, rest)
    expect(got).toEqual([6, 7])
  })

  it('§3.6 that contains the position gives what is new in it', () => {
    const { registry, ask, got } = live()
    registry.run(ask, runOf(2, 7))
    expect(got).toEqual([6, 7])
  })

  it('§3.7 that ends before the position is dropped', () => {
    const { registry, ask, got, sub } = live()
    registry.run(ask, runOf(1, 4))
    expect([got, sub.behind]).toEqual([[], false])
  })

  it.each([
    ['starts later', runOf(6, 8)],
    ['states a later position without a message', runOf(6, 6)],
    ['has another id at the position', { ...runOf(4, 7), messages: [{ ...messageAt(5), id: 'fork' }, messageAt(6)] }],
    ['follows another id', { ...runOf(5, 7), after: 'E.5.fork' }],
    ['is of another epoch', { ...runOf(5, 7), after: positionAt(5, 'F') }],
  ])('§3.7 that %s is a hole: nothing of it is taken', (_, run) => {
    const { registry, ask, got, sub } = live()
    registry.run(ask, run)
    expect([got, sub.behind, sub.position?.offset]).toEqual([[], true, 5])
  })

  it('R15 moves the position before the listener is called, and stops when the listener ends the subscription', () => {
    const registry = makeRegistry()
    const seen: (number | undefined)[] = []
    const self = taker({ after: positionAt(0) }, (message) => {
      seen.push(self.sub.position?.offset)
      if (message.offset === 2) registry.remove(self.sub, null)
    })
    registry.add(self.sub)
    const ask = registry.ask('a')
    registry.run(ask, runOf(0, 5, { ref: ask.ref }))
    expect(seen).toEqual([1, 2])
  })

  it('R15 goes on to a `latest` that a listener adds in the middle of it', () => {
    const registry = makeRegistry()
    const late = taker('latest')
    const self = taker({ after: positionAt(0) }, ({ offset }) => {
      if (offset === 2) registry.add(late.sub)
    })
    registry.add(self.sub)
    const ask = registry.ask('a')
    registry.run(ask, runOf(0, 4, { ref: ask.ref }))
    expect([late.got, late.sub.behind]).toEqual([[3, 4], false])
  })

  it('of a full buffer is left in the log', () => {
    const { registry, ask, got, sub } = live()
    sub.paused = true
    registry.run(ask, runOf(5, 9))
    expect(got).toEqual([])
    sub.paused = false
    registry.late('a', sub)
    const [own] = registry.catchUps()
    if (!own) throw new Error('nobody reads')
    expect(own.from).toEqual({ after: positionAt(5) })
    registry.run(own, runOf(5, 9, { ref: own.ref }))
    expect(got).toEqual([6, 7, 8, 9])
  })

  it.each([
    ['another life of the log', runOf(8, 9, { after: positionAt(8, 'F') })],
    ['a branch that was lost', { ...runOf(6, 7), after: 'E.6.lost' }],
  ])('of %s that was held does not keep the subscription behind for ever', (_, stale) => {
    const { registry, ask, got, sub } = live()
    registry.run(ask, stale)
    for (let reads = 0; reads < 2; reads++) {
      const [own] = registry.catchUps()
      if (!own) throw new Error('nobody reads')
      registry.run(own, runOf(5, 6, { ref: own.ref }))
    }
    expect([got, sub.behind, sub.held]).toEqual([[6], false, []])
  })

  it('knows own messages by the tag of the publisher', () => {
    const { registry, ask, messages } = live()
    registry.run(ask, {
      ...runOf(5, 5),
      messages: [
        { ...messageAt(6), publisher: 'me' },
        { ...messageAt(7), publisher: 'x' },
      ],
    })
    expect(messages.map((message) => message.own)).toEqual([true, false])
  })
})

describe('a gap', () => {
  const gap = (from: number, to: number, epoch = EPOCH): GapFrame => ({
    type: 'gap',
    channel: 'a',
    from: positionAt(from),
    to: positionAt(to, epoch),
    reason: 'trimmed',
  })

  it('R4 §3.9 is handed over once, though two links saw the same hole', () => {
    const { registry, gaps, sub } = setUp({ after: positionAt(3) })
    const [one, two] = [registry.ask('a'), registry.ask('a')]
    registry.gap(one, { ...gap(3, 9), ref: one.ref })
    registry.gap(two, { ...gap(3, 9), ref: two.ref })
    registry.run(two, runOf(9, 10))
    expect(gaps.length).toBe(1)
    expect(sub.position?.offset).toBe(10)
  })

  it('§3.9 of another position is not handed over; its `to` is a stated start', () => {
    const { registry, gaps, sub } = setUp({ after: positionAt(3) })
    const ask = registry.ask('a')
    registry.gap(ask, { ...gap(2, 9), ref: ask.ref })
    expect([gaps.length, sub.behind]).toEqual([0, true])
  })

  it('R13 after a lost tail a late run of the old branch is refused', () => {
    const { registry, gaps, got, sub } = setUp({ after: positionAt(9) })
    const ask = registry.ask('a')
    registry.gap(ask, { ...gap(9, 6), to: 'E.6.fork6', reason: 'lost-tail', ref: ask.ref })
    expect(gaps.map((each) => each.reason)).toEqual(['lost-tail'])
    registry.run(ask, runOf(9, 10))
    expect([got, sub.position?.id]).toEqual([[], 'fork6'])
  })
})

describe('whatever the links bring, and in whatever order', () => {
  it('R1 R2 R3 each message comes once, in order, without a hole', () => {
    const span = fc.tuple(fc.nat(30), fc.nat(12))
    fc.assert(
      fc.property(
        fc.array(fc.oneof(span, fc.constant('read' as const)), { maxLength: 40 }),
        fc.nat(10),
        (steps, from) => {
          const head = 45
          const { registry, got, sub } = setUp({ after: positionAt(from) })
          const link = registry.ask('a')
          registry.run(link, runOf(from, from, { ref: link.ref }))
          const read = (): void => {
            for (const ask of registry.catchUps()) {
              const at = 'object' === typeof ask.from && 'after' in ask.from ? parsePosition(ask.from.after) : null
              registry.run(ask, runOf(at?.offset ?? 0, Math.min(head, (at?.offset ?? 0) + 5), { ref: ask.ref }))
            }
          }
          for (const step of steps) {
            if (step === 'read') read()
            else registry.run(link, runOf(step[0], Math.min(head, step[0] + step[1])))
          }
          for (let i = 0; i < 20 && sub.behind; i++) read()
          registry.run(link, runOf(0, head))
          expect(got).toEqual(Array.from({ length: head - from }, (_, index) => from + 1 + index))
        },
      ),
      { numRuns: 500 },
    )
  })
})
