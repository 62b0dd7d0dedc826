import { createSubscription } from './public-subscription.ts'
import type { SubscriptionEnv } from './public-subscription.ts'
import type { Gap, Message, ReadOptions } from './types.ts'

type Item = Message | Gap

/**
 * The async iterator of a channel. Its buffer is bounded: when it is full the subscription pauses, and once half of it was taken
 * it reads on from the log, so a slow consumer costs requests and loses nothing.
 */
export const createReader = (
  env: SubscriptionEnv,
  channel: string,
  options: ReadOptions,
): AsyncIterableIterator<Item> => {
  const { maxBuffered = 256 } = options
  const buffer: Item[] = []
  /** Something came, or it has ended. */
  let wake = (): void => {}

  const push = (item: Item): void => {
    buffer.push(item)
    if (buffer.length >= maxBuffered) sub.paused = true
    wake()
  }
  const { sub, subscription } = createSubscription(env, channel, push, options, { limit: maxBuffered })
  subscription.on('gap', push)
  subscription.on('state', () => wake())

  const items = (async function* () {
    for (;;) {
      const item = buffer.shift()
      if (sub.paused && buffer.length <= maxBuffered / 2) {
        sub.paused = false
        env.registry.late(channel, sub)
        env.step()
      }
      if (item) yield item
      else if (sub.state.name === 'ended') {
        if (sub.state.error) throw sub.state.error
        return
      } else await new Promise<void>((resolve) => (wake = resolve))
    }
  })()
  return {
    [Symbol.asyncIterator]() {
      return this
    },
    next: () => items.next(),
    return() {
      buffer.length = 0
      // It wakes who waits; the generator alone would come to its end after that, or never when it was not begun.
      subscription.unsubscribe()
      return items.return()
    },
  }
}
