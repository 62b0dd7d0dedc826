import { createServer } from 'node:http'
import { afterEach, expect, it } from 'vitest'
import { memoryUsed } from '../testing/heap-growth.ts'
import { RawWebSocket, frameBytes } from '../testing/raw-websocket.ts'
import { hello } from '../testing/test-hub.ts'
import { serveOnPath } from '../testing/serve-on-path.ts'
import { createHub } from './hub.ts'
import { DEFAULT_LIMITS } from './limits.ts'

const LINKS = 20
/** Sent on each link, as far as it is taken. */
const FLOOD_BYTES = 1_000_000
const { batchBytes, highWaterBytes, framesPerBatch } = DEFAULT_LIMITS
/** Of one read of the operating system. */
const PIECE_BYTES = 65_536
const SLACK_BYTES = 8_000_000
const PATIENCE_MS = 20_000

const undo: (() => unknown)[] = []
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step()
})

const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n + 1)
const batch = (frames: readonly object[]): Buffer => frameBytes(JSON.stringify(frames))
const many = (frame: object): Buffer => batch(upTo(framesPerBatch).map(() => frame))

let sequence = 0
/** One piece of the flood, of about the size of a batch. */
const FLOODS: readonly (readonly [string, () => Buffer])[] = [
  ['pings of WebSocket', () => Buffer.concat(upTo(100).map(() => frameBytes('x'.repeat(125), { opcode: 9 })))],
  ['pings of the protocol', () => many({ type: 'ping' })],
  ['frames without a type', () => many({})],
  ['frames that are refused', () => many({ type: 'subscribe', channel: '\u0001', from: 'x' })],
  ['publishes', () => batch(upTo(64).map(() => ({ type: 'publish', channel: 'f', sequence: ++sequence, data: 1 })))],
  ['subscriptions', () => batch(upTo(128).map((n) => ({ type: 'subscribe', channel: `f${n}`, from: 'earliest' })))],
]

it.each(FLOODS)(
  'S6 S16 %s on links that read nothing are answered as far as there is room, and then not read',
  async (_title, piece) => {
    const failures: unknown[] = []
    const hub = createHub({
      authorize: () => true,
      allowMissingOrigin: true,
      onError: (failure) => failures.push(failure),
    })
    const server = createServer()
    hub.attach(server)
    const { path, close } = await serveOnPath(server, hub)
    undo.push(close)
    const open = async (): Promise<RawWebSocket> => {
      const link = new RawWebSocket(path, '/realtime')
      undo.push(() => link.close())
      await link.send(batch([hello({ channels: [{ channel: 'a', from: 'latest' }] })]))
      await expect.poll(() => link.messages.join(''), { timeout: PATIENCE_MS }).toContain('"type":"run"')
      return link
    }
    const good = await open()
    const links = await Promise.all(upTo(LINKS).map(open))
    for (const { socket } of links) socket.pause()

    const base = await memoryUsed()
    // At once, so that as much of it lies with the operating system as there is room for.
    for (const { socket } of links) {
      const bytes: Buffer[] = []
      for (let size = 0; size < FLOOD_BYTES; size += bytes.at(-1)?.length ?? FLOOD_BYTES) bytes.push(piece())
      socket.write(Buffer.concat(bytes))
    }
    const waitingAt = (): number => links.reduce((sum, { socket }) => sum + socket.writableLength, 0)
    // Somebody else is served meanwhile. What is not taken within a few messages is not read.
    for (let n = 1, idle = 0, before = 0; idle < 5 && waitingAt() > 0; n++) {
      await hub.publish('a', n)
      await expect.poll(() => good.messages.at(-1), { timeout: PATIENCE_MS, interval: 1 }).toContain(`"data":${n}`)
      idle = waitingAt() === before ? idle + 1 : 0
      before = waitingAt()
    }
    const used = (await memoryUsed()) - base - waitingAt()
    expect(used).toBeLessThan(LINKS * (highWaterBytes + batchBytes + PIECE_BYTES) * 1.3 + SLACK_BYTES)
    // They were answered at all: the network is full of answers, or they are gone for it.
    const { unsentBytes } = hub.inspect()
    expect(unsentBytes > 0 || links.every(({ socket }) => socket.destroyed)).toBe(true)
    expect(failures).toEqual([])
  },
  120_000,
)
