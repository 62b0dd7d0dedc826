import { attachTo } from './attach.ts'
import type { Authorize, User } from './authorize.ts'
import { BeforeClose } from './before-close.ts'
import { channelKinds } from './channel-kinds.ts'
import type { Environment } from './environment.ts'
import { answerFetch } from './fetch.ts'
import { Gateway } from './gateway.ts'
import type { Handler } from './handlers.ts'
import { HubCore } from './hub-core.ts'
import type { HookRequest } from './hub-core.ts'
import type { Hub, HubOptions, Untyped } from './hub-types.ts'
import { inspect } from './inspect.ts'
import { limitsOf } from './limits.ts'
import { membersOf } from './members.ts'
import { MemoryStore } from './memory-store.ts'
import { nodeEnvironment } from './node-clock.ts'
import { checkOriginList } from './origins.ts'
import { proxiesOf } from './peer-address.ts'
import { publishOwn } from './own-publish.ts'
import { presenceRules } from './presence.ts'
import { SocketSession } from './socket-session.ts'
import type { SocketSink } from './socket-session.ts'
import { WebSocketGateway } from './websocket-gateway.ts'

/** What runs a hub without sockets: for tests, and for simulation on another clock. */
export interface HubInternals {
  readonly core: HubCore
  readonly gateway: Gateway
  /** The session of a WebSocket link whose wire is `sink`. */
  readonly connect: (sink: SocketSink, request?: HookRequest) => SocketSession
}

const ownRequest: HookRequest = { url: '/', header: () => undefined, remoteAddress: undefined }

/** A hub on another clock or event loop than Node's, with its inner parts. */
export const createHubIn = <Channels extends object = Untyped, Known extends User = User>(
  options: HubOptions<Known>,
  environment: Environment,
): Hub<Channels> & HubInternals => {
  if (typeof options.authorize !== 'function') {
    throw new TypeError('holdfast: createHub needs `authorize`; `authorize: () => true` lets everybody do everything')
  }
  const origins = options.origins ?? []
  checkOriginList(origins)
  const limits = limitsOf(options.limits)
  const store = options.store ?? new MemoryStore({}, environment)
  const { authenticate, onError, logger } = options
  // It is asked about nobody else than whom `authenticate` returned.
  const authorize = options.authorize as Authorize
  const trustProxy = proxiesOf(options.trustProxy)
  const kindOf = channelKinds(options.kinds)
  const hasPresence = presenceRules(options.presence)
  if (options.presence?.length && !store.lease) {
    throw new TypeError('holdfast: presence needs a store that has `lease`, as memoryStore and redisStore')
  }
  const core = new HubCore(
    { store, authenticate, authorize, limits, kindOf, hasPresence, trustProxy, onError, logger },
    environment,
  )
  const gateway = new Gateway(core, { origins, allowMissingOrigin: options.allowMissingOrigin === true })
  let sockets: WebSocketGateway | undefined
  const undo = new Set<() => void>()
  const beforeClose = new BeforeClose(core)
  let closing: Promise<void> | undefined

  const close = async (): Promise<void> => {
    await Promise.all([core.links.drain(), beforeClose.run()])
    await core.handlers.settled()
    for (const detach of undo) detach()
    core.tails.close()
    core.presence.close()
    core.revocations.close()
    if (!options.store) await store.close()
    core.telemetry.closed()
  }

  return {
    core,
    gateway,
    connect: (sink, request = ownRequest) => new SocketSession(core, sink, request),
    attach: (server, { path = '/realtime' } = {}) => {
      sockets ??= new WebSocketGateway(core, gateway)
      const detach = attachTo(server, path, core, gateway, sockets)
      undo.add(detach)
      return () => {
        undo.delete(detach)
        detach()
      }
    },
    fetch: (request) => answerFetch(gateway, request),
    publish: (channel, data, { key, untilMs } = {}) => publishOwn(core, { channel, data, key, untilMs }),
    handle: (channel, handler) => core.handlers.add(channel, handler as Handler),
    members: (channel) => membersOf(core, channel),
    revoke: (revocation) => core.revocations.revoke(revocation),
    get health() {
      const status = core.links.draining ? ('draining' as const) : ('ready' as const)
      return { status, links: core.links.size, channels: core.tails.size }
    },
    get metrics() {
      return core.telemetry.counters.snapshot()
    },
    inspect: ({ channels } = {}) => inspect(core, channels),
    beforeClose: (task) => beforeClose.add(task),
    close: () => {
      closing ??= close()
      return closing
    },
  }
}

/** A hub: the server side of Holdfast. Nothing is served before `attach` or `fetch`. */
export const createHub = <Channels extends object = Untyped, Known extends User = User>(
  options: HubOptions<Known>,
): Hub<Channels> => createHubIn<Channels, Known>(options, nodeEnvironment)
