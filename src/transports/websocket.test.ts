import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { WebSocket as Ws } from 'ws'
import { SUBPROTOCOL } from '../protocol/frames.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { record } from '../testing/transport-recorder.ts'
import { webSocket } from './websocket.ts'
import type { WebSocketLike } from './websocket.ts'

/** A socket whose events a test fires in the order browsers do. */
class Socket implements WebSocketLike {
  static made: Socket[] = []
  readyState = 0
  protocol = SUBPROTOCOL
  onopen: ((event: never) => void) | null = null
  onerror: ((event: never) => void) | null = null
  onmessage: ((event: never) => void) | null = null
  onclose: ((event: never) => void) | null = null
  readonly sent: string[] = []
  readonly closed: unknown[][] = []
  readonly url: string
  readonly asked: string

  constructor(url: string, asked: string) {
    this.url = url
    this.asked = asked
    Socket.made.push(this)
  }
  send(data: string): void {
    this.sent.push(data)
  }
  close(...reason: unknown[]): void {
    this.closed.push(reason)
  }
  fire(name: 'open' | 'error' | 'message' | 'close', event: object = {}): void {
    if (name === 'open') this.readyState = 1
    if (name === 'close' || name === 'error') this.readyState = 3
    this[`on${name}`]?.(event as never)
  }
}

let clock: FakeClock
beforeEach(() => {
  clock = new FakeClock()
  Socket.made = []
})

const start = (url = 'http://hub.example/realtime') => {
  const recording = record(url, clock)
  const link = webSocket({ WebSocket: Socket }).open(recording.request, recording.on)
  return { ...recording, link, socket: Socket.made[0]! }
}

