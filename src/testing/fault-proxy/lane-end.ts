import type { Link } from './link.ts'
import type { Direction } from './rule.ts'

/** Where a lane ends. */
export interface LaneEnd {
  /** Returns false when the receiver is full; then `lane.drained()` must follow. `flushed` runs when it was written. */
  data(chunk: Buffer, flushed: () => void): boolean
  end(): void
  /** End an answer before its time, in good order if the framing allows it. */
  limit(): void
  /** Stop and start whoever feeds the lane. */
  pause(): void
  resume(): void
}

export interface LaneOptions {
  readonly link: Link
  readonly direction: Direction
  readonly end: LaneEnd
  readonly random: () => number
  readonly maxQueuedBytes: number
  readonly maxHeldBytes: number
}
