import { describe, expect, it } from 'vitest'
import { PATIENCE_MS, besiegedHub } from '../testing/besieged-hub.ts'
import { RawWebSocket, closeBytes, frameBytes } from '../testing/raw-websocket.ts'
import type { FrameShape } from '../testing/raw-websocket.ts'
import { hello } from '../testing/test-hub.ts'

const hub = besiegedHub()

const HELLO = frameBytes(JSON.stringify([hello({ channels: [{ channel: 'a', from: 'latest' }] })]))
const PING = '[{"type":"ping"}]'
const wait = { timeout: PATIENCE_MS, interval: 2 }

/** A link that has been welcomed, or one that has not said hello yet. */
const open = async (greets: boolean): Promise<RawWebSocket> => {
  const link = new RawWebSocket(hub.port, hub.path)
  if (!greets) return link
  await link.send(HELLO)
  await expect.poll(() => link.messages.join(''), wait).toContain('"type":"run"')
  return link
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n + 1)
/** `count` pieces of a message that has no end, or has one. */
const pieces = (count: number, payload: string, ends: boolean): Buffer =>
  Buffer.concat(upTo(count).map((n) => frameBytes(payload, { opcode: n === 1 ? 1 : 0, fin: ends && n === count })))

/** What is sent, and the code that the hub closes with. */
type Row = readonly [title: string, bytes: Buffer, code: number]
const shaped = (title: string, shape: FrameShape, code: number, payload = '[]'): Row => [
  title,
  frameBytes(payload, shape),
  code,
]
const text = (title: string, bytes: readonly number[], code: number): Row => [
  title,
  frameBytes(Uint8Array.from(bytes)),
  code,
]

const ROWS: readonly Row[] = [
  shaped('a frame without a mask', { masked: false }, 1002),
  ...[1, 2, 4, 7].map((rsv) => shaped(`the reserved bits ${rsv}`, { rsv }, 1002)),
  ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((opcode) => shaped(`the opcode ${opcode}`, { opcode }, 1002)),
  shaped('a continuation of nothing', { opcode: 0 }, 1002),
  ...[8, 9, 10].flatMap((opcode): Row[] => [
    shaped(`the control ${opcode} in pieces`, { opcode, fin: false }, 1002),
    shaped(`the control ${opcode} of 126 bytes`, { opcode }, 1002, 'x'.repeat(126)),
    shaped(`the control ${opcode} that says 2^40 bytes`, { opcode, length: 2n ** 40n }, 1002),
  ]),
  ['a message within another one', Buffer.concat([frameBytes('[', { fin: false }), frameBytes('[]')]), 1002],
  shaped('10 MB that are said', { length: 10_000_000n }, 1009),
  shaped('2^63 bytes that are said', { length: 2n ** 63n }, 1009),
  shaped('2^64 − 1 bytes that are said', { length: 2n ** 64n - 1n }, 1009),
  shaped('one byte over the limit', { length: 262_145n }, 1009),
  ['pieces over the limit', pieces(5, 'x'.repeat(60_000), true), 1009],
  ['200,000 pieces of a byte', pieces(200_000, ' ', false), 1008],
  ['200,000 pieces of nothing', pieces(200_000, '', false), 1008],
  ['65 pieces', pieces(65, ' ', true), 1008],
  text('bytes that are no UTF-8', [0x22, 0xc0, 0x8a, 0x22], 1007),
  text('a surrogate in UTF-8', [0x22, 0xed, 0xa0, 0x80, 0x22], 1007),
  text('half a character', [0x22, 0xe2, 0x82], 1007),
  [
    'half a character in pieces',
    Buffer.concat([frameBytes(Uint8Array.of(0x22, 0xe2), { fin: false }), frameBytes('"', { opcode: 0 })]),
    1007,
  ],
  shaped('a binary message', { opcode: 2 }, 4400),
  shaped('an empty message', {}, 4400, ''),
  ['a close of one byte', closeBytes(Uint8Array.of(3)), 1002],
  ...[0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535].map((code): Row => {
    return [`a close with ${code}`, closeBytes(code), 1002]
  }),
  ['a close whose reason is no UTF-8', closeBytes(Uint8Array.of(3, 0xe8, 0xff)), 1007],
  ['a close with a long reason', closeBytes(1000, 'x'.repeat(123)), 1000],
  ['a close, and more behind it', Buffer.concat([closeBytes(4000), frameBytes(PING), closeBytes(4001), HELLO]), 4000],
  ['a close without a code', closeBytes(new Uint8Array()), 1005],
  ['4,000 closes', Buffer.concat(upTo(4_000).map(() => closeBytes(1000))), 1000],
]

