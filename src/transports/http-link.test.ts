import { HttpResponse, delay } from 'msw'
import { beforeEach, describe, expect, it } from 'vitest'
import { CONTENT_TYPE } from '../protocol/frames.ts'
import { answeringServer, url } from '../testing/answering-server.ts'
import type { Answer } from '../testing/answering-server.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { record, until } from '../testing/transport-recorder.ts'
import type { LinkEnd } from './transport.ts'
import { sse } from './sse.ts'

const answerWith = answeringServer()
const hub = { 'content-type': CONTENT_TYPE }
const refusal = '[{"type":"error","code":"internal","message":"no"}]'
const portal = '<title>Please log in</title>'

let clock: FakeClock
beforeEach(() => {
  clock = new FakeClock()
})

describe('httpLink send()', () => {
  const sending = async (answer: Answer) => {
    answerWith((request) =>
      request.url.endsWith('/publish') ? answer(request) : delay('infinite').then(() => HttpResponse.error()),
    )
    const recording = record(url, clock)
    const link = sse().open(recording.request, recording.on)
    const result = link.send('[{"type":"hello","nonce":"n1n"}]').then(
      () => 'sent',
      (end: unknown) => end as LinkEnd,
    )
    let done: LinkEnd | string | undefined
    void result.then((value) => (done = value))
    await until(clock, () => done !== undefined)
    return { recording, link, done }
  }

  it('hands its answer over, marked as one, before it resolves', async () => {
    const marks: unknown[] = []
    answerWith((request) =>
      request.url.endsWith('/publish')
        ? new HttpResponse('[{"type":"welcome","nonce":"n1n"}]', { headers: hub })
        : delay('infinite').then(() => HttpResponse.error()),
    )
    const recording = record(url, clock, { data: (_batch, answer) => marks.push(answer) })
    const link = sse().open(recording.request, recording.on)
    let order = ''
    const sent = link.send('[{"type":"hello","nonce":"n1n"}]').then(() => (order = recording.calls.join()))
    await sent
    expect(order).toBe('data')
    expect(marks).toEqual([true])
    link.close()
  })

  it.each([
    [
      'refused',
      () => new HttpResponse(refusal, { status: 503, headers: { ...hub, 'retry-after': '2' } }),
      { status: 503, detail: 'no', retryAfterMs: 2000 },
    ],
    ['foreign', () => HttpResponse.html(portal, { status: 502 }), { status: 502, detail: 'Please log in' }],
    ['failed', () => HttpResponse.error(), {}],
    ['timeout', () => delay('infinite').then(() => HttpResponse.error()), {}],
  ] as [string, Answer, object][])('R16 rejects as %s, and the link lives on', async (code, answer, facts) => {
    const { recording, link, done } = await sending(answer)
    expect(done).toMatchObject({ code, ...facts })
    expect(recording.calls).toEqual([])
    link.close()
  })

  it('§8.8 what waits behind a failed one fails with it, what comes later is tried', async () => {
    const bodies: string[] = []
    answerWith(async (request) => {
      if (!request.url.endsWith('/publish')) return delay('infinite').then(() => HttpResponse.error())
      const text = await request.text()
      bodies.push(text)
      return text === '[1]'
        ? new HttpResponse(refusal, { status: 503, headers: hub })
        : new HttpResponse('[]', { headers: hub })
    })
    const recording = record(url, clock)
    const link = sse().open(recording.request, recording.on)
    const results = await Promise.allSettled([link.send('[1]'), link.send('[2]'), link.send('[3]')])
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
    await link.send('[4]')
    expect(bodies).toEqual(['[1]', '[4]'])
    link.close()
  })

  it('a publish that was not answered in time doubles the time of the next, up to eight times; an answer brings it back', async () => {
    let answers = false
    let published = 0
    const fetch = async (path: string, { signal }: RequestInit): Promise<Response> => {
      if (path.endsWith('/publish')) published++
      if (path.endsWith('/publish') && answers) return new Response('[]', { headers: hub })
      return new Promise((_, reject) => signal?.addEventListener('abort', () => reject(new Error('aborted'))))
    }
    const recording = record(url, clock)
    const link = sse({ fetch }).open(recording.request, recording.on)
    /** How long a publish is waited for. */
    const lasted = async (): Promise<number> => {
      const beganMs = clock.now()
      let endedMs: number | undefined
      const sent = link.send('[1]').then(
        () => 0,
        (end: unknown) => {
          expect(end).toMatchObject({ code: 'timeout' })
          endedMs = clock.now()
          return endedMs - beganMs
        },
      )
      while (!answers && endedMs === undefined) await clock.advance(100)
      return sent
    }
    for (const ms of [5000, 10_000, 20_000, 40_000, 40_000]) expect(await lasted()).toBe(ms)
    answers = true
    expect(await lasted()).toBe(0)
    answers = false
    expect(await lasted()).toBe(5000)
    // What waits behind it is not sent, and does not count.
    const behind = Promise.allSettled([link.send('[2]'), link.send('[3]'), link.send('[4]')])
    await clock.advance(10_000)
    await behind
    expect(published).toBe(8)
    expect(await lasted()).toBe(20_000)
    link.close()
    expect(clock.pending).toBe(0)
  })
})
