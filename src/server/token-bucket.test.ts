import { describe, expect, it } from 'vitest'
import { BucketTable } from './bucket-table.ts'
import { ratePerMinute, TokenBucket } from './token-bucket.ts'
import type { Rate } from './token-bucket.ts'

const rateOf = (perMinute: number, burstMs: number, again: Rate['again'] = 'spread'): Rate => {
  const rate = ratePerMinute(perMinute, burstMs, again)
  if (!rate) throw new Error('no rate')
  return rate
}

/** How many tokens there are at this moment; takes them. */
const drain = (bucket: TokenBucket, nowMs: number): number => {
  let count = 0
  for (; bucket.ready(nowMs); count++) bucket.take(nowMs)
  return count
}

describe('S7 a token bucket', () => {
  it.each([
    [600, 1000, 10],
    [6000, 10_000, 1000],
    [700, 10_000, 116],
    // One at least, however long it takes to come back.
    [1, 1000, 1],
    [0.5, 1, 1],
  ])('of %d a minute over %d ms holds %d tokens at once, at any time', (perMinute, burstMs, holds) => {
    for (const nowMs of [0, 0.1, 123_456.789, 9e9]) {
      const bucket = new TokenBucket(rateOf(perMinute, burstMs))
      expect(drain(bucket, nowMs)).toBe(holds)
    }
  })

  it('lets the rate through in the long run, and no more', () => {
    const bucket = new TokenBucket(rateOf(600, 1000))
    let count = 0
    for (let nowMs = 0; nowMs < 60_000; nowMs += 7) count += drain(bucket, nowMs)
    expect(count).toBeGreaterThanOrEqual(600)
    expect(count).toBeLessThanOrEqual(610)
  })

  it('tells each that is refused a time of its own, and each then finds a token', () => {
    const bucket = new TokenBucket(rateOf(600, 1000))
    drain(bucket, 50)
    const times = Array.from({ length: 100 }, () => 50 + bucket.againMs(50))
    expect(times.slice(0, 3)).toEqual([150, 250, 350])
    for (const atMs of times) {
      expect(bucket.ready(atMs)).toBe(true)
      bucket.take(atMs)
    }
  })

  it('spreads refusals over 30 s at most', () => {
    const bucket = new TokenBucket(rateOf(600, 1000))
    drain(bucket, 0)
    const times = Array.from({ length: 1000 }, () => bucket.againMs(0))
    expect(Math.max(...times)).toBe(30_000)
    expect(times[300]).toBe(100)
  })

  it('sends those away who bring many at once until half of it is back', () => {
    const bucket = new TokenBucket(rateOf(600, 1000, 'together'))
    drain(bucket, 0)
    expect(bucket.againMs(0)).toBe(500)
    expect(drain(bucket, 500)).toBe(5)
  })

  it('without a rate there is no bucket', () => {
    expect(ratePerMinute(Infinity, 1000, 'spread')).toBeNull()
  })
})

describe('S7 a table of buckets', () => {
  const RATE = rateOf(600, 1000)

  it('holds no more than it may, whoever comes, and forgets those that are full again', () => {
    const table = new BucketTable(RATE, 100)
    for (let n = 0; n < 10_000; n++) {
      table.get(`flood ${n}`, 0).take(0)
      expect(table.size).toBeLessThanOrEqual(100)
    }
    table.get('late', 5000)
    expect(table.size).toBe(1)
  })

  it('a flood of keys does not push out one that is over its rate', () => {
    const table = new BucketTable(RATE, 100)
    drain(table.get('greedy', 0), 0)
    for (let n = 0; n < 10_000; n++) table.get(`flood ${n}`, 0).take(0)
    expect(table.get('greedy', 0).ready(0)).toBe(false)
    expect(table.get('greedy', 99).ready(99)).toBe(false)
    expect(table.get('greedy', 100).ready(100)).toBe(true)
  })

  it('to push it out, seven eighths of the table have to be spent as far', () => {
    const table = new BucketTable(RATE, 80)
    drain(table.get('greedy', 0), 0)
    const spend = (count: number): void => {
      for (let n = 0; n < count; n++) drain(table.get(`spent ${n}`, 0), 0)
      for (let n = 0; n < 1000; n++) table.get(`flood ${n}`, 0).take(0)
    }
    spend(69)
    expect(table.get('greedy', 0).ready(0)).toBe(false)
  })

  it('what a name holds is a name: `__proto__` has a bucket of its own', () => {
    const table = new BucketTable(RATE, 10)
    drain(table.get('__proto__', 0), 0)
    expect(table.get('__proto__', 0).ready(0)).toBe(false)
    expect(table.get('constructor', 0).ready(0)).toBe(true)
  })
})
