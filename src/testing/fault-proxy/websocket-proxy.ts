import type { ClientRequest, IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { FrameFeed } from './frame-feed.ts'
import { innerOf } from './faults.ts'
import type { FaultSettings } from './faults.ts'
import { askUpstream, endSocket, rawHead, targetOf } from './http-message.ts'
import type { ProxyOptions } from './http-proxy.ts'
import { Lane } from './lane.ts'
import type { Link } from './link.ts'
import type { ActiveRule } from './rule-table.ts'
import type { ActionOf } from './rule.ts'
import { opaqueSegmenter } from './segments.ts'
import { webSocketSegmenter } from './websocket-segments.ts'
import { handOn, outlive } from './upstream-side.ts'

interface Sides {
  readonly client: Duplex
  request?: ClientRequest
  hub?: Duplex
}

/** Proxies one upgrade and the WebSocket that it becomes. */
export function proxyUpgrade(req: IncomingMessage, socket: Duplex, head: Buffer, options: ProxyOptions): void {
  socket.on('error', () => {})
  const address = targetOf(req.url ?? '/', options.stripPrefix)
  if (address === undefined) {
    socket.end(rawHead(400, 'Bad Request', ['Connection', 'close']))
    return
  }
  const { upstream } = options
  const faults = innerOf(options.faults)
  const sides: Sides = { client: socket }
  const link: Link = faults.openLink('ws', address.pathname, {
    kill(how, code) {
      sides.request?.destroy()
      sides.hub?.destroy()
      if (code !== undefined && sides.hub !== undefined) socket.write(closeFrame(code))
      endSocket(socket, how)
    },
    destroy() {
      sides.request?.destroy()
      sides.hub?.destroy()
      socket.destroy()
    },
  })
  if (link.ended) return
  socket.once('close', () => {
    clientGone(link, sides, faults.settings.orphanMs)
  })
  // The hub is not told of this end, and so will not answer it: nothing else would ever close this half.
  socket.once('end', () => {
    if (link.suppressed.up) socket.destroy()
  })
  const active = faults.opening(link, [])
  if (active !== undefined) {
    decline(link, socket, active)
    return
  }
  const { up, down } = lanes(link, sides, faults.settings)
  // Until the 101 nothing may go up; a client that does not wait for it is rare but legal to exist.
  socket.pause()
  if (head.length > 0) socket.unshift(head)
  up.head(() => {
    const request = askUpstream(upstream, req, address.target)
    sides.request = request
    request.on('error', () => {
      hubGone(link)
    })
    request.on('upgrade', (answer, hub: Duplex, hubHead) => {
      sides.hub = hub
      join(link, sides, up, down, answer, hubHead)
    })
    request.on('response', (answer) => {
      passRefusal(link, sides, down, answer)
    })
    request.end()
  })
  link.touch()
}

/** RFC 6455 §5.5.1, unmasked as servers send it. */
function closeFrame(code: number): Buffer {
  return Buffer.from([0x88, 2, code >> 8, code & 0xff])
}

/** A half-open link hides the client's end from the hub, for a while. */
function clientGone(link: Link, sides: Sides, orphanMs: number): void {
  const { hub, request } = sides
  if (hub === undefined || hub.destroyed || !link.suppressed.up || !link.open) {
    request?.destroy()
    // An RST from the client must reach the hub as an end of some kind, never as silence.
    hub?.destroy()
    link.end()
    return
  }
  outlive(link, hub, orphanMs)
}

function hubGone(link: Link): void {
  if (link.down === undefined) link.kill('reset')
  else link.down.abort('reset')
}

function decline(link: Link, socket: Duplex, active: ActiveRule): void {
  link.fired(active)
  const { action } = active.rule
  if (action.type === 'respond') {
    respond(link, socket, action)
  } else if (action.type === 'hang') {
    // Reading on is the only way to see that the client gave up.
    socket.resume()
    socket.once('end', () => {
      socket.destroy()
    })
  } else {
    link.kill(action.type === 'fin' ? 'fin' : 'reset')
  }
}

function respond(link: Link, socket: Duplex, { status, headers = {}, body = '' }: ActionOf<'respond'>): void {
  link.log({ kind: 'status', status })
  const own = new Set(['connection', 'content-length', 'transfer-encoding'])
  const fields = Object.entries(headers)
    .filter(([name]) => !own.has(name.toLowerCase()))
    .flat()
  fields.push('Content-Length', String(Buffer.byteLength(body)), 'Connection', 'close')
  endWith(socket, rawHead(status, 'Refused', fields) + body)
}

function endWith(socket: Duplex, text: string): void {
  socket.end(text)
  socket.resume()
}

function lanes(link: Link, sides: Sides, settings: FaultSettings): { readonly up: Lane; readonly down: Lane } {
  const make = (direction: 'up' | 'down', from: () => Duplex | undefined, to: () => Duplex | undefined): Lane =>
    new Lane({
      link,
      direction,
      ...settings,
      end: {
        data: (chunk, flushed) => write(to(), chunk, flushed),
        end: () => {
          to()?.end()
        },
        limit: () => {
          link.kill('fin')
        },
        pause: () => {
          from()?.pause()
        },
        resume: () => {
          from()?.resume()
        },
      },
    })
  const client = (): Duplex => sides.client
  const hub = (): Duplex | undefined => sides.hub
  const up = make('up', client, hub)
  const down = make('down', hub, client)
  link.up = up
  link.down = down
  return { up, down }
}

function join(link: Link, sides: Sides, up: Lane, down: Lane, answer: IncomingMessage, hubHead: Buffer): void {
  const { client, hub } = sides
  const { statusCode = 101, statusMessage = '', rawHeaders } = answer
  link.log({ kind: 'status', status: statusCode })
  if (hub === undefined) return
  const isWebSocket = /websocket/i.test(answer.headers.upgrade ?? '')
  const segmenter = isWebSocket ? webSocketSegmenter : opaqueSegmenter
  hub.on('error', () => {
    hubGone(link)
  })
  hub.on('close', () => {
    if (!link.suppressed.down && !client.writableEnded) hubGone(link)
  })
  down.head(() => {
    client.write(rawHead(statusCode, statusMessage, rawHeaders))
  })
  down.begin()
  up.begin()
  if (!link.open) return
  connect(link, up, 'up', client, segmenter())
  connect(link, down, 'down', hub, segmenter(), hubHead)
  client.on('drain', () => {
    down.drained()
  })
  hub.on('drain', () => {
    up.drained()
  })
}

function connect(
  link: Link,
  lane: Lane,
  direction: 'up' | 'down',
  from: Duplex,
  segmenter: ReturnType<typeof webSocketSegmenter>,
  first?: Buffer,
): void {
  const feed = new FrameFeed(link, lane, direction, segmenter)
  if (first !== undefined && first.length > 0) feed.push(first)
  from.on('data', (chunk: Buffer) => {
    feed.push(chunk)
  })
  from.on('end', () => {
    feed.end()
  })
  from.resume()
}

/** The hub says no: its answer goes to the client, and the connection ends, for no HTTP server owns it any more. */
function passRefusal(link: Link, sides: Sides, down: Lane, answer: IncomingMessage): void {
  const { statusCode = 502, statusMessage = '', rawHeaders } = answer
  const fields: string[] = []
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const [name = '', value = ''] = rawHeaders.slice(at, at + 2)
    if (!['connection', 'keep-alive', 'transfer-encoding'].includes(name.toLowerCase())) fields.push(name, value)
  }
  link.log({ kind: 'status', status: statusCode })
  down.head(() => {
    sides.client.write(rawHead(statusCode, statusMessage, [...fields, 'Connection', 'close']))
    sides.client.resume()
  })
  handOn(answer, down, () => {
    hubGone(link)
  })
}

function write(to: Duplex | undefined, chunk: Buffer, flushed: () => void): boolean {
  if (to === undefined || to.destroyed || to.writableEnded) {
    flushed()
    return true
  }
  return to.write(chunk, () => {
    flushed()
  })
}
