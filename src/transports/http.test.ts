import { HttpResponse } from 'msw'
import { beforeEach, describe, expect, it } from 'vitest'
import { CONTENT_TYPE } from '../protocol/frames.ts'
import { answeringServer, url } from '../testing/answering-server.ts'
import type { Answer } from '../testing/answering-server.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { record, until } from '../testing/transport-recorder.ts'
import type { LinkEnd, Transport } from './transport.ts'
import { longPoll, poll } from './poll.ts'
import { sse } from './sse.ts'

const answerWith = answeringServer()
const refusal = '[{"type":"error","code":"internal","message":"no"}]'
const portal = '<!doctype html><html><head><title>\n Please log in </title></head><body>…</body></html>'

let clock: FakeClock
beforeEach(() => {
  clock = new FakeClock()
})

/** How a link ends that gets this answer. */
const endOf = async (transport: Transport, answer: Answer): Promise<LinkEnd> => {
  answerWith(answer)
  const recording = record(url, clock)
  transport.open(recording.request, recording.on)
  await until(clock, () => recording.ends.length > 0, 'the end')
  expect(clock.pending).toBe(0)
  expect(recording.slots.taken).toBe(0)
  expect(recording.calls.filter((call) => call !== 'alive')).toEqual(['end'])
  return recording.ends[0]!
}

const transports: [string, () => Transport][] = [
  ['sse', () => sse()],
  ['longPoll', () => longPoll()],
  ['poll', () => poll()],
]

