import type { IncomingMessage, ServerResponse } from 'node:http'
import { ask, dropAnswer, reorder, replayPrevious } from './exchange.ts'
import type { Question } from './exchange.ts'
import { innerOf } from './faults.ts'
import type { Faults } from './faults.ts'
import { logFrames } from './frame-feed.ts'
import { readBatch } from './frame-types.ts'
import { forward } from './http-forward.ts'
import type { Exchange, Sides } from './http-forward.ts'
import { endSocket, readBody, targetOf } from './http-message.ts'
import type { Upstream } from './http-message.ts'
import type { Link } from './link.ts'
import { rewriteBody } from './rewrite-body.ts'
import type { ActiveRule } from './rule-table.ts'
import type { ActionOf } from './rule.ts'
import { outlive } from './upstream-side.ts'

/** How traffic is passed on. */
export interface ProxyOptions {
  readonly faults: Faults
  readonly upstream: Upstream
  /** Removed from the path before it is matched and sent: `/weather/abc`. */
  readonly stripPrefix?: string
}

/** Proxies one request. */
export function proxyRequest(req: IncomingMessage, res: ServerResponse, options: ProxyOptions): void {
  const address = targetOf(req.url ?? '/', options.stripPrefix)
  if (address === undefined) {
    res.writeHead(400).end()
    return
  }
  const { socket } = req
  const { upstream } = options
  const faults = innerOf(options.faults)
  const sides: Sides = {}
  const link: Link = faults.openLink('http', address.pathname, {
    kill(how) {
      sides.upstream?.destroy()
      endSocket(socket, how)
    },
    destroy() {
      sides.upstream?.destroy()
      socket.destroy()
    },
  })
  if (link.ended) return
  req.on('error', () => {})
  res.on('error', () => {})
  res.on('close', () => {
    clientGone(link, res, sides, faults.settings.orphanMs)
  })
  const exchange: Exchange = { link, req, res, sides, faults, upstream, rawHeaders: req.rawHeaders, ...address }
  open(exchange).catch(() => {
    link.kill('reset')
  })
}

function clientGone(link: Link, res: ServerResponse, sides: Sides, orphanMs: number): void {
  const { upstream } = sides
  if (upstream === undefined || upstream.destroyed || res.writableFinished || !link.suppressed.up || !link.open) {
    upstream?.destroy()
    link.end()
    return
  }
  outlive(link, upstream, orphanMs)
}

async function open(exchange: Exchange): Promise<void> {
  const { link, faults, rawHeaders } = exchange
  if (!link.rules.wantsBody(link)) {
    await decide(exchange, faults.opening(link, []), undefined)
    return
  }
  const asked = await wholeBody(exchange)
  if (asked === undefined) return
  link.held = readBatch(asked.toString()).held
  const sent = rewriteBody(link, 'up', { rawHeaders, body: asked })
  const { held, types } = readBatch(sent.body.toString())
  link.held = held
  await decide({ ...exchange, rawHeaders: sent.rawHeaders }, faults.opening(link, types), sent.body)
}

async function decide(exchange: Exchange, active: ActiveRule | undefined, body: Buffer | undefined): Promise<void> {
  if (active === undefined) forward(exchange, body)
  else await act(exchange, active, body)
}

async function wholeBody({ link, req, faults }: Exchange): Promise<Buffer | undefined> {
  const body = await readBody(req, faults.settings.maxHeldBytes)
  if (!link.open) return undefined
  if (body === undefined) {
    link.log({ kind: 'fault', action: 'overflow', direction: 'up' })
    link.kill('reset')
  }
  return body
}

async function act(exchange: Exchange, active: ActiveRule, earlyBody: Buffer | undefined): Promise<void> {
  const { link, req, res } = exchange
  const { action } = active.rule
  switch (action.type) {
    case 'refuse':
    case 'reset':
    case 'fin':
      link.fired(active)
      link.kill(action.type === 'fin' ? 'fin' : 'reset')
      return
    case 'hang':
      link.fired(active)
      req.resume()
      return
    case 'respond':
      link.fired(active)
      req.resume()
      respond(link, res, action)
      return
    default:
  }
  const body = earlyBody ?? (await wholeBody(exchange))
  if (body === undefined) return
  const question: Question = { ...exchange, body }
  if (action.type === 'duplicate') {
    link.fired(active)
    forward(exchange, body)
    await ask(question)
    return
  }
  logFrames(link, 'up', readBatch(body.toString()))
  if (action.type === 'replayPrevious') await replayPrevious(active, link, res, question)
  else if (action.type === 'reorder') await reorder(active, link, res, question)
  else await dropAnswer(active, link, question)
}

function respond(link: Link, res: ServerResponse, { status, headers = {}, body = '' }: ActionOf<'respond'>): void {
  link.log({ kind: 'status', status })
  res.writeHead(status, headers)
  res.end(body)
}
