import type { HoldfastError } from '../base/errors.ts'
import type { Hello } from '../protocol/frames.ts'
import { readClientFrame } from '../protocol/validate-client-frames.ts'
import type { Peer } from './admission.ts'
import type { User } from './authorize.ts'
import { readerTag } from './digest.ts'
import { Expiry } from './expiry.ts'
import type { LinkEnd } from './counters.ts'
import { refusal, throwAny } from './frame-text.ts'
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
import { StreamSession } from './stream-session.ts'
import { bearer, checkToken } from './token.ts'

const METHODS: ReadonlyMap<string, readonly string[]> = new Map([
  ['/poll', ['GET', 'POST']],
  ['/stream', ['GET', 'POST']],
  ['/publish', ['POST']],
  ['/health', ['GET', 'HEAD']],
  ['/', ['GET']],
])

type PlainHello = Omit<Hello, 'type' | 'protocol'>
/** More than a round trip: one of the held polls that follow each other tells of the time to renew. */
const RENEW_LATE_MS = 1000

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
    if (foreign) return this.#refused(foreign)
    try {
      return withCors(await this.#route(request), origin)
    } catch (error) {
      return withCors(this.#refused(this.#core.asRefusal(error, 'answering a request')), origin)
    }
  }

  #refused(error: HoldfastError, headers?: Readonly<Record<string, string>>): GatewayResponse {
    this.#core.telemetry.refused(error, 'request')
    return errorResponse(error, headers)
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
      return this.#refused(error, { Allow: methods.join(', ') })
    }
    if (path === '/health') return this.#health(query.has('live'))
    if (path === '/') {
      const error = refusal('upgrade-required', 'this path is for WebSocket, subprotocol holdfast.1')
      return this.#refused(error, { Upgrade: 'websocket' })
    }
    const address = this.#core.admission.addressOf(request)
    if (path === '/publish') {
      throwAny(this.#core.admission.check('publish', { address }))
      return query.has('channel')
        ? publishBare(this.#core, request, query, () => this.#user(undefined, request))
        : publishBatch(this.#core, request, (token) => this.#user(token, request))
    }
    this.#admit(path, { address })
    if (path === '/stream') throwAny(this.#core.admission.checkHerd())
    return method === 'GET' ? this.#get(path, query, request) : this.#post(path, request)
  }

  async #get(path: string, query: URLSearchParams, request: GatewayRequest): Promise<GatewayResponse> {
    const lastEventId = path === '/stream' ? request.header('last-event-id') : undefined
    const { nonce, waitMs, channels } = readQuery(path, query, lastEventId, this.#core.limits)
    const user = await this.#user(undefined, request)
    const hello = { nonce, client: '', waitMs, channels }
    return path === '/poll' ? this.#poll(hello, user, request) : this.#stream(hello, user, request)
  }

  async #post(path: string, request: GatewayRequest): Promise<GatewayResponse> {
    checkType(request, ['application/json', 'text/plain'])
    const { hello, rest } = await readHelloBatch(this.#core, request)
    for (const value of rest) {
      const type = readClientFrame(value, this.#core.limits)?.type
      if (type) throw refusal('bad-request', `a ${type} frame has no place here, after the hello`, { field: 'type' })
    }
    const user = await this.#user(hello.token, request)
    return path === '/poll' ? this.#poll(hello, user, request) : this.#stream(hello, user, request)
  }

  /** Asked for the address before a body is read, and for the user once he is known: a drain may have begun meanwhile. */
  #admit(path: string, peer: Peer): void {
    const { admission } = this.#core
    throwAny(this.#core.refuseLink() ?? admission.refuseLink(peer))
    throwAny(admission.take(path === '/poll' ? 'poll' : 'connect', peer))
  }

  /** Admits the user, and counts the link in the same turn, so that no two have the last place. */
  #enter(path: string, user: User | null, request: GatewayRequest): () => void {
    const { admission } = this.#core
    const address = admission.addressOf(request)
    throwAny(admission.refuseLink({ address }))
    this.#admit(path, { userId: user?.userId })
    if (path === '/stream') throwAny(admission.takeHerd())
    return admission.enter({ address, userId: user?.userId })
  }

  #user(token: string | undefined, request: GatewayRequest): Promise<User | null> {
    const shown = token ?? bearer(request.header('authorization'))
    checkToken(shown, this.#core.limits)
    return this.#core.authenticate(shown, hookRequest(request))
  }

  async #poll(hello: PlainHello, user: User | null, request: GatewayRequest): Promise<GatewayResponse> {
    const core = this.#core
    const leaveCounts = this.#enter('/poll', user, request)
    const question: PollQuestion = {
      welcome: core.welcome(hello, user, core.heartbeatMs(hello.heartbeatMs)),
      user,
      publisher: readerTag(hello.client),
      expiry: new Expiry(user, hello.client, core, hello.waitMs ? RENEW_LATE_MS : 0),
      channels: hello.channels ?? [],
      waitMs: hello.waitMs ?? 0,
    }
    return await new Promise((resolve) => {
      const poll = new Poll(question, core, (batch) => over(batchResponse(batch), 'answered'))
      // Nobody hears this answer; it is there so that the promise settles.
      const cut = (end: LinkEnd) => over(errorResponse(refusal('timeout', 'the client is gone')), end)
      const left = () => cut('client')
      const leave = core.links.add({
        transport: question.waitMs > 0 ? 'long-poll' : 'poll',
        user,
        unsent: () => 0,
        sweep: (_nowMs, wallMs) => poll.sweep(wallMs),
        revoke: (userId, channel) => {
          if (user?.userId !== userId) return
          poll.recheck(channel)
          if (channel === undefined) poll.renew({ reason: 'expired', retryAfterMs: 0 })
        },
        drain: () => poll.drain(),
        destroy: () => cut('cut'),
      })
      const over = (response: GatewayResponse, end: LinkEnd): void => {
        request.signal.removeEventListener('abort', left)
        poll.cancel()
        leave(end)
        const took = core.links.answered()
        const taken = (): void => {
          took()
          leaveCounts()
        }
        resolve({ ...response, taken })
      }
      request.signal.addEventListener('abort', left)
      if (request.signal.aborted) left()
      else poll.start()
    })
  }

  #stream(hello: PlainHello, user: User | null, request: GatewayRequest): GatewayResponse {
    const core = this.#core
    const leave = this.#enter('/stream', user, request)
    // The client may be gone before the stream begins.
    request.signal.addEventListener('abort', leave)
    if (request.signal.aborted) leave()
    const withIds = request.method === 'GET'
    const heartbeatMs = core.heartbeatMs(hello.heartbeatMs)
    const channels = hello.channels ?? []
    return streamResponse((out) => {
      const welcome = core.welcome(hello, user, heartbeatMs)
      const expiry = new Expiry(user, hello.client, core)
      const publisher = readerTag(hello.client)
      return new StreamSession(core, { welcome, heartbeatMs, user, publisher, expiry, channels, withIds, leave }, out)
    })
  }

  async #health(live: boolean): Promise<GatewayResponse> {
    if (live) return jsonResponse({ status: 'live' }, 200)
    if (this.#core.links.draining) return jsonResponse({ status: 'draining' }, 503)
    const answers = await this.#core.storeCheck.answers()
    return jsonResponse({ status: answers ? 'ready' : 'unavailable' }, answers ? 200 : 503)
  }
}

const splitTarget = (target: string): { path: string; query: URLSearchParams } => {
  const at = target.indexOf('?')
  return at === -1
    ? { path: target, query: new URLSearchParams() }
    : { path: target.slice(0, at), query: new URLSearchParams(target.slice(at + 1)) }
}
