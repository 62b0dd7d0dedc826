import { isHoldfastError } from '../base/errors.ts'
import type { ErrorCode } from '../base/errors.ts'
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
  /** Subscriptions that have begun, and the newest trim of each channel. */
  readonly #begun = new Map<string, Subscription>()
  readonly #trims = new Map<string, HistoryLine>()
  #actors = 0
  #appended = 0

  /** Messages in the stores so far. */
  get appended(): number {
    return this.#appended
  }

  add(line: HistoryLine): void {
    if (line.type === 'trim') this.#trims.set(line.channel, line)
    this.lines.push(line)
  }

  /** Something was delivered or acknowledged from this line on. */
  heardSince(line: number): boolean {
    return this.lines.slice(line).some(({ type }) => type === 'pub.ok' || type === 'deliver')
  }

  /** Begins a new history where all is at rest: a run of hours is judged in pieces, without losing sight of anybody. */
  async turnPage(store: Store, channels: readonly string[]): Promise<void> {
    this.lines.length = 0
    this.#ids.clear()
    for (const channel of channels) {
      const { after } = await store.read(channel, 'latest', { messages: 1, bytes: 1 })
      this.add({ type: 'epoch', channel, epoch: after.epoch, at: after })
    }
    this.lines.push(...this.#trims.values())
    for (const [sub, { channel, position }] of this.#begun) this.#begin(sub, channel, position ?? '')
  }

  /** The store, with its appends and trims written down; it keeps so many messages of a channel, `byAge`: for a time only. */
  store(store: MemoryStore, messages: number, byAge = false): Store {
    const firsts = new Map<string, number>()
    return {
      append: async (channel, request) => {
        const appended = await store.append(channel, request)
        if (appended.kind === 'appended' && !appended.duplicate) {
          const { key } = JSON.parse(request.json) as Marked
          const { place } = appended
          this.add({ type: 'append', channel, key, position: place })
          this.#appended++
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
      read: async (channel, from, limit) => {
        const page = await store.read(channel, from, limit)
        // What is too old goes whenever somebody looks. By number it is known beforehand, and not taken from the store.
        if (byAge && page.gap?.reason === 'trimmed') {
          const { epoch, offset } = page.gap.to
          this.add({ type: 'trim', channel, epoch, first: offset + 1 })
        }
        return page
      },
      watch: (...watch) => store.watch(...watch),
      announce: (text) => store.announce(text),
      hear: (heard) => store.hear(heard),
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

  /** An actor whose publishes go through `send`: a client's or a hub's `publish`; an error with one of the codes `unsure` leaves it open. */
  publisher(
    send: (channel: string, data: Marked) => Promise<{ readonly position: string }>,
    unsure: readonly ErrorCode[] = ['unknown'],
  ): Publisher {
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
          const unknown = isHoldfastError(error) && unsure.includes(error.code)
          this.add({ type: unknown ? 'pub.unknown' : 'pub.fail', key })
        } finally {
          open--
        }
      },
    }
  }

  /** Subscribes, and writes down what the listener is given; `then` is what the application does with it. */
  subscribe(
    client: Client,
    channel: string,
    options: SubscribeOptions = {},
    then: (message: Message) => void = () => undefined,
  ): Subscription {
    const sub = `s${++this.#actors}`
    const listener = (message: Message): void => {
      this.#deliver(sub, message)
      then(message)
    }
    const subscription = client.subscribe(channel, listener, options)
    subscription.on('gap', (gap) => this.#gap(sub, gap))
    const onState = ({ name }: Subscription['state']): void => {
      if (name === 'live') {
        this.#begin(sub, channel, subscription.position ?? '')
        this.#begun.set(sub, subscription)
      }
      if (name === 'ended') {
        this.add({ type: 'unsubscribe', sub })
        this.#begun.delete(sub)
      }
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
