import { beforeEach, describe, expect, it } from 'vitest'
import type { Hello } from '../protocol/frames.ts'
import { CONTENT_TYPE } from '../protocol/frames.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { countingSlots, record } from '../testing/transport-recorder.ts'
import type { OpenRequest, Transport } from './transport.ts'
import { longPoll, poll } from './poll.ts'

// On a fake clock and a fetch of our own: what is asked when.

const MESSAGE = '{"type":"run","channel":"c","messages":[{"offset":1,"id":"x","timeMs":1,"data":1}]}'
type Reply = 'empty' | 'message' | 'html' | 'reset' | 'cut' | 'refused'

interface Asked {
  readonly atMs: number
  readonly waitMs: number
}

let clock: FakeClock
beforeEach(() => {
  clock = new FakeClock()
})

/** Time of a network: it stops when the request is aborted. */
const pass = (ms: number, signal: AbortSignal | null | undefined): Promise<void> =>
  new Promise((resolve, reject) => {
    const cancel = ms === Infinity ? undefined : clock.after(ms, resolve)
    signal?.addEventListener('abort', () => {
      cancel?.()
      reject(new Error('aborted'))
    })
  })

/** A transport whose requests are answered by `answer` after the milliseconds it says; Infinity is never. */
const start = (
  make: (options: { fetch: (url: string, init: RequestInit) => Promise<Response> }) => Transport,
  answer: (asked: Asked, number: number) => [afterMs: number, reply: Reply],
  more: Partial<OpenRequest> = {},
) => {
  const asked: Asked[] = []
  const transport = make({
    fetch: async (_url, { body, signal }) => {
      const [hello] = JSON.parse(body as string) as [Hello]
      const now = { atMs: clock.now(), waitMs: hello.waitMs ?? -1 }
      asked.push(now)
      const [afterMs, reply] = answer(now, asked.length)
      if (afterMs > 0) await pass(afterMs, signal)
      if (reply === 'reset') throw new TypeError('reset')
      if (reply === 'html')
        return new Response('<title>504</title>', { status: 504, headers: { 'content-type': 'text/html' } })
      const headers = { 'content-type': CONTENT_TYPE }
      if (reply === 'refused') return new Response('[{"type":"error"}]', { status: 503, headers })
      const text = `[{"type":"welcome","nonce":"${hello.nonce}"}${reply === 'message' ? ',' + MESSAGE : ''}]`
      if (reply !== 'cut') return new Response(text, { headers })
      const pull = (controller: ReadableStreamDefaultController): void => controller.error(new Error('reset'))
      return new Response(new ReadableStream({ pull }), { headers })
    },
  })
  const recording = record('http://hub.example', clock, more)
  const link = transport.open(recording.request, recording.on)
  return { ...recording, link, asked, transport }
}

const waits = (asked: readonly Asked[]): number[] => asked.map(({ waitMs }) => waitMs)
const gaps = (asked: readonly Asked[]): number[] => asked.slice(1).map(({ atMs }, index) => atMs - asked[index]!.atMs)

