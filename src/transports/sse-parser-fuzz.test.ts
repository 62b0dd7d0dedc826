import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { systemClock } from '../base/clock.ts'
import { FUZZ_TIMEOUT_MS, fuzzing } from '../testing/fuzz.ts'
import { readEventStream } from '../testing/reference-sse.ts'
import { countWork } from '../testing/string-work.ts'
import { sse } from './sse.ts'
import { sseParser } from './sse-parser.ts'
import type { LinkEnd } from './transport.ts'

const encoder = new TextEncoder()

/** Pieces that decide something, each in its bytes; among them the halves of characters. */
const INTERESTING = [
  ...['\n', '\r', '\r\n', '\n\n', '\r\r', ':', ' ', '\0', '\t', '\uFEFF', 'data', 'data:', 'data: ', 'data:x\n\n'],
  ...['id', 'id:1', 'id:\0', 'event', 'event:x\n', 'retry', 'retry:10', 'Data:', 'dat', 'a', 'ä', '€', '😀', '\u2028'],
].map((text) => encoder.encode(text))
const BROKEN = [
  ...[[0xff], [0xc3], [0xa4], [0xe2, 0x82], [0xf0, 0x9f, 0x98], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xef, 0xbb], [0xbf]],
].map((bytes) => Uint8Array.from(bytes))

const piece = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom(...INTERESTING) },
  { weight: 2, arbitrary: fc.constantFrom(...BROKEN) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 4 }) },
)
const stream = fc
  .array(piece, { maxLength: 60, size: 'max' })
  .map((pieces) => Uint8Array.from(pieces.flatMap((bytes) => [...bytes])))
/** Where a stream is cut, as parts of its length. */
const places = fc.oneof(
  { weight: 3, arbitrary: fc.array(fc.nat(10_000), { maxLength: 12 }) },
  { weight: 1, arbitrary: fc.constant('everywhere' as const) },
)
type Places = readonly number[] | 'everywhere'

const cut = (bytes: Uint8Array, at: Places): Uint8Array[] => {
  if (at === 'everywhere') return [...bytes].map((byte) => Uint8Array.of(byte))
  const sorted = at.map((part) => part % (bytes.length + 1)).sort((a, b) => a - b)
  return [0, ...sorted].map((from, index) => bytes.subarray(from, sorted[index] ?? bytes.length))
}

/** Gives the chunks to a parser, and after each of them what came out so far to `watch`. */
const parse = (chunks: readonly Uint8Array[], maxChars: number, watch: (events: string[], fits: boolean) => void) => {
  const events: string[] = []
  const decoder = new TextDecoder()
  const take = sseParser((data) => events.push(data), maxChars)
  for (const chunk of chunks) watch(events, take(decoder.decode(chunk, { stream: true })))
  return events
}

describe('P whatever comes, and however it is cut', () => {
  const sameAsReference = (bytes: Uint8Array, at: Places): void => {
    const chunks = cut(bytes, at)
    let [seen, next] = [0, 0]
    parse(chunks, 1_000_000, (events, fits) => {
      seen += chunks[next++]?.length ?? 0
      expect(fits).toBe(true)
      // Not one chunk late: what has come makes these events, and no others.
      expect(events).toEqual(readEventStream(bytes.subarray(0, seen)))
    })
    expect(seen).toBe(bytes.length)
  }

  it(
    'the events are those of a parser written from the WHATWG text, each with the chunk that ends it',
    () => {
      fc.assert(fc.property(stream, places, sameAsReference), fuzzing(0.2))
    },
    FUZZ_TIMEOUT_MS,
  )

  it(
    'over the bound it says so and nothing more comes out, and how it was cut makes no difference',
    () => {
      let over = 0
      fc.assert(
        fc.property(stream, places, fc.integer({ min: 1, max: 40 }), (bytes, at, maxChars) => {
          const outcome = (chunks: readonly Uint8Array[]): [string[], boolean] => {
            let fits = true
            const events = parse(chunks, maxChars, (_, still) => {
              expect(still && !fits).toBe(false)
              fits = still
            })
            return [events, fits]
          }
          const [events, fits] = outcome(cut(bytes, at))
          expect([events, fits]).toEqual(outcome([bytes]))
          const all = readEventStream(bytes)
          expect(events).toEqual(fits ? all : all.slice(0, events.length))
          if (!fits) over++
        }),
        fuzzing(0.2),
      )
      expect(over).toBeGreaterThan(0)
    },
    FUZZ_TIMEOUT_MS,
  )

  it(
    'the transport hands over the same, read from a body of bytes',
    async () => {
      const read = async (chunks: readonly Uint8Array[]): Promise<[string[], LinkEnd]> => {
        const events: string[] = []
        const body = new ReadableStream<Uint8Array>({
          start(controller) {
            for (const chunk of chunks) controller.enqueue(chunk)
            controller.close()
          },
        })
        const answer = new Response(body, { headers: { 'content-type': 'text/event-stream' } })
        const end = await new Promise<LinkEnd>((resolve) => {
          const hello = (): string => '[{"type":"hello","nonce":"n"}]'
          const timing = { holdMs: 1, pollIntervalMs: 1 }
          const request = { url: 'http://hub.test', hello, more: () => false, timeoutMs: () => 10_000 }
          sse({ fetch: async () => answer }).open(
            { ...request, timing, clock: systemClock, slots: { take: async () => () => undefined } },
            { data: (batch) => events.push(batch), alive: () => undefined, end: resolve },
          )
        })
        return [events, end]
      }
      const property = fc.asyncProperty(stream, places, async (bytes, at) => {
        const chunks = cut(bytes, at)
        expect(await read(chunks)).toMatchObject([readEventStream(bytes), { code: 'cut', status: 200 }])
      })
      await fc.assert(property, fuzzing())
    },
    FUZZ_TIMEOUT_MS,
  )
})

describe('P time is linear', () => {
  const KB = 1024
  it.each<readonly [string, (size: number) => string]>([
    ['one long line', (size) => `data:${'x'.repeat(size)}\n\n`],
    ['a line that never ends', (size) => `data:${'x'.repeat(size)}`],
    ['a comment', (size) => `:${'x'.repeat(size)}\ndata:1\n\n`],
    ['many lines of one event', (size) => `${'data:x\n'.repeat(size / 7)}\n`],
    ['many events', (size) => 'data:x\r\n\r\n'.repeat(size / 10)],
    ['empty lines', (size) => '\r'.repeat(size)],
    ['spaces', (size) => `data:${' '.repeat(size)}\n\n`],
    ['colons', (size) => `${':'.repeat(size)}\n`],
  ])('twice the bytes in 1-byte chunks are at most 2.5 times the work: %s', (_, make) => {
    /** Characters that the parser looks at, whatever time that takes. */
    const work = (text: string): number => {
      const take = sseParser(() => undefined, 10_000_000)
      const bytes = Array.from(text)
      return countWork(() => {
        for (const byte of bytes) take(byte)
      })
    }
    const [once, twice] = [work(make(4 * KB)), work(make(8 * KB))]
    expect(once).toBeGreaterThan(4 * KB - 16)
    expect(twice).toBeLessThanOrEqual(2.5 * once)
  })
})
