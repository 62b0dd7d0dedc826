import { describe, expect, it } from 'vitest'
import { readEventStream } from '../testing/reference-sse.ts'
import { sseParser } from './sse-parser.ts'

// Rows: WHATWG HTML §9.2.6 and the Web Platform Tests eventsource/format-*. The inputs are bytes, decoded as the stream is.

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const bom = '\uFEFF'

/** The data of the events of the chunks, each with the number of the chunk it came out with. */
const run = (chunks: readonly Uint8Array[]) => {
  const events: { data: string; chunk: number }[] = []
  let chunk = 0
  const decoder = new TextDecoder()
  const parse = sseParser((data) => events.push({ data, chunk }), 1_000_000)
  for (const part of chunks) {
    parse(decoder.decode(part, { stream: true }))
    chunk++
  }
  return events
}

// Of `event`, `id` and `retry` nothing is made here: their rows prove that such lines do no harm.
const rows: readonly [title: string, input: string | Uint8Array, events: readonly string[]][] = [
  [
    'one byte order mark is taken, a later one makes an unknown field',
    `${bom}data:1\n\n${bom}data:2\n\ndata:3\n\n`,
    ['1', '3'],
  ],
  ['two byte order marks lose the first event', `${bom}${bom}data:1\n\ndata:2\n\n`, ['2']],
  ['LF, CR and CRLF mix', 'data:test\r\n\ndata\ndata:test\r\n\r', ['test', '\ntest']],
  ['CRLF alone', 'data:1\r\n\r\ndata:2\r\n\r\n', ['1', '2']],
  ['CR alone', 'data:1\r\rdata:2\r\r', ['1', '2']],
  ['LF CR is two ends of line', 'data:1\n\rdata:2\n\r', ['1', '2']],
  [
    'comments end like lines, hold NUL, are long, look like fields',
    `data:1\r:\0\n:\r\ndata:2\n:${'x'.repeat(2048)}\rdata:3\n:data:fail\r:${'x'.repeat(2048)}\ndata:4\n\n`,
    ['1\n2\n3\n4'],
  ],
  [
    'names are exact and one space is dropped',
    'data:\0\ndata:  2\rData:1\ndata\0:2\ndata:1\r\0data:4\nda-ta:3\rdata_5\ndata:3\rdata:\r\n data:32\ndata:4\n\n',
    ['\0\n 2\n1\n3\n\n4'],
  ],
  ['empty data is an event', 'data:\n\ndata\ndata\n\ndata:test\n\n', ['', '\n', 'test']],
  ['one leading space, not a tab', 'data:\ttest\ndata: \ndata:test\n\n', ['\ttest\n\ntest']],
  ['unknown fields and bare words', 'data:a:b\nfoo:x\nbar\n:\ndata\ndatax:1\n\n', ['a:b\n']],
  ['a colon inside a value stays', 'data:a:b\n\ndata::c\n\ndata: :d\n\n', ['a:b', ':c', ':d']],
  ['the end inside an event drops it', 'data:a\n\ndata:b\n', ['a']],
  ['the end before an end of line drops the event', 'id:1\ndata:a\n\nid:2\ndata:b', ['a']],
  ['an id', 'id:1\ndata:a\n\ndata:b\n\nid:2\ndata:c\n\n', ['a', 'b', 'c']],
  ['an id without value', 'id:1\ndata:a\n\nid\ndata:b\n\n', ['a', 'b']],
  ['an id with NUL', 'id:1\ndata:a\n\nid:2\0 3\ndata:b\n\n', ['a', 'b']],
  ['an id without data is no event', 'id:2\n\ndata:a\n\n', ['a']],
  ['a type', 'event:x\ndata:a\n\ndata:b\n\nevent:\ndata:c\n\n', ['a', 'b', 'c']],
  ['a type without data is no event', 'event:x\n\ndata:b\n\n', ['b']],
  ['retry', 'retry:1000x\nretry\ndata:a\nretry: 5\n\nretry:-1\n\ndata:b\n\n', ['a', 'b']],
  ['NUL and characters of several bytes', 'data:\0ä€😀\n\ndata:日本\n\n', ['\0ä€😀', '日本']],
  ['bad bytes become U+FFFD', new Uint8Array([...bytes('data:'), 0xff, 0xc3, ...bytes('\n\n')]), ['\uFFFD\uFFFD']],
  ['empty lines alone are nothing', '\n\r\r\n\n', []],
]