describe('longPoll', () => {
  /** Held requests are answered as they should be: empty, when the hold is over. */
  const held = ({ waitMs }: Asked): [number, Reply] => [waitMs || 30, 'empty']

  it('§4.5 asks without a hold, then holds for 1 s, then for holdMs', async () => {
    const { asked, link } = start(longPoll, held)
    await clock.advance(60_000)
    expect(waits(asked)).toEqual([0, 1000, 25_000, 25_000, 25_000])
    expect(gaps(asked)).toEqual([30, 1000, 25_000, 25_000])
    link.close()
    expect(clock.pending).toBe(0)
  })

  it('reads on at once, without a hold, while there is more', async () => {
    let pages = 5
    const { asked, link } = start(longPoll, () => [50, 'message'], { more: () => --pages > 0 })
    await clock.advance(290)
    expect(waits(asked)).toEqual([0, 0, 0, 0, 0, 1000])
    expect(gaps(asked)).toEqual([50, 50, 50, 50, 50])
    link.close()
  })

  it('under load asks at most 50 times a second, and never pauses longer', async () => {
    const { asked, link, messages } = start(longPoll, () => [1, 'message'])
    await clock.advance(10_000)
    expect(asked.length).toBeGreaterThan(450)
    expect(asked.length).toBeLessThan(510)
    expect(messages().length).toBeGreaterThan(450)
    link.close()
  })

  it('a round trip above the spacing costs no pause', async () => {
    const { asked, link } = start(longPoll, () => [40, 'message'])
    await clock.advance(4000)
    expect(new Set(gaps(asked))).toEqual(new Set([40]))
    link.close()
  })

  it('N15 empty answers that come at once make no busy loop', async () => {
    const { asked, link } = start(longPoll, () => [5, 'empty'])
    await clock.advance(60_000)
    expect(gaps(asked).slice(0, 10)).toEqual([20, 20, 20, 105, 205, 405, 805, 1605, 3205, 5005])
    expect(asked.length).toBeLessThan(25)
    link.close()
  })

  it('a message ends the pauses', async () => {
    const { asked, link } = start(longPoll, (_asked, number) => [5, number === 8 ? 'message' : 'empty'])
    await clock.advance(20_000)
    expect(gaps(asked).slice(6, 11)).toEqual([805, 20, 20, 20, 105])
    link.close()
  })

  it('an answer after half of its hold is worth its request', async () => {
    const { asked, link } = start(longPoll, ({ waitMs }) => [waitMs / 2 + 50, 'empty'])
    await clock.advance(100_000)
    expect(new Set(gaps(asked).slice(2))).toEqual(new Set([12_550]))
    link.close()
  })

  describe('N8 a middlebox that cuts held requests', () => {
    it.each(['html', 'reset', 'cut'] as const)('%s at 4 s: the hold becomes 2 s', async (reply) => {
      const { asked, ends, link } = start(longPoll, (now) => (now.waitMs > 4000 ? [4000, reply] : held(now)))
      await clock.advance(30_000)
      expect(waits(asked)).toEqual([0, 1000, 25_000, 0, 25_000, 0, ...Array<number>(11).fill(2000)])
      expect(ends).toEqual([])
      link.close()
      expect(clock.pending).toBe(0)
    })

    it('at about the same age', async () => {
      const ages = [4000, 4700]
      const { asked, link } = start(longPoll, (now) => (now.waitMs > 5000 ? [ages.shift() ?? 9, 'html'] : held(now)))
      await clock.advance(14_000)
      expect(waits(asked).slice(2)).toEqual([25_000, 0, 25_000, 0, 2350, 2350])
      link.close()
    })

    it('at ages that differ it is chance, and the hold stays', async () => {
      const ages = [4000, 12_000, 3000, 9000]
      const { asked, link } = start(longPoll, (now) => {
        const age = now.waitMs > 2000 ? ages.shift() : undefined
        return age ? [age, 'reset'] : held(now)
      })
      await clock.advance(60_000)
      expect(waits(asked).slice(2)).toEqual([25_000, 0, 25_000, 0, 25_000, 0, 25_000, 0, 25_000, 25_000])
      link.close()
    })

    it('a held answer in between makes the next cut a first one', async () => {
      const { asked, link } = start(longPoll, (now, number) =>
        number === 3 || number === 6 ? [4000, 'reset'] : held(now),
      )
      await clock.advance(60_000)
      expect(waits(asked)).toEqual([0, 1000, 25_000, 0, 25_000, 25_000, 0, 25_000, 25_000])
      link.close()
    })

    it('holds that are never answered count by the time limit', async () => {
      const { asked, link } = start(longPoll, (now) => (now.waitMs > 20_000 ? [Infinity, 'reset'] : held(now)))
      await clock.advance(100_000)
      expect(waits(asked).slice(0, 7)).toEqual([0, 1000, 25_000, 0, 25_000, 0, 12_500])
      link.close()
    })

    it.each(['html', 'reset', 'cut'] as const)('holds cut at once end the link as holds-cut (%s)', async (reply) => {
      const { asked, ends, slots } = start(longPoll, (now) => (now.waitMs ? [10, reply] : held(now)))
      await clock.advance(5000)
      expect(waits(asked)).toEqual([0, 1000, 0, 1000, 0])
      expect(ends).toEqual([{ code: 'holds-cut' }])
      expect(clock.pending).toBe(0)
      expect(slots.taken).toBe(0)
    })

    it('cuts at ages that vary make no busy loop', async () => {
      const ages = [1, 400]
      const { asked, link } = start(longPoll, (now, number) =>
        now.waitMs ? [ages[(number >> 1) & 1] ?? 1, 'reset'] : held(now),
      )
      await clock.advance(60_000)
      expect(asked.length).toBeLessThan(45)
      link.close()
    })

    it('a request without a hold that fails too ends the link with its own reason', async () => {
      const { ends, asked } = start(longPoll, (now, number) =>
        number < 3 ? held(now) : [100, number === 3 ? 'reset' : 'html'],
      )
      await clock.advance(5000)
      expect(waits(asked)).toEqual([0, 1000, 25_000, 0])
      expect(ends).toMatchObject([{ code: 'foreign', status: 504, detail: '504' }])
      expect(clock.pending).toBe(0)
    })

    it('R16 a refusal is the word of the hub and ends the link', async () => {
      const { ends, asked } = start(longPoll, (now, number) => (number < 3 ? held(now) : [100, 'refused']))
      await clock.advance(5000)
      expect(asked).toHaveLength(3)
      expect(ends).toMatchObject([{ code: 'refused', status: 503 }])
    })
  })

  it('N17 needs a slot only to hold, and is busy without one', async () => {
    const { calls, ends, asked, slots } = start(longPoll, held, { slots: countingSlots(0) })
    await clock.advance(1000)
    expect(waits(asked)).toEqual([0])
    expect(calls.filter((call) => call !== 'alive')).toEqual(['data', 'end'])
    expect(ends).toEqual([{ code: 'busy' }])
    expect(slots.taken).toBe(0)
  })

  it('gives back a slot that comes after close()', async () => {
    let give: (release: () => void) => void = () => {}
    let back = 0
    const { link, asked } = start(longPoll, held, { slots: { take: () => new Promise((resolve) => (give = resolve)) } })
    await clock.advance(1000)
    link.close()
    give(() => back++)
    await clock.advance(60_000)
    expect(back).toBe(1)
    expect(waits(asked)).toEqual([0])
  })

  it('all its times follow from the timing it is given', async () => {
    const { asked, link } = start(longPoll, held, { timing: { holdMs: 500, pollIntervalMs: 100 } })
    await clock.advance(2000)
    expect(waits(asked).slice(0, 4)).toEqual([0, 20, 500, 500])
    link.close()
  })
})

