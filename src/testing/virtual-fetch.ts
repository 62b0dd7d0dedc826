import type { GatewayResponse } from '../server/gateway-types.ts'
import { virtualResponse } from './virtual-response.ts'
import type { Wires } from './virtual-wires.ts'
import { neverAnswers } from './weather.ts'
import type { Connection } from './weather.ts'

/** One for all: making its stack trace costs more than all else of an abort. */
const ABORTED = new DOMException('aborted', 'AbortError')

const ignore = (): void => undefined

/** Starts a body, which says each of its chunks, and at its end nothing. */
const begin = (
  body: GatewayResponse['body'],
  signal: AbortSignal,
  say: (chunk: Uint8Array | undefined) => void,
  fail: (error: unknown) => void,
): void => {
  if (typeof body === 'string') {
    if (body) say(Buffer.from(body))
    say(undefined)
    return
  }
  let isOver = false
  const over = (last: () => void): void => {
    if (isOver) return
    isOver = true
    last()
    // It may end while it starts.
    queueMicrotask(() => session.gone())
  }
  const session = body({
    write: (chunk) => say(Buffer.from(chunk)),
    writeRun: (run) => say(run.eventBatch),
    buffered: () => 0,
    unsent: () => 0,
    end: () => over(() => say(undefined)),
    destroy: () => over(() => fail(new Error('the stream was ended'))),
  })
  const leave = (): void => over(ignore)
  if (signal.aborted) leave()
  else signal.addEventListener('abort', leave)
}

/** All that a body says until its end. */
const wholeOf = (body: GatewayResponse['body'], signal: AbortSignal): Promise<Uint8Array> =>
  new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = []
    begin(body, signal, (chunk) => (chunk ? chunks.push(chunk) : resolve(Buffer.concat(chunks))), reject)
  })

/** The `fetch` of a virtual network. */
export const virtualFetch = (wires: Wires): ((url: string, init: RequestInit) => Promise<Response>) => {
  const cached = new Map<string, GatewayResponse>()

  return async (url, init) => {
    const { pathname } = new URL(url)
    const target = pathname.slice(pathname.lastIndexOf('/'))
    const path = (/^\/(?:poll|stream|publish)$/.exec(target)?.[0] ?? '') as Connection['path']
    const sent = typeof init.body === 'string' ? init.body : ''
    const connection: Connection = { path, held: path === '/poll' && /"waitMs":[1-9]/.test(sent) }
    const weather = wires.accept(connection)
    if (sent) wires.tap()?.(sent, 'up', connection)
    if (typeof weather === 'object' && 'respond' in weather) return weather.respond()
    if (weather === 'refuse') throw new TypeError('fetch failed')

    const gone = new AbortController()
    const { signal } = gone
    let release = ignore
    const killed = new Promise<never>((_, reject) => {
      const kill = (): void => {
        reject(new TypeError('fetch failed'))
        gone.abort(ABORTED)
      }
      release = wires.track({ ...connection, kill }, weather)
      signal.addEventListener('abort', () => {
        release()
        reject(ABORTED)
      })
      if (weather === 'cut') kill()
    })
    killed.catch(ignore)
    // Not AbortSignal.any(): Node 20 keeps what listens to one for as long as the process lives.
    init.signal?.addEventListener('abort', () => gone.abort(ABORTED))
    if (neverAnswers(weather)) return killed

    const headers = new Headers(init.headers)
    const ask = async (): Promise<GatewayResponse> => {
      const answer = await wires.hub().gateway.handle({
        method: init.method ?? 'GET',
        target,
        header: (name) => headers.get(name) ?? (name === 'host' ? 'hub.test' : undefined),
        body: async (maxBytes) =>
          Buffer.byteLength(sent) > maxBytes ? { kind: 'too-large' } : { kind: 'text', text: sent },
        signal,
        remoteAddress: undefined,
      })
      answer.taken?.()
      return answer
    }
    await Promise.race([wires.travel(connection), killed])
    if (weather === 'twice') begin((await Promise.race([ask(), killed])).body, signal, ignore, ignore)
    const answer = await Promise.race([ask(), killed])
    if (weather === 'lost') {
      begin(answer.body, signal, ignore, ignore)
      return killed
    }
    const old = cached.get(path)
    if (typeof answer.body === 'string') cached.set(path, answer)
    const { status, headers: fields, body } = weather === 'stale' && old ? old : answer

    const { response, body: arriving } = virtualResponse(status, fields, () => gone.abort(ABORTED))
    killed.catch(arriving.fail)
    const arrive = (chunk: Uint8Array | undefined, isLast: boolean): void => {
      if (signal.aborted) return
      if (chunk?.length) {
        wires.tap()?.(new TextDecoder().decode(chunk), 'down', connection)
        arriving.push(chunk)
      }
      if (!isLast) return
      release()
      arriving.end()
    }
    if (weather === 'hold') {
      const whole = await Promise.race([wholeOf(body, signal), killed])
      await Promise.race([wires.travel(connection), killed])
      arrive(whole, true)
      return response
    }
    const down = wires.wire(connection)
    let kept: Uint8Array | undefined
    /** Without a chunk it is over. */
    const say = (chunk: Uint8Array | undefined): void => {
      const now = weather === 'one-behind' ? kept : chunk
      kept = chunk
      down(() => arrive(now, !chunk))
    }
    begin(body, signal, say, arriving.fail)
    // The head and the first chunk are on their way together.
    await Promise.race([wires.travel(connection), killed])
    return response
  }
}