describe('P SSE parser', () => {
  describe.each(rows)('%s', (_title, text, events) => {
    const input = typeof text === 'string' ? bytes(text) : text
    const cut = (...places: number[]): Uint8Array[] =>
      [0, ...places].map((from, index) => input.subarray(from, places[index] ?? input.length))

    it('whole', () => {
      expect(run([input]).map(({ data }) => data)).toEqual(events)
    })

    it('as the parser that was written from the WHATWG text', () => {
      expect(readEventStream(input)).toEqual(events)
    })

    it('byte by byte, each event with the byte that ends its empty line', () => {
      const parts = [...input].map((byte) => Uint8Array.of(byte))
      const got = run(parts)
      expect(got.map(({ data }) => data)).toEqual(events)
      // An event is not one byte late: without its last byte's chunk it is not there, with it it is.
      got.forEach(({ chunk }, index) => {
        expect(run([input.subarray(0, chunk + 1)])).toHaveLength(index + 1)
        expect(run([input.subarray(0, chunk)])).toHaveLength(index)
        expect([10, 13]).toContain(input[chunk])
      })
    })

    it('cut at every byte', () => {
      const ends = run([...input].map((byte) => Uint8Array.of(byte))).map(({ chunk }) => chunk)
      for (let at = 0; at <= input.length; at++) {
        const got = run(cut(at))
        expect(got.map(({ data }) => data)).toEqual(events)
        expect(got.map(({ chunk }) => chunk)).toEqual(ends.map((end) => (end < at ? 0 : 1)))
      }
    })

    it('cut at random', () => {
      let state = 7
      const random = (): number => (state = (state * 48271) % 0x7fffffff)
      for (let round = 0; round < 50; round++) {
        const places = Array.from({ length: 1 + (random() % 6) }, () => random() % (input.length + 1))
        expect(run(cut(...places.sort((a, b) => a - b))).map(({ data }) => data)).toEqual(events)
      }
    })
  })

  it('a lone CR that ends the chunk ends the event with that chunk', () => {
    expect(run([bytes('data:1\r\r')]).map(({ data }) => data)).toEqual(['1'])
  })

  it('an LF after a chunk that ended in CR is swallowed, also behind an empty chunk', () => {
    const got = run([bytes('data:1\r'), bytes(''), bytes('\ndata:2\r'), bytes('\n\r'), bytes('\n')])
    expect(got).toEqual([{ data: '1\n2', chunk: 3 }])
  })

  describe('bounds', () => {
    const overflow = (...chunks: string[]) => {
      const events: string[] = []
      const parse = sseParser((data) => events.push(data), 10)
      return { fits: chunks.map(parse), events }
    }

    it.each([
      ['a line', 'data:12345678\n\n'],
      ['lines together', 'data:1234\ndata:1\n\n'],
      ['a line without end', ':'.repeat(11)],
    ])('over it with %s, whole or in pieces', (_title, text) => {
      expect(overflow(text)).toEqual({ fits: [false], events: [] })
      expect(overflow(...Array.from(text))).toMatchObject({ events: [] })
      expect(overflow(...Array.from(text)).fits.at(-1)).toBe(false)
    })

    it('at it', () => {
      expect(overflow('data:12345\n\n', 'data:67890\n\n')).toEqual({ fits: [true, true], events: ['12345', '67890'] })
    })

    it('nothing comes out any more behind it', () => {
      expect(overflow('data:1234567890\n\n', 'data:1\n\n')).toEqual({ fits: [false, false], events: [] })
    })
  })

  /** The processor's time of the fastest of several runs, in ms: what else the machine does has no part in it. */
  const cost = (run: () => void): number => {
    const times = Array.from({ length: 5 }, () => {
      const before = process.cpuUsage()
      run()
      const { user, system } = process.cpuUsage(before)
      return (user + system) / 1_000
    })
    return Math.min(...times)
  }

  it.each([
    [
      'bytes one by one',
      200_000,
      (size: number) => ['data:', ...Array.from<string>({ length: size }).fill('x'), '\n\n'],
    ],
    ['many lines of one event', 150_000, (size: number) => ['data:x\n'.repeat(size), '\n']],
  ])('takes linear time for %s', (_, size, make) => {
    const costOf = (chunks: readonly string[]): number =>
      cost(() => {
        let length = 0
        const parse = sseParser((data) => (length = data.length), 10_000_000)
        for (const chunk of chunks) parse(chunk)
        expect(length).toBeGreaterThan(size / 2)
      })
    const [once, twice] = [make(size), make(2 * size)]
    expect(costOf(twice)).toBeLessThan(costOf(once) * 3 + 20)
  })
})
