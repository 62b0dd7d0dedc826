import { isHoldfastError } from '../base/errors.ts'
import type { Client, Gap, Message, ReadOptions, SubscribeOptions, Subscription } from '../client/types.ts'
import { parsePosition } from '../protocol/position.ts'
import type { Place } from '../protocol/position.ts'
import type { MemoryStore } from '../server/memory-store.ts'
import type { Store } from '../server/store.ts'
import type { HistoryLine } from './history.ts'

/** What a recorded publish carries: the checker knows it again by its key. */
export interface Marked {
  readonly key: string
  /** Makes it as large as a test wants. */
  readonly pad?: string
}

/** One actor that publishes. */
export interface Publisher {
  /** Publishes the next one; settles when its outcome is in the history, and never rejects. */
  publish(channel: string, pad?: string): Promise<void>
  /** Publishes without an outcome yet. */
  readonly open: number
}

const placeOf = (position: string): Place => {
  const place = parsePosition(position)
  if (!place) throw new Error(`${position} is not a position`)
  return place
}

/** Collects the lines of all actors, in the order in which they come: one process has one order. */
export class Historian {
  readonly lines: HistoryLine[] = []
  /** The newest id at each place, as `channel epoch.offset`. */
  readonly #ids = new Map<string, string>()
  #actors = 0

  add(line: HistoryLine): void {
    this.lines.push(line)
  }

  /** The store, with its appends and trims written down; it keeps so many messages of a channel. */
  store(store: MemoryStore, messages: number): Store {
    const firsts = new Map<string, number>()
    return {
      append: async (channel, request) => {
        const appended = await store.append(channel, request)
        if (appended.kind === 'appended' && !appended.duplicate) {
          const { key } = JSON.parse(request.json) as Marked
          const { place } = appended
          this.add({ type: 'append', channel, key, position: place })
          this.#ids.set(`${channel} ${place.epoch}.${place.offset}`, place.id)
          const first = place.offset - messages + 1
          // After a lost tail the log is shorter, and begins where it began.
          if (first > Math.max(1, firsts.get(channel) ?? 1)) {
            firsts.set(channel, first)
            this.add({ type: 'trim', channel, epoch: place.epoch, first })
          }
        }
        return appended
      },
      read: (...read) => store.read(...read),
      watch: (...watch) => store.watch(...watch),
      close: () => store.close(),
    }
  }

  /** Says in which life of the store the channels are now. */
  async epoch(store: Store, channels: readonly string[]): Promise<void> {
    for (const channel of channels) {
      const { after } = await store.read(channel, 'latest', { messages: 1, bytes: 1 })
      this.add({ type: 'epoch', channel, epoch: after.epoch })
    }
  }

  /** An actor whose publishes go through `send`: a client's or a hub's `publish`. */
  publisher(send: (channel: string, data: Marked) => Promise<{ readonly position: string }>): Publisher {
    const publisher = `p${++this.#actors}`
    let n = 0
    let open = 0
    return {
      get open() {
        return open
      },
      publish: async (channel, pad = '') => {
        const data: Marked = { key: `${publisher}:${++n}`, pad }
        const { key } = data
        this.add({ type: 'pub.invoke', publisher, channel, key, n, hash: JSON.stringify(data) })
        open++
        try {
          const { position } = await send(channel, data)
          this.add({ type: 'pub.ok', key, position: placeOf(position) })
        } catch (error) {
          const unknown = isHoldfastError(error) && error.code === 'unknown'
          this.add({ type: unknown ? 'pub.unknown' : 'pub.fail', key })
        } finally {
          open--
        }
      },
    }
  }

  /** Subscribes, and writes down what the listener is given. */
  subscribe(client: Client, channel: string, options: SubscribeOptions = {}): Subscription {
    const sub = `s${++this.#actors}`
    const subscription = client.subscribe(channel, (message) => this.#deliver(sub, message), options)
    subscription.on('gap', (gap) => this.#gap(sub, gap))
    const onState = ({ name }: Subscription['state']): void => {
      if (name === 'live') this.#begin(sub, channel, subscription.position ?? '')
      if (name === 'ended') this.add({ type: 'unsubscribe', sub })
    }
    // Beside others of its channel it may have its start at once.
    onState(subscription.state)
    subscription.on('state', onState)
    return subscription
  }

  /** Reads with `read()` for as long as the client lives; `each` may make it slow. Rejects with the error that ended it. */
  async read(client: Client, channel: string, options: ReadOptions, each: () => Promise<void>): Promise<void> {
    const sub = `s${++this.#actors}`
    let begun = false
    for await (const item of client.read(channel, options)) {
      if (item.type === 'gap') {
        if (!begun) this.#begin(sub, channel, item.from)
        this.#gap(sub, item)
      } else {
        if (!begun) {
          // It has no start that could be asked for: it is just before the first message.
          const { epoch, offset } = placeOf(item.position)
          const before = `${epoch}.${offset - 1}`
          this.#begin(sub, channel, `${before}.${this.#ids.get(`${channel} ${before}`) ?? '0'}`)
        }
        this.#deliver(sub, item)
      }
      begun = true
      await each()
    }
    this.add({ type: 'unsubscribe', sub })
  }

  #begin(sub: string, channel: string, position: string): void {
    this.add({ type: 'subscribe', client: '', sub, channel, position: placeOf(position) })
  }

  #deliver(sub: string, { position, data }: Message): void {
    this.add({ type: 'deliver', sub, position: placeOf(position), hash: JSON.stringify(data) })
  }

  #gap(sub: string, { from, to, reason }: Gap): void {
    this.add({ type: 'gap', sub, from: placeOf(from), to: placeOf(to), reason })
  }
}
