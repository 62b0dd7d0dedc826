import { CONTENT_TYPE } from '../protocol/frames.ts'
import type { EndCode, LinkEnd, OpenRequest } from './transport.ts'

export interface HttpOptions {
  /** Called without `this`. @default globalThis.fetch */
  readonly fetch?: ((url: string, init: RequestInit) => Promise<Response>) | undefined
}

/** Most characters of one answer or event: a full batch (PROTOCOL.md §3.12, §9) with room for what JSON adds to it. */
export const MAX_CHARS = 1_400_000

/** What a proxy's page is read for: enough to find its title. */
const MAX_FOREIGN_CHARS = 4096

/** `Retry-After` in ms: seconds or an HTTP date; undefined for what is neither or is past. */
const retryAfterMs = (value: string, wallMs: number): number | undefined => {
  const ms = /^\d+$/.test(value) ? +value * 1000 : value.endsWith('GMT') ? Date.parse(value) - wallMs : -1
  return ms >= 0 ? Math.min(ms, 300_000) : undefined
}

/** A person's answer to "what was that": the title of a page, else the text from its start. */
const detailOf = (text: string): string | undefined =>
  (/<title[^>]*>([^<]+)/i.exec(text)?.[1] ?? text).trim().slice(0, 200) || undefined

export interface Answered {
  /** The whole batch of an answer that is the hub's. Not for streams. */
  readonly answer: (batch: string) => void
  readonly end: (end: LinkEnd) => void
  /** Headers or bytes of the hub came. */
  readonly alive: () => void
  /** The request is for a stream: gets its text as it comes; false gives it up as too large. */
  readonly stream?: (text: string) => boolean
}

/**
 * One `POST`. Calls `answer` or `end` once, never inside the call itself, and nothing after the returned cancel.
 *
 * The body is built when it is sent. A request without answer ends with 'timeout' after a silence of `timeoutMs()` and the
 * hold it asked for; every chunk starts that anew, so a slow line is no dead one. A stream has no limit before its headers nor
 * between its chunks: beats are watched by the client.
 *
 * Only an answer of our content type whose text may be a batch, and which holds the nonce of this request, is the hub's: a cache
 * that repeats an old one is told by that (PROTOCOL.md §4.3, §6.2).
 */
export const post = (
  options: HttpOptions,
  request: OpenRequest,
  path: string,
  body: () => string,
  on: Answered,
  waitMs = 0,
): (() => void) => {
  const { clock } = request
  const controller = new AbortController()
  const over = (): boolean => controller.signal.aborted
  let code: EndCode = 'failed'
  let response: Response | undefined
  let text = ''
  let cancelTimer = (): void => {}

  const cancel = (): void => {
    cancelTimer()
    controller.abort()
  }
  /** What becomes of an answer that is not the hub's says nothing more: it is foreign. */
  const end = (ended: EndCode, detail = detailOf(text), batch?: string): void => {
    if (over()) return
    cancel()
    const wait = retryAfterMs(response?.headers.get('retry-after') ?? '', clock.wall())
    on.end({ code: code === 'foreign' ? code : ended, status: response?.status, retryAfterMs: wait, detail, batch })
  }
  /** A timer that is late (a hidden page, a busy one) gives as much, up to 1 s, to bytes that wait to be read. */
  const limit = (ms: number, patienceMs = 1000): void => {
    cancelTimer()
    const due = clock.now() + ms
    cancelTimer = clock.after(ms, () => {
      const late = Math.min(clock.now() - due, patienceMs)
      if (late > 50) limit(late, 0)
      else end('timeout')
    })
  }

  const run = async (): Promise<void> => {
    // Nothing may be called inside open(), whatever fetch or hello do.
    await Promise.resolve()
    if (over()) return
    try {
      const sent = body()
      const nonce = /"nonce":"(.+?)"/.exec(sent)?.[1] ?? ''
      const due = clock.now() + request.timeoutMs() + waitMs
      if (!on.stream) limit(due - clock.now())
      // Redirects are followed and credentials are for the same origin: the defaults of fetch. text/plain needs no preflight.
      const answered = (response = await (options.fetch ?? fetch)(request.url + path, {
        method: 'POST',
        headers: { 'content-type': path === '/publish' ? 'application/json' : 'text/plain' },
        cache: 'no-store',
        body: sent,
        signal: controller.signal,
      }))
      const type = answered.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase()
      const ours = type === CONTENT_TYPE
      const stream = answered.ok && type === 'text/event-stream' && on.stream
      code = stream || ours ? 'cut' : 'foreign'

      const take = (chunk: string): void => {
        if (over()) return
        // Headers may come long before what they announce: the hold still counts.
        if (!stream) limit(Math.max(request.timeoutMs(), due - clock.now()))
        if (code === 'cut') on.alive()
        if (stream) {
          if (!stream(chunk)) end('too-large')
        } else {
          text += chunk
          if (text.length > (ours ? MAX_CHARS : MAX_FOREIGN_CHARS)) end('too-large')
        }
      }
      take('')
      if (answered.body) {
        // A tight loop: Safari is told to keep the last chunk back while nobody asks for one (WebKit bug 322545).
        const reader = answered.body.getReader()
        const decoder = new TextDecoder()
        for (let done = false; !done && !over();) {
          const chunk = await reader.read()
          done = chunk.done
          take(decoder.decode(chunk.value, { stream: !done }))
        }
      } else take(await answered.text())

      if (stream) end('cut')
      else if (!ours || !/^\s*\[/.test(text)) end('foreign')
      else if (!answered.ok) end('refused', undefined, text)
      else if (on.stream || !text.includes(nonce)) end('foreign')
      else if (!over()) {
        cancelTimer()
        on.answer(text)
        cancel()
      }
    } catch (error) {
      // Of the platform, or of who took the data: a link that goes on mute would be worse.
      end(code, code === 'foreign' ? undefined : String(error).slice(0, 200))
    }
  }
  void run()
  return cancel
}
