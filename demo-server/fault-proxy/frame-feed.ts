import type { BatchSummary } from './frame-types.ts'
import type { Link, LinkLane } from './link.ts'
import type { Direction } from './rule.ts'
import { maxInspectedBytes } from './segments.ts'
import type { Segmenter } from './segments.ts'

/** Feeds a lane with bytes, and tells it (and the log) which frames they carry. */
export class FrameFeed {
  readonly #link: Link
  readonly #lane: LinkLane
  readonly #direction: Direction
  readonly #segmenter: Segmenter
  #parts: Buffer[] = []
  #bytes = 0

  constructor(link: Link, lane: LinkLane, direction: Direction, segmenter: Segmenter) {
    this.#link = link
    this.#lane = lane
    this.#direction = direction
    this.#segmenter = segmenter
  }

  push(chunk: Buffer): void {
    for (const { data, ends } of this.#segmenter.push(chunk)) {
      this.#parts.push(data)
      this.#bytes += data.length
      this.#note(ends)
      // A rule about a frame must find all of it still here. Without such a rule bytes go on as they come.
      const keep = ends === undefined && this.#bytes <= maxInspectedBytes && this.#link.rules.wantsFrames(this.#link)
      if (!keep) this.#pass(ends?.types ?? [])
    }
  }

  end(): void {
    const rest = this.#segmenter.finish()
    this.#note(rest)
    this.#pass(rest?.types ?? [])
    this.#lane.end()
  }

  #pass(types: readonly string[]): void {
    const [first] = this.#parts
    const data = first !== undefined && this.#parts.length === 1 ? first : Buffer.concat(this.#parts)
    this.#parts = []
    this.#bytes = 0
    if (data.length > 0 || types.length > 0) this.#lane.push(data, types)
  }

  #note(summary: BatchSummary | undefined): void {
    if (summary === undefined) return
    logFrames(this.#link, this.#direction, summary)
    if (summary.held && this.#direction === 'up' && this.#link.kind === 'http') this.#link.held = true
  }
}

export function logFrames(link: Link, direction: Direction, { types }: BatchSummary): void {
  for (const frameType of types) link.log({ kind: 'frame', direction, frameType })
}
