import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { http2Pair } from '../testing/http2-fetch.ts'
import { createHub } from './hub.ts'
import type { Hub } from './hub-types.ts'
import type { HubLimits } from './limits.ts'

const undo: (() => unknown)[] = []
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step()
})

/** Of one answer with all of it a Unix socket takes a part, and a window of 0 nothing. */
const MESSAGES = 20
const hubWith = async (limits: Partial<HubLimits>): Promise<Hub> => {
  const hub = createHub({ authorize: () => true, limits: { answerBytes: 2_000_000, ...limits } })
  for (let n = 0; n < MESSAGES; n++) await hub.publish('a', 'x'.repeat(60_000))
  undo.push(() => hub.close())
  return hub
}

/** One request of which the answer is not read. */
interface Unread {
  /** What came of the answer, from now on. */
  read(): Promise<string>
  readonly isOver: () => boolean
  drop(): void
}
type Ask = () => Unread

const TARGET = '/realtime/poll?channel=a&since=earliest'

const overHttp1 = async (hub: Hub): Promise<Ask> => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-'))
  const path = join(folder, 'hub.sock')
  const server = createServer()
  hub.attach(server)
  server.listen(path)
  await once(server, 'listening')
  undo.push(() => {
    server.closeAllConnections()
    server.close()
    rmSync(folder, { recursive: true })
  })
  return () => {
    const socket = connect(path).on('error', () => undefined)
    let text = ''
    let open = true
    // Who does not read is not told of an end; the other side is.
    server.once('connection', (other: Socket) => other.on('close', () => (open = false)))
    socket.write(`GET ${TARGET} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
    socket.pause()
    undo.push(() => socket.destroy())
    return {
      read: async () => {
        socket.on('data', (chunk: Buffer) => (text += chunk.toString())).resume()
        await once(socket, 'close')
        return text
      },
      isOver: () => !open,
      drop: () => socket.destroy(),
    }
  }
}

const overHttp2 = async (hub: Hub): Promise<Ask> => {
  const { session, close } = await http2Pair((server) => hub.attach(server), {}, 0)
  undo.push(close)
  return () => {
    const stream = session.request({ ':path': TARGET })
    let text = ''
    let status = 0
    stream.on('error', () => undefined).on('response', (headers) => (status = Number(headers[':status'])))
    stream.pause()
    return {
      read: async () => {
        session.settings({ initialWindowSize: 65_535 })
        stream.on('data', (chunk: Buffer) => (text += chunk.toString())).resume()
        if (!stream.closed) await once(stream, 'close')
        return `HTTP/2 ${status} ${text}`
      },
      isOver: () => stream.closed,
      drop: () => stream.close(8),
    }
  }
}

const WAYS: readonly (readonly [string, (hub: Hub) => Promise<Ask>])[] = [
  ['HTTP/1.1', overHttp1],
  ['HTTP/2', overHttp2],
]

describe.each(WAYS)('S6 §9 over %s an answer that is not taken', (_way, open) => {
  it('counts as a link: of more than there may be the next is told to come later', async () => {
    const hub = await hubWith({ links: 8 })
    const ask = await open(hub)
    const unread: Unread[] = []
    for (let n = 1; n <= 8; n++) {
      unread.push(ask())
      await expect.poll(() => hub.metrics.linksClosed.poll.answered).toBe(n)
    }
    expect(hub.health.links).toBe(0)
    expect(await ask().read()).toMatch(/ 503 .*"code":"unavailable"/s)
    for (const each of unread) each.drop()
    await expect
      .poll(async () => {
        const after = ask()
        return (await after.read()).includes('"type":"run"')
      })
      .toBe(true)
  })

  it('is cut off when the peer takes nothing for `stallMs`', async () => {
    const ask = await open(await hubWith({ stallMs: 400 }))
    const stalled = ask()
    await expect.poll(stalled.isOver, { timeout: 10_000 }).toBe(true)
  })
})
