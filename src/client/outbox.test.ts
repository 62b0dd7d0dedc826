import { getEventListeners } from 'node:events'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ack, fakeCarrier, HUB, refuse, setUpOutbox } from '../testing/test-outbox.ts'
import { TIMING } from './timing.ts'

describe('the order', () => {
  it('§8.8 one turn leaves as one batch; on HTTP the next waits for the answer', async () => {
    const { clock, outbox, publish } = setUpOutbox()
    const { carrier, batches, waiting } = fakeCarrier(false)
    outbox.attach(carrier)
    for (const data of [1, 2]) void publish(data)
    await clock.settle()
    void publish(3)
    await clock.settle()
    expect(batches.map((batch) => batch.map((frame) => frame.sequence))).toEqual([[1, 2]])
    ack(outbox, 1)
    ack(outbox, 2)
    waiting[0]?.resolve()
    await clock.settle()
    expect(batches.map((batch) => batch.map((frame) => frame.sequence))).toEqual([[1, 2], [3]])
  })

  it('§8.8 a new link gets everything without an answer first, oldest first, with the same `until`', async () => {
    const { clock, outbox, publish } = setUpOutbox()
    const [one, two] = [fakeCarrier(true), fakeCarrier(true)]
    outbox.attach(one.carrier)
    for (const data of [1, 2, 3]) void publish(data)
    await clock.settle()
    ack(outbox, 1)
    await clock.advance(1_000)
    outbox.attach(two.carrier)
    void publish(4)
    await clock.settle()
    expect(two.sent()).toEqual([2, 3, 4])
    expect(two.batches[0]?.[0]).toEqual(one.batches[0]?.[1])
    expect(two.batches.flat()[2]?.until).toBe(5_000_000 + 1_000 + TIMING.resendMs)
  })

  it('R6 §8.7 after a refusal that can be retried nothing overtakes it', async () => {
    const { clock, outbox, publish } = setUpOutbox()
    const { carrier, sent } = fakeCarrier(true)
    outbox.attach(carrier)
    for (const data of [1, 2, 3]) void publish(data)
    await clock.settle()
    refuse(outbox, 1, 'rate-limited')
    void publish(4)
    await clock.settle()
    expect(sent()).toEqual([1, 2, 3])
    refuse(outbox, 2, 'out-of-order')
    refuse(outbox, 3, 'out-of-order')
    await clock.advance(10_000)
    expect(sent()).toEqual([1, 2, 3, 1, 2, 3, 4])
  })

  it('waits for the start of an own subscription, and everything behind it too', async () => {
    let blocked = true
    const { clock, outbox, publish } = setUpOutbox({ blocked: () => blocked })
    const { carrier, sent } = fakeCarrier(true)
    outbox.attach(carrier)
    void publish(1)
    await clock.settle()
    expect(sent()).toEqual([])
    blocked = false
    outbox.step()
    expect(sent()).toEqual([1])
  })

  it('§8.5 sends nothing before the hub has told its clock', async () => {
    const { clock, live, outbox, publish } = setUpOutbox({ untold: true })
    const { carrier, sent } = fakeCarrier(true)
    outbox.attach(carrier)
    void publish(1)
    await clock.settle()
    expect(sent()).toEqual([])
    live.hub = HUB
    outbox.step()
    expect(sent()).toEqual([1])
  })
})