describe('S4 S16 §5.6 bad frames close the link with the code for it, and no other link', () => {
  describe.each([true, false])('after a hello: %s', (greets) => {
    it.each(ROWS)('%s', async (_title, bytes, code) => {
      const link = await open(greets)
      await link.send(bytes)
      await expect.poll(() => link.closeCode, wait).toBe(code)
      // Nobody waits for the hub to end it. The peer does its part, and then it is over.
      await link.send(closeBytes(1000))
      await expect.poll(() => link.ended, wait).toBe(true)
      await hub.harmless()
    })
  })

  it('CVE-2026-48779 tiny, empty and endless pieces on 50 links at once are each closed with 1008', async () => {
    const links = await Promise.all(upTo(51).map(() => open(true)))
    const ways = [pieces(70_000, ' ', false), pieces(70_000, '', false), pieces(70_000, 'x', false)]
    await Promise.all(links.map((link, n) => link.send(ways[n % 3] ?? Buffer.alloc(0))))
    for (const link of links) await expect.poll(() => link.closeCode !== undefined || link.ended, wait).toBe(true)
    // A reset for what is still on its way may overtake the close frame.
    expect([...new Set(links.map((link) => link.closeCode ?? 1008))]).toEqual([1008])
    expect(links.some((link) => link.closeCode === 1008)).toBe(true)
    for (const link of links) link.close()
    await hub.harmless()
  })
})

describe('S16 frames that are odd, and good', () => {
  it.each<readonly [string, Buffer]>([
    [
      'a message in 64 pieces, with pings between them',
      Buffer.concat(
        upTo(64).flatMap((n) => {
          const piece = frameBytes(n === 1 ? PING : '', { opcode: n === 1 ? 1 : 0, fin: n === 64 })
          return n % 8 ? [piece] : [frameBytes('p', { opcode: 9 }), piece]
        }),
      ),
    ],
    ['a length in more bits than it needs', frameBytes(PING, { lengthBits: 64 })],
    [
      '1,000 pongs that nobody asked for',
      Buffer.concat([...upTo(1_000).map(() => frameBytes('x', { opcode: 10 })), frameBytes(PING)]),
    ],
    ['spaces up to the limit', frameBytes(PING.padEnd(262_144))],
  ])('%s', async (_title, bytes) => {
    const link = await open(true)
    await link.send(bytes)
    await expect.poll(() => link.messages.join(''), wait).toContain('"heartbeat","timeMs"')
    expect(link.closeCode).toBeUndefined()
    link.close()
    await hub.harmless()
  })

  it('a byte at a time', async () => {
    const link = await open(true)
    link.socket.setNoDelay(true)
    for (const byte of frameBytes(PING)) await link.send(Uint8Array.of(byte))
    await expect.poll(() => link.messages.join(''), wait).toContain('"heartbeat","timeMs"')
    link.close()
    await hub.harmless()
  })

  it('§5.6 a piece that is not followed by another is no hello: 4408', async () => {
    const link = await open(false)
    await link.send(frameBytes('[', { fin: false }))
    await expect.poll(() => link.closeCode, wait).toBe(4408)
    link.close()
    await hub.harmless()
  })

  it('after a hello a piece that is not followed by another harms nobody, and the link gets its messages', async () => {
    const link = await open(true)
    await link.send(frameBytes('[', { fin: false }), frameBytes('', { opcode: 9 }))
    await expect.poll(() => link.pongs, wait).toBe(1)
    link.close()
    await hub.harmless()
  })
})
