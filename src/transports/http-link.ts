import { CONTENT_TYPE } from '../protocol/frames.ts'
import { MAX_CHARS, MAX_FOREIGN_CHARS, detailOf, retryAfterMs } from './http.ts'
import type { HttpOptions } from './http.ts'
import type { EndCode, Link, LinkEnd, LinkHandlers, OpenRequest } from './transport.ts'

/** Takes the text of an answer as it comes; false gives it up as too large. */
type Taker = (text: string) => boolean

/** What a transport over HTTP does to read, one thing at a time. When the link is over, none of it goes on. */
export interface Reading extends OpenRequest {
  /** One `POST /stream`. */
  readonly stream: (take: Taker) => Promise<never>
  /** One `POST /poll`: resolves with its batch, which was handed over; rejects with a `LinkEnd`. */
  readonly poll: (waitMs: number) => Promise<string>
  readonly pause: (ms: number) => Promise<void>
}

const ignore = (): void => {}

/**
 * Opens links that read by what `read` does until it ends, and send each batch by `POST /publish`, one at a time (PROTOCOL.md §8.8).
 * Before its first request that is kept open a link waits for a slot, which is given back at its end; it ends as 'busy' when there is none.
 */
export const httpLink =
  (options: HttpOptions, read: (reading: Reading, on: LinkHandlers) => Promise<LinkEnd>) =>
  (request: OpenRequest, on: LinkHandlers): Link => {
    const { clock } = request
    let open = true
    /** What there is to stop at the end: the newest request of each path, the pause in place of a poll, the slot. */
    const stops = new Map<string, () => void>()
    let last: Promise<unknown> = Promise.resolve()
    /** How many times its usual time a publish gets beside it. */
    let patience = 0

    const close = (): void => {
      if (!open) return
      open = false
      stops.forEach((stop) => stop())
    }
    const end = (reason: LinkEnd): void => {
      if (!open) return
      close()
      on.end(reason)
    }

    /**
     * One request: the next hello, or the batch of a publish. Resolves with its answer, which was handed over, or rejects with a
     * `LinkEnd`, as 'cut' at the end of the link.
     *
     * A request without answer ends with 'timeout' after a silence of `timeoutMs()` and `waitMs`; every chunk gives it `timeoutMs()`
     * again, so a slow line is no dead one. A stream has no limit before its headers nor between its chunks: beats are watched by
     * the client.
     *
     * Only an answer of our content type which holds the nonce of this request, or an error, is the hub's: a cache that repeats an
     * old one is told by that (PROTOCOL.md §4.3, §6.2).
     */
    const post = (path: string, waitMs = 0, stream?: Taker, batch?: string): Promise<string> =>
      new Promise((resolve, reject) => {
        const controller = new AbortController()
        const { signal } = controller
        const settle: (end: LinkEnd) => void = reject
        let code: EndCode = 'failed'
        let response: Response | undefined
        let text = ''
        let take: Taker = (chunk) => (text += chunk).length <= (code === 'foreign' ? MAX_FOREIGN_CHARS : MAX_CHARS)
        let dueMs = 0
        let cancelTimer = ignore

        const fail = (ended: EndCode): void => {
          cancelTimer()
          controller.abort()
          if (batch) {
            last = Promise.resolve()
            // A slow line, or a queue of the browser: a repeat with the same time would fare no better.
            if (ended === 'timeout') patience = Math.min(patience * 2 + 1, 7)
          }
          settle({
            // What becomes of an answer that is not the hub's says nothing more.
            code: code === 'foreign' ? code : ended,
            status: response?.status,
            retryAfterMs: retryAfterMs(response?.headers.get('retry-after') ?? '', clock.wall()),
            detail: detailOf(text),
          })
        }
        const limit = (ms: number): void => {
          cancelTimer()
          dueMs = Math.max(dueMs, clock.now() + ms)
          cancelTimer = clock.after(dueMs - clock.now(), () => {
            // A timer that is late (a hidden page, a busy one) gives as much, up to 1 s, to bytes that wait to be read.
            cancelTimer = clock.after(Math.min(clock.now() - dueMs, 1000), () => fail('timeout'))
          })
        }
        const onChunk = (chunk: string): void => {
          if (signal.aborted) return
          // Headers may come long before what they announce: the hold still counts.
          if (take !== stream) limit(request.timeoutMs())
          if (!batch && code === 'cut') on.alive()
          if (!take(chunk)) fail('too-large')
        }

        const run = async (): Promise<void> => {
          try {
            const body = batch ?? request.hello(waitMs)
            const nonce = /"nonce":"(.+?)"/.exec(body)?.[1] ?? ''
            if (!stream) limit(request.timeoutMs() + waitMs)
            // Redirects are followed and credentials are for the same origin: the defaults of fetch. text/plain needs no preflight.
            response = await (options.fetch ?? fetch)(request.url + path, {
              method: 'POST',
              headers: { 'content-type': batch ? 'application/json' : 'text/plain' },
              cache: 'no-store',
              body,
              signal,
            })
            const { ok, headers } = response
            if (batch) patience = 0
            const streamed = ok && stream
            const type = headers.get('content-type')?.toLowerCase().split(/\s*;/)[0]
            code = type === (streamed ? 'text/event-stream' : CONTENT_TYPE) ? 'cut' : 'foreign'
            if (streamed && code === 'cut') take = streamed
            onChunk('')
            const reader = response.body?.getReader()
            const decoder = new TextDecoder()
            // A tight loop: Safari is told to keep the last chunk back while nobody asks for one (WebKit bug 322545).
            while (reader && !signal.aborted) {
              const { done, value } = await reader.read()
              onChunk(decoder.decode(value, { stream: !done }))
              if (done) break
            }
            // Where a body can not be read as it comes.
            if (!reader) onChunk(await response.text())

            if (signal.aborted) return
            if (take === stream || code === 'foreign') fail(code)
            else if (!text.includes(ok ? nonce : '"error"')) fail('foreign')
            else if (!ok) fail('refused')
            else {
              cancelTimer()
              on.data(text, !!batch)
              resolve(text)
            }
          } catch (error) {
            // Of the platform, or of who took the data: a link that goes on mute would be worse.
            if (code !== 'foreign') text = String(error)
            fail(code)
          }
        }

        stops.set(path, () => fail('cut'))
        if (open) void run()
        else fail('cut')
      })

    const slot = async (): Promise<void> => {
      if (stops.has('slot')) return
      const release = await request.slots?.take()
      if (!release) end({ code: 'busy' })
      else if (open) stops.set('slot', release)
      else release()
    }
    const reading: Reading = {
      ...request,
      async stream(take) {
        await slot()
        return post('/stream', 0, take) as Promise<never>
      },
      async poll(waitMs) {
        if (waitMs) await slot()
        return post('/poll', waitMs)
      },
      pause: (ms) =>
        new Promise((resolve) => {
          if (open) stops.set('/poll', clock.after(ms, resolve))
        }),
    }
    // Nothing may be called inside open(), whatever fetch or hello do.
    void last.then(() => read(reading, on)).then(end, end)

    return {
      close,
      // Those that wait behind a failed one fail with it: the hub must not get them before it (PROTOCOL.md §8.8).
      send: (batch) =>
        (last = last.then(() => post('/publish', request.timeoutMs() * patience, undefined, batch))) as Promise<void>,
    }
  }
