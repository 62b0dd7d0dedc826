import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { LabBeat } from './channels.ts'
import { createLabFeed } from './lab-feed.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

function start() {
  const beats: [string, LabBeat][] = []
  const feed = createLabFeed({
    publish: async (channel, beat) => beats.push([channel, beat]),
    everyMs: 500,
    idleMs: 2000,
  })
  return { beats, feed }
}

describe('the lab feed', () => {
  it('numbers the beats of each lab from 1, without holes', () => {
    const { beats, feed } = start()
    feed.touch('a')
    vi.advanceTimersByTime(600)
    feed.touch('b')
    vi.advanceTimersByTime(1000)
    feed.close()
    const of = (channel: string) => beats.filter(([name]) => name === channel).map(([, { n }]) => n)
    expect(of('lab:a')).toEqual([1, 2, 3])
    expect(of('lab:b')).toEqual([1, 2])
    expect(new Set(beats.map(([, { series }]) => series)).size).toBe(2)
  })

  it('falls silent when nobody uses the lab, and begins a new series when somebody does', () => {
    const { beats, feed } = start()
    feed.touch('a')
    vi.advanceTimersByTime(10_000)
    const silentAt = beats.length
    expect(silentAt).toBeLessThanOrEqual(5)
    expect(vi.getTimerCount()).toBe(0)
    feed.touch('a')
    vi.advanceTimersByTime(500)
    expect(beats.at(-1)?.[1].n).toBe(1)
    expect(beats.at(-1)?.[1].series).not.toBe(beats[0]?.[1].series)
    feed.close()
    expect(vi.getTimerCount()).toBe(0)
  })
})
