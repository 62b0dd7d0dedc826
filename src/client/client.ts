import { HoldfastError } from '../base/errors.ts'
import type { ErrorFrame } from '../protocol/frames.ts'
import { createCatchUp } from './catch-up.ts'
import { createDriver } from './driver.ts'
import type { Parts } from './driver.ts'
import { createEmitter } from './emitter.ts'
import { createOutbox } from './outbox.ts'
import type { PageSignal } from './page-signals.ts'
import { createSubscription } from './public-subscription.ts'
import type { SubscriptionEnv } from './public-subscription.ts'
import { createReader } from './reading.ts'
import { createRegistry } from './subscriptions.ts'
import type { Client, ClientEvents, Message } from './types.ts'

/** Before the first welcome: the smallest that PROTOCOL.md §9 has. */
const LIMITS = { maxDataBytes: 65_536, maxBatchBytes: 262_144 }

/** The refusals that end a subscription; after any other the channel is asked for again. */
const FINAL = ['forbidden', 'bad-request', 'too-many', 'unauthorized']

/** Puts the parts together. `listenToPage` tells what the page does; it returns the undo. */
export const assembleClient = <Ch extends object>(
  parts: Parts & { listenToPage(heard: (signal: PageSignal) => void): () => void },
): Client<Ch> => {
  const { options, timing, clock } = parts
  /** Channels that the hub refused for now, and what cancels the wait. */
  const refused = new Map<string, () => void>()
  /** False after `disconnect()`: then only `connect()` connects. */
  let auto = true
  let hidden = false

  const report = (cause: unknown, channel?: string): void => {
    emitter.emit(
      'error',
      new HoldfastError('listener-failed', `a listener threw: ${String(cause)}`, { cause, channel }),
    )
  }
  const emitter = createEmitter<ClientEvents>((cause, event) => {
    // A failing error listener has nobody left to be reported to.
    if (event !== 'error') report(cause)
  })

  const registry = createRegistry({
    own: () => driver.hub?.publisher ?? '',
    hubMs: () => driver.hub?.timeMs ?? 0,
    linked: () => driver.sessions.size > 0,
    carried: () => driver.carrier !== undefined,
    behind: () => catchUp.pump(),
    settled: () => outbox.pump(),
  })

  const outbox = createOutbox({
    clock,
    timing,
    max: options.maxOutbox ?? 1_000,
    hubTime: () => driver.hubTime(),
    limits: () => driver.hub ?? LIMITS,
    blocked: registry.starting,
    notBeforeMs: () => driver.connection.notBeforeMs,
    // The whole link has the wrong token: the ladder gets another one, and this is sent again on the next link.
    refused: (end) => driver.refuse(end),
  })

  /** Sees to it that the links serve every channel that is subscribed to. */
  const sync = (): void => {
    for (const session of driver.sessions.values()) {
      const missing = session.sync()
      if (session !== driver.carrier) continue
      // Read at once, and part of the next request; a stream or held poll is opened anew for it (model 1.4).
      for (const channel of missing) registry.late(channel)
      if (missing.length && session.transport.proof !== 'welcome') driver.dispatch({ type: 'refresh' })
    }
    catchUp.pump()
  }

  const driver = createDriver({
    ...parts,
    emitter,
    registry,
    outbox,
    channels: () => [...registry.channels()].filter((channel) => !refused.has(channel)),
    refused({ channel = '', code, message, retryAfterMs = timing.connectMs }: ErrorFrame) {
      if (FINAL.includes(code)) {
        registry.end(new HoldfastError(code as HoldfastError['code'], message, { channel }), channel)
        return
      }
      refused.get(channel)?.()
      const cancel = clock.after(retryAfterMs, () => {
        refused.delete(channel)
        sync()
      })
      refused.set(channel, cancel)
    },
    carried(session) {
      outbox.attach(session ?? null)
      sync()
    },
  })

  const catchUp = createCatchUp({
    clock,
    timing,
    registry,
    readyAtMs: () => (driver.carrier ? driver.connection.notBeforeMs : Infinity),
    timeoutMs: driver.timeoutMs,
    open: (asks, ended) => driver.read({ asks: () => asks, ended }),
  })

  const checkOpen = (): void => {
    if (driver.state.name === 'closed') throw new HoldfastError('closed', 'the client is closed')
  }
  const start = (): void => {
    checkOpen()
    if (auto && driver.state.name === 'idle') driver.dispatch({ type: 'connect' })
  }

  const subscriptionEnv: SubscriptionEnv = {
    add(sub) {
      registry.add(sub)
      start()
      sync()
    },
    remove(sub) {
      registry.remove(sub, null)
      sync()
    },
    resume(sub) {
      registry.late(sub.channel, sub)
    },
    report,
  }

  const stopListening = parts.listenToPage((signal) => {
    const { carrier, state } = driver
    if (signal === 'hide') {
      // A page in the back/forward cache must hold no link; it goes on from its positions (N20).
      hidden = state.name !== 'idle' && state.name !== 'closed'
      if (hidden) driver.dispatch({ type: 'disconnect' })
    } else if (signal === 'show') {
      if (hidden) driver.dispatch({ type: 'connect' })
      hidden = false
    } else if (signal === 'network' || !carrier || carrier.duplex || clock.now() - carrier.aliveMs > timing.wakeMs) {
      driver.dispatch({ type: 'signal', network: signal === 'network' })
    }
  })

  return {
    get state() {
      return driver.state
    },
    subscribe: ((channel: string, listener: (message: Message) => unknown, subscribeOptions = {}) => {
      checkOpen()
      return createSubscription(subscriptionEnv, channel, listener, subscribeOptions).subscription
    }) as Client<Ch>['subscribe'],
    read: ((channel: string, readOptions = {}) => {
      checkOpen()
      return createReader(subscriptionEnv, channel, readOptions)
    }) as Client<Ch>['read'],
    async publish(channel, data, publishOptions = {}) {
      start()
      return outbox.publish(channel, data, publishOptions)
    },
    on: emitter.on,
    connect() {
      checkOpen()
      auto = true
      driver.dispatch({ type: 'connect' })
    },
    disconnect() {
      auto = false
      driver.dispatch({ type: 'disconnect' })
    },
    close() {
      if (driver.state.name === 'closed') return
      stopListening()
      catchUp.stop()
      driver.dispatch({ type: 'close' })
      for (const cancel of refused.values()) cancel()
      outbox.close()
      registry.end(null)
    },
    explain: driver.explain,
  }
}
