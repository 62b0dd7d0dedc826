import { connect } from 'node:net'
import type { Socket } from 'node:net'
import type { ServerFrame } from '../protocol/frames.ts'
import { hello } from './test-hub.ts'

const HEADS = {
  websocket: `GET /realtime HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: holdfast.1\r\n\r\n`,
  sse: 'POST /realtime/stream HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n',
}
/** More than the messages that a stalled reader has taken from the operating system at one time. */
const CHUNK_BYTES = 65_536

/** A client's text message: masked, as RFC 6455 §5.3 wants it, with zeros. */
const masked = (text: string): Buffer => {
  const payload = Buffer.from(text)
  const head = Buffer.from([0x81, 0xfe, payload.length >> 8, payload.length & 0xff, 0, 0, 0, 0])
  return Buffer.concat([head, payload])
}

/** What one reader got of one channel. */
export interface Got {
  readonly offsets: number[]
  /** Offset before each gap, and the last one in it. */
  readonly gaps: (readonly [from: number, to: number])[]
}

/** A reader on a raw socket that takes nothing from the operating system while it is stalled, so it holds no more than a part of a batch. */
export class StalledReader {
  readonly got: Readonly<Record<string, Got>>
  readonly #socket: Socket
  readonly #kind: 'websocket' | 'sse'
  #started = 0
  #stalled = false
  #rest: Buffer = Buffer.alloc(0)
  #headed = false
  ended = false

  /** `path` is that of the Unix socket of the hub's server: unlike loopback it takes a few 100 KB, and not megabytes. */
  constructor(path: string, kind: 'websocket' | 'sse', channels: readonly string[]) {
    this.#kind = kind
    this.got = Object.fromEntries(channels.map((channel) => [channel, { offsets: [], gaps: [] }]))
    const text = JSON.stringify([hello({ channels: channels.map((channel) => ({ channel, from: 'latest' })) })])
    const onread = {
      buffer: Buffer.alloc(CHUNK_BYTES),
      callback: (bytes: number, buffer: Uint8Array): boolean => {
        this.#take(Buffer.from(buffer.subarray(0, bytes)))
        return !this.#stalled
      },
    }
    this.#socket = connect({ path, onread })
    this.#socket.on('error', () => undefined).on('close', () => (this.ended = true))
    if (kind === 'sse') this.#socket.write(`${HEADS.sse}Content-Length: ${text.length}\r\n\r\n${text}`)
    else this.#socket.write(Buffer.concat([Buffer.from(HEADS.websocket), masked(text)]))
  }

  /** All its channels have begun. */
  get ready(): boolean {
    return this.#started === Object.keys(this.got).length
  }

  /** Bytes of a batch that has not come to its end. */
  get held(): number {
    return this.#rest.buffer.byteLength
  }

  stall(): void {
    this.#stalled = true
  }

  resume(): void {
    this.#stalled = false
    this.#socket.resume()
  }

  close(): void {
    this.#socket.destroy()
  }

  #take(bytes: Buffer): void {
    this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes])
    if (!this.#headed) {
      const end = this.#rest.indexOf('\r\n\r\n')
      if (end < 0) return
      this.#headed = true
      this.#rest = this.#rest.subarray(end + 4)
    }
    for (let batch = this.#next(); batch !== null; batch = this.#next()) {
      for (const frame of JSON.parse(batch) as ServerFrame[]) this.#frame(frame)
    }
  }

  /** The next batch that is there as a whole; null without one. */
  #next(): string | null {
    const rest = this.#rest
    if (this.#kind === 'sse') {
      const end = rest.indexOf('\n\n')
      if (end < 0) return null
      this.#rest = rest.subarray(end + 2)
      // Sizes of chunks stand between the events; each event is a chunk of its own.
      return rest.subarray(rest.indexOf('data: ') + 6, end).toString()
    }
    const short = (rest[1] ?? 0) & 0x7f
    const start = short < 126 ? 2 : short === 126 ? 4 : 10
    if (rest.length < start) return null
    const length = short < 126 ? short : short === 126 ? rest.readUInt16BE(2) : Number(rest.readBigUInt64BE(2))
    if (rest.length < start + length) return null
    this.#rest = rest.subarray(start + length)
    return rest[0] === 0x81 ? rest.subarray(start, start + length).toString() : '[]'
  }

  #frame(frame: ServerFrame): void {
    if (frame.type === 'run') {
      const got = this.got[frame.channel]
      if (frame.messages.length === 0 && got?.offsets.length === 0 && got.gaps.length === 0) this.#started++
      for (const { offset } of frame.messages) got?.offsets.push(offset)
    } else if (frame.type === 'gap') {
      const [from = NaN, to = NaN] = [frame.from, frame.to].map((position) => Number(position.split('.')[1]))
      this.got[frame.channel]?.gaps.push([from, to])
    }
  }
}
