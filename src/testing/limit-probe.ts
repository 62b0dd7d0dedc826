import { once } from 'node:events'
import { WebSocket } from 'ws'
import type { ErrorFrame, ServerFrame } from '../protocol/frames.ts'
import { PATIENCE_MS } from './besieged-hub.ts'
import type { BesiegedHub } from './besieged-hub.ts'
import { exchangeBytes } from './raw-http.ts'

/** One request, or what is said on one WebSocket. */
export type Sent =
  | {
      readonly path: string
      /** Sent by POST; without one it is a GET. */
      readonly body?: string
      readonly headers?: Readonly<Record<string, string>>
    }
  | { readonly messages: readonly string[]; readonly headers?: Readonly<Record<string, string>> }

/** What the hub said to it. */
export interface Heard {
  /** Of an HTTP answer; of a WebSocket its close code, or 200 when it goes on. */
  readonly status: number
  readonly errors: readonly ErrorFrame[]
  readonly frames: readonly ServerFrame[]
}

const heard = (status: number, batches: readonly string[]): Heard => {
  const frames = batches.flatMap((batch) => JSON.parse(batch) as ServerFrame[])
  return { status, frames, errors: frames.filter((frame) => frame.type === 'error') }
}

/** Says it to the hub. A WebSocket has gone on when it answers a ping at the end. */
export const say = async (hub: BesiegedHub, sent: Sent): Promise<Heard> =>
  'path' in sent ? request(hub, sent) : converse(hub, sent)

const request = async (
  hub: BesiegedHub,
  { path, body, headers = {} }: Extract<Sent, { path: string }>,
): Promise<Heard> => {
  const all = {
    Host: `127.0.0.1:${hub.port}`,
    Connection: 'close',
    ...(body === undefined
      ? {}
      : { 'Content-Type': 'application/json', 'Content-Length': String(Buffer.byteLength(body)) }),
    ...headers,
  }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  const head = `${body === undefined ? 'GET' : 'POST'} ${hub.path}${path} HTTP/1.1\r\n${lines.join('')}\r\n`
  const bytes = Buffer.from(head + (body ?? ''))
  const answer = await exchangeBytes(hub.port, bytes, { timeoutMs: PATIENCE_MS, halfClose: false })
  const events = [...answer.text.matchAll(/^data: (.*)$/gm)].map(([, batch = '[]']) => batch)
  const isStream = answer.headers['content-type'] === 'text/event-stream'
  return heard(answer.status, isStream ? events : [answer.body])
}

const converse = async (
  hub: BesiegedHub,
  { messages, headers = {} }: Extract<Sent, { messages: readonly string[] }>,
): Promise<Heard> => {
  const socket = new WebSocket(`ws://127.0.0.1:${hub.port}${hub.path}`, 'holdfast.1', {
    perMessageDeflate: false,
    headers,
  })
  const batches: string[] = []
  socket.on('error', () => undefined)
  const over = new Promise<number>((resolve) => {
    socket.on('close', resolve)
    socket.on('message', (data: Buffer) => {
      batches.push(data.toString('utf8'))
      if (batches.at(-1)?.includes('"heartbeat","timeMs"')) resolve(200)
    })
  })
  await once(socket, 'open')
  for (const message of messages) socket.send(message)
  socket.send('[{"type":"ping"}]')
  const status = await over
  socket.terminate()
  return heard(status, batches)
}
