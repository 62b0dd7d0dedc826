import { once } from 'node:events'
import { createServer } from 'node:http'
import type { ServerResponse } from 'node:http'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { hello } from '../testing/test-hub.ts'
import { serveOnPath } from '../testing/serve-on-path.ts'
import { createHub } from './hub.ts'
import type { Hub } from './hub-types.ts'

const undo: (() => unknown)[] = []
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step()
})

interface Served {
  readonly hub: Hub
  /** How often somebody was authenticated: a request that waits is not looked at. */
  readonly begun: () => number
  /** What the application got, and has not answered. */
  readonly app: ServerResponse[]
  /** Sends on a connection of its own, and gives the text that came back so far. */
  readonly send: (...requests: string[]) => { readonly socket: Socket; readonly text: () => string }
}

const serve = async (): Promise<Served> => {
  let begun = 0
  const app: ServerResponse[] = []
  const hub = createHub({
    authorize: () => true,
    authenticate: () => {
      begun++
      return null
    },
  })
  const server = createServer((_, response) => app.push(response))
  hub.attach(server)
  const { path, close } = await serveOnPath(server, hub)
  undo.push(close)
  const send = (...requests: string[]) => {
    const socket = connect(path)
    let text = ''
    socket.on('error', () => undefined).on('data', (chunk: Buffer) => (text += chunk.toString()))
    socket.write(requests.join(''))
    undo.push(() => socket.destroy())
    return { socket, text: () => text }
  }
  return { hub, begun: () => begun, app, send }
}

const HOST = 'Host: x\r\n'
const get = (path: string): string => `GET ${path} HTTP/1.1\r\n${HOST}\r\n`
const post = (path: string, fields: object): string => {
  const body = JSON.stringify([hello({ channels: [{ channel: 'a', from: 'latest' }], ...fields })])
  return `POST /realtime${path} HTTP/1.1\r\n${HOST}Content-Type: text/plain\r\nContent-Length: ${body.length}\r\n\r\n${body}`
}
const STREAM = post('/stream', {})
const times = (count: number, text: string): string[] => Array.from({ length: count }, () => text)

describe('S16 requests that are sent before the answers to those before them', () => {
  it('50 streams on one connection are one link, and none once it is gone', async () => {
    const { hub, begun, send } = await serve()
    const { socket, text } = send(...times(50, STREAM))
    await expect.poll(text).toContain('"type":"heartbeat"')
    expect([hub.health.links, begun()]).toEqual([1, 1])
    socket.destroy()
    await expect.poll(() => hub.health.links).toBe(0)
    expect(begun()).toBe(1)
  })

  it('answers that are not taken are not made: one at a time', async () => {
    const { hub, begun, send } = await serve()
    // Of these a Unix socket takes two or three answers, and loopback forty.
    for (let n = 0; n < 10; n++) await hub.publish('a', 'x'.repeat(60_000))
    const { socket } = send(...times(60, get('/realtime/poll?channel=a&since=earliest')))
    socket.pause()
    await expect.poll(begun).toBeGreaterThan(0)
    // They have come in one piece with the first.
    await expect.poll(send(get('/realtime/health')).text).toContain('"status":"ready"')
    expect(begun()).toBeLessThan(20)
    socket.resume()
    await expect.poll(begun).toBe(60)
  })

  it('more than 64 that wait end the connection', async () => {
    const { hub, send } = await serve()
    const other = send(STREAM)
    const waiting = send(STREAM, ...times(64, get('/realtime/health')))
    await expect.poll(waiting.text).toContain('"type":"heartbeat"')
    const { socket } = send(STREAM, ...times(65, get('/realtime/health')))
    await once(socket, 'close')
    await expect.poll(() => hub.health.links).toBe(2)
    expect(hub.metrics.refusals['too-many']).toBe(1)
    expect([other.socket.destroyed, waiting.socket.destroyed]).toEqual([false, false])
  })

  it('each begins when its turn comes, also behind an answer of the application', async () => {
    const { hub, begun, app, send } = await serve()
    const { text } = send(get('/mine'), get('/realtime/poll?channel=a'), get('/realtime/health'), STREAM)
    await expect.poll(() => app.length).toBe(1)
    expect(begun()).toBe(0)
    app[0]?.end('the app')
    await expect.poll(text).toContain('"type":"heartbeat"')
    const kinds = ['the app', 'application/holdfast+json', '"status":"ready"', 'text/event-stream']
    const places = kinds.map((kind) => text().indexOf(kind))
    expect([begun(), places]).toEqual([2, [...places].sort((a, b) => a - b)])
    await hub.publish('a', 'live')
    await expect.poll(text).toContain('"data":"live"')
  })
})
