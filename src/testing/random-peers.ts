import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import fc from 'fast-check'
import { nestsDeeper } from '../protocol/text.ts'
import { DEFAULT_LIMITS } from '../server/limits.ts'
import type { BesiegedHub } from './besieged-hub.ts'
import { damagedJson } from './damaged-json.ts'
import { batchText, clientFrame } from './frame-arbitraries.ts'
import { FakeClock } from './fake-clock.ts'
import { frameBytes } from './raw-websocket.ts'
import { anyRequest, brokenRequest, requestBytes } from './request-arbitraries.ts'
import { hello } from './test-hub.ts'

/** Different ones of a kind; what is sent is drawn from them, and changed a little now and then. */
const POOL = 4_000
/** WebSocket messages that are sent together, and requests on one connection. */
const MESSAGES = 4
const REQUESTS = 10
/** One message in so many may end its link. */
const RARE_MESSAGE = 80
/** One connection in so many is not for HTTP as it should be. */
const RARE_CONNECTION = 8

type Where = Pick<BesiegedHub, 'port' | 'path'>

/** What peers draw from: always the same for a seed. */
export interface Pools {
  /** JSON of frames that leave a link open, well-formed or not. */
  readonly frames: readonly string[]
  /** Texts of messages that may end it. */
  readonly texts: readonly string[]
  readonly requests: readonly Buffer[]
  /** Each to be the last on its connection. */
  readonly lastRequests: readonly Buffer[]
  readonly broken: readonly Buffer[]
  /** From 0 up to `most`. */
  readonly pick: <Item>(items: readonly Item[]) => Item
  readonly below: (most: number) => number
}

export const makePools = (seed: number, hubPath: string): Pools => {
  const sample = <Item>(arbitrary: fc.Arbitrary<Item>): Item[] => fc.sample(arbitrary, { numRuns: POOL, seed })
  const isOneFrame = (text: string): boolean => {
    try {
      const values = JSON.parse(`[${text}]`) as readonly ({ type?: unknown } | null)[]
      return values.length === 1 && values[0]?.type !== 'hello' && !nestsDeeper(text, DEFAULT_LIMITS.jsonDepth - 1)
    } catch {
      return false
    }
  }
  const frames = [...sample(clientFrame).map((frame) => JSON.stringify(frame)), ...sample(damagedJson(clientFrame))]
  const asked = sample(anyRequest)
  const { random } = new FakeClock({ seed })
  const below = (most: number): number => Math.floor(random() * most)
  return {
    frames: frames.filter(isOneFrame),
    texts: sample(batchText),
    // A stream would be the last that is answered, and so would one whose body nobody reads.
    requests: asked
      .filter(({ path, method, body }) => path !== '/stream' && (body === '' || (method === 'POST' && path !== '')))
      .map((each) => requestBytes(each, hubPath, 'keep-alive')),
    lastRequests: asked.map((each) => requestBytes(each, hubPath, 'close')),
    broken: sample(brokenRequest(hubPath)),
    below,
    pick: (items) => items[below(items.length)] as (typeof items)[number],
  }
}

/** A character somewhere in it is another one. */
const changed = (text: string, { below }: Pools): string => {
  const at = below(text.length)
  return text.slice(0, at) + String.fromCharCode(below(4) ? below(128) : below(65_536)) + text.slice(at + 1)
}

/** Resolves with true as soon as `mark` has come on the socket, and with false when that is over before. */
const hears = (socket: Socket, mark: string): Promise<boolean> =>
  new Promise((resolve) => {
    let end = ''
    const settle = (heard: boolean): void => {
      socket.off('data', onData).off('close', onClose)
      resolve(heard)
    }
    const onData = (chunk: string): void => {
      const text = end + chunk
      if (text.includes(mark)) settle(true)
      end = text.slice(-mark.length)
    }
    const onClose = (): void => settle(false)
    socket.on('data', onData).on('close', onClose)
  })

const opened = async ({ port }: Where): Promise<Socket> => {
  const socket = connect(port, '127.0.0.1').setEncoding('latin1')
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  return socket
}

let marks = 0

/** Talks on one WebSocket until that ends, or `enough` of it was said; returns the frames that were answered, or could have been. */
export const talkOnWebSocket = async (hub: Where, pools: Pools, enough: number): Promise<number> => {
  const { pick, below } = pools
  const socket = await opened(hub)
  const lines = [
    ...[
      `GET ${hub.path} HTTP/1.1`,
      'Host: x',
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
    ],
    ...['Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Protocol: holdfast.1', '', ''],
  ]
  socket.write(lines.join('\r\n'))
  const client = `random-${++marks}`.padEnd(22, '-')
  const greeting = hello({ client, channels: [{ channel: 'a', from: 'latest' }] })
  if (below(RARE_CONNECTION)) socket.write(frameBytes(JSON.stringify([greeting])))
  // Above those of the pool, of which most are repeats.
  let sequence = 100
  const fresh = (): string =>
    JSON.stringify({ type: 'publish', channel: below(2) ? 'a' : 'b', sequence: ++sequence, data: sequence })
  let frames = 0
  while (frames < enough) {
    let count = 0
    const messages: Buffer[] = []
    for (let n = 0; n < MESSAGES; n++) {
      const size = 1 + below(below(4) ? 16 : DEFAULT_LIMITS.framesPerBatch)
      const batch = `[${Array.from({ length: size }, () => (below(8) ? pick(pools.frames) : fresh())).join()}]`
      const odd = below(RARE_MESSAGE) === 0
      count += odd ? 1 : size
      messages.push(frameBytes(odd ? (below(2) ? changed(batch, pools) : pick(pools.texts)) : batch))
    }
    const mark = `mark-${++marks}`
    const heard = hears(socket, `"channel":"${mark}"`)
    // It is refused, and that comes behind the answers to all that came before.
    messages.push(frameBytes(`[{"type":"subscribe","channel":"${mark}","from":"x"}]`))
    socket.write(Buffer.concat(messages))
    // Of a link that was ended at one of them it is not known how many were read.
    if (!(await heard)) return frames + 1
    frames += count
  }
  socket.destroy()
  return frames
}

/** Sends requests on one connection, all at once; returns how many were answered, or ended it. */
export const requestOnSocket = async (hub: Where, pools: Pools): Promise<number> => {
  const { pick, below } = pools
  const socket = await opened(hub)
  const closed = once(socket, 'close')
  let answers = 0
  let end = ''
  socket.on('data', (chunk: string) => {
    const text = end + chunk
    answers += text.match(/HTTP\/1\.1 [2-5]\d\d /g)?.length ?? 0
    // Less than what is looked for.
    end = text.slice(-12)
    if (text.includes('data: [{"type":"w')) socket.destroy()
  })
  if (below(RARE_CONNECTION) === 0) {
    socket.end(pick(pools.broken))
    await closed
    return Math.max(1, answers)
  }
  const all = Array.from({ length: REQUESTS }, () => pick(pools.requests))
  socket.write(Buffer.concat([...all, pick(pools.lastRequests)]))
  await closed
  return answers
}
