import type { Heard } from './link.ts'

/** What of the Pub/Sub connection is used. */
interface Subscriber {
  subscribe(channel: string, listener: (text: string, channel: string) => void): Promise<unknown>
  unsubscribe(channel: string, listener: (text: string, channel: string) => void): Promise<unknown>
}

interface Wanted {
  readonly listeners: Set<Heard>
  readonly opened: Promise<unknown>
  isOpen: boolean
}

/**
 * Who listens to which Pub/Sub channel. The connection remembers what it is subscribed to by itself, and asks for it again when it
 * comes back; it does not remember what was ended while it was away.
 */
export class Subscriptions {
  readonly #wanted = new Map<string, Wanted>()
  /** Ended here, and perhaps not there. */
  readonly #ended = new Set<string>()

  /** Resolves, once messages flow, with the function that ends it; `inTime` bounds the wait. */
  async add(
    subscriber: Subscriber,
    channel: string,
    heard: Heard,
    inTime: (task: () => Promise<unknown>) => Promise<unknown>,
  ): Promise<() => void> {
    // A function of its own, so that one listener can listen twice.
    const listener: Heard = (text) => heard(text)
    let wanted = this.#wanted.get(channel)
    if (!wanted) {
      this.#ended.delete(channel)
      const opened = inTime(() => subscriber.subscribe(channel, this.#deliver))
      wanted = { listeners: new Set(), opened, isOpen: false }
      this.#wanted.set(channel, wanted)
    }
    const { listeners, opened } = wanted
    const end = (): void => {
      if (!listeners.delete(listener) || listeners.size > 0) return
      if (this.#wanted.get(channel)?.listeners === listeners) this.#wanted.delete(channel)
      this.#ended.add(channel)
      this.#end(subscriber, channel)
    }
    listeners.add(listener)
    try {
      await opened
      wanted.isOpen = true
    } catch (error) {
      end()
      throw error
    }
    return end
  }

  /** The connection is back: with what was ended meanwhile, and without what was published. */
  back(subscriber: Subscriber): void {
    for (const channel of this.#ended) this.#end(subscriber, channel)
    for (const { isOpen, listeners } of [...this.#wanted.values()]) {
      if (isOpen) for (const listener of [...listeners]) listener(null)
    }
  }

  #end(subscriber: Subscriber, channel: string): void {
    subscriber.unsubscribe(channel, this.#deliver).then(
      () => this.#ended.delete(channel),
      () => undefined,
    )
  }

  readonly #deliver = (text: string, channel: string): void => {
    for (const listener of [...(this.#wanted.get(channel)?.listeners ?? [])]) listener(text)
  }
}
