import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'

/** How a frame differs from one that is whole, final, masked and no control (RFC 6455 §5.2). */
export interface FrameShape {
  readonly fin?: boolean
  /** The three reserved bits, 0 to 7. */
  readonly rsv?: number
  /** 1 is text. */
  readonly opcode?: number
  readonly masked?: boolean
  /** What the frame says of its length, instead of what is true. */
  readonly length?: bigint
  /** Bits in which the length is told; the fewest that there is room in unless told. */
  readonly lengthBits?: 7 | 16 | 64
}

/** One frame of a client; its mask is all zeros. */
export const frameBytes = (payload: string | Uint8Array = '', shape: FrameShape = {}): Buffer => {
  const content = Buffer.from(payload)
  const { fin = true, rsv = 0, opcode = 1, masked = true, length = BigInt(content.length) } = shape
  const bits = shape.lengthBits ?? (length < 126n ? 7 : length < 65_536n ? 16 : 64)
  const start = Buffer.alloc(2)
  start[0] = (fin ? 0x80 : 0) | (rsv << 4) | opcode
  start[1] = (masked ? 0x80 : 0) | (bits === 7 ? Number(length) : bits === 16 ? 126 : 127)
  const more = Buffer.alloc(bits === 7 ? 0 : bits === 16 ? 2 : 8)
  if (bits === 16) more.writeUInt16BE(Number(length))
  if (bits === 64) more.writeBigUInt64BE(length)
  return Buffer.concat([start, more, Buffer.alloc(masked ? 4 : 0), content])
}

/** A close frame with a code, or with any bytes. */
export const closeBytes = (code: number | Uint8Array, reason = ''): Buffer => {
  if (typeof code !== 'number') return frameBytes(code, { opcode: 8 })
  const payload = Buffer.concat([Buffer.alloc(2), Buffer.from(reason)])
  payload.writeUInt16BE(code)
  return frameBytes(payload, { opcode: 8 })
}

/** A WebSocket of which every byte that is sent is the test's own. */
export class RawWebSocket {
  readonly socket: Socket
  /** Texts of the messages that came. */
  readonly messages: string[] = []
  pongs = 0
  /** The code of the close frame that came; 1005 is one without. */
  closeCode: number | undefined
  ended = false
  #rest: Buffer = Buffer.alloc(0)
  #headed = false

  /** `at` is a port of loopback, or the path of a Unix socket, which takes less than a MB. */
  constructor(at: number | string, path: string) {
    this.socket = typeof at === 'number' ? connect(at, '127.0.0.1') : connect(at)
    this.socket.on('error', () => undefined).on('close', () => (this.ended = true))
    this.socket.on('data', (chunk: Buffer) => {
      this.#rest = Buffer.concat([this.#rest, chunk])
      this.#take()
    })
    const head = ['Host: x', 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13']
    const rest = ['Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Protocol: holdfast.1']
    this.socket.write(`GET ${path} HTTP/1.1\r\n${[...head, ...rest].join('\r\n')}\r\n\r\n`)
  }

  /** Resolves when the operating system has it, or the connection is over. */
  async send(...bytes: readonly Uint8Array[]): Promise<void> {
    for (const each of bytes) {
      if (this.ended || this.socket.destroyed) return
      if (!this.socket.write(each))
        await Promise.race([once(this.socket, 'drain'), once(this.socket, 'close')]).catch(() => [])
    }
  }

  close(): void {
    this.socket.destroy()
  }

  #take(): void {
    if (!this.#headed) {
      const end = this.#rest.indexOf('\r\n\r\n')
      if (end < 0) return
      this.#headed = true
      this.#rest = this.#rest.subarray(end + 4)
    }
    for (;;) {
      const rest = this.#rest
      const short = rest[1] ?? 0
      const start = short < 126 ? 2 : short === 126 ? 4 : 10
      if (rest.length < start) return
      const length = short < 126 ? short : short === 126 ? rest.readUInt16BE(2) : Number(rest.readBigUInt64BE(2))
      if (rest.length < start + length) return
      const payload = rest.subarray(start, start + length)
      this.#rest = rest.subarray(start + length)
      const opcode = (rest[0] ?? 0) & 0x0f
      if (opcode === 1) this.messages.push(payload.toString())
      if (opcode === 10) this.pongs++
      if (opcode === 8) this.closeCode = length < 2 ? 1005 : payload.readUInt16BE(0)
    }
  }
}
