import { describe, expect, it } from 'vitest'
import type { Publish } from '../protocol/frames.ts'
import { ack, setUpOutbox } from '../testing/test-outbox.ts'
import type { TestOutbox } from '../testing/test-outbox.ts'
import type { LinkEnd } from '../transports/transport.ts'
import type { Carrier } from './live.ts'

describe('a box that takes no large bodies', () => {
  /** Answers 413 in HTML to whatever is over its limit, and passes on the rest. */
  const boxOf = (outbox: TestOutbox, most: number): Carrier & { readonly sizes: number[] } => {
    const sizes: number[] = []
    return {
      duplex: false,
      full: false,
      sizes,
      async send(frames) {
        sizes.push(frames.length)
        // oxlint-disable-next-line typescript/only-throw-error -- the contract rejects with plain facts
        if (frames.join().length > most) throw { code: 'foreign', status: 413 } satisfies LinkEnd
        for (const frame of frames) ack(outbox, (JSON.parse(frame) as Publish).sequence)
      },
    }
  }

  it('gets smaller batches until they fit, and larger ones again', async () => {
    const { clock, outbox, outcomes, publish } = setUpOutbox()
    const box = boxOf(outbox, 400)
    for (let n = 1; n <= 10; n++) void publish(n)
    outbox.attach(box)
    await clock.settle()
    expect(outcomes).toEqual(Array.from({ length: 10 }, (_, index) => `${index + 1} m${index + 1}`))
    expect(box.sizes.slice(0, 3)).toEqual([10, 5, 5])
    expect(clock.now()).toBe(0)
  })

  it('refuses as too-large what does not fit alone, and nothing else', async () => {
    const { clock, outbox, outcomes, publish } = setUpOutbox()
    for (const data of ['a', 'x'.repeat(90), 'b']) void publish(data)
    outbox.attach(boxOf(outbox, 150))
    await clock.settle()
    expect(outcomes).toEqual(['"a" m1', `"${'x'.repeat(90)}" too-large`, '"b" m3'])
  })
})
