import type { Clock } from '../base/clock.ts'
import type { StoreOperation } from './counters.ts'
import type { LeaseRequest, Store } from './store.ts'
import type { Telemetry } from './telemetry.ts'

/** The same store, with its answers timed. The promises are the store's own, so nothing comes later than without it. */
export const observedStore = (store: Store, clock: Clock, telemetry: Telemetry): Store => {
  const timed = <Answer>(operation: StoreOperation, ask: () => Promise<Answer>): Promise<Answer> => {
    const startMs = clock.now()
    const failed = (error: unknown): void => telemetry.storeFailed(operation, clock.now() - startMs, error)
    let answer: Promise<Answer>
    try {
      answer = ask()
    } catch (error) {
      failed(error)
      throw error
    }
    answer.then(() => telemetry.stored(operation, clock.now() - startMs), failed)
    return answer
  }
  const lease = store.lease?.bind(store)
  return {
    append: (channel, request) => timed('append', () => store.append(channel, request)),
    read: (channel, from, limit) => timed('read', () => store.read(channel, from, limit)),
    watch: (channel, heard) => timed('watch', () => store.watch(channel, heard)),
    ...(lease && {
      lease: (channel: string, request: LeaseRequest) => timed('lease', () => lease(channel, request)),
    }),
    announce: (text) => store.announce(text),
    hear: (heard) => store.hear(heard),
    close: () => store.close(),
  }
}
