import type { HoldfastError } from '../base/errors.ts'
import { createSubscription } from './public-subscription.ts'
import type { SubscriptionEnv } from './public-subscription.ts'
import type { Gap, Message, ReadOptions } from './types.ts'

type Item = Message | Gap

interface Waiter {
  resolve(result: IteratorResult<Item>): void
  reject(error: HoldfastError): void
}

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
  const waiting: Waiter[] = []
  let failure: HoldfastError | null = null

  const flush = (): void => {
    while (waiting.length && (buffer.length || sub.state.name === 'ended')) {
      const next = waiting.shift()
      const value = buffer.shift()
      if (value) next?.resolve({ value })
      else if (failure) {
        next?.reject(failure)
        failure = null
      } else next?.resolve({ done: true, value })
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
  const { sub, subscription } = createSubscription(env, channel, push, options, maxBuffered)
  subscription.on('gap', push)
  subscription.on('error', (error) => (failure = error))
  subscription.on('state', flush)
  return {
    [Symbol.asyncIterator]() {
      return this
    },
    next: () =>
      new Promise((resolve, reject) => {
        waiting.push({ resolve, reject })
        flush()
      }),
    return() {
      buffer.length = 0
      subscription.unsubscribe()
      return Promise.resolve({ done: true, value: undefined })
    },
  }
}
