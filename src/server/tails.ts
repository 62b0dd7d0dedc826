import { ChannelTail } from './channel-tail.ts'
import type { TailContext } from './channel-tail.ts'

interface Held {
  readonly tail: ChannelTail
  users: number
  idleSinceMs: number
  cancelCheck: () => void
}

interface TailsContext extends TailContext {
  /** Told of each channel that begins to be read here. */
  readonly opened: (channel: string) => void
}

/** The tails of the channels that are read in this process, and for a while of those that were. */
export class Tails {
  readonly #context: TailsContext
  readonly #held = new Map<string, Held>()
  readonly #idle = new Set<Held>()

  constructor(context: TailsContext) {
    this.#context = context
  }

  get size(): number {
    return this.#held.size
  }

  /** True as long as somebody reads the channel, and for a while after. */
  has(channel: string): boolean {
    return this.#held.has(channel)
  }

  /** What each tail holds, and for how many readers. */
  *list(): Iterable<{ channel: string; readers: number; messages: number; bytes: number }> {
    for (const [channel, { tail, users }] of this.#held) yield { channel, readers: users, ...tail.size }
  }

  /** The tail of a channel. Each call owes one `release`. */
  acquire(channel: string): ChannelTail {
    const held = this.#held.get(channel) ?? this.#open(channel)
    held.users++
    this.#idle.delete(held)
    return held.tail
  }

  release(tail: ChannelTail): void {
    const held = this.#held.get(tail.channel)
    // A tail that failed to open is not in here any more.
    if (held?.tail !== tail || --held.users > 0) return
    held.idleSinceMs = this.#context.clock.now()
    this.#idle.add(held)
    if (this.#idle.size <= this.#context.limits.idleTails) return
    for (const oldest of this.#idle) {
      this.#close(oldest)
      break
    }
  }

  close(): void {
    for (const held of [...this.#held.values()]) this.#close(held)
  }

  #open(channel: string): Held {
    const held: Held = {
      tail: new ChannelTail(channel, this.#context),
      users: 0,
      idleSinceMs: 0,
      cancelCheck: () => {},
    }
    this.#held.set(channel, held)
    this.#context.opened(channel)
    held.tail.opened.catch((error: unknown) => {
      this.#context.report(error, 'watching a channel in the store')
      this.#close(held)
    })
    this.#armCheck(held)
    return held
  }

  #armCheck(held: Held): void {
    const { clock, limits } = this.#context
    held.cancelCheck = clock.after(limits.positionCheckMs, () => {
      if (held.users === 0 && clock.now() - held.idleSinceMs >= limits.tailLingerMs) {
        this.#close(held)
        return
      }
      void held.tail.check()
      this.#armCheck(held)
    })
  }

  #close(held: Held): void {
    held.cancelCheck()
    held.tail.close()
    this.#idle.delete(held)
    if (this.#held.get(held.tail.channel) === held) this.#held.delete(held.tail.channel)
  }
}
