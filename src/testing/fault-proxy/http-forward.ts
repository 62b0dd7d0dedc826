import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http'
import type { InnerFaults } from './faults.ts'
import { FrameFeed } from './frame-feed.ts'
import { askUpstream, endSocket, isJsonBody, readBody, segmenterFor } from './http-message.ts'
import type { Upstream } from './http-message.ts'
import { Lane } from './lane.ts'
import type { Link } from './link.ts'
import { rewriteBody } from './rewrite-body.ts'
import { handOn } from './upstream-side.ts'

/** What must be destroyed when a link ends. */
export interface Sides {
  upstream?: ClientRequest
  answer?: IncomingMessage
}

/** One request on its way through the proxy. */
export interface Exchange {
  readonly link: Link
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly sides: Sides
  readonly faults: InnerFaults
  readonly upstream: Upstream
  readonly target: string
  readonly pathname: string
  /** Of the request as it goes on. */
  readonly rawHeaders: readonly string[]
}

/** Passes a request on, and its answer back, through the two lanes of the link. */
export function forward(exchange: Exchange, body: Buffer | undefined): void {
  const { link, req, sides, faults, upstream, target, rawHeaders } = exchange
  const { settings } = faults
  const up = new Lane({
    link,
    direction: 'up',
    ...settings,
    end: {
      data: (chunk, flushed) => write(sides.upstream, chunk, flushed),
      end: () => {
        sides.upstream?.end()
      },
      limit: () => {},
      pause: () => {
        req.pause()
      },
      resume: () => {
        req.resume()
      },
    },
  })
  link.up = up
  link.down = answerLane(exchange)
  up.head(() => {
    const request = askUpstream(upstream, req, target, rawHeaders)
    sides.upstream = request
    request.on('drain', () => {
      up.drained()
    })
    request.on('response', (answer) => {
      takeAnswer(exchange, answer).catch(() => {
        link.kill('reset')
      })
    })
    request.on('error', () => {
      upstreamLost(link)
    })
    // A body that comes slowly must not hold back the head.
    const { 'transfer-encoding': encoding, 'content-length': length } = req.headers
    if (encoding !== undefined || (length !== undefined && length !== '0')) request.flushHeaders()
  })
  link.touch()
  const feed = new FrameFeed(link, up, 'up', segmenterFor(req))
  if (body !== undefined) {
    feed.push(body)
    feed.end()
    return
  }
  req.on('data', (chunk: Buffer) => {
    feed.push(chunk)
  })
  req.on('end', () => {
    feed.end()
  })
}

function answerLane({ link, res, sides, req, faults }: Exchange): Lane {
  const lane = new Lane({
    link,
    direction: 'down',
    ...faults.settings,
    end: {
      data: (chunk, flushed) => write(res, chunk, flushed),
      end: () => {
        res.end()
      },
      limit: () => {
        sides.upstream?.destroy()
        // With a length announced there is no good end before it.
        if (res.hasHeader('content-length') || !res.chunkedEncoding) endSocket(req.socket, 'fin')
        else res.end()
      },
      pause: () => {
        sides.answer?.pause()
      },
      resume: () => {
        sides.answer?.resume()
      },
    },
  })
  res.on('drain', () => {
    lane.drained()
  })
  return lane
}

async function takeAnswer(exchange: Exchange, answer: IncomingMessage): Promise<void> {
  const { link, res, sides } = exchange
  const { statusCode = 502, statusMessage = '', rawHeaders } = answer
  const { down } = link
  if (down === undefined) return
  sides.answer = answer
  link.log({ kind: 'status', status: statusCode })
  const feed = new FrameFeed(link, down, 'down', segmenterFor(answer))
  const head = (fields: readonly string[]): void => {
    down.head(() => {
      res.sendDate = false
      res.writeHead(statusCode, statusMessage, [...fields])
      res.flushHeaders()
    })
  }
  const { 'content-type': type, 'content-encoding': encoding } = answer.headers
  // The head says how long a body is, so it waits for a body that may be changed.
  if (link.rules.wantsRewriting(link, 'down') && isJsonBody(type, encoding)) {
    const body = await wholeAnswer(exchange, answer)
    if (body === undefined) return
    const whole = rewriteBody(link, 'down', { rawHeaders, body })
    head(whole.rawHeaders)
    feed.push(whole.body)
    feed.end()
    return
  }
  handOn(answer, feed, () => {
    upstreamLost(link)
  })
  head(rawHeaders)
}

async function wholeAnswer({ link, faults }: Exchange, answer: IncomingMessage): Promise<Buffer | undefined> {
  const body = await readBody(answer, faults.settings.maxHeldBytes)
  if (body === undefined) {
    // It was too long, if it did not break off.
    if (answer.complete || !answer.destroyed) link.log({ kind: 'fault', action: 'overflow', direction: 'down' })
    upstreamLost(link)
  }
  return body
}

/** The hub went away in the middle: so does the client's connection, behind what the hub had sent. */
function upstreamLost(link: Link): void {
  if (link.down === undefined) link.kill('reset')
  else link.down.abort('reset')
}

function write(to: ClientRequest | ServerResponse | undefined, chunk: Buffer, flushed: () => void): boolean {
  if (to === undefined || to.destroyed || to.writableEnded) {
    flushed()
    return true
  }
  return to.write(chunk, () => {
    flushed()
  })
}