describe.each(transports)('%s: answers that a hub would not give', (name, make) => {
  const text = (body: string, status: number, type: string, headers: Record<string, string> = {}): Answer => {
    return () => new HttpResponse(body, { status, headers: { 'content-type': type, ...headers } })
  }

  it.each([[401, 403, 404, 405, 408, 413, 415, 429, 500, 503]].flat())(
    'R16 %i of the hub is refused, with its message',
    async (status) => {
      expect(await endOf(make(), text(refusal, status, CONTENT_TYPE))).toEqual({
        code: 'refused',
        status,
        detail: 'no',
        retryAfterMs: undefined,
      })
    },
  )

  it.each([401, 403, 407, 413, 429, 500, 502, 503, 504])('N13 %i with HTML is foreign', async (status) => {
    expect(await endOf(make(), text(`<html><title>${status} Bad</title>`, status, 'text/html'))).toMatchObject({
      code: 'foreign',
      status,
      detail: `${status} Bad`,
    })
  })

  it('N12 a captive portal with 200 is foreign, and its title the detail', async () => {
    expect(await endOf(make(), text(portal, 200, 'text/html; charset=utf-8'))).toMatchObject({
      code: 'foreign',
      status: 200,
      detail: 'Please log in',
    })
  })

  it.each([
    ['204', () => new HttpResponse(null, { status: 204 }), 204],
    ['an empty 200', () => new HttpResponse('', { status: 200 }), 200],
    ['an empty 200 of our type', text('', 200, CONTENT_TYPE), 200],
    ['text of our type that is no batch', text('<html>', 200, CONTENT_TYPE), 200],
    ['an error of our type that is no batch', text('oops', 502, CONTENT_TYPE), 502],
    ['JSON of another type', text('[]', 200, 'application/json'), 200],
    ['a type that only begins like ours', text('[]', 200, `${CONTENT_TYPE}x`), 200],
    ['no type at all', () => new HttpResponse(new TextEncoder().encode('[]')), 200],
    [
      name === 'sse' ? 'a batch instead of a stream' : 'a stream instead of a batch',
      text('data: []\n\n', 200, name === 'sse' ? CONTENT_TYPE : 'text/event-stream'),
      200,
    ],
  ] as [string, Answer, number][])('%s is foreign', async (_title, answer, status) => {
    expect(await endOf(make(), answer)).toMatchObject({ code: 'foreign', status })
  })

  it('a failed fetch is failed, with the reason of the platform', async () => {
    const end = await endOf(make(), () => HttpResponse.error())
    expect(end).toMatchObject({ code: 'failed', status: undefined, detail: 'TypeError: Failed to fetch' })
  })

  it('§10.4 Retry-After in seconds, as a date, at most 5 minutes; nonsense is ignored', async () => {
    const rows: [string, number | undefined][] = [
      ['3', 3000],
      ['0', 0],
      ['999999999', 300_000],
      [new Date(clock.wall() + 60_000).toUTCString(), 60_000],
      ['Fri, 31 Dec 9999 23:59:59 GMT', 300_000],
      ['Wed, 21 Oct 2015 07:28:00 GMT', undefined],
      ['-5', undefined],
      ['1.5', undefined],
      ['1e3', undefined],
      ['soon 3000', undefined],
      ['GMT', undefined],
      ['', undefined],
    ]
    for (const [value, expected] of rows) {
      const headers = { 'retry-after': value }
      const end = await endOf(make(), text(refusal, 429, CONTENT_TYPE, headers))
      if (expected === undefined) expect(end.retryAfterMs, value).toBeUndefined()
      // Waiting for the end moved the clock, and dates have no milliseconds.
      else expect(Math.abs((end.retryAfterMs ?? NaN) - expected), value).toBeLessThan(3000)
      expect((await endOf(make(), text(portal, 503, 'text/html', headers))).retryAfterMs === undefined, value).toBe(
        expected === undefined,
      )
    }
  })

  it('the detail is at most 200 characters', async () => {
    expect((await endOf(make(), text('x'.repeat(3000), 502, 'text/plain'))).detail).toBe('x'.repeat(200))
  })

  it('a foreign page without end is not read to its end', async () => {
    let pulled = 0
    const endless: Answer = () =>
      new HttpResponse(
        new ReadableStream({
          pull: (controller) => {
            pulled++
            controller.enqueue(new TextEncoder().encode('<p>'.repeat(100)))
          },
        }),
        { headers: { 'content-type': 'text/html' } },
      )
    expect(await endOf(make(), endless)).toMatchObject({ code: 'foreign', status: 200 })
    expect(pulled).toBeLessThan(100)
  })

  it('a foreign page that stalls is foreign by the time limit', async () => {
    const stalled: Answer = () =>
      new HttpResponse(
        new ReadableStream({
          start: (controller) => controller.enqueue(new TextEncoder().encode('<title>Slow</title>')),
        }),
        { headers: { 'content-type': 'text/html' } },
      )
    expect(await endOf(make(), stalled)).toMatchObject({ code: 'foreign', status: 200, detail: 'Slow' })
  })

  it('a line of 50 MB ends the link as too large, and is not held', async () => {
    let pulled = 0
    const chunk = new TextEncoder().encode((name === 'sse' ? 'data:' : '[') + 'x'.repeat(100_000))
    const flood: Answer = () =>
      new HttpResponse(
        new ReadableStream({
          pull: (controller) => {
            if (++pulled > 500) controller.close()
            else controller.enqueue(chunk)
          },
        }),
        { headers: { 'content-type': name === 'sse' ? 'text/event-stream' : CONTENT_TYPE } },
      )
    expect(await endOf(make(), flood)).toMatchObject({ code: 'too-large', status: 200 })
    expect(pulled).toBeLessThan(30)
  })

  it('N9 a body that breaks off is cut, and no part of it is data', async () => {
    const broken: Answer = () =>
      new HttpResponse(
        new ReadableStream({
          start: (controller) =>
            controller.enqueue(new TextEncoder().encode(name === 'sse' ? 'data: [{"type"' : '[{"type"')),
          pull: (controller) => controller.error(new Error('reset')),
        }),
        { headers: { 'content-type': name === 'sse' ? 'text/event-stream' : CONTENT_TYPE } },
      )
    expect(await endOf(make(), broken)).toMatchObject({ code: 'cut', status: 200 })
  })
})
