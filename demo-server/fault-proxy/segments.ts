import { readBatch } from './frame-types.ts'
import type { BatchSummary } from './frame-types.ts'

/** A part of a byte stream, cut at the end of a message. */
export interface Segment {
  readonly data: Buffer
  /** Set when the segment ends a message. */
  readonly ends?: BatchSummary
}

/** Finds the ends of messages in bytes that pass by. It never changes or holds them. */
export interface Segmenter {
  push(chunk: Buffer): readonly Segment[]
  /** What the end of the stream completes. */
  finish(): BatchSummary | undefined
}

/** Longer messages pass like any other, but nobody looks into them. */
export const maxInspectedBytes = 1_048_576

/** Collects the bytes of one message, up to the limit. */
export class MessageText {
  #parts: Buffer[] = []
  #bytes = 0

  add(part: Buffer): void {
    this.#bytes += part.length
    if (this.#bytes <= maxInspectedBytes) this.#parts.push(part)
    else this.#parts = []
  }

  /** The text so far, then empty again. Undefined when it was too long. */
  take(): string | undefined {
    const text = this.#bytes <= maxInspectedBytes ? Buffer.concat(this.#parts).toString() : undefined
    this.#parts = []
    this.#bytes = 0
    return text
  }
}

const nothing: BatchSummary = { types: [], held: false }

export function summaryOf(text: string | undefined): BatchSummary {
  return text === undefined ? nothing : readBatch(text)
}

/** A body that is one JSON text. */
export function jsonSegmenter(): Segmenter {
  const text = new MessageText()
  return {
    push(chunk) {
      text.add(chunk)
      return [{ data: chunk }]
    },
    finish: () => summaryOf(text.take()),
  }
}

/** A body of server-sent events. An event ends with its empty line. */
export function eventStreamSegmenter(): Segmenter {
  const text = new MessageText()
  let lineEmpty = true
  return {
    push(chunk) {
      const segments: Segment[] = []
      let start = 0
      for (let at = 0; at < chunk.length; at++) {
        const byte = chunk[at]
        if (byte === 0x0d) continue
        if (byte !== 0x0a) {
          lineEmpty = false
        } else if (lineEmpty) {
          const data = chunk.subarray(start, at + 1)
          text.add(data)
          segments.push({ data, ends: summaryOf(dataOf(text.take())) })
          start = at + 1
        } else {
          lineEmpty = true
        }
      }
      const rest = chunk.subarray(start)
      if (rest.length > 0) {
        text.add(rest)
        segments.push({ data: rest })
      }
      return segments
    },
    finish: () => undefined,
  }
}

function dataOf(event: string | undefined): string | undefined {
  return event
    ?.split(/\r?\n/)
    .filter((line) => line.startsWith('data:'))
    .map((line) => line.slice(5))
    .join('\n')
}

/** Bytes of which nothing is known. */
export function opaqueSegmenter(): Segmenter {
  return { push: (chunk) => [{ data: chunk }], finish: () => undefined }
}
