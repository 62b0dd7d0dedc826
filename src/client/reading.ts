import type { HoldfastError } from '../base/errors.ts'
import { createSubscription } from './public-subscription.ts'
import type { SubscriptionEnv } from './public-subscription.ts'
import type { Sub } from './subscriptions.ts'
import type { Gap, Message, ReadOptions } from './types.ts'

type Item = Message | Gap

/**
 * The async iterator of a channel. Its buffer is bounded: when it is full the subscription pauses, and once half of it was taken
 * it reads on from the log, so a slow consumer costs requests and loses nothing.
 */
export const createReader = (
  env: SubscriptionEnv & { resume(sub: Sub): void },
  channel: string,
  options: ReadOptions,
): AsyncIterableIterator<Item> => {
  const { maxBuffered = 256 } = options
  const buffer: Item[] = []
  let ended = false
  let failure: HoldfastError | null = null
  let waiting: { resolve(result: IteratorResult<Item>): void; reject(error: HoldfastError): void }[] = []

  const flush = (): void => {
    while (waiting.length && (buffer.length || ended)) {
      const next = waiting.shift()
      const item = buffer.shift()
      if (item) next?.resolve({ done: false, value: item })
      else if (failure) {
        next?.reject(failure)
        failure = null
      } else next?.resolve({ done: true, value: undefined })
    }
    if (sub.paused && buffer.length <= maxBuffered / 2) {
      sub.paused = false
      env.resume(sub)
    }
  }
  const push = (item: Item): void => {
    buffer.push(item)
    if (buffer.length >= maxBuffered) sub.paused = true
    flush()
  }
  const { sub, subscription } = createSubscription(
    env,
    channel,
    {
      message: push,
      gap: push,
      ended(error) {
        ended = true
        failure = error
        if (waiting.length) flush()
      },
    },
    options,
    maxBuffered,
  )
  return {
    [Symbol.asyncIterator]() {
      return this
    },
    next: () =>
      new Promise((resolve, reject) => {
        waiting = [...waiting, { resolve, reject }]
        flush()
      }),
    return() {
      buffer.length = 0
      subscription.unsubscribe()
      return Promise.resolve({ done: true, value: undefined })
    },
  }
}
