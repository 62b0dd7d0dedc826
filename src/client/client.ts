import type { Clock } from '../base/clock.ts'
import { HoldfastError } from '../base/errors.ts'
import type { ErrorFrame, Welcome } from '../protocol/frames.ts'
import type { Slots, Transport } from '../transports/transport.ts'
import { createCatchUp } from './catch-up.ts'
import { createDriver } from './driver.ts'
import { createEmitter } from './emitter.ts'
import { createTimeline } from './explain.ts'
import type { Words } from './explain.ts'
import { createOutbox } from './outbox.ts'
import type { PageSignal } from './page-signals.ts'
import { createSubscription, startFrom } from './public-subscription.ts'
import type { SubscriptionEnv } from './public-subscription.ts'
import { createReader } from './reading.ts'
import { createRegistry } from './subscriptions.ts'
import type { Sub } from './subscriptions.ts'
import type { Client, ClientEvents, CommonOptions, Message, TimingOptions } from './types.ts'

/** What the composition root gives the client, beside the application's options. */
export interface Parts {
  readonly options: CommonOptions
  readonly url: string
  readonly transports: readonly Transport[]
  readonly timing: TimingOptions
  readonly clock: Clock
  /** Where transports that keep requests open get their connections from. */
  readonly slots?: Slots | undefined
  /** Listens to the page; returns the undo. */
  listenToPage(heard: (signal: PageSignal) => void): () => void
  readonly words?: Words | undefined
}

/** Before the first welcome: the smallest that PROTOCOL.md §9 has. */
const LIMITS = { maxDataBytes: 65_536, maxBatchBytes: 262_144 }

/** The refusals that end a subscription; after any other the channel is asked for again. */
const FINAL = new Set(['forbidden', 'bad-request', 'too-many', 'unauthorized'])

/** Puts the parts together. */
export const assembleClient = <Ch extends object>(parts: Parts): Client<Ch> => {
  const { options, timing, clock, transports } = parts
  const timeline = createTimeline(
    clock,
    transports.map(({ name }) => name),
    parts.words,
  )
  const retries = new Set<() => void>()
  let hub: Welcome | null = null
  let hubAheadMs = 0
  /** False after `disconnect()`: then only `connect()` connects. */
  let auto = true
  let hidden = false

  /** Hub time of the newest welcome: what is older is history. */
  const hubMs = (): number => hub?.timeMs ?? 0
  const setTime = (nowMs: number): void => {
    hubAheadMs = nowMs - clock.now()
  }
  const report = (error: HoldfastError): void => {
    emitter.emit('error', error)
  }
  const reportListener = (cause: unknown, channel?: string): void => {
    report(new HoldfastError('listener-failed', `a listener threw: ${String(cause)}`, { cause, channel }))
  }

  const emitter = createEmitter<ClientEvents>((cause, event) => {
    // A failing error listener has nobody left to be reported to.
    if (event !== 'error') reportListener(cause)
  })

  const registry = createRegistry({
    own: () => hub?.publisher ?? '',
    behind() {
      catchUp.pump()
    },
  })

  const outbox = createOutbox({
    clock,
    timing,
    max: options.maxOutbox ?? 1_000,
    hubTime: () => hub && hubAheadMs + clock.now(),
    limits: () => ({ ...LIMITS, ...hub }),
    blocked: registry.starting,
    notBeforeMs: () => driver.connection.notBeforeMs,
    refused(end) {
      // The whole link has the wrong token: the ladder gets another one, and this is sent again on the next link.
      driver.carrier?.close()
      driver.dispatch({ type: 'end', link: driver.carrierId, end })
    },
  })

  const driver = createDriver({
    ...parts,
    asks: () => [...registry.channels()].map(registry.ask),
    frames: {
      run(ask, frame) {
        registry.run(ask, frame, hubMs())
        if (outbox.size) outbox.pump()
      },
      gap: registry.gap,
      time: setTime,
      ack: outbox.ack,
      refused(frame) {
        if (frame.sequence !== undefined) outbox.refuse(frame)
        else refuseChannel(frame)
      },
    },
    welcome(frame) {
      if (hub && hub.user !== frame.user) outbox.disown()
      hub = frame
      setTime(frame.timeMs)
    },
    carrier(session) {
      outbox.attach(session)
      cover()
    },
    state(state) {
      emitter.emit('state', state)
    },
    trace(news, before) {
      const fact = timeline.add(news, before)
      if (fact) emitter.emit('trace', fact)
    },
    error: report,
  })

  const catchUp = createCatchUp({
    clock,
    timing,
    registry,
    ready: () => driver.carrier !== null && driver.connection.notBeforeMs <= clock.now(),
    timeoutMs: driver.timeoutMs,
    open: driver.read,
    hubMs,
  })

  const refuseChannel = ({ channel = '', code, message, retryAfterMs = timing.connectMs }: ErrorFrame): void => {
    if (FINAL.has(code)) {
      registry.refuse(channel, new HoldfastError(code as HoldfastError['code'], message, { channel }))
      outbox.pump()
      return
    }
    const cancel = clock.after(retryAfterMs, () => {
      retries.delete(cancel)
      for (const session of driver.sessions.values()) session?.forget(channel)
      cover()
    })
    retries.add(cancel)
  }

  /** Sees to it that the links serve every channel that is subscribed to. */
  const cover = (): void => {
    let stale = false
    for (const channel of registry.channels()) {
      for (const session of driver.sessions.values()) {
        if (!session || session.asked.has(channel)) continue
        if (session.duplex) session.subscribe(registry.ask(channel))
        else if (session === driver.carrier) {
          // Read at once, and part of the next request; a stream or held poll is opened anew for it (model 1.4).
          registry.late(channel)
          stale = true
        }
      }
    }
    if (stale && driver.carrierTransport?.proof !== 'welcome') driver.dispatch({ type: 'refresh' })
    catchUp.pump()
  }

  const checkOpen = (): void => {
    if (driver.state.name === 'closed') throw new HoldfastError('closed', 'the client is closed')
  }
  const start = (): void => {
    checkOpen()
    if (auto && driver.state.name === 'idle') driver.dispatch({ type: 'connect' })
  }

  const subscriptionEnv: SubscriptionEnv & { resume(sub: Sub): void } = {
    add(sub) {
      const lead = driver.carrier && registry.lead(sub.channel)
      const late = registry.has(sub.channel) && driver.sessions.size > 0
      registry.add(sub)
      if (lead && sub.start === 'latest') registry.join(sub, lead, hubMs())
      else if (late) registry.late(sub.channel, sub)
      start()
      cover()
    },
    remove(sub, error) {
      registry.remove(sub, error)
      if (registry.has(sub.channel)) return
      for (const session of driver.sessions.values()) session?.unsubscribe(sub.channel)
      outbox.pump()
    },
    resume(sub) {
      registry.late(sub.channel, sub)
    },
    report: reportListener,
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
      startFrom(channel, subscribeOptions.from)
      checkOpen()
      return createSubscription(subscriptionEnv, channel, { message: listener }, subscribeOptions).subscription
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
      for (const cancel of retries) cancel()
      outbox.close()
      registry.endAll(null)
    },
    explain: () => timeline.explain(driver.connection, driver.state),
  }
}
