import { expect, it } from 'vitest'
import { connectRaw, openSocket, startRig } from './test-rig.ts'
import type { RawClient } from './test-rig.ts'
import { rig, faults, port, fired, rigForEach } from './test-set-up.ts'

rigForEach()

/** A WebSocket whose bytes are looked at as they come. */
const openRaw = async (): Promise<RawClient> => {
  const client = connectRaw(
    port,
    'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  )
  await client.sees('\r\n\r\n')
  await rig.until(() => rig.sockets.length === 1)
  return client
}

/** What came behind the 101. */
const bytesOf = (client: RawClient): string => {
  const all = Buffer.concat(client.chunks).toString('latin1')
  return all.slice(all.indexOf('\r\n\r\n') + 4)
}

const message = '\u0081\u000a0123456789'

it.each(['reset', 'fin', 'limit'] as const)('%s after n bytes: in the middle of a frame', async (type) => {
  faults.add({ match: { kind: 'ws' }, action: { type, bytes: 5 } })
  const client = await openRaw()
  rig.sockets[0]?.send('0123456789')
  expect(await client.end).toBe(type === 'reset' ? 'ECONNRESET' : 'fin')
  expect(bytesOf(client)).toBe(message.slice(0, 5))
  expect(await fired(type)).toMatchObject({ direction: 'down', bytes: 5, path: '/' })
  client.socket.destroy()
})

it('suppress after n bytes: half a frame, and then nothing, while the socket stays open', async () => {
  faults.add({ match: { kind: 'ws', afterBytes: 5 }, action: { type: 'suppress', direction: 'down' } })
  const client = await openRaw()
  rig.sockets[0]?.send('0123456789')
  await fired('suppress')
  rig.sockets[0]?.close()
  await client.sees('012')
  expect(bytesOf(client)).toBe(message.slice(0, 5))
  expect(client.socket.readyState).toBe('open')
  client.socket.destroy()
})

it('slice and throttle: the same bytes, later', async () => {
  faults.add({ match: { kind: 'ws' }, action: { type: 'slice', bytes: 3, gapMs: 1 } })
  faults.add({ match: { kind: 'ws', direction: 'down' }, action: { type: 'throttle', bytesPerSecond: 200 } })
  const client = await openRaw()
  const startMs = performance.now()
  rig.sockets[0]?.send('0123456789')
  await client.sees('789')
  expect(bytesOf(client)).toBe(message)
  // The first three bytes go at once; never sooner than what nine take.
  expect(performance.now() - startMs).toBeGreaterThan(40)
  client.socket.destroy()
})

it('oneBehind: a message comes with the next one', async () => {
  faults.add({ match: { kind: 'ws' }, action: { type: 'oneBehind' } })
  const client = await openRaw()
  rig.sockets[0]?.send('0123456789')
  await fired('oneBehind')
  rig.sockets[0]?.send('next')
  await client.sees('789')
  expect(bytesOf(client)).toBe(message)
  client.socket.destroy()
})

it('delay with jitter: between ms - jitterMs and ms + jitterMs', async () => {
  const early = await startRig({ random: () => 0 })
  early.proxy.faults.add({ match: { kind: 'ws' }, action: { type: 'delay', ms: 5_000, jitterMs: 5_000 } })
  const client = openSocket(early.proxy.port)
  await client.sees('open')
  client.ws.send('soon')
  await client.sees('message soon')
  client.ws.terminate()
  await early.close()
})
