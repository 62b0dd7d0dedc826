import { readBatch } from './frame-types.ts'
import type { BatchSummary } from './frame-types.ts'
import type { Link, LinkLane } from './link.ts'
import type { Direction } from './rule.ts'
import { rewriteBatch } from './rewrite.ts'
import { maxInspectedBytes } from './segments.ts'
import type { Message, Segmenter } from './segments.ts'

/** Feeds a lane with bytes, and tells it (and the log) which frames they carry. */
export class FrameFeed {
  readonly #link: Link
  readonly #lane: LinkLane
  readonly #direction: Direction
  readonly #segmenter: Segmenter
  #parts: Buffer[] = []
  #bytes = 0
  /** All bytes of the present message are still here. */
  #whole = true

  constructor(link: Link, lane: LinkLane, direction: Direction, segmenter: Segmenter) {
    this.#link = link
    this.#lane = lane
    this.#direction = direction
    this.#segmenter = segmenter
  }

  push(chunk: Buffer): void {
    for (const { data, ends, apart } of this.#segmenter.push(chunk)) {
      this.#parts.push(data)
      this.#bytes += data.length
      if (ends !== undefined) this.#finish(ends)
      else if (apart) this.#pass(this.#take(), [])
      else if (!this.#mayWait()) {
        this.#whole = false
        this.#pass(this.#take(), [])
      }
    }
  }

  end(): void {
    const rest = this.#segmenter.finish()
    if (rest === undefined) this.#pass(this.#take(), [])
    else this.#finish(rest)
    this.#lane.end()
  }

  /** A rule about a frame must find all of it still here. Without such a rule bytes go on as they come. */
  #mayWait(): boolean {
    return this.#bytes <= maxInspectedBytes && this.#link.rules.wantsFrames(this.#link)
  }

  #finish(message: Message): void {
    const bytes = this.#take()
    const { text, encode } = message
    const changed =
      this.#whole && text !== undefined && encode !== undefined
        ? rewriteBatch(this.#link, this.#direction, text)
        : undefined
    this.#whole = true
    const passes = changed === undefined ? message : readBatch(changed)
    this.#note(passes)
    this.#pass(changed === undefined || encode === undefined ? bytes : encode(changed), passes.types)
  }

  #take(): Buffer {
    const [first] = this.#parts
    const data = first !== undefined && this.#parts.length === 1 ? first : Buffer.concat(this.#parts)
    this.#parts = []
    this.#bytes = 0
    return data
  }

  #pass(data: Buffer, types: readonly string[]): void {
    if (data.length > 0 || types.length > 0) this.#lane.push(data, types)
  }

  #note(summary: BatchSummary): void {
    logFrames(this.#link, this.#direction, summary)
    if (summary.held && this.#direction === 'up' && this.#link.kind === 'http') this.#link.held = true
  }
}

export function logFrames(link: Link, direction: Direction, { types }: BatchSummary): void {
  for (const frameType of types) link.log({ kind: 'frame', direction, frameType })
}
