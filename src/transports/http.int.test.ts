import { createServer } from 'node:http'
import type { RequestListener, Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { CONTENT_TYPE } from '../protocol/frames.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { record, until } from '../testing/transport-recorder.ts'
import { poll } from './poll.ts'
import { sse } from './sse.ts'

// What only real sockets do: redirects, and bodies that break off after some bytes.

let server: Server | undefined
const listen = async (listener: RequestListener): Promise<string> => {
  const made = (server = createServer(listener))
  await new Promise<void>((resolve) => made.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(made.address() as AddressInfo).port}`
}
afterEach(async () => {
  const closing = server
  server = undefined
  await new Promise((resolve) => {
    closing?.close(resolve)
    closing?.closeAllConnections()
  })
})

describe.each([
  ['sse', sse],
  ['poll', poll],
] as const)('%s over real sockets', (_name, make) => {
  const endOf = async (listener: RequestListener) => {
    const url = await listen(listener)
    const clock = new FakeClock()
    const recording = record(url, clock)
    make().open(recording.request, recording.on)
    await until(clock, () => recording.ends.length > 0, 'the end')
    expect(clock.pending).toBe(0)
    return recording
  }

  it.each([302, 303, 307, 308])('N12 a redirect (%i) to a login page is foreign', async (status) => {
    const { ends, batches } = await endOf((request, response) => {
      if (request.url === '/login')
        response.writeHead(200, { 'content-type': 'text/html' }).end('<title>Please log in</title>')
      else response.writeHead(status, { location: '/login' }).end()
    })
    expect(ends).toMatchObject([{ code: 'foreign', status: 200, detail: 'Please log in' }])
    expect(batches).toEqual([])
  })

  it('a redirect loop is failed', async () => {
    const { ends } = await endOf((_request, response) => response.writeHead(307, { location: '/poll' }).end())
    expect(ends).toMatchObject([{ code: 'failed' }])
  })

  it.each([
    ['shorter than it said', { 'content-length': '999' }],
    ['without its last chunk', {}],
  ] as [string, Record<string, string>][])('N31 a body %s is cut', async (_title, headers) => {
    const type = make === sse ? 'text/event-stream' : CONTENT_TYPE
    const { ends, batches } = await endOf((_request, response) => {
      response.writeHead(200, { 'content-type': type, ...headers })
      response.write(make === sse ? 'data: [{"type":"x' : '[{"type":"x')
      setTimeout(() => response.destroy(), 20)
    })
    expect(ends).toMatchObject([{ code: 'cut', status: 200 }])
    expect(batches).toEqual([])
  })
})

describe('sse over real sockets', () => {
  it.each(['text/event-stream', 'text/event-stream; charset=utf-8', 'Text/Event-Stream ;bogus'])(
    'N12 takes %s, in pieces of one byte, and is cut at its end',
    async (type) => {
      const url = await listen((_request, response) => {
        response.writeHead(200, { 'content-type': type })
        const bytes = Buffer.from(': hi\n\ndata: ["ä€😀"]\r\n\r\ndata: ["unfinished"]\n')
        let at = 0
        const step = (): void => {
          if (at === bytes.length) response.end()
          else response.write(bytes.subarray(at, ++at), () => setImmediate(step))
        }
        step()
      })
      const clock = new FakeClock()
      const recording = record(url, clock)
      sse().open(recording.request, recording.on)
      await until(clock, () => recording.ends.length > 0, 'the end')
      expect(recording.batches).toEqual(['["ä€😀"]'])
      expect(recording.ends).toMatchObject([{ code: 'cut', status: 200 }])
      expect(recording.calls.indexOf('alive')).toBeLessThan(recording.calls.indexOf('data'))
      expect(recording.slots.taken).toBe(0)
    },
  )
})
