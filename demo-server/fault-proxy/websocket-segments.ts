import { MessageText, summaryOf } from './segments.ts'
import type { Segment, Segmenter } from './segments.ts'

interface Header {
  readonly size: number
  readonly final: boolean
  readonly opcode: number
  readonly length: number
  readonly mask: Buffer | undefined
}

const text = 0x1
const continuation = 0x0

/** RFC 6455 §5.2. Undefined as long as bytes are missing. */
function readHeader(bytes: Buffer): Header | undefined {
  const [first, second] = bytes
  if (first === undefined || second === undefined) return undefined
  const short = second & 0x7f
  const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0
  const masked = (second & 0x80) !== 0
  const size = 2 + lengthBytes + (masked ? 4 : 0)
  if (bytes.length < size) return undefined
  const length =
    lengthBytes === 0 ? short : lengthBytes === 2 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2))
  const mask = masked ? bytes.subarray(2 + lengthBytes, size) : undefined
  return { size, final: (first & 0x80) !== 0, opcode: first & 0x0f, length, mask }
}

function unmask(part: Buffer, mask: Buffer | undefined, offset: number): Buffer {
  if (mask === undefined) return part
  const plain = Buffer.from(part)
  for (let at = 0; at < plain.length; at++) plain[at] = (plain[at] ?? 0) ^ (mask[(offset + at) % 4] ?? 0)
  return plain
}

/** One direction of a WebSocket. A segment ends with each text message; compressed ones are not understood. */
export function webSocketSegmenter(): Segmenter {
  const message = new MessageText()
  let headerBytes: Buffer = Buffer.alloc(0)
  let header: Header | undefined
  let payloadSeen = 0
  let inText = false

  return {
    push(chunk) {
      const segments: Segment[] = []
      let start = 0
      let at = 0
      for (;;) {
        if (header === undefined) {
          // Headers are at most 14 bytes: taking them one by one costs nothing and needs no look-ahead.
          while (header === undefined && at < chunk.length) {
            headerBytes = Buffer.concat([headerBytes, chunk.subarray(at, at + 1)])
            at++
            header = readHeader(headerBytes)
          }
          if (header === undefined) break
          headerBytes = Buffer.alloc(0)
          payloadSeen = 0
          if (header.opcode === text) inText = true
          else if (header.opcode !== continuation && header.opcode < 0x8) inText = false
        }
        const part = chunk.subarray(at, at + header.length - payloadSeen)
        if (header.opcode < 0x8 && inText) message.add(unmask(part, header.mask, payloadSeen))
        at += part.length
        payloadSeen += part.length
        if (payloadSeen < header.length) break
        const ends = header.final && header.opcode < 0x8
        if (ends) {
          segments.push({ data: chunk.subarray(start, at), ends: summaryOf(message.take()) })
          start = at
        }
        header = undefined
        if (at >= chunk.length) break
      }
      if (start < chunk.length) segments.push({ data: chunk.subarray(start) })
      return segments
    },
    finish: () => undefined,
  }
}
