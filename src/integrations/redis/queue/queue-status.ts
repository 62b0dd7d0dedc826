/** How a queue stands, and what became of its entries in this process. */
export interface QueueStatus {
  /** This process reads it; of all that share a queue one does. */
  readonly isReading: boolean
  /** Published, repeats with a known key among them. */
  readonly published: number
  /** Put aside, for they can never be published. */
  readonly refused: number
  /** Removed from the stream by somebody else after they were read and before they were published. */
  readonly lost: number
  /** What failed and was done again: publishing, and what Redis was asked. */
  readonly retried: number
  /** Read here and not done yet. At most 256. */
  readonly held: number
  /** In the stream when it was last looked at: what is not done. */
  readonly waiting: number
  /** Age of the oldest of them in milliseconds, by the time in its id; 0 when there is none. */
  readonly lagMs: number
}

export interface RedisQueue {
  /** Made at each access. */
  readonly status: QueueStatus
  /** Resolves when Redis has first let it look at the stream. Rejects when that fails; it is tried again all the same. */
  readonly ready: Promise<void>
  /** Reads nothing more, publishes what was read, for `drainMs` at most, and lets another one read. Idempotent. */
  close(): Promise<void>
}
