import type { EncodedRun } from './encoded-run.ts'
import { HEARTBEAT, batchText } from './frame-text.ts'
import type { HubLimits } from './limits.ts'
import type { Flushable, TurnFlush } from './turn-flush.ts'

/** Where the batches of one link go: a WebSocket, a response, or a test. Nothing here may throw. */
export interface Sink {
  /** One batch. */
  write(batch: string): void
  /** The batch of one run that many links share. */
  writeRun(run: EncodedRun): void
  /** Bytes taken here that the network has not taken yet. */
  buffered(): number
  /** Falls whenever the peer takes bytes, also within one large write. */
  unsent(): number
  /** Stops and goes on reading from the peer, where there is something to read. */
  pause(): void
  resume(): void
  /** Ends the link at once, without ceremony. */
  destroy(): void
}

export interface LinkContext {
  readonly turns: TurnFlush
  readonly limits: HubLimits
}

/**
 * The sending side of one streaming link. What one turn brings leaves as one batch; beyond the high-water mark readers
 * wait until the peer has taken it (one slow reader costs one mark and one batch, whatever it misses).
 */
export class Link implements Flushable {
  readonly heartbeatMs: number
  readonly #sink: Sink
  readonly #context: LinkContext
  /** A beat goes out when a burst is over, for boxes that hold each chunk back until the next (PROTOCOL.md §6.4). */
  readonly #beatsAfterBurst: boolean
  #run: EncodedRun | null = null
  #frames: string[] = []
  #bytes = 0
  #dirty = false
  #starved = false
  #paused = false
  #ended = false
  #wroteMs: number
  #burst = false
  #unsent = 0
  #takenMs: number
  /** Called when there is room again after `full()` was true. */
  onRoom: () => void = () => {}

  constructor(
    sink: Sink,
    context: LinkContext,
    options: { readonly heartbeatMs: number; readonly beatsAfterBurst: boolean; readonly nowMs: number },
  ) {
    this.#sink = sink
    this.#context = context
    this.heartbeatMs = options.heartbeatMs
    this.#beatsAfterBurst = options.beatsAfterBurst
    this.#wroteMs = options.nowMs
    this.#takenMs = options.nowMs
  }

  /** Adds the text of a frame to this turn's batch. */
  push(frame: string): void {
    if (this.#ended) return
    if (this.#run) {
      this.#frames.push(this.#run.frame())
      this.#run = null
    }
    this.#frames.push(frame)
    this.#bytes += frame.length
    // At once: until the end of this turn a peer may send so much that the answers to it take many times the mark.
    this.#pauseAbove(this.#bytes)
    this.#touch()
  }

  /** Adds a run to this turn's batch; alone in it, it is sent as the bytes that all its receivers share. */
  pushRun(run: EncodedRun): void {
    if (this.#run || this.#frames.length > 0) {
      this.push(run.frame())
      return
    }
    if (this.#ended) return
    this.#run = run
    this.#bytes += run.bytes
    this.#touch()
  }

  /** True when nothing more may be pushed now; `onRoom` is called once that has changed. */
  full(): boolean {
    if (this.#sink.buffered() + this.#bytes <= this.#context.limits.highWaterBytes) return false
    this.#starved = true
    return true
  }

  /** Asks for a call of `onRoom` at the end of this turn. */
  wake(): void {
    this.#starved = true
    this.#touch()
  }

  flush(nowMs: number): void {
    this.#dirty = false
    this.#write(nowMs)
    this.#makeRoom()
  }

  /** The peer has taken what was buffered. */
  drained(): void {
    this.#makeRoom()
  }

  /** Writes what is left, so that a close can follow. Nothing is taken after it. */
  end(nowMs: number): void {
    this.#write(nowMs)
    this.#ended = true
    this.onRoom = () => {}
  }

  /** Beats, room and stalls: called a few times a second. False: the link was destroyed, for it took nothing for too long. */
  sweep(nowMs: number): boolean {
    if (this.#ended) return true
    const { limits } = this.#context
    const unsent = this.#sink.unsent()
    if (unsent === 0 || unsent < this.#unsent) this.#takenMs = nowMs
    this.#unsent = unsent
    if (nowMs - this.#takenMs >= limits.stallMs) {
      this.#ended = true
      this.#sink.destroy()
      return false
    }
    this.#makeRoom()
    const silentMs = nowMs - this.#wroteMs
    // Bytes that wait here are worth as much as a beat behind them.
    const due = silentMs > this.heartbeatMs - 2 * limits.sweepMs && this.#sink.buffered() === 0
    if (due || (this.#burst && silentMs >= limits.sweepMs - 100)) this.beat()
    return true
  }

  /** Sends a heartbeat with this turn's batch. */
  beat(): void {
    this.push(HEARTBEAT)
    this.#burst = false
  }

  #touch(): void {
    if (this.#dirty) return
    this.#dirty = true
    this.#context.turns.touchLink(this)
  }

  #write(nowMs: number): void {
    if (this.#bytes === 0 || this.#ended) return
    this.#wroteMs = nowMs
    this.#bytes = 0
    if (this.#run) {
      this.#burst = this.#beatsAfterBurst
      const run = this.#run
      this.#run = null
      this.#sink.writeRun(run)
    } else {
      const frames = this.#frames
      this.#frames = []
      if (frames.length > 1 || frames[0] !== HEARTBEAT) this.#burst = this.#beatsAfterBurst
      this.#sink.write(batchText(frames))
    }
    this.#pauseAbove(this.#sink.buffered())
  }

  #pauseAbove(bytes: number): void {
    if (this.#paused || bytes <= this.#context.limits.highWaterBytes) return
    this.#paused = true
    this.#sink.pause()
  }

  #makeRoom(): void {
    if (this.#ended || (!this.#starved && !this.#paused) || this.full()) return
    if (this.#paused) {
      this.#paused = false
      this.#sink.resume()
    }
    if (!this.#starved) return
    this.#starved = false
    this.onRoom()
  }
}
