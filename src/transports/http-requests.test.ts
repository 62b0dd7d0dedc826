import { HttpResponse, delay } from 'msw'
import { beforeEach, describe, expect, it } from 'vitest'
import { CONTENT_TYPE } from '../protocol/frames.ts'
import { answeringServer, url } from '../testing/answering-server.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { record, until } from '../testing/transport-recorder.ts'
import type { Transport } from './transport.ts'
import { longPoll, poll } from './poll.ts'
import { sse } from './sse.ts'

const answerWith = answeringServer()
const hub = { 'content-type': CONTENT_TYPE }
const portal = '<!doctype html><html><head><title>\n Please log in </title></head><body>…</body></html>'

let clock: FakeClock
beforeEach(() => {
  clock = new FakeClock()
})

const nonceOf = async (request: Request): Promise<string> => /n\d+n/.exec(await request.text())?.[0] ?? ''

const transports: [string, () => Transport][] = [
  ['sse', () => sse()],
  ['longPoll', () => longPoll()],
  ['poll', () => poll()],
]

describe('requests', () => {
  it('are text/plain for reading and JSON for publishing, never stored, and have nothing in the URL', async () => {
    const seen: string[] = []
    answerWith(async (request) => {
      seen.push(
        `${request.method} ${request.url} ${request.headers.get('content-type') ?? ''} ${request.cache} ${request.credentials}`,
      )
      const nonce = /[np]\d+[np]/.exec(await request.text())?.[0] ?? ''
      return new HttpResponse(`[{"type":"welcome","nonce":"${nonce}"}]`, { headers: hub })
    })
    const recording = record(url, clock)
    const link = poll().open(recording.request, recording.on)
    await until(clock, () => recording.batches.length > 0)
    await link.send('[{"type":"hello","nonce":"p1p"}]')
    link.close()
    expect(seen.slice(0, 2)).toEqual([
      `POST ${url}/poll text/plain no-store same-origin`,
      `POST ${url}/publish application/json no-store same-origin`,
    ])
  })

  it('N15 an answer to another request is foreign', async () => {
    answerWith(() => new HttpResponse('[{"type":"welcome","nonce":"old"}]', { headers: hub }))
    const recording = record(url, clock)
    poll().open(recording.request, recording.on)
    await until(clock, () => recording.ends.length > 0)
    expect(recording.ends).toMatchObject([{ code: 'foreign', status: 200 }])
    expect(recording.batches).toEqual([])
  })

  it('without an answer end as timeout after their silence', async () => {
    answerWith(async () => {
      await delay('infinite')
      return HttpResponse.error()
    })
    const recording = record(url, clock)
    poll().open(recording.request, recording.on)
    await clock.advance(4999)
    expect(recording.ends).toEqual([])
    await clock.advance(2)
    expect(recording.ends).toMatchObject([{ code: 'timeout' }])
    expect(clock.pending).toBe(0)
  })

  it('N30 are not unanswered while bytes flow', async () => {
    let feed: ReadableStreamDefaultController<Uint8Array> | undefined
    let nonce = ''
    answerWith(async (request) => {
      nonce = await nonceOf(request)
      return new HttpResponse(new ReadableStream<Uint8Array>({ start: (controller) => (feed = controller) }), {
        headers: hub,
      })
    })
    const recording = record(url, clock)
    const link = poll().open(recording.request, recording.on)
    await until(clock, () => feed !== undefined)
    for (const text of ['[', '{"type":"welcome",', `"nonce":"${nonce}"`, '}', ']']) {
      feed?.enqueue(new TextEncoder().encode(text))
      const alive = recording.calls.length
      for (let wait = 0; wait < 5 && recording.calls.length === alive; wait++) await clock.settle()
      await clock.advance(4500)
    }
    feed?.close()
    await until(clock, () => recording.batches.length > 0)
    expect(recording.batches).toEqual([`[{"type":"welcome","nonce":"${nonce}"}]`])
    expect(recording.calls.filter((call) => call === 'alive').length).toBeGreaterThan(4)
    link.close()
  })

  it('headers that come before the end of a hold do not shorten it', async () => {
    let feed: ReadableStreamDefaultController<Uint8Array> | undefined
    let nonce = ''
    answerWith(async (request) => {
      nonce = await nonceOf(request)
      return new HttpResponse(new ReadableStream<Uint8Array>({ start: (controller) => (feed = controller) }), {
        headers: hub,
      })
    })
    const recording = record(url, clock, { timeoutMs: () => 5000 })
    const link = longPoll().open(recording.request, recording.on)
    const answer = async (): Promise<void> => {
      const came = recording.batches.length
      feed?.enqueue(new TextEncoder().encode(`[{"type":"welcome","nonce":"${nonce}"}]`))
      feed?.close()
      feed = undefined
      await until(clock, () => recording.batches.length > came && feed !== undefined)
    }
    await until(clock, () => feed !== undefined)
    await answer()
    await answer()
    expect(recording.waits.at(-1)).toBe(25_000)
    await clock.advance(29_000)
    expect(recording.waits.at(-1)).toBe(25_000)
    expect(recording.ends).toEqual([])
    link.close()
  })

  it.each(transports)('%s: data that its taker throws at ends the link instead of muting it', async (name, make) => {
    answerWith(async (request) => {
      const batch = `[{"type":"welcome","nonce":"${await nonceOf(request)}"}]`
      return name === 'sse'
        ? new HttpResponse(`data: ${batch}\n\n`, { headers: { 'content-type': 'text/event-stream' } })
        : new HttpResponse(batch, { headers: hub })
    })
    const data = (): never => {
      throw new Error('taker')
    }
    const recording = record(url, clock, { data })
    make().open(recording.request, recording.on)
    await until(clock, () => recording.ends.length > 0)
    expect(recording.ends).toMatchObject([{ code: 'cut', detail: 'Error: taker' }])
    expect(clock.pending).toBe(0)
  })

  it('bytes of someone else are no sign of life', async () => {
    const recording = record(url, clock)
    answerWith(() => HttpResponse.html(portal))
    poll().open(recording.request, recording.on)
    await until(clock, () => recording.ends.length > 0)
    expect(recording.calls).toEqual(['end'])
  })

  it('N18 a time limit that is noticed late leaves a second for bytes that wait', async () => {
    let answer = (_text: string): void => {}
    let nonce = ''
    answerWith(async (request) => {
      nonce = await nonceOf(request)
      return new HttpResponse(await new Promise<string>((resolve) => (answer = resolve)), { headers: hub })
    })
    const recording = record(url, clock)
    const link = poll().open(recording.request, recording.on)
    await until(clock, () => nonce !== '')
    clock.sleep(60_000)
    await clock.advance(0)
    expect(recording.ends).toEqual([])
    answer(`[{"type":"welcome","nonce":"${nonce}"}]`)
    for (let wait = 0; wait < 10 && recording.batches.length === 0; wait++) await clock.settle()
    expect(recording.batches).toHaveLength(1)
    link.close()
  })

  it('N18 a time limit that is noticed late ends the request when nothing came', async () => {
    answerWith(async () => {
      await delay('infinite')
      return HttpResponse.error()
    })
    const recording = record(url, clock)
    poll().open(recording.request, recording.on)
    await clock.advance(10)
    clock.sleep(60_000)
    await clock.advance(999)
    expect(recording.ends).toEqual([])
    await clock.advance(1)
    expect(recording.ends).toMatchObject([{ code: 'timeout' }])
  })
})