describe('the outcome', () => {
  it('R7 without an answer in the resend time it is unknown, not failed', async () => {
    const { clock, outbox, publish, outcomes } = setUpOutbox()
    outbox.attach(fakeCarrier(true).carrier)
    void publish(1)
    await clock.advance(TIMING.resendMs)
    expect(outcomes).toEqual(['1 unknown'])
    expect(clock.pending).toBe(0)
  })

  it('R7 what was never sent is certainly not appended', async () => {
    const { clock, publish, outcomes } = setUpOutbox()
    void publish(1, { timeoutMs: 50 })
    await clock.advance(50)
    expect(outcomes).toEqual(['1 timeout'])
  })

  it('R7 a refusal after a copy without an answer is unknown', async () => {
    const { clock, outbox, publish, outcomes } = setUpOutbox()
    const [one, two] = [fakeCarrier(true), fakeCarrier(true)]
    outbox.attach(one.carrier)
    void publish(1)
    await clock.settle()
    outbox.attach(two.carrier)
    refuse(outbox, 1, 'forbidden')
    await clock.settle()
    expect(outcomes).toEqual(['1 unknown'])
  })

  it('a refusal of the only copy tells its code', async () => {
    const { clock, outbox, publish, outcomes } = setUpOutbox()
    outbox.attach(fakeCarrier(true).carrier)
    void publish(1)
    await clock.settle()
    refuse(outbox, 1, 'forbidden')
    await clock.settle()
    expect(outcomes).toEqual(['1 forbidden'])
  })

  it('R5 §8.9 when the user is another one, what was sent is unknown and what was not is sent', async () => {
    const { clock, outbox, publish, outcomes } = setUpOutbox()
    const [one, two] = [fakeCarrier(true), fakeCarrier(true)]
    outbox.attach(one.carrier)
    void publish(1)
    await clock.settle()
    outbox.attach(undefined)
    void publish(2)
    outbox.disown()
    outbox.attach(two.carrier)
    await clock.settle()
    expect([outcomes, two.sent()]).toEqual([['1 unknown'], [2]])
  })

  it.each([
    ['is over the bound', { max: 0 }, 1, {}, 'outbox-full'],
    ['is too large', {}, 'x'.repeat(100), {}, 'too-large'],
    ['is not JSON', {}, undefined, {}, 'invalid-argument'],
    ['was aborted before', {}, 1, { signal: AbortSignal.abort() }, 'aborted'],
  ])('what %s is refused at once and typed', async (_, options, data, publishOptions, code) => {
    const { clock, publish, outcomes } = setUpOutbox(options)
    void publish(data, publishOptions)
    await clock.settle()
    expect(outcomes[0]?.endsWith(code)).toBe(true)
  })

  it('an abort is `aborted` before the first send and `unknown` after it', async () => {
    const { clock, outbox, publish, outcomes } = setUpOutbox()
    const [early, late] = [new AbortController(), new AbortController()]
    void publish(1, { signal: early.signal })
    await clock.settle()
    early.abort()
    outbox.attach(fakeCarrier(true).carrier)
    void publish(2, { signal: late.signal })
    await clock.settle()
    late.abort()
    await clock.settle()
    expect(outcomes).toEqual(['1 aborted', '2 unknown'])
  })

  it('a signal may be that of many publishes; no listener outlives them', async () => {
    const { clock, outbox, publish, outcomes } = setUpOutbox()
    const controller = new AbortController()
    const { signal } = controller
    outbox.attach(fakeCarrier(true).carrier)
    for (const data of [1, 2]) void publish(data, { signal })
    await clock.settle()
    ack(outbox, 1)
    expect(getEventListeners(signal, 'abort')).not.toEqual([])
    controller.abort()
    await clock.settle()
    expect([outcomes, getEventListeners(signal, 'abort')]).toEqual([['1 m1', '2 unknown'], []])
  })

  it('close() settles all and leaves no timer', async () => {
    const { clock, outbox, publish, outcomes } = setUpOutbox()
    void publish(1)
    await clock.settle()
    outbox.close()
    outbox.step()
    await clock.settle()
    expect([outcomes, clock.pending]).toEqual([['1 closed'], 0])
  })

  it('R16 a publisher that fails backs off', async () => {
    const { clock, outbox, publish } = setUpOutbox()
    const { carrier, batches, waiting } = fakeCarrier(false)
    outbox.attach(carrier)
    void publish(1)
    await clock.settle()
    for (let i = 0; i < 200; i++) {
      waiting.at(-1)?.reject({ code: 'foreign', status: 502 })
      await clock.advance(100)
    }
    // 20 s: at once, within 5 s, then 2, 4, 8 s with half jitter.
    expect(batches.length).toBeGreaterThan(3)
    expect(batches.length).toBeLessThan(10)
  })
})

describe('whatever happens to the links', () => {
  it('R5 R6 each publish is appended once at most, in order, and an ack means appended', async () => {
    const step = fc.record({
      publish: fc.nat(3),
      fate: fc.constantFrom('ack', 'ack', 'lost', 'refused', 'never' as const),
      change: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), fc.boolean(), async (steps, duplex) => {
        const { clock, outbox, publish, outcomes } = setUpOutbox()
        const log: number[] = []
        let link = fakeCarrier(duplex)
        let read = 0
        let blocked = 0
        outbox.attach(link.carrier)
        let count = 0
        for (const { publish: n, fate, change } of steps) {
          for (let i = 0; i < n; i++) void publish(++count)
          await clock.settle()
          // The hub takes what came, in order, by the rules of §8.
          for (const frame of link.batches.slice(read).flat()) {
            const { sequence } = frame
            if (fate === 'never') continue
            if ((fate === 'refused' && !log.includes(sequence) && !blocked) || (blocked && sequence > blocked)) {
              blocked ||= sequence
              refuse(outbox, sequence, sequence === blocked ? 'rate-limited' : 'out-of-order')
              continue
            }
            blocked = 0
            if (!log.includes(sequence)) log.push(sequence)
            if (fate === 'ack') ack(outbox, sequence)
          }
          read = link.batches.length
          if (fate === 'never' || fate === 'lost' || change) {
            link = fakeCarrier(duplex)
            read = blocked = 0
            outbox.attach(link.carrier)
          } else link.waiting.at(-1)?.resolve()
          await clock.advance(5_000)
        }
        expect(log).toEqual([...log].sort((a, b) => a - b))
        expect(new Set(log).size).toBe(log.length)
        for (const outcome of outcomes) {
          const [data, result] = outcome.split(' ')
          if (result?.startsWith('m')) expect(log).toContain(Number(data))
        }
      }),
      { numRuns: 100 },
    )
  })
})

describe('an answer without a word on a publish', () => {
  it('is no reason to send it again at once: the pauses grow', async () => {
    const { clock, outbox, publish } = setUpOutbox()
    const { carrier, batches, waiting } = fakeCarrier(false)
    outbox.attach(carrier)
    void publish('a')
    for (let second = 0; second < 60; second++) {
      waiting.at(-1)?.resolve()
      await clock.advance(1_000)
    }
    expect(batches.length).toBeGreaterThan(3)
    expect(batches.length).toBeLessThan(15)
    outbox.close()
  })
})
