import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isChannelName } from '../protocol/channel-name.ts'
import { parsePosition } from '../protocol/position.ts'
import { isPublishKey, readBatch, readClientFrame } from '../protocol/validate-client-frames.ts'
import { FUZZ_TIMEOUT_MS, fuzzing } from '../testing/fuzz.ts'
import { TestSocket, hello, testHub } from '../testing/test-hub.ts'
import { channelRules } from './channel-rules.ts'
import { DEFAULT_LIMITS } from './limits.ts'
import { plainText } from './logger.ts'
import { checkOrigin } from './origins.ts'
import { peerAddress } from './peer-address.ts'
import { readQuery } from './query-request.ts'
import { checkType } from './request-body.ts'
import { bearer } from './token.ts'

const SMALL = 8_192
const LARGE = 65_536
/** So many small ones have as many characters as a large one. */
const SMALL_ONES = LARGE / SMALL
const TRIES = 5
/** Of what seems to take too long, for the machine may have been busy with something else. */
const MOST_TRIES = 50
/** Work that grows with the square would be `SMALL_ONES` times as much for a large one. */
const MOST = 3
/** As soon as S14 asks for: what takes less a busy machine hides, and work that grows with the square takes longer (the last test). */
const SOON_MS = 5

type Work = (text: string) => unknown

/** How much longer a large input takes than the same amount in small ones: the best of some tries, in turns. */
const growth = (input: (length: number) => string, work: Work): number => {
  const [small, large] = [input(SMALL), input(LARGE)]
  const timed = (task: () => void): number => {
    const startedMs = performance.now()
    task()
    return performance.now() - startedMs
  }
  const quiet = (text: string): void => {
    try {
      work(text)
    } catch {
      // A refusal is as good as an answer.
    }
  }
  let [leastSmall, leastLarge] = [Infinity, Infinity]
  for (let n = 0; n < TRIES || (n < MOST_TRIES && leastLarge > MOST * leastSmall); n++) {
    leastSmall = Math.min(
      leastSmall,
      timed(() => {
        for (let m = 0; m < SMALL_ONES; m++) quiet(small)
      }),
    )
    leastLarge = Math.min(
      leastLarge,
      timed(() => quiet(large)),
    )
    if (leastLarge < SOON_MS) return 0
  }
  return leastLarge / leastSmall
}

const repeated =
  (piece: string, before = '', behind = '') =>
  (length: number): string =>
    before + piece.repeat(Math.floor((length - before.length - behind.length) / piece.length)) + behind

const limits = { ...DEFAULT_LIMITS, framesPerBatch: 100_000 }
const read: Work = (text) => {
  for (const value of readBatch(text, limits)) {
    try {
      readClientFrame(value, limits)
    } catch {
      // Each is refused by itself.
    }
  }
}
const hub = testHub({ limits: { refusalsPerMinutePerLink: Infinity } })
const receive: Work = (text) => {
  const socket = new TestSocket().open(hub)
  socket.session.receive(text)
  socket.session.gone()
}

const BATCHES: readonly (readonly [string, (length: number) => string])[] = [
  ...[
    '[',
    '{"a":',
    '"',
    '\\',
    '\\"',
    '"\\"',
    '"\\\\"',
    ' ',
    '\u2028',
    '\ud800',
    '9',
    '-',
    '.',
    '1e',
    '[],',
    '{},',
    '1,',
    '"",',
  ].map((piece) => [`${JSON.stringify(piece)} again and again`, repeated(piece)] as const),
  ['a string of backslashes', repeated('\\\\', '["', '"]')],
  ['a string of quotation marks', repeated('\\"', '["', '"]')],
  ['a string of escapes', repeated('\\u0061', '["', '"]')],
  ['one number', repeated('9', '[', ']')],
  ['one fraction', repeated('9', '[0.', ']')],
  ['one exponent', repeated('9', '[1e', ']')],
  ['CVE-2020-36048 very many very small items', repeated('0,', '[', '0]')],
  ['empty frames', repeated('{},', '[', '{}]')],
  ['pings', repeated('{"type":"ping"},', '[', '{}]')],
  ['one name many times', repeated('"a":1,', '[{', '"type":"ping"}]')],
  ['__proto__ many times', repeated('"__proto__":{},', '[{', '"type":"ping"}]')],
  ['channels', repeated('{"channel":"a","from":"latest"},', '[{"type":"hello","channels":[', '{}]}]')],
  ...['type', 'nonce', 'client', 'token', 'channels'].flatMap((field) =>
    ['x', '\\u2028', ' ', '.', 'é', '\\ud800'].map(
      (piece) => [`${field} of ${piece}`, repeated(piece, `[{"type":"hello","${field}":"`, '"}]')] as const,
    ),
  ),
  ...['channel', 'from', 'ref'].map(
    (field) =>
      [`subscribe with a long ${field}`, repeated('a\\n', `[{"type":"subscribe","${field}":"`, '"}]')] as const,
  ),
  ['a long position', repeated('1.', '[{"type":"subscribe","channel":"a","from":{"after":"E.1', '"}}]')],
  ['a long key', repeated('k', '[{"type":"publish","channel":"a","sequence":1,"data":1,"key":"', '"}]')],
  [
    'long data',
    repeated(
      '{"a":[1,"\\u00e9"]},',
      `[${JSON.stringify(hello())},{"type":"publish","channel":"a","sequence":1,"data":[`,
      '1]}]',
    ),
  ],
]

