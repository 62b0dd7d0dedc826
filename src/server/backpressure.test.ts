import { describe, expect, it } from 'vitest'
import { TestSocket, hello, testHub } from '../testing/test-hub.ts'
import type { TestHub } from '../testing/test-hub.ts'
import { DEFAULT_LIMITS } from './limits.ts'

const { framesPerBatch, highWaterBytes } = DEFAULT_LIMITS
const times = <Item>(count: number, item: (n: number) => Item): Item[] =>
  Array.from({ length: count }, (_, n) => item(n + 1))

const opened = async (hub: TestHub): Promise<TestSocket> => {
  const socket = new TestSocket().open(hub, hello())
  await hub.clock.settle()
  socket.stuck = true
  return socket
}

describe('S6 what a peer has sent in one piece is answered as far as there is room', () => {
  it.each<readonly [string, object, string]>([
    ['frames without a type', {}, 'error'],
    ['frames that are refused', { type: 'subscribe', channel: '\u0001', from: 'x' }, 'error'],
    ['pings', { type: 'ping' }, 'heartbeat'],
  ])(
    '%s: a mark and one batch are held; the others are answered later, and none is lost',
    async (_title, frame, type) => {
      const hub = testHub({ limits: { refusalsPerMinutePerLink: Infinity } })
      const socket = await opened(hub)
      const before = socket.frames.length
      for (let n = 0; n < 100; n++) socket.send(...times(framesPerBatch, () => frame))
      expect(socket.paused).toBe(true)
      await hub.clock.settle()
      const answer = Buffer.byteLength(socket.batches.at(-1) ?? '') / (socket.frames.length - before)
      expect(socket.buffered()).toBeGreaterThan(highWaterBytes)
      expect(socket.buffered()).toBeLessThan(highWaterBytes + (framesPerBatch + 2) * answer)
      for (let round = 0; round < 100 && socket.paused; round++) {
        socket.drain()
        await hub.clock.settle()
      }
      expect(socket.paused).toBe(false)
      expect(socket.frames.slice(before).map((each) => each.type)).toEqual(times(100 * framesPerBatch, () => type))
    },
  )

  it('§8.7 publishes keep their order when some of them had to wait', async () => {
    const hub = testHub()
    const socket = await opened(hub)
    const publish = (sequence: number) => ({ type: 'publish', channel: 'a', sequence, data: sequence })
    for (let n = 0; n < 40; n++) socket.send(...times(64, (m) => publish(64 * n + m)))
    expect(socket.paused).toBe(true)
    for (let round = 0; round < 100 && socket.ofType('ack').length < 40 * 64; round++) {
      socket.drain()
      await hub.clock.settle()
    }
    expect(socket.ofType('ack').map(({ sequence }) => sequence)).toEqual(times(40 * 64, (n) => n))
    expect(socket.ofType('error')).toEqual([])
  })

  it('what waits is dropped with its link', async () => {
    const hub = testHub()
    const socket = await opened(hub)
    for (let n = 0; n < 100; n++) socket.send(...times(framesPerBatch, () => ({})))
    socket.session.gone()
    await hub.clock.settle()
    const { length } = socket.frames
    socket.drain()
    await hub.clock.settle()
    expect([socket.frames.length, hub.health.links, hub.clock.pending]).toEqual([length, 0, 0])
  })
})
