import { HoldfastError } from '../base/errors.ts'
import { createDriver } from './driver.ts'
import type { Driver, Parts } from './driver.ts'
import { createEmitter } from './emitter.ts'
import type { PageSignal } from './page-signals.ts'
import { createSubscription } from './public-subscription.ts'
import type { SubscriptionEnv } from './public-subscription.ts'
import { createReader } from './reading.ts'
import type { ClientEvents, Client, Message } from './types.ts'

/** What a client is made of, for what is made around it. */
export const internals = new WeakMap<object, Driver & SubscriptionEnv>()

/** Puts the parts together. `listenToPage` tells what the page does; it returns the undo. */
export const assembleClient = <Ch extends object>(
  parts: Parts & { listenToPage(heard: (signal: PageSignal) => void): () => void },
): Client<Ch> => {
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

  const driver = createDriver({ ...parts, emitter })
  const { live } = driver

  const checkOpen = (): void => {
    if (live.state.name === 'closed') throw new HoldfastError('closed', 'the client is closed')
  }
  const start = (): void => {
    checkOpen()
    if (auto && live.state.name === 'idle') driver.dispatch({ type: 'connect' })
  }

  const subscriptionEnv: Driver & SubscriptionEnv = {
    ...driver,
    add(sub) {
      checkOpen()
      this.registry.add(sub)
      start()
      driver.step()
    },
    report,
  }

  const part = (): void => driver.parts.forEach((each) => each.parting?.())

  const stopListening = parts.listenToPage((signal) => {
    const { carrier, state } = live
    if (signal === 'hide') {
      // A page in the back/forward cache must hold no link; it goes on from its positions (N20).
      part()
      hidden = state.name !== 'idle'
      if (hidden) driver.dispatch({ type: 'disconnect' })
    } else if (signal === 'show') {
      if (hidden) driver.dispatch({ type: 'connect' })
      hidden = false
    } else if (
      signal === 'network' ||
      !carrier ||
      carrier.duplex ||
      parts.clock.now() - carrier.aliveMs > parts.timing.wakeMs
    ) {
      driver.dispatch({ type: 'signal', network: signal === 'network' })
    }
  })

  const client: Client<Ch> = {
    get state() {
      return live.state
    },
    get publisher() {
      return live.hub?.publisher ?? null
    },
    subscribe: ((channel: string, listener: (message: Message) => unknown, subscribeOptions = {}) =>
      createSubscription(subscriptionEnv, channel, listener, subscribeOptions).subscription) as Client<Ch>['subscribe'],
    read: ((channel: string, readOptions = {}) =>
      createReader(subscriptionEnv, channel, readOptions)) as Client<Ch>['read'],
    async publish(channel, data, publishOptions = {}) {
      start()
      return driver.outbox.publish(channel, data, publishOptions)
    },
    send(channel, data) {
      start()
      return driver.outbox.send(channel, data)
    },
    on: emitter.on,
    connect() {
      checkOpen()
      auto = true
      driver.dispatch({ type: 'connect' })
    },
    disconnect() {
      auto = false
      part()
      driver.dispatch({ type: 'disconnect' })
    },
    close() {
      if (live.state.name === 'closed') return
      stopListening()
      part()
      driver.close()
    },
    explain: driver.explain,
  }
  internals.set(client, subscriptionEnv)
  return client
}
