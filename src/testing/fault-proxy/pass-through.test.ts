import http from 'node:http'
import net from 'node:net'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startFaultProxy } from './fault-proxy.ts'
import { bodyOf, connectRaw, openSocket, send, startRig } from './test-rig.ts'
import type { Rig } from './test-rig.ts'

let rig: Rig
beforeEach(async () => {
  rig = await startRig()
})
afterEach(() => rig.close())

describe('without a rule', () => {
  it('passes request, answer, repeated headers and body', async () => {
    const got = await send(rig.proxy.port, '/poll?x=1', 'hello')
    expect(got).toMatchObject({ status: 200, body: 'answer 1: hello', end: 'ok', headers: { 'x-twice': 'a, b' } })
    expect(rig.requests).toEqual(['POST /poll?x=1 hello'])
    expect(rig.proxy.faults.log.map((event) => event.kind)).not.toContain('fault')
  })

  it('hands on each chunk of a stream at once', async () => {
    const client = connectRaw(rig.proxy.port, 'GET /stream HTTP/1.1\r\nHost: x\r\n\r\n')
    await client.sees('200 OK')
    for (const text of ['data: 1\n\n', 'data: 2\n\n']) {
      rig.streams[0]?.write(text)
      await client.sees(text)
    }
    client.socket.destroy()
    await rig.until(() => rig.streams.length === 0)
  })

  it('hands on each chunk of a request at once', async () => {
    const chunks: string[] = []
    let arrived = (): void => {}
    const server = http.createServer((req, res) => {
      req.on('data', (chunk: Buffer) => {
        chunks.push(chunk.toString())
        arrived()
      })
      req.on('end', () => res.end('done'))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const proxy = await startFaultProxy({ upstream: { host: '127.0.0.1', port } })
    const req = http.request({ port: proxy.port, host: '127.0.0.1', method: 'POST', agent: false })
    for (const [at, part] of ['one', 'two'].entries()) {
      const came = new Promise<void>((resolve) => (arrived = resolve))
      req.write(part)
      await came
      expect(chunks[at]).toBe(part)
    }
    const answer = new Promise<http.IncomingMessage>((resolve) => req.on('response', resolve))
    req.end()
    expect(await bodyOf(await answer)).toBe('done')
    await proxy.close()
    server.close()
  })

  it('keeps a client connection for the next request', async () => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
    await send(rig.proxy.port, '/a', undefined, { agent })
    await send(rig.proxy.port, '/b', undefined, { agent })
    expect(rig.proxy.faults.log.filter((event) => event.kind === 'connect')).toHaveLength(1)
    expect(rig.requests).toHaveLength(2)
    agent.destroy()
  })

  it('passes a WebSocket both ways, its close code, and sees the frames', async () => {
    const client = openSocket(rig.proxy.port)
    await client.sees('open')
    const batch = JSON.stringify([{ type: 'hello', waitMs: 0 }, { type: 'publish' }])
    client.ws.send(batch)
    await client.sees(`message ${batch}`)
    rig.sockets[0]?.close(4001, 'bye')
    await client.sees('close 4001')
    const frames = rig.proxy.faults.log.filter((event) => event.kind === 'frame')
    expect(frames.map((event) => `${event.direction ?? ''} ${event.frameType ?? ''}`)).toEqual([
      'up hello',
      'up publish',
      'down hello',
      'down publish',
    ])
  })

  it('passes a refused upgrade', async () => {
    const client = openSocket(rig.proxy.port, '/elsewhere')
    await client.sees('status 400')
    client.ws.terminate()
  })

  it('ends the WebSocket upstream when the client vanishes', async () => {
    const client = openSocket(rig.proxy.port)
    await client.sees('open')
    client.ws.terminate()
    await rig.until(() => rig.sockets.length === 0)
  })

  it('breaks the answer when the upstream breaks it', async () => {
    const client = connectRaw(rig.proxy.port, 'GET /stream HTTP/1.1\r\nHost: x\r\n\r\n')
    await client.sees('200 OK')
    rig.streams[0]?.socket?.resetAndDestroy()
    expect(await client.end).toBe('ECONNRESET')
  })

  it('resets when the upstream is not there', async () => {
    const proxy = await startFaultProxy({ upstream: { host: '127.0.0.1', port: 1 } })
    expect((await send(proxy.port, '/')).end).toBe('ECONNRESET')
    await proxy.close()
  })

  it('stops the sender when the reader does not read', async () => {
    const client = connectRaw(rig.proxy.port, 'GET /stream HTTP/1.1\r\nHost: x\r\n\r\n')
    await client.sees('200 OK')
    client.socket.pause()
    const block = Buffer.alloc(1_048_576)
    let sent = 0
    const stream = rig.streams[0]
    // The kernel's buffers on three connections hold some megabytes; a proxy without back-pressure takes it all.
    const flood = new Promise<string>((resolve) => {
      const timer = setTimeout(() => resolve('stopped'), 1500)
      const next = (): void => {
        if (++sent > 256) {
          clearTimeout(timer)
          resolve('swallowed 256 MB')
        } else stream?.write(block, next)
      }
      next()
    })
    expect(await flood).toBe('stopped')
    client.socket.destroy()
    await rig.until(() => rig.streams.length === 0)
  })

  it('goes to its upstream only, also for an absolute URI', async () => {
    let strangers = 0
    const stranger = net.createServer((socket) => {
      strangers++
      socket.destroy()
    })
    await new Promise<void>((resolve) => stranger.listen(0, '127.0.0.1', resolve))
    const { port } = stranger.address() as AddressInfo
    const evil = `http://127.0.0.1:${port}/poll`
    expect(await send(rig.proxy.port, evil)).toMatchObject({ status: 200 })
    const raw = connectRaw(
      rig.proxy.port,
      `GET ${evil.replace('/poll', '/')} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\n` +
        'Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    )
    await raw.sees('101')
    raw.socket.destroy()
    await send(rig.proxy.port, `//127.0.0.1:${port}/x`)
    expect(rig.requests).toEqual(['GET /poll ', `GET //127.0.0.1:${port}/x `])
    expect(strangers).toBe(0)
    stranger.close()
  })
})

describe('close', () => {
  it('leaves no connection, with a stream, a WebSocket, a hung and a suppressed link open', async () => {
    const { faults, port } = rig.proxy
    faults.add({ match: { path: '/hang' }, action: { type: 'hang' } })
    faults.add({ match: { path: '/mute' }, action: { type: 'suppress' } })
    faults.add({ match: { path: '/late' }, action: { type: 'delay', ms: 60_000 } })
    const stream = connectRaw(port, 'GET /stream HTTP/1.1\r\nHost: x\r\n\r\n')
    await stream.sees('200 OK')
    const socket = openSocket(port)
    await socket.sees('open')
    const silent = ['/hang', '/mute', '/late'].map((path) =>
      connectRaw(port, `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`),
    )
    for (const path of ['/hang', '/mute', '/late']) await faults.waitFor((e) => e.kind === 'fault' && e.path === path)
    await rig.proxy.close()
    await Promise.all([...silent, stream].map((client) => client.end))
    await rig.until(() => rig.sockets.length === 0 && rig.streams.length === 0)
    expect(faults.openLinks).toBe(0)
    expect(await rig.connections()).toBe(0)
    await expect(faults.waitFor(() => false)).rejects.toThrow('closed')
  })
})
