import type { HoldfastError } from '../base/errors.ts'
import type { Hello } from '../protocol/frames.ts'
import { readClientFrame } from '../protocol/validate-client-frames.ts'
import type { User } from './authorize.ts'
import { refusal } from './frame-text.ts'
import type { GatewayRequest, GatewayResponse } from './gateway-types.ts'
import type { HubCore } from './hub-core.ts'
import { checkOrigin } from './origins.ts'
import type { OriginRules } from './origins.ts'
import { Poll } from './poll.ts'
import type { PollQuestion } from './poll.ts'
import { publishBare, publishBatch } from './publish-endpoint.ts'
import { readQuery } from './query-request.ts'
import { checkType, hookRequest, readHelloBatch } from './request-body.ts'
import { batchResponse, errorResponse, jsonResponse, preflightResponse, streamResponse, withCors } from './responses.ts'
import { bearer } from './socket-session.ts'
import { StreamSession } from './stream-session.ts'

const METHODS: ReadonlyMap<string, readonly string[]> = new Map([
  ['/poll', ['GET', 'POST']],
  ['/stream', ['GET', 'POST']],
  ['/publish', ['POST']],
  ['/health', ['GET', 'HEAD']],
  ['/', ['GET']],
])

/** The HTTP endpoints of PROTOCOL.md §6, free of any framework. */
export class Gateway {
  readonly #core: HubCore
  readonly #origins: OriginRules

  constructor(core: HubCore, origins: OriginRules) {
    this.#core = core
    this.#origins = origins
  }

  /** The answer to one request. Never rejects. A held answer that nobody waits for any more is settled at once. */
  async handle(request: GatewayRequest): Promise<GatewayResponse> {
    const origin = request.header('origin')
    const foreign = this.refuseOrigin(request.header, false)
    if (foreign) return errorResponse(foreign)
    try {
      return withCors(await this.#route(request), origin)
    } catch (error) {
      return withCors(errorResponse(this.#core.asRefusal(error, 'answering a request')), origin)
    }
  }

  /** Null, or why the page behind a request may not use this hub. */
  refuseOrigin(header: GatewayRequest['header'], isUpgrade: boolean): HoldfastError | null {
    const headers = { origin: header('origin'), host: header('host'), secFetchSite: header('sec-fetch-site') }
    return checkOrigin(headers, isUpgrade, this.#origins)
  }

  async #route(request: GatewayRequest): Promise<GatewayResponse> {
    const { method } = request
    const { path, query } = splitTarget(request.target)
    const methods = METHODS.get(path)
    if (!methods) throw refusal('not-found', 'there is no such endpoint here')
    if (method === 'OPTIONS') return preflightResponse()
    if (!methods.includes(method)) {
      const error = refusal('method-not-allowed', `this endpoint takes ${methods.join(' and ')}`)
      return errorResponse(error, { Allow: methods.join(', ') })
    }
    if (path === '/health') return this.#health()
    if (path === '/') {
      const error = refusal('upgrade-required', 'this path is for WebSocket, subprotocol holdfast.1')
      return errorResponse(error, { Upgrade: 'websocket' })
    }
    if (path === '/publish') {
      return query.has('channel')
        ? publishBare(this.#core, request, query, () => this.#user(undefined, request))
        : publishBatch(this.#core, request, (token) => this.#user(token, request))
    }
    this.#needRoom()
    return method === 'GET' ? this.#get(path, query, request) : this.#post(path, request)
  }

  async #get(path: string, query: URLSearchParams, request: GatewayRequest): Promise<GatewayResponse> {
    const lastEventId = path === '/stream' ? request.header('last-event-id') : undefined
    const { nonce, waitMs, channels } = readQuery(query, lastEventId, this.#core.limits)
    const user = await this.#user(undefined, request)
    const hello = { nonce, client: '', waitMs, channels }
    this.#needRoom()
    return path === '/poll' ? this.#poll(hello, user, request) : this.#stream(hello, user, true)
  }

  async #post(path: string, request: GatewayRequest): Promise<GatewayResponse> {
    checkType(request, ['application/json', 'text/plain'])
    const { hello, rest } = await readHelloBatch(this.#core, request)
    for (const value of rest) {
      const type = readClientFrame(value, this.#core.limits)?.type
      if (type) throw refusal('bad-request', `a ${type} frame has no place here, after the hello`, { field: 'type' })
    }
    const user = await this.#user(hello.token, request)
    this.#needRoom()
    return path === '/poll' ? this.#poll(hello, user, request) : this.#stream(hello, user, false)
  }

  /** Asked before a body is read, and once more when the user is known: a drain may have begun meanwhile. */
  #needRoom(): void {
    const full = this.#core.refuseLink()
    if (full) throw full
  }

  #user(token: string | undefined, request: GatewayRequest): Promise<User | null> {
    const { limits } = this.#core
    const shown = token ?? bearer(request.header('authorization'))
    if (shown !== undefined && Buffer.byteLength(shown) > limits.tokenBytes) {
      throw refusal('bad-request', `the token may have ${limits.tokenBytes} bytes at most`, { field: 'token' })
    }
    return this.#core.authenticate(shown, hookRequest(request))
  }

  #poll(hello: Omit<Hello, 'type' | 'protocol'>, user: User | null, request: GatewayRequest): Promise<GatewayResponse> {
    const core = this.#core
    const question: PollQuestion = {
      welcome: core.welcome(hello, user, core.heartbeatMs(hello.heartbeatMs)),
      user,
      channels: hello.channels ?? [],
      waitMs: hello.waitMs ?? 0,
    }
    return new Promise((resolve) => {
      const poll = new Poll(question, core, (batch) => over(batchResponse(batch)))
      // Nobody hears this answer; it is there so that the promise settles.
      const cut = () => over(errorResponse(refusal('timeout', 'the client is gone')))
      const leave = core.links.add({ sweep: () => {}, drain: () => poll.drain(), destroy: cut })
      const over = (response: GatewayResponse): void => {
        request.signal.removeEventListener('abort', cut)
        poll.cancel()
        leave()
        resolve(response)
      }
      request.signal.addEventListener('abort', cut)
      if (request.signal.aborted) cut()
      else poll.start()
    })
  }

  #stream(hello: Omit<Hello, 'type' | 'protocol'>, user: User | null, withIds: boolean): GatewayResponse {
    const core = this.#core
    const heartbeatMs = core.heartbeatMs(hello.heartbeatMs)
    const channels = hello.channels ?? []
    return streamResponse((out) => {
      const welcome = core.welcome(hello, user, heartbeatMs)
      return new StreamSession(core, { welcome, heartbeatMs, user, channels, withIds }, out)
    })
  }

  #health(): GatewayResponse {
    const { draining } = this.#core.links
    return jsonResponse({ status: draining ? 'draining' : 'ready' }, draining ? 503 : 200)
  }
}

const splitTarget = (target: string): { path: string; query: URLSearchParams } => {
  const at = target.indexOf('?')
  return at === -1
    ? { path: target, query: new URLSearchParams() }
    : { path: target.slice(0, at), query: new URLSearchParams(target.slice(at + 1)) }
}