describe('webSocket', () => {
  it.each([
    ['http://h:1/r', 'ws://h:1/r'],
    ['https://h/http', 'wss://h/http'],
  ])('§5.1 %s is asked at %s with the subprotocol', (url, asked) => {
    expect(start(url).socket).toMatchObject({ url: asked, asked: SUBPROTOCOL })
  })

  it('§5.2 the hello is built when the connection is open, and goes first', async () => {
    const { socket, link, waits } = start()
    expect(waits).toEqual([])
    await expect(link.send('early')).rejects.toEqual({ code: 'failed' })
    socket.fire('open')
    await link.send('next')
    expect(waits).toEqual([undefined])
    expect(socket.sent).toHaveLength(2)
    expect(socket.sent[0]).toContain('"hello"')
    expect(socket.sent[1]).toBe('next')
  })

  it('N14 a close before open is failed', () => {
    const { socket, ends } = start()
    socket.fire('error')
    socket.fire('close', { code: 1006, reason: '' })
    expect(ends).toEqual([{ code: 'failed', status: 1006, detail: undefined }])
    expect(clock.pending).toBe(0)
  })

  it('N14 a close that follows its error some tasks later, as in WebKit, is failed', async () => {
    const { socket, ends } = start()
    socket.fire('error')
    await clock.advance(99)
    socket.fire('close', { code: 1006, reason: '' })
    expect(ends).toEqual([{ code: 'failed', status: 1006, detail: undefined }])
    expect(clock.pending).toBe(0)
  })

  it.each([1000, 1001, 1006, 1011, 4401, 4403, 4429, 4503])('§5.6 a close with %i after open is cut', (code) => {
    const { socket, ends } = start()
    socket.fire('open')
    socket.fire('close', { code, reason: 'r'.repeat(500) })
    expect(ends).toEqual([{ code: 'cut', status: code, detail: 'r'.repeat(200) }])
  })

  it('N27 an error alone ends it: that is how Chromium tells of CSP', async () => {
    const { socket, ends } = start()
    socket.fire('error')
    expect(ends).toEqual([])
    await clock.advance(100)
    expect(ends).toEqual([{ code: 'blocked' }])
    socket.fire('close', { code: 1006, reason: '' })
    await clock.advance(1000)
    expect(ends).toHaveLength(1)
  })

  it('an error alone after open is cut', async () => {
    const { socket, ends } = start()
    socket.fire('open')
    socket.fire('error')
    await clock.advance(100)
    expect(ends).toEqual([{ code: 'cut' }])
  })

  it('N27 a constructor that throws is blocked, not inside open()', async () => {
    const recording = record('http://h', clock)
    const WebSocket = class extends Socket {
      constructor() {
        super('', '')
        throw new DOMException('The operation is insecure.', 'SecurityError')
      }
    }
    webSocket({ WebSocket }).open(recording.request, recording.on)
    expect(recording.ends).toEqual([])
    await clock.advance(100)
    expect(recording.ends).toEqual([{ code: 'blocked', detail: 'SecurityError: The operation is insecure.' }])
  })

  it('says nothing of a constructor that threw when it was closed before', async () => {
    const recording = record('http://h', clock)
    const link = webSocket({ WebSocket: undefined }).open(recording.request, recording.on)
    link.close()
    expect(clock.pending).toBe(0)
    await clock.advance(1000)
    expect(recording.calls).toEqual([])
  })

  it.each(['', 'other'])('a 101 with the subprotocol "%s" is foreign', (protocol) => {
    const { socket, ends, waits } = start()
    socket.protocol = protocol
    socket.fire('open')
    expect(ends).toMatchObject([{ code: 'foreign' }])
    expect(waits).toEqual([])
    expect(socket.closed).toEqual([[1000]])
  })

  it.each([new ArrayBuffer(2), new Blob(['x']), null])('a binary message is foreign', (data) => {
    const { socket, ends, batches } = start()
    socket.fire('open')
    socket.fire('message', { data })
    expect(ends).toMatchObject([{ code: 'foreign' }])
    expect(batches).toEqual([])
  })

  it('N3 close() while it connects closes the socket, for the next one of this host waits for it in Firefox', () => {
    const { socket, link } = start()
    link.close()
    link.close()
    expect(socket.closed).toEqual([[1000]])
  })

  it('T3 an event that was on its way is not heard after close()', async () => {
    const { socket, link, calls } = start()
    link.close()
    socket.fire('open')
    socket.fire('error')
    socket.fire('close', { code: 1006, reason: '' })
    socket.fire('message', { data: 'x' })
    await clock.advance(1000)
    expect(calls).toEqual([])
    expect(socket.sent).toEqual([])
  })

  it('send() rejects when the socket is closing', async () => {
    const { socket, link } = start()
    socket.fire('open')
    socket.readyState = 2
    await expect(link.send('x')).rejects.toEqual({ code: 'cut' })
    expect(socket.sent).toHaveLength(1)
  })

  it('is not supported where there is no WebSocket, and ends as blocked', async () => {
    const before = Object.getOwnPropertyDescriptor(globalThis, 'WebSocket')
    Reflect.deleteProperty(globalThis, 'WebSocket')
    try {
      expect(webSocket().supported()).toBe(false)
      const recording = record('http://h', clock)
      webSocket().open(recording.request, recording.on)
      await clock.advance(100)
      expect(recording.ends).toMatchObject([{ code: 'blocked' }])
    } finally {
      if (before) Object.defineProperty(globalThis, 'WebSocket', before)
    }
  })
})

describe('webSocket over ws', () => {
  const server = createServer()
  afterEach(() => {
    server.closeAllConnections()
    server.close()
  })

  it('N3 a handshake that hangs can be closed without an error that nobody hears', async () => {
    server.on('upgrade', () => {})
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const recording = record(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, clock)
    const link = webSocket({ WebSocket: Ws }).open(recording.request, recording.on)
    await new Promise((resolve) => server.once('upgrade', resolve))
    link.close()
    await clock.advance(1000)
    expect(recording.calls).toEqual([])
  })
})
