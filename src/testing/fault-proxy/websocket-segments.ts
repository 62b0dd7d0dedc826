import { randomBytes } from 'node:crypto'
import { MessageText, messageOf } from './segments.ts'
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

/** A text message in one frame. From a client it is masked, or the hub would refuse it. */
function textFrame(batch: string, masked: boolean): Buffer {
  const payload = Buffer.from(batch)
  const mask = masked ? randomBytes(4) : undefined
  const short = payload.length < 126 ? payload.length : payload.length < 65_536 ? 126 : 127
  const head = Buffer.alloc(2 + (short === 126 ? 2 : short === 127 ? 8 : 0))
  head[0] = 0x80 | text
  head[1] = (masked ? 0x80 : 0) | short
  if (short === 126) head.writeUInt16BE(payload.length, 2)
  if (short === 127) head.writeBigUInt64BE(BigInt(payload.length), 2)
  return Buffer.concat([head, mask ?? Buffer.alloc(0), unmask(payload, mask, 0)])
}

/** One direction of a WebSocket. A segment ends with each text message; compressed ones are not understood. */
export function webSocketSegmenter(): Segmenter {
  const message = new MessageText()
  let headerBytes: Buffer = Buffer.alloc(0)
  let header: Header | undefined
  let payloadSeen = 0
  /** Between the first frame of a message and its last. */
  let inMessage = false
  let inText = false
  /** Frames of control in the midst of a message: they are no part of it, and outlive a change of it. */
  const controls = new MessageText()

  const endOfFrame = ({ opcode, final, mask }: Header, data: Buffer): Segment | undefined => {
    if (opcode >= 0x8) return inMessage ? undefined : { data, apart: true }
    if (!final) return undefined
    inMessage = false
    const before = controls.takeBytes() ?? Buffer.alloc(0)
    const encode = (batch: string): Buffer => Buffer.concat([before, textFrame(batch, mask !== undefined)])
    return { data, ends: messageOf(message.take(), encode) }
  }

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
          payloadSeen = 0
          const { opcode } = header
          if (opcode >= 0x8) {
            if (inMessage) controls.add(headerBytes)
          } else {
            inMessage = true
            if (opcode !== continuation) inText = opcode === text
          }
          headerBytes = Buffer.alloc(0)
        }
        const part = chunk.subarray(at, at + header.length - payloadSeen)
        if (header.opcode < 0x8) {
          if (inText) message.add(unmask(part, header.mask, payloadSeen))
        } else if (inMessage) {
          controls.add(part)
        }
        at += part.length
        payloadSeen += part.length
        if (payloadSeen < header.length) break
        const segment = endOfFrame(header, chunk.subarray(start, at))
        if (segment !== undefined) {
          segments.push(segment)
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
