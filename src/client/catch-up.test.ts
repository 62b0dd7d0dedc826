import { describe, expect, it } from 'vitest'
import { alarm } from '../testing/alarm.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { createCatchUp } from './catch-up.ts'
import type { LinkEnd } from '../transports/transport.ts'
import type { Session } from './live.ts'
import type { Ask } from './subscriptions.ts'
import { TIMING } from './timing.ts'

const ask = (moved: boolean): Ask => ({
  channel: 'a',
  ref: 1,
  from: 'latest',
  limit: undefined,
  only: null,
  at: null,
  done: true,
  moved,
})

/** A catch-up whose reads last until `ended` is called; somebody is behind as long as `behind` says so. */
const setUp = ({ notBeforeMs = 0, carried = true, beats = false } = {}) => {
  const clock = new FakeClock()
  const reads: { readonly atMs: number; readonly asks: Ask[]; aliveMs: number; ended(end?: Partial<LinkEnd>): void }[] =
    []
  const state = { behind: true, closed: 0 }
  const step = alarm(clock, () => parts.pump())
  const live = {
    carrier: carried ? ({} as Session) : undefined,
    connection: { notBeforeMs },
    hubAheadMs: 0,
    catchUpMs: 0,
  }
  const parts = createCatchUp({
    clock,
    timing: TIMING,
    asks: () => (state.behind ? [ask(false)] : []),
    live,
    timeoutMs: () => 5_000,
    step,
    open(asks, ended) {
      const read = {
        atMs: clock.now(),
        asks,
        aliveMs: clock.now(),
        ended: (end = {}) => ended({ code: 'done', ...end }),
        close: () => state.closed++,
        transport: { beats },
      }
      reads.push(read)
      return read
    },
  })
  const catchUp = {
    pump: step,
    stop() {
      parts.stop()
      live.carrier = undefined
      step()
    },
  }
  return { clock, reads, state, live, catchUp }
}

describe('createCatchUp', () => {
  it('has one read at a time', () => {
    const { reads, catchUp } = setUp()
    catchUp.pump()
    catchUp.pump()
    expect(reads.length).toBe(1)
  })

  it('reads the next page at once when one brought something, and backs off when it did not', async () => {
    const { clock, reads, catchUp } = setUp()
    catchUp.pump()
    reads[0]!.asks[0]!.moved = true
    reads[0]!.ended()
    expect(reads.map(({ atMs }) => atMs)).toEqual([0, 0])
    reads[1]!.ended()
    await clock.advance(120_000)
    // From now on each read ends at its deadline.
    const pauses = reads.slice(2).map(({ atMs }, index) => atMs - (index ? reads[index + 1]!.atMs + 5_000 : 0))
    expect(Math.min(...pauses)).toBeGreaterThanOrEqual(TIMING.backoffMs)
    expect(pauses.at(-1)).toBeGreaterThan(TIMING.maxBackoffMs / 2)
    expect(Math.max(...pauses)).toBeLessThanOrEqual(TIMING.maxBackoffMs)
  })

  it('gives up a read at its deadline', async () => {
    const { clock, reads, state, catchUp } = setUp()
    catchUp.pump()
    await clock.advance(5_000)
    expect(state.closed).toBe(1)
    await clock.advance(30_000)
    expect(reads.length).toBeGreaterThan(1)
  })

  it.each([
    ['a poll', false, 0],
    ['a link that beats', true, 1],
  ])('a deadline runs from a sign of life, unless it is a beat: %s', async (_, beats, closed) => {
    const { clock, reads, state, catchUp } = setUp({ beats })
    catchUp.pump()
    await clock.advance(4_000)
    reads[0]!.aliveMs = clock.now()
    await clock.advance(4_000)
    expect(state.closed).toBe(closed)
    await clock.advance(1_000)
    expect(state.closed).toBe(1)
  })

  it('§10.4 waits until requests are allowed, and reads then by itself', async () => {
    const { clock, reads, catchUp } = setUp({ notBeforeMs: 3_000 })
    catchUp.pump()
    await clock.advance(2_999)
    expect(reads).toEqual([])
    await clock.advance(1)
    expect(reads.map(({ atMs }) => atMs)).toEqual([3_000])
  })

  it('§10.4 begins no read before Retry-After, also when somebody else falls behind meanwhile', async () => {
    const { clock, reads, live, catchUp } = setUp()
    catchUp.pump()
    reads[0]!.ended({ retryAfterMs: 60_000 })
    live.catchUpMs = 0
    catchUp.pump()
    await clock.advance(59_999)
    expect(reads.length).toBe(1)
    await clock.advance(1)
    expect(reads.length).toBe(2)
  })

  it('waits for nothing without a link that carries traffic, nor when nobody is behind', () => {
    const { clock, state, catchUp } = setUp({ carried: false })
    catchUp.pump()
    state.behind = false
    catchUp.pump()
    expect(clock.pending).toBe(0)
  })

  it('leaves nothing behind when it is stopped', async () => {
    const { clock, reads, state, catchUp } = setUp()
    catchUp.pump()
    catchUp.stop()
    expect([clock.pending, state.closed]).toEqual([0, 1])
    await clock.advance(60_000)
    expect(reads.length).toBe(1)
  })
})