const rules = channelRules([
  { channel: 'a*b*c*d*e', subscribe: true },
  { channel: '*{userId}*x', subscribe: true },
])
const noHeader = {
  body: async () => ({ kind: 'gone' }) as const,
  method: 'POST',
  target: '/',
  remoteAddress: undefined,
  signal: new AbortController().signal,
}
const query = (text: string) => readQuery('/poll', new URLSearchParams(text), undefined, DEFAULT_LIMITS)
const TEXTS: readonly (readonly [string, Work])[] = [
  ['a channel name', isChannelName],
  ['a position', parsePosition],
  ['a publish key', isPublishKey],
  ['Authorization', bearer],
  ['Authorization behind Bearer', (text) => bearer(`Bearer ${text}`)],
  [
    'Origin',
    (origin) =>
      checkOrigin({ origin, host: 'x', secFetchSite: undefined }, true, {
        origins: ['https://a.b'],
        allowMissingOrigin: false,
      }),
  ],
  [
    'Host',
    (host) =>
      checkOrigin({ origin: `https://${host}`, host, secFetchSite: undefined }, true, {
        origins: [],
        allowMissingOrigin: false,
      }),
  ],
  ['X-Forwarded-For', (text) => peerAddress({ header: () => text, remoteAddress: '::1' }, 16)],
  [
    'Content-Type',
    (text) =>
      checkType({ ...noHeader, header: (name) => (name === 'content-type' ? `application/json;${text}` : undefined) }, [
        'application/json',
      ]),
  ],
  ['Content-Encoding', (text) => checkType({ ...noHeader, header: () => text }, ['application/json'])],
  ['Last-Event-ID', (text) => readQuery('/poll', new URLSearchParams('channel=a&channel=b'), text, DEFAULT_LIMITS)],
  ['a query', query],
  ['a channel in a query', (text) => query(`channel=${text}`)],
  ['since', (text) => query(`channel=a&since=${text}`)],
  ['wait', (text) => query(`channel=a&wait=${text}`)],
  ['a text for the log', plainText],
  ['a rule', (channel) => rules({ user: { userId: 'a' }, action: 'subscribe', channel })],
]
const PIECES = [
  'a',
  ' ',
  '\t',
  ',',
  ';',
  '.',
  '~',
  '&',
  '=',
  '%',
  '%0',
  '&a=b',
  '1',
  '::',
  '[',
  ']:',
  '"',
  '\\x',
  'é',
  '\u2028',
  '\ud800',
  'ab*',
  'charset=',
  'last:1~',
  'bearer ',
  '1.2.3.4,',
]

describe('S14 the time for an input grows with its length, and not faster: eight times as much takes eight times as long', () => {
  it.each(BATCHES)('a batch: %s', (_title, input) => {
    expect(growth(input, read)).toBeLessThan(MOST)
    expect(growth(input, receive)).toBeLessThan(MOST)
  })

  it.each(TEXTS)('%s', (_title, work) => {
    for (const piece of PIECES) expect([piece, growth(repeated(piece), work) < MOST]).toEqual([piece, true])
    for (const piece of PIECES) expect([piece, growth(repeated(piece, 'a', '!'), work) < MOST]).toEqual([piece, true])
  })

  it(
    'whatever is repeated, and whatever stands before and behind it',
    () => {
      const token = fc.constantFrom(
        '[',
        ']',
        '{',
        '}',
        '"',
        '\\',
        ':',
        ',',
        ' ',
        'a',
        '0',
        '-',
        'e',
        '.',
        '\\u',
        '"a":',
        '"type":"publish"',
        '"type":"hello"',
        'é',
        '\ud800',
      )
      const piece = fc.array(token, { minLength: 1, maxLength: 5 }).map((tokens) => tokens.join(''))
      const property = fc.property(piece, piece, piece, (again, before, behind) => {
        expect(growth(repeated(again, before, behind), read)).toBeLessThan(MOST)
        expect(growth(repeated(again, `[{"type":"hello","token":"${before}`, behind), receive)).toBeLessThan(MOST)
      })
      fc.assert(property, fuzzing(2))
    },
    FUZZ_TIMEOUT_MS,
  )

  it('work that grows with the square is told from that', () => {
    const quadratic: Work = (text) => {
      let count = 0
      for (let n = 0; n < text.length; n++) count += text.indexOf('!', n)
      return count
    }
    expect(growth(repeated('a,'), quadratic)).toBeGreaterThan(MOST)
  })
})
