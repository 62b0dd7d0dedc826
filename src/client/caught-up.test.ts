import { expect, it } from 'vitest'
import type { GapFrame, Run } from '../protocol/frames.ts'
import { createRegistry, newSub } from './subscriptions.ts'

const position = (offset: number): string => `E.${offset}.${offset === 0 ? '0' : `m${offset}`}`
const runOf = (after: number, offsets: readonly number[], facts: Partial<Run> = {}): Run => ({
  type: 'run',
  channel: 'a',
  kind: 'conflated',
  after: position(after),
  messages: offsets.map((offset) => ({ offset, id: `m${offset}`, timeMs: offset, data: offset })),
  ...facts,
})
const GAP: GapFrame = {
  type: 'gap',
  channel: 'a',
  from: position(9),
  to: position(0),
  reason: 'trimmed',
  kind: 'conflated',
}

/** A subscription that reads a conflated channel from its beginning. */
const setUp = () => {
  const told: string[] = []
  const sub = newSub({
    channel: 'a',
    start: 'earliest',
    position: null,
    emit: (event) => told.push(event),
    moved: () => told.push('moved'),
    caughtUp: () => told.push('caught up'),
  })
  const registry = createRegistry({
    hub: { publisher: 'me', timeMs: 0 },
    sessions: new Map([[1, null]]),
    carrier: {},
    catchUpMs: 0,
  })
  registry.add(sub)
  const news = (): string[] => told.splice(0).filter((each) => each !== 'message')
  return { registry, news }
}

it('it is caught up with the last page, not before, and with everything that comes then', () => {
  const { registry, news } = setUp()
  const ask = registry.ask('a')
  registry.run(ask, runOf(0, [2, 5], { ref: ask.ref, more: true }))
  expect(news()).toEqual(['state'])
  registry.run(ask, runOf(5, [7, 9]))
  expect(news()).toEqual(['caught up'])
  registry.run(ask, runOf(9, [10]))
  expect(news()).toEqual(['caught up'])
})

it('an empty channel is caught up with at once', () => {
  const { registry, news } = setUp()
  const ask = registry.ask('a')
  registry.run(ask, runOf(0, [], { ref: ask.ref }))
  expect(news()).toEqual(['state', 'caught up'])
})

it('after a gap another link that is not so far says nothing of it', () => {
  const { registry, news } = setUp()
  const old = registry.ask('a')
  registry.run(old, runOf(0, [2, 9], { ref: old.ref }))
  news()
  const next = registry.ask('a')
  registry.gap(next, { ...GAP, ref: next.ref })
  registry.run(next, runOf(0, [2, 5], { more: true }))
  expect(news()).toEqual(['moved'])
  // What the old link says is known.
  registry.run(old, runOf(0, [2]))
  expect(news()).toEqual([])
  registry.run(next, runOf(5, [9]))
  expect(news()).toEqual(['caught up'])
})
