import { readBatch } from './frame-types.ts'
import type { BatchSummary } from './frame-types.ts'

/** What was read of a message that passed by. */
export interface Message extends BatchSummary {
  /** The batch; undefined when it was too long to look into. */
  readonly text?: string | undefined
  /** The bytes of the message with another batch in it. A JSON body has none: its length went before, in the head. */
  readonly encode?: (batch: string) => Buffer
}

/** A part of a byte stream, cut at the end of a message. */
export interface Segment {
  readonly data: Buffer
  /** Set when the segment ends a message. */
  readonly ends?: Message
  /** The bytes belong to no message, so they need not wait for the end of one. */
  readonly apart?: boolean
}

/** Finds the ends of messages in bytes that pass by. It never changes or holds them. */
export interface Segmenter {
  push(chunk: Buffer): readonly Segment[]
  /** What the end of the stream completes. */
  finish(): Message | undefined
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

  /** The bytes so far, then empty again. Undefined when there were too many. */
  takeBytes(): Buffer | undefined {
    const bytes = this.#bytes <= maxInspectedBytes ? Buffer.concat(this.#parts) : undefined
    this.#parts = []
    this.#bytes = 0
    return bytes
  }

  take(): string | undefined {
    return this.takeBytes()?.toString()
  }
}

const nothing: BatchSummary = { types: [], held: false }

/** What a batch of this text is, in the wrapping that `encode` knows. */
export function messageOf(text: string | undefined, encode?: (batch: string) => Buffer): Message {
  if (text === undefined) return nothing
  return { ...readBatch(text), text, ...(encode === undefined ? {} : { encode }) }
}

/** A body that is one JSON text. */
export function jsonSegmenter(): Segmenter {
  const text = new MessageText()
  return {
    push(chunk) {
      text.add(chunk)
      return [{ data: chunk }]
    },
    finish: () => messageOf(text.take()),
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
          const event = text.take()
          const ends = messageOf(dataOf(event), (batch) => withData(event ?? '', batch))
          segments.push({ data, ends })
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

/** The event with its id and whatever else it says, and other data. */
function withData(event: string, data: string): Buffer {
  const fields = event.split(/\r?\n/).filter((line) => line !== '' && !line.startsWith('data:'))
  return Buffer.from([...fields, `data: ${data}`, '', ''].join('\n'))
}

/** Bytes of which nothing is known. */
export function opaqueSegmenter(): Segmenter {
  return { push: (chunk) => [{ data: chunk }], finish: () => undefined }
}
