import { describe, expect, it } from 'vitest'
import type { ErrorFrame } from '../protocol/frames.ts'
import { TestSocket, hello, testHub } from '../testing/test-hub.ts'
import type { TestHub } from '../testing/test-hub.ts'

/** JSON of what a field may have that is wrong for it; null leaves the field out. */
type Json = string | null

const LONG = JSON.stringify('x'.repeat(9_000))
/** Of every type, and at the edges of what there is. Each field takes some of them. */
const VALUES: readonly Json[] = [
  ...[null, 'null', 'true', '0', '-0', '1', '-1', '1.5', '1e400', '-1e400', '9007199254740992', '18446744073709551616'],
  ...['""', '"x"', '"1"', '"\\u0000"', '"a\\r\\nb"', '"\\u001b[31m"', '"\\u2028"', '"\\ud800"', '"__proto__"', LONG],
  ...['[]', '{}', '[[]]', '{"length":1000000000}', '{"toString":1}', '{"__proto__":{"polluted":true}}'],
  ...['{"after":"E.1.m1","last":1}', '{"after":1}', '{"last":-1}', '{"last":"1"}'],
]

const is =
  (...good: readonly Json[]) =>
  (value: Json): boolean =>
    good.includes(value)
const counts = is('1')
const durations = is(null, '0', '-0', '1', '1.5', '1e400', '9007199254740992', '18446744073709551616')
const numbers = is(null, '0', '-0', '1', '-1', '1.5', '9007199254740992', '18446744073709551616')
const names = is('"x"', '"1"', '"__proto__"')
const texts = is(null, ...VALUES.filter((value) => value?.startsWith('"') && value !== LONG))

/** What each field takes of these. */
const HELLO: Readonly<Record<string, (value: Json) => boolean>> = {
  protocol: is('1'),
  nonce: names,
  client: is(),
  token: texts,
  heartbeatMs: durations,
  waitMs: durations,
  channels: is(null, '[]'),
}
const REQUEST: typeof HELLO = {
  channel: names,
  from: is('{"after":"E.1.m1","last":1}'),
  ref: numbers,
  limit: is(null, '1'),
}
const PUBLISH: typeof HELLO = {
  channel: names,
  sequence: counts,
  until: numbers,
  key: is(null, '"x"', '"1"', '"__proto__"'),
  // Any JSON is data.
  data: (value) => value !== null,
}

const REQUEST_FIELDS = { channel: '"a"', from: '"latest"', ref: '7' }
const PUBLISH_FIELDS = { type: '"publish"', channel: '"a"', sequence: '1', data: '1' }
const helloFields = (): Record<string, string> =>
  Object.fromEntries(Object.entries(hello({ channels: [] })).map(([name, value]) => [name, JSON.stringify(value)]))

/** Text of an object; a field of null is left out. */
const object = (fields: Readonly<Record<string, Json>>): string =>
  `{${Object.entries(fields)
    .filter((field): field is [string, string] => field[1] !== null)
    .map(([name, json]) => `${JSON.stringify(name)}:${json}`)
    .join()}}`
const HELLO_TEXT = object(helloFields())

/** The errors that were said to a batch, and whether the request or the link was ended for them. */
interface Said {
  readonly errors: readonly ErrorFrame[]
  readonly ended: boolean
}
type Way = (hub: TestHub, batch: string) => Promise<Said>

const post =
  (path: string): Way =>
  async (hub, batch) => {
    const answering = hub.ask(path, { body: batch })
    // A poll may ask to be held.
    await hub.clock.advance(10)
    const { status, frames, stream } = await answering
    stream?.session.gone()
    const errors = (stream?.frames ?? frames).filter((frame) => frame.type === 'error')
    return { errors, ended: status === 400 }
  }
/** On a link that said `before` already. */
const webSocket =
  (...before: readonly string[]): Way =>
  async (hub, batch) => {
    const socket = new TestSocket().open(hub)
    for (const text of before) socket.session.receive(text)
    await hub.clock.settle()
    socket.session.receive(batch)
    await hub.clock.settle()
    const { closed } = socket
    socket.session.gone()
    expect([undefined, 4400]).toContain(closed?.code)
    return { errors: socket.ofType('error'), ended: closed !== null }
  }

const IN_HELLO: Readonly<Record<string, Way>> = {
  'POST /poll': post('/poll'),
  'POST /stream': post('/stream'),
  'POST /publish': (hub, batch) => post('/publish')(hub, `${batch.slice(0, -1)},${object(PUBLISH_FIELDS)}]`),
  WebSocket: webSocket(),
}
const ON_LINK = { WebSocket: webSocket(`[${HELLO_TEXT}]`) }
const IN_PUBLISH = {
  'POST /publish': ((hub, batch) => post('/publish')(hub, `[${HELLO_TEXT},${batch.slice(1)}`)) satisfies Way,
  ...ON_LINK,
}