describe('poll', () => {
  it('asks at intervals of 5 s ± 20 %, never in step', async () => {
    const { asked, link } = start(poll, () => [0, 'empty'])
    await clock.advance(600_000)
    expect(new Set(waits(asked))).toEqual(new Set([0]))
    const pauses = gaps(asked)
    expect(Math.min(...pauses)).toBeGreaterThanOrEqual(4000)
    expect(Math.max(...pauses)).toBeLessThanOrEqual(6000)
    expect(Math.max(...pauses) - Math.min(...pauses)).toBeGreaterThan(1500)
    link.close()
    expect(clock.pending).toBe(0)
  })

  it('after a message asks four times as often, and eases back', async () => {
    clock.random = () => 0.5
    const { asked, link } = start(poll, (_asked, number) => [0, number === 2 ? 'message' : 'empty'])
    await clock.advance(20_000)
    expect(gaps(asked)).toEqual([5000, 1250, 2500, 5000, 5000])
    link.close()
  })

  it('asks at once while there is more', async () => {
    let pages = 4
    const { asked, link } = start(poll, () => [0, 'message'], { more: () => --pages > 0 })
    await clock.advance(1000)
    expect(gaps(asked)).toEqual([20, 20, 20])
    link.close()
  })

  it('ends with the reason of the first request that fails', async () => {
    const { ends } = start(poll, (_asked, number) => [0, number === 3 ? 'html' : 'empty'])
    await clock.advance(20_000)
    expect(ends).toMatchObject([{ code: 'foreign', status: 504 }])
    expect(clock.pending).toBe(0)
  })
})

describe.each([
  ['longPoll', longPoll],
  ['poll', poll],
] as const)('%s.read', (_name, make) => {
  const read = (reply: Reply, afterMs = 100) => {
    const { transport, link } = start(make, () => [afterMs, reply])
    link.close()
    const recording = record('http://hub.example', clock)
    return { ...recording, link: transport.read!(recording.request, recording.on) }
  }

  it('asks once without a hold, hands the answer over and is done', async () => {
    const { calls, waits: asked, ends, slots } = read('message')
    expect(calls).toEqual([])
    await clock.advance(60_000)
    expect(asked).toEqual([0])
    expect(calls.filter((call) => call !== 'alive')).toEqual(['data', 'end'])
    expect(ends).toEqual([{ code: 'done' }])
    expect(slots.taken).toBe(0)
    expect(clock.pending).toBe(0)
  })

  it('ends with the reason it failed for', async () => {
    const { ends } = read('html')
    await clock.advance(1000)
    expect(ends).toMatchObject([{ code: 'foreign' }])
  })

  it('R19 says nothing after close()', async () => {
    const { calls, link } = read('message')
    await clock.advance(50)
    link.close()
    expect(clock.pending).toBe(0)
    await clock.advance(1000)
    expect(calls).toEqual([])
  })
})
