import { once } from 'node:events'
import type { Socket } from 'node:net'
import fc from 'fast-check'
import { expect, it, vi } from 'vitest'
import { WebSocket } from 'ws'
import { readServerBatch } from '../protocol/validate-server-frames.ts'
import { besiegedHub } from '../testing/besieged-hub.ts'
import { batchText } from '../testing/frame-arbitraries.ts'
import { FUZZ_TIMEOUT_MS, fuzzing } from '../testing/fuzz.ts'
import { hello } from '../testing/test-hub.ts'

vi.setConfig({ testTimeout: FUZZ_TIMEOUT_MS })

const hub = besiegedHub()

type Act =
  | { readonly do: 'text'; readonly text: string }
  | { readonly do: 'fragments'; readonly text: string; readonly pieces: number }
  | { readonly do: 'binary' | 'ping' | 'pong' | 'raw'; readonly bytes: Uint8Array }
  | { readonly do: 'close'; readonly code: number }
  | { readonly do: 'terminate' | 'reset' }

const act: fc.Arbitrary<Act> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('text' as const), text: batchText }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('fragments' as const),
      text: batchText,
      pieces: fc.integer({ min: 2, max: 90 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom('binary' as const, 'ping' as const, 'pong' as const, 'raw' as const),
      bytes: fc.uint8Array({ maxLength: 125 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('close' as const), code: fc.constantFrom(1000, 1001, 3000, 4999) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('terminate' as const, 'reset' as const) }) },
)

/** What the hub, ws or the test itself closes with; 1005 and 1006 are a close without a code and none. */
const CLOSE_CODES = [
  ...[1000, 1001, 1002, 1005, 1006, 1007, 1008, 1009, 3000, 4999],
  ...[4400, 4401, 4403, 4408, 4413, 4429, 4503],
]

const perform = (socket: WebSocket, todo: Act): void => {
  if (socket.readyState !== socket.OPEN) return
  const { _socket: wire } = socket as unknown as { readonly _socket: Socket }
  switch (todo.do) {
    case 'text':
      return socket.send(todo.text)
    case 'fragments':
      for (let n = 1; n <= todo.pieces; n++) socket.send(n === 1 ? todo.text : '', { fin: n === todo.pieces })
      return
    case 'binary':
      return socket.send(todo.bytes)
    case 'ping':
      return socket.ping(todo.bytes)
    case 'pong':
      return socket.pong(todo.bytes)
    case 'raw':
      return void wire.write(todo.bytes)
    case 'close':
      return socket.close(todo.code)
    case 'terminate':
      return socket.terminate()
    case 'reset':
      return void wire.resetAndDestroy()
  }
}

/** Resolves with nothing once the hub has answered a ping of the protocol. */
const answered = async (socket: WebSocket): Promise<[]> => {
  await new Promise<void>((resolve) => {
    socket.on('message', (data: Buffer) => {
      if (data.toString().includes('"heartbeat","timeMs"')) resolve()
    })
    if (socket.readyState === socket.OPEN) socket.send('[{"type":"ping"}]')
  })
  return []
}

/** One WebSocket on which all of that is done; returns the code it was closed with, if it was. */
const session = async (greets: boolean, acts: readonly Act[]): Promise<number | undefined> => {
  const socket = new WebSocket(`ws://127.0.0.1:${hub.port}${hub.path}`, 'holdfast.1', { perMessageDeflate: false })
  socket.on('error', () => undefined)
  // What is thrown here is noticed by `harmless`.
  socket.on('message', (data: Buffer) => expect(readServerBatch(data.toString())).not.toBeNull())
  await once(socket, 'open')
  const closed = once(socket, 'close') as Promise<[code: number]>
  if (greets) socket.send(JSON.stringify([hello({ channels: [{ channel: 'a', from: 'earliest' }] })]))
  for (const each of acts) perform(socket, each)
  // One that is still open is answered, or it never said hello and is closed for that.
  const [code] = await Promise.race([closed, answered(socket)])
  socket.terminate()
  await closed
  return code
}

it('S14 S16 §5.6 whatever is said on a WebSocket is answered in batches, or closed with a code that there is; and nobody else notices', async () => {
  const codes = new Set<number>()
  const sessions = fc.array(fc.record({ greets: fc.boolean(), acts: fc.array(act, { maxLength: 8 }) }), {
    minLength: 6,
    maxLength: 16,
  })
  const property = fc.asyncProperty(sessions, async (all) => {
    for (const code of await Promise.all(all.map(({ greets, acts }) => session(greets, acts)))) {
      if (code === undefined) continue
      expect(CLOSE_CODES).toContain(code)
      codes.add(code)
    }
    await hub.harmless()
  })
  await fc.assert(property, fuzzing(10))
  expect(codes).toContain(4400)
})