interface Table {
  readonly frame: string
  readonly fields: typeof HELLO
  readonly ways: Readonly<Record<string, Way>>
  /** The batch in which a field has that value. */
  readonly batch: (field: string, json: Json) => string
  readonly path: string
  /** Whether a refusal ends all of it, or is one of a frame (§10.3). */
  readonly ends: boolean
}
const TABLES: readonly Table[] = [
  {
    frame: 'hello',
    fields: HELLO,
    ways: IN_HELLO,
    batch: (field, json) => `[${object({ ...helloFields(), [field]: json })}]`,
    path: '',
    ends: true,
  },
  {
    frame: 'channel request',
    fields: REQUEST,
    ways: IN_HELLO,
    batch: (field, json) =>
      `[${object({ ...helloFields(), channels: `[${object({ ...REQUEST_FIELDS, [field]: json })}]` })}]`,
    path: 'channels[0].',
    ends: true,
  },
  {
    frame: 'subscribe',
    fields: REQUEST,
    ways: ON_LINK,
    batch: (field, json) => `[${object({ type: '"subscribe"', ...REQUEST_FIELDS, [field]: json })}]`,
    path: '',
    ends: false,
  },
  {
    frame: 'unsubscribe',
    fields: { channel: names },
    ways: ON_LINK,
    batch: (field, json) => `[${object({ type: '"unsubscribe"', [field]: json })}]`,
    path: '',
    ends: false,
  },
  {
    frame: 'publish',
    fields: PUBLISH,
    ways: IN_PUBLISH,
    batch: (field, json) => `[${object({ ...PUBLISH_FIELDS, [field]: json })}]`,
    path: '',
    ends: false,
  },
]

const CASES = TABLES.flatMap((table) =>
  Object.keys(table.fields).flatMap((field) =>
    Object.keys(table.ways).map((way) => [table.frame, field, way, table] as const),
  ),
)

describe('§10 S11 S12 S16 a field that is missing or wrong is refused by its name, on every way', () => {
  it.each(CASES)('%s: %s, over %s', async (_frame, field, way, { fields, ways, batch, path, ends }) => {
    const hub = testHub({ limits: { holdMs: 5 } })
    const refused: Json[] = []
    for (const json of VALUES) {
      const { errors, ended } = await ways[way]!(hub, batch(field, json))
      const isGood = fields[field]!(json)
      const about = errors.filter(({ code }) => code === 'bad-request')
      expect([field, json?.slice(0, 40), about.length]).toEqual([field, json?.slice(0, 40), isGood ? 0 : 1])
      if (isGood) continue
      refused.push(json)
      expect(about[0]?.field?.startsWith(`${path}${field}`)).toBe(true)
      expect(ended).toBe(ends)
      // oxlint-disable-next-line no-control-regex -- controls are what must not be there
      expect(about[0]?.message).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\ud800]/)
    }
    expect(refused.length).toBeGreaterThan(0)
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
    expect([hub.health.links, hub.failures]).toEqual([0, []])
  })

  it('S11 all unit tests run where nobody can read or set a prototype by its name', () => {
    const named: { readonly ['__proto__']?: unknown } = {}
    expect(() => named.__proto__).toThrow('disallowed')
  })

  it.each(Object.keys(IN_HELLO))('§1.9 of a field that is there twice the last counts, over %s', async (way) => {
    const twice = (first: string, last: string): string =>
      `[${HELLO_TEXT.slice(0, -1)},"nonce":${first},"nonce":${last}}]`
    const hub = testHub()
    expect((await IN_HELLO[way]!(hub, twice('1', '"n"'))).errors).toEqual([])
    expect((await IN_HELLO[way]!(hub, twice('"n"', '1'))).errors).toMatchObject([{ field: 'nonce' }])
  })

  it.each(['error', 'close', 'message', 'newListener', 'constructor', '__proto__', 'toString', 'then'])(
    '§1.8 the type %j is one that nobody knows, wherever it stands',
    async (type) => {
      const hub = testHub()
      const frame = `{"type":"${type}","message":"x","args":[]}`
      for (const path of ['/poll', '/stream'])
        expect(await post(path)(hub, `[${HELLO_TEXT},${frame}]`)).toEqual({ errors: [], ended: false })
      expect(await webSocket(`[${HELLO_TEXT}]`)(hub, `[${frame}]`)).toEqual({ errors: [], ended: false })
      // But nothing begins with it.
      expect(await webSocket()(hub, `[${frame}]`)).toMatchObject({ ended: true })
      expect(hub.failures).toEqual([])
    },
  )

  it.each(['subscribe', 'unsubscribe', 'publish', 'ping', 'welcome', 'run'])(
    '§5.2 %s before the hello ends a link, and is refused at every endpoint',
    async (type) => {
      const hub = testHub()
      const frame = object({ ...PUBLISH_FIELDS, ...REQUEST_FIELDS, type: JSON.stringify(type) })
      for (const way of Object.values(IN_HELLO)) {
        const { errors, ended } = await way(hub, `[${frame},${HELLO_TEXT}]`)
        expect([errors.map(({ code }) => code), ended]).toEqual([['bad-request'], true])
      }
    },
  )
})
